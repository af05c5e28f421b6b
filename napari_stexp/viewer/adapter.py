"""The adapter: keeps a viewer's layers in step with a session."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError
from napari_stexp.viewer.classes_layer import Classes
from napari_stexp.viewer.drawing import Drawing
from napari_stexp.viewer.flying import fly_to_box
from napari_stexp.viewer.frame import layer_frame, world_mpp
from napari_stexp.viewer.hover import SpotTooltip
from napari_stexp.viewer.layer_data import PREDICTION, REGIONS, SLIDE, SPOTS
from napari_stexp.viewer.native import keep_triton_to_itself
from napari_stexp.viewer.regions_layer import RegionsLayer
from napari_stexp.viewer.side_by_side import SideBySide
from napari_stexp.viewer.slide_layer import holds_slide, make_slide_layer, show_again
from napari_stexp.viewer.spots_layer import SpotsLayer, spot_size_px
from napari_stexp.viewer.stack import LayerStack

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points

    from napari_stexp.session import Session

__all__ = ["LayerAdapter"]

# How much of the view a spot, and a region, take after flying to them.
_SPOT_PART, _REGION_PART = 0.12, 0.6


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
    image_layer : napari layer or None
        The slide.
    drawing : Drawing
        The mouse's tools.
    side_by_side : SideBySide
        Three linked views, while they are shown.
    """

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        keep_triton_to_itself()  # before anything predicts in this window
        self.session = session
        self.viewer = viewer
        self.image_layer: Image | None = None
        self._regions: RegionsLayer | None = None
        self._spots: SpotsLayer | None = None
        self._stack = LayerStack(viewer)
        self._classes = Classes(session, self._stack)
        self._tooltip = SpotTooltip(session, viewer)
        self.drawing = Drawing(session, self._stack)
        self.side_by_side = SideBySide(session, self._stack)
        self._found: Layer | None = None  # a layer of a reader's, being taken over
        self._layers: list[Layer | None] = []  # what is left when it is closed
        self._connections = self._connect()
        self._on_slide_changed(session.slide)
        self._on_regions_changed(session.regions.items)
        self._on_spots_changed(session.spots)
        for layer in list(viewer.layers):
            self._take_over(layer)
        viewer.layers.events.inserted.connect(self._on_layer_inserted)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        viewer.scene.camera.events.zoom.connect(self._on_zoom)

    def _connect(self) -> list[tuple[Any, Any]]:
        session = self.session
        connections = [
            (session.slide_changed, self._on_slide_changed),
            (session.spots_changed, self._on_spots_changed),
            (session.regions.changed, self._on_regions_changed),
            (session.regions.classes_changed, self._on_style_changed),
            (session.regions.selection_changed, self._on_style_changed),
            (session.prediction_changed, self._on_values_changed),
            (session.prediction_updated, self._on_values_changed),
            (session.source_changed, self._on_values_changed),
            (session.gene_changed, self._on_values_changed),
            (session.values_hidden_changed, self._on_display_changed),
            (session.display_changed, self._on_display_changed),
            (session.selection_changed, self._on_spots_selected),
            (session.labelling.values_changed, self._on_labels_changed),
            (session.labelling.shown_changed, self._on_labels_changed),
            (session.comparison.side_by_side_changed, self._on_side_by_side),
        ]
        for signal, slot in connections:
            signal.connect(slot)
        return connections

    @property
    def spots_layer(self) -> Points | None:
        """The Points layer of values, or None."""
        return None if self._spots is None else self._spots.layer

    @property
    def annotation_layer(self) -> Layer | None:
        """The regions: Shapes, an Image where there are many, or None."""
        return None if self._regions is None else self._regions.layer

    @property
    def classes_layer(self) -> Points | None:
        """The Points layer of classes while it is shown, or None."""
        return self._classes.layer

    # ---- slide ---------------------------------------------------------------------------

    def _on_slide_changed(self, slide: Any) -> None:
        layer = self.image_layer
        if slide is not None and layer is not None and holds_slide(layer, slide):
            show_again(layer, slide)
            self._place_others()
        else:
            old, self.image_layer = self.image_layer, None
            self._stack.remove(old)
            if slide is not None:
                self.image_layer = self._stack.add(self._found or make_slide_layer(slide))
                self._stack.lower(self.image_layer, 0)
        if slide is not None:
            canvas = self.viewer.canvas
            canvas.overlays.scale_bar.visible = True
            canvas.overlay_tiling.top_right = "vertical"  # the title above the colour bar
            self.viewer.fit_to_view(layers=[self.image_layer], margin=0.02)

    def _place_others(self) -> None:
        for part in (self._regions, self._spots, self._classes, self.side_by_side):
            if part is not None:
                part.place()
        self._follow_with_tooltip()

    # ---- spots and their values ----------------------------------------------------------

    def _on_spots_changed(self, spots: Any) -> None:
        self._remove_spots()
        if spots is not None:
            self._add_spots()
        self._on_labels_changed()

    def _add_spots(self) -> None:
        self._spots = SpotsLayer(self.session, self._found)
        layer = self._spots.layer
        self._stack.add(layer)
        self._spots.show_legend()
        layer.events.visible.connect(self._on_layer_edited)
        layer.events.opacity.connect(self._on_layer_edited)
        if not self.drawing.is_active:
            # napari's status bar reads out the active layer
            self.viewer.layers.selection.active = layer
        self._follow_with_tooltip()

    def _follow_with_tooltip(self) -> None:
        layer = self.spots_layer
        if layer is not None:
            radius = float(layer.size.max()) / 2
            self._tooltip.follow(self.session.spots, radius=radius, scale=float(layer.scale[-1]))

    def _on_values_changed(self, _: Any = None) -> None:
        spots = self._current_spots()
        if spots is not None:
            spots.paint()
        self.side_by_side.paint()

    def _on_display_changed(self, _: Any = None) -> None:
        spots = self._current_spots()
        if spots is not None:
            with self._stack.editing():
                spots.paint(restyle=True)
            self._follow_with_tooltip()
        self._on_labels_changed()
        self.side_by_side.paint(restyle=True)

    def _on_spots_selected(self, _: Any) -> None:
        if self._spots is not None and not self._spots.stale:
            self._spots.mark_selected()
        self._classes.follow()
        self.side_by_side.mark_selected()

    def _current_spots(self) -> SpotsLayer | None:
        """Return the spots' painter; a new one where the user deleted or altered the layer."""
        if self.session.spots is None:
            return None
        if self._spots is None or self._spots.stale:
            self._remove_spots()
            self._add_spots()
        return self._spots

    # ---- classes -------------------------------------------------------------------------

    def _on_labels_changed(self, _: Any = None) -> None:
        """Show classes in place of values, or values again."""
        covered = self._classes.follow()
        if self._spots is not None and self._spots.covered != covered:
            self._spots.covered = covered
            with self._stack.editing():
                self._spots.style()
        self._hide_below_views()

    # ---- regions -------------------------------------------------------------------------

    def _on_regions_changed(self, items: Any) -> None:
        if self._found is not None or self._regions is None or not self._regions.follow():
            old, self._regions = self.annotation_layer, None
            self._stack.remove(old)
            if items:
                self._add_regions(old)
                self._hide_below_views()
        self.side_by_side.follow_regions()

    def _add_regions(self, old: Layer | None) -> None:
        self._regions = RegionsLayer(self.session, self._found)
        layer = self._stack.add(self._regions.layer)
        if old is not None:
            layer.visible, layer.opacity = old.visible, old.opacity
        if self._spots is not None:  # spots lie on top, to be seen and hovered
            self._stack.lower(layer, self.viewer.layers.index(self._spots.layer))
        self._on_zoom()

    def _on_style_changed(self, _: Any = None) -> None:
        if self._regions is not None:
            self._regions.restyle()
        self.side_by_side.follow_regions()

    def _on_zoom(self, _: Any = None) -> None:
        if self._regions is not None:
            self._regions.fit(float(self.viewer.scene.camera.zoom))

    # ---- views ---------------------------------------------------------------------------

    def _on_side_by_side(self, shown: bool) -> None:
        self.side_by_side.show(shown, keep=(self.drawing.layer, self.drawing.editor.layer))
        if not shown:
            self._on_display_changed()  # it may have changed meanwhile

    def _hide_below_views(self) -> None:
        """Keep the single view's own layers hidden below the three views."""
        own = (self.image_layer, self.annotation_layer, self.spots_layer, self.classes_layer)
        self.side_by_side.hide(own)

    def fly_to(self, index: int) -> None:
        """Centre the view on a spot, close enough to see its tissue.

        Parameters
        ----------
        index : int
            Row of the spots.
        """
        x, y = self.session.spots.obsm["spatial"][index]
        half = spot_size_px(self.session.spots) / 2
        self._fly((x - half, y - half, x + half, y + half), _SPOT_PART)

    def fly_to_region(self, id: str) -> None:
        """Centre the view on a region, all of it in view.

        Raises
        ------
        AnnotationError
            There is none of this id.
        """
        self._fly(self.session.regions.find(id).geometry.bounds, _REGION_PART)

    def _fly(self, bounds: tuple[float, float, float, float], part: float) -> None:
        scale = layer_frame(world_mpp(self.session))["scale"][0]
        fly_to_box(self.viewer, bounds, part, scale)

    # ---- following the user --------------------------------------------------------------

    def _on_layer_edited(self, _: Any = None) -> None:
        """Take opacity and visibility that the user set in napari's layer list."""
        layer = self.spots_layer
        if self._stack.busy or layer is None:
            return
        self.session.display = replace(
            self.session.display, opacity=float(layer.opacity), visible=bool(layer.visible)
        )

    def _on_layer_inserted(self, event: Any) -> None:
        if not self._stack.busy:
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
            self._regions = None
        elif layer is self.spots_layer:
            self._forget_spots()
        elif not self._stack.busy:
            self._classes.forget(layer)

    # ---- removing ------------------------------------------------------------------------

    def _forget_spots(self) -> None:
        if self._spots is not None:
            events = self._spots.layer.events
            events.visible.disconnect(self._on_layer_edited)
            events.opacity.disconnect(self._on_layer_edited)
        self._spots = None
        self._tooltip.follow(None)

    def _remove_spots(self) -> None:
        layer = self.spots_layer
        self._forget_spots()
        self._stack.remove(layer)

    def close(self, *, remove_layers: bool = False) -> None:
        """Stop following; the layers stay unless they are to be removed."""
        if self._connections:
            for signal, slot in self._connections:
                signal.disconnect(slot, missing_ok=True)
            self._connections.clear()
            self.viewer.layers.events.inserted.disconnect(self._on_layer_inserted)
            self.viewer.layers.events.removed.disconnect(self._on_layer_removed)
            self.viewer.scene.camera.events.zoom.disconnect(self._on_zoom)
            self.side_by_side.close()
            self.drawing.close()
            self._classes.remove()
            self._layers = [self.image_layer, self.annotation_layer, self.spots_layer]
            self._forget_spots()
            self._tooltip.close()
        if remove_layers:
            for layer in self._layers:
                self._stack.remove(layer)
            self._layers.clear()
