"""The adapter: keeps a viewer's layers in step with a session."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError
from napari_stexp.viewer.annotation_layer import fit_outlines, make_annotation_layer
from napari_stexp.viewer.frame import image_frame, layer_frame, world_mpp
from napari_stexp.viewer.hover import SpotTooltip
from napari_stexp.viewer.layer_data import (
    PREDICTION,
    REGIONS,
    SLIDE,
    SPOTS,
    slide_to_layer_data,
)
from napari_stexp.viewer.native import keep_triton_to_itself
from napari_stexp.viewer.spots_layer import SpotsLayer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points, Shapes

    from napari_stexp.session import Session

__all__ = ["LayerAdapter"]


class LayerAdapter:
    """Shows a session in a viewer; needs no Qt.

    It keeps references to its layers and never looks one up by name. A layer
    that the user deletes comes back with the next change of what it shows. A
    layer that a reader or the sample data brought into the viewer is taken
    over, and what it holds goes into the session.

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
        keep_triton_to_itself()  # before anything predicts in this window
        self.session = session
        self.viewer = viewer
        self.image_layer: Image | None = None
        self.annotation_layer: Shapes | None = None
        self._spots: SpotsLayer | None = None
        self._tooltip = SpotTooltip(session, viewer)
        self._found: Layer | None = None  # a layer of a reader's, being taken over
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
        self._on_slide_changed(session.slide)
        self._on_annotations_changed(session.annotations)
        self._on_spots_changed(session.spots)
        for layer in list(viewer.layers):
            self._take_over(layer)
        viewer.layers.events.inserted.connect(self._on_layer_inserted)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        viewer.scene.camera.events.zoom.connect(self._on_zoom)

    @property
    def spots_layer(self) -> Points | None:
        """The Points layer, or None."""
        return None if self._spots is None else self._spots.layer

    # ---- slide ---------------------------------------------------------------------------

    def _on_slide_changed(self, slide: Any) -> None:
        layer = self.image_layer
        if slide is not None and layer is not None and slide.path == layer.metadata[SLIDE].path:
            self._show_again(slide)
        else:
            with self._editing():
                self._remove("image_layer")
            if slide is not None:
                self._show_slide(slide)
        if slide is not None:
            canvas = self.viewer.canvas
            canvas.overlays.scale_bar.visible = True
            canvas.overlay_tiling.top_right = "vertical"  # the title above the colour bar
            self.viewer.fit_to_view(layers=[self.image_layer], margin=0.02)

    def _show_slide(self, slide: Any) -> None:
        if self._found is not None:
            self.image_layer = self._found
        else:
            levels, attributes, _ = slide_to_layer_data(slide)
            with self._editing():
                self.image_layer = self.viewer.add_image(levels, **attributes)
        self._lower(self.image_layer, 0)

    def _show_again(self, slide: Any) -> None:
        """Show the same file, at another scale or opened anew."""
        layer = self.image_layer
        levels, attributes, _ = slide_to_layer_data(slide)
        layer.data = levels  # those of the old slide end with it
        layer.metadata = attributes["metadata"]
        _place(layer, image_frame(slide))
        if self.annotation_layer is not None:
            _place(self.annotation_layer, layer_frame(slide.mpp))
        if self._spots is not None:
            self._spots.place()
            self._follow_with_tooltip()

    # ---- spots and their values ----------------------------------------------------------

    def _on_spots_changed(self, spots: Any) -> None:
        self._remove_spots()
        if spots is not None:
            self._add_spots()

    def _add_spots(self) -> None:
        self._spots = SpotsLayer(self.session, self._found)
        layer = self._spots.layer
        if self._found is None:
            with self._editing():
                self.viewer.add_layer(layer)
            self._spots.show_legend()
        layer.events.visible.connect(self._on_layer_edited)
        layer.events.opacity.connect(self._on_layer_edited)
        # napari's status bar reads out the active layer
        self.viewer.layers.selection.active = layer
        self._follow_with_tooltip()

    def _follow_with_tooltip(self) -> None:
        layer = self.spots_layer
        self._tooltip.follow(
            self.session.spots, radius=float(layer.size.max()) / 2, scale=float(layer.scale[-1])
        )

    def _on_values_changed(self, _: Any = None) -> None:
        spots = self._current_spots()
        if spots is not None:
            spots.paint()

    def _on_display_changed(self, _: Any) -> None:
        spots = self._current_spots()
        if spots is not None:
            with self._editing():
                spots.paint(restyle=True)
            self._follow_with_tooltip()

    def _current_spots(self) -> SpotsLayer | None:
        """Return the spots' painter; a new one where the user deleted or altered the layer."""
        if self.session.spots is None:
            return None
        if self._spots is None or self._spots.stale:
            self._remove_spots()
            self._add_spots()
        return self._spots

    # ---- regions -------------------------------------------------------------------------

    def _on_annotations_changed(self, regions: Any) -> None:
        with self._editing():
            self._remove("annotation_layer")
        if not regions:
            return
        if self._found is not None:
            self.annotation_layer = self._found
            _place(self._found, layer_frame(world_mpp(self.session)))
        else:
            layer = make_annotation_layer(regions, world_mpp(self.session))
            with self._editing():
                self.annotation_layer = self.viewer.add_layer(layer)
        if self._spots is not None:  # spots lie on top, to be seen and hovered
            self._lower(self.annotation_layer, self.viewer.layers.index(self.spots_layer))
            self.viewer.layers.selection.active = self.spots_layer

        self._on_zoom()

    def _on_zoom(self, _: Any = None) -> None:
        if self.annotation_layer is not None:
            fit_outlines(self.annotation_layer, float(self.viewer.scene.camera.zoom))

    def _lower(self, layer: Layer, position: int) -> None:
        layers = self.viewer.layers
        if layers.index(layer) > position:
            layers.move(layers.index(layer), position)

    # ---- following the user --------------------------------------------------------------

    def _on_layer_edited(self, _: Any = None) -> None:
        """Take opacity and visibility that the user set in napari's layer list."""
        layer = self.spots_layer
        if self._busy or layer is None:
            return
        self.session.display = replace(
            self.session.display, opacity=float(layer.opacity), visible=bool(layer.visible)
        )

    def _on_layer_inserted(self, event: Any) -> None:
        if not self._busy:
            self._take_over(event.value)

    def _take_over(self, layer: Layer) -> None:
        """Put what a reader's layer holds into the session, and keep the layer as ours."""
        if layer in (self.image_layer, self.annotation_layer, self.spots_layer):
            return
        session, holds = self.session, dict(layer.metadata)
        self._found = layer
        try:
            if SLIDE in holds and session.slide is not holds[SLIDE]:
                session.set_slide(holds[SLIDE])
            elif REGIONS in holds and session.annotations is not holds[REGIONS]:
                session.set_annotations(holds[REGIONS])
            elif SPOTS in holds and session.spots is not holds[SPOTS]:
                session.set_spots(holds[SPOTS])
                if holds.get(PREDICTION) is not None:
                    session.show_prediction(holds[PREDICTION])
        except StexpError as error:
            from napari.utils.notifications import show_warning

            show_warning(f"{layer.name} is shown, but not used: {error.message}")
        finally:
            self._found = None

    def _on_layer_removed(self, event: Any) -> None:
        layer: Layer = event.value
        if layer is self.image_layer:
            self.image_layer = None
        elif layer is self.annotation_layer:
            self.annotation_layer = None
        elif layer is self.spots_layer:
            self._forget_spots()

    @contextmanager
    def _editing(self) -> Iterator[None]:
        """Don't take our own edits for the user's."""
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

    def _forget_spots(self) -> None:
        self._ignore_edits()
        self._spots = None
        self._tooltip.follow(None)

    def _ignore_edits(self) -> None:
        if self._spots is not None:
            events = self._spots.layer.events
            events.visible.disconnect(self._on_layer_edited)
            events.opacity.disconnect(self._on_layer_edited)

    def _remove_spots(self) -> None:
        layer = self.spots_layer
        self._forget_spots()
        if layer is not None and layer in self.viewer.layers:
            self.viewer.layers.remove(layer)

    def close(self, *, remove_layers: bool = False) -> None:
        """Stop following; the layers stay unless they are to be removed."""
        if self._connections:
            for signal, slot in self._connections:
                signal.disconnect(slot, missing_ok=True)
            self._connections.clear()
            self.viewer.layers.events.inserted.disconnect(self._on_layer_inserted)
            self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
            self.viewer.scene.camera.events.zoom.disconnect(self._on_zoom)
            self._ignore_edits()
            self._tooltip.close()
        if remove_layers:
            self._remove("image_layer")
            self._remove("annotation_layer")
            if self._spots is not None:
                self.viewer.layers.remove(self._spots.layer)
                self._spots = None


def _place(layer: Layer, frame: dict[str, Any]) -> None:
    for name, value in frame.items():
        setattr(layer, name, value)
