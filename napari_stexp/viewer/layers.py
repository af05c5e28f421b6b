"""The adapter: keeps a viewer's layers in step with a session."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.annotation_layer import make_annotation_layer
from napari_stexp.viewer.frame import image_frame, layer_frame
from napari_stexp.viewer.hover import SpotTooltip
from napari_stexp.viewer.spots_layer import SpotsLayer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Shapes

    from napari_stexp.session import Session

__all__ = ["LayerAdapter"]

# Outlines this wide, in parts of the slide's longer side, are about two screen pixels when
# the whole slide is in view.
_LINE_PART = 1 / 500


class LayerAdapter:
    """Shows a session in a viewer; needs no Qt.

    It keeps references to its layers and never looks one up by name. A layer
    that the user deletes comes back with the next change of what it shows.

    Parameters
    ----------
    session : Session
        The only source of truth.
    viewer : napari.components.ViewerModel or napari.Viewer
        Where it is shown.

    Attributes
    ----------
    image_layer, annotation_layer : napari layer or None
        The slide and the pathologist's regions.
    """

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self.session = session
        self.viewer = viewer
        self.image_layer: Image | None = None
        self.annotation_layer: Shapes | None = None
        self._spots: SpotsLayer | None = None
        self._tooltip = SpotTooltip(session, viewer)
        self._shown_path: Any = None
        self._busy = False
        self._connections = [
            (session.slide_changed, self._on_slide_changed),
            (session.spots_changed, self._on_spots_changed),
            (session.annotations_changed, self._on_annotations_changed),
            (session.prediction_changed, self._on_values_changed),
            (session.prediction_updated, self._on_values_changed),
            (session.source_changed, self._on_values_changed),
            (session.gene_changed, self._on_values_changed),
            (session.display_changed, self._on_display_changed),
        ]
        for signal, slot in self._connections:
            signal.connect(slot)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        self._on_slide_changed(session.slide)
        self._on_spots_changed(session.spots)

    @property
    def spots_layer(self) -> Any:
        """The Points layer, or None."""
        return None if self._spots is None else self._spots.layer

    # ---- following the session -----------------------------------------------------------

    def _on_slide_changed(self, slide: Any) -> None:
        same = slide is not None and slide.path == self._shown_path
        if same and self.image_layer is not None:
            # The old slide's levels end with the old slide.
            levels = slide.dask_levels()
            self.image_layer.data = levels if self.image_layer.multiscale else levels[0]
            self._place_layers()
        else:
            self._remove("image_layer")
            if slide is not None:
                self._add_image(slide)
        self._shown_path = None if slide is None else slide.path
        if slide is not None:
            canvas = self.viewer.canvas
            canvas.overlays.scale_bar.visible = True
            canvas.overlay_tiling.top_right = "vertical"  # the title above the colour bar
            self.viewer.fit_to_view(layers=[self.image_layer], margin=0.02)
        if not same:
            self._on_annotations_changed(self.session.annotations)

    def _add_image(self, slide: Any) -> None:
        levels = slide.dask_levels()
        multiscale = len(levels) > 1
        layer = self.viewer.add_image(
            levels if multiscale else levels[0],
            multiscale=multiscale,
            rgb=True,
            # The slide has a byte-limited tile cache of its own below dask.
            cache=False,
            name=slide.name,
            metadata={"stexp_slide": slide},
            **image_frame(slide),
        )
        self.image_layer = layer
        self.viewer.layers.move(self.viewer.layers.index(layer), 0)

    def _place_layers(self) -> None:
        """Follow the slide's new scale with all layers at once."""
        slide = self.session.slide
        layers = (self.image_layer, self.annotation_layer)
        for layer, frame in zip(layers, (image_frame(slide), layer_frame(slide)), strict=True):
            for name, value in frame.items() if layer is not None else ():
                setattr(layer, name, value)
        if self._spots is not None:
            self._spots.place()

    def _on_spots_changed(self, spots: Any) -> None:
        self._remove_spots()
        if spots is None:
            self._tooltip.set_spots(None, 0.0)
            return
        self._add_spots()
        self.viewer.layers.selection.active = self.spots_layer

    def _add_spots(self) -> None:
        self._spots = SpotsLayer(self.session)
        layer = self._spots.layer
        self.viewer.add_layer(layer)
        layer.events.visible.connect(self._on_layer_edited)
        layer.events.opacity.connect(self._on_layer_edited)
        self._set_tooltip()

    def _set_tooltip(self) -> None:
        radius = float(self.spots_layer.size.max()) / 2
        self._tooltip.set_spots(self.session.spots, radius)

    def _on_values_changed(self, _: Any = None) -> None:
        if self._spots_to_repaint() is not None:
            self._spots.paint()

    def _on_display_changed(self, _: Any) -> None:
        with self._editing():
            spots = self._spots_to_repaint()
            if spots is not None:
                spots.paint(restyle=True)
                self._set_tooltip()

    def _spots_to_repaint(self) -> SpotsLayer | None:
        """Return the spots' painter; a new one where the user deleted or altered the layer."""
        if self.session.spots is None:
            return None
        if self._spots is None or self._spots.stale:
            self._remove_spots()
            self._add_spots()
        return self._spots

    def _on_annotations_changed(self, regions: Any) -> None:
        self._remove("annotation_layer")
        if not regions:
            return
        slide = self.session.slide
        longest = max(slide.shape) if slide is not None else 10_000
        layer = make_annotation_layer(regions, slide, longest * _LINE_PART)
        self.annotation_layer = self.viewer.add_layer(layer)
        if self._spots is not None:  # spots lie on top, to be seen and hovered
            below = self.viewer.layers.index(self.spots_layer)
            self.viewer.layers.move(self.viewer.layers.index(layer), below)
            self.viewer.layers.selection.active = self.spots_layer

    # ---- following the user --------------------------------------------------------------

    def _on_layer_edited(self, _: Any = None) -> None:
        """Take opacity and visibility that the user set in napari's layer list."""
        layer = self.spots_layer
        if self._busy or layer is None:
            return
        display = self.session.display
        self.session.display = replace(
            display, opacity=float(layer.opacity), visible=bool(layer.visible)
        )

    def _on_layer_removed(self, event: Any) -> None:
        layer: Layer = event.value
        if layer is self.image_layer:
            self.image_layer = None
        elif layer is self.annotation_layer:
            self.annotation_layer = None
        elif layer is self.spots_layer:
            self._spots = None
            self._tooltip.set_spots(None, 0.0)

    @contextmanager
    def _editing(self) -> Iterator[None]:
        """Don't take our own edits of a layer for the user's."""
        before, self._busy = self._busy, True
        try:
            yield
        finally:
            self._busy = before

    # ---- removing ------------------------------------------------------------------------

    def _remove(self, attribute: str) -> None:
        layer = getattr(self, attribute)
        setattr(self, attribute, None)
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def _remove_spots(self) -> None:
        layer, self._spots = self.spots_layer, None
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def close(self, *, remove_layers: bool = False) -> None:
        """Stop following; the layers stay unless they are to be removed."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections.clear()
        self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self._tooltip.close()
        if remove_layers:
            self._remove("image_layer")
            self._remove("annotation_layer")
            self._remove_spots()
