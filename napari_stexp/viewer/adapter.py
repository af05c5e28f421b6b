"""The adapter: keeps a viewer's layers in step with a session."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError
from napari_stexp.memory import keep_freed_memory
from napari_stexp.viewer.alignment_view import AlignmentView
from napari_stexp.viewer.aside import Aside
from napari_stexp.viewer.classes_layer import Classes
from napari_stexp.viewer.drawing import Drawing
from napari_stexp.viewer.flying import Flying
from napari_stexp.viewer.focus import Focus
from napari_stexp.viewer.garbage import hand_over_sooner
from napari_stexp.viewer.layer_data import put_into_session
from napari_stexp.viewer.native import keep_triton_to_itself
from napari_stexp.viewer.regions_layer import ShownRegions
from napari_stexp.viewer.shown_spots import ShownSpots
from napari_stexp.viewer.slide_layer import (
    holds_slide,
    make_live,
    make_slide_layer,
    show_again,
)
from napari_stexp.viewer.stack import LayerStack
from napari_stexp.viewer.tissue_layer import TissueView
from napari_stexp.viewer.torch_import import import_torch_gently

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer, Points

    from napari_stexp.session import Session
    from napari_stexp.viewer.live_slide import LiveSlide

__all__ = ["LayerAdapter"]


class LayerAdapter(Flying):
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
    live : LiveSlide, optional
        Reads slides aside; without it, they are read where they are shown.

    Attributes
    ----------
    image_layer : napari layer or None
        The slide.
    drawing : Drawing
        The mouse's tools.
    focus : Focus
        Clicks on spots, and the ring around the one that was clicked.
    aligning : AlignmentView
        Spots that are moved, and points of pairs.
    tissue : TissueView
        The mask of the tissue.
    """

    def __init__(
        self, session: Session, viewer: ViewerModel, live: LiveSlide | None = None
    ) -> None:
        keep_triton_to_itself()  # before anything predicts in this window
        import_torch_gently()
        hand_over_sooner()
        keep_freed_memory()
        self.session = session
        self.viewer = viewer
        self.live = live
        self.image_layer: Image | None = None
        self._stack = LayerStack(viewer)
        self._regions = ShownRegions(session, self._stack)
        self._classes = Classes(session, self._stack)
        self._spots = ShownSpots(session, self._stack)
        self.drawing = Drawing(session, self._stack)
        self.focus = Focus(session, self._stack)
        self.aligning = AlignmentView(session, self._stack, self._layers_of_spots)
        self.tissue = TissueView(session, self._stack)
        self._found: Layer | None = None  # a layer of a reader's, being taken over
        self._layers: list[Layer | None] = []  # what is left when it is closed
        self._connections = self._connect()
        self._on_slide_changed(session.slide)
        self._on_regions_changed()
        self._on_spots_changed()
        for layer in list(viewer.layers):
            self._take_over(layer)
        for emitter, slot in self._viewer_events():
            emitter.connect(slot)

    def use_aside(self, aside: Aside) -> None:
        """Let what takes long be done by this from now on, not where it is asked for."""
        self._stack.aside = aside

    def _connect(self) -> list[tuple[Any, Any]]:
        session, regions, labels = self.session, self.session.regions, self.session.labelling
        slots: dict[Any, tuple[Any, ...]] = {
            self._on_slide_changed: (session.slide_changed,),
            self._on_spots_changed: (session.spots_changed,),
            self._on_regions_changed: (regions.changed,),
            self._on_style_changed: (regions.classes_changed, regions.selection_changed),
            self._on_values_changed: (
                session.prediction_changed, session.prediction_updated,
                session.source_changed, session.gene_changed, session.composite_changed,
            ),
            self._on_display_changed: (session.values_hidden_changed, session.display_changed),
            self._on_spots_selected: (session.selection_changed,),
            self._on_labels_changed: (labels.values_changed, labels.shown_changed),
        }  # fmt: skip
        connections = [(signal, slot) for slot, signals in slots.items() for signal in signals]
        for signal, slot in connections:
            signal.connect(slot)
        return connections

    def _viewer_events(self) -> list[tuple[Any, Any]]:
        events = self.viewer.layers.events
        return [
            (events.inserted, self._on_layer_inserted),
            (events.removed, self._on_layer_removed),
            (self.viewer.scene.camera.events.zoom, self._on_zoom),
            *self._camera_events(),
        ]

    @property
    def spots_layer(self) -> Points | None:
        """The Points layer of values, or None."""
        return self._spots.layer

    @property
    def annotation_layer(self) -> Layer | None:
        """The regions: Shapes, an Image where there are many, or None."""
        return self._regions.layer

    @property
    def classes_layer(self) -> Points | None:
        """The Points layer of classes while it is shown, or None."""
        return self._classes.layer

    # ---- slide ---------------------------------------------------------------------------

    def _on_slide_changed(self, slide: Any) -> None:
        layer = self.image_layer
        if slide is not None and layer is not None and holds_slide(layer, slide):
            show_again(layer, slide, self.live)
            self._place_others()
        else:
            old, self.image_layer = self.image_layer, None
            if self.live is not None:
                self.live.stop()
            self._stack.remove(old)
            # Before a layer of other units comes: napari may draw while it is added.
            self._place_others()
            if slide is not None:
                self.image_layer = self._stack.add(self._slide_layer(slide))
                self._stack.lower(self.image_layer, 0)
        if slide is not None:
            canvas = self.viewer.canvas
            canvas.overlays.scale_bar.visible = True
            canvas.overlay_tiling.top_right = "vertical"  # the title above the colour bar
            self.fit()

    def _slide_layer(self, slide: Any) -> Any:
        if self._found is None:
            return make_slide_layer(slide, self.live)
        return self._found if self.live is None else make_live(self._found, slide, self.live)

    def fit(self) -> None:
        """Fit the slide into the window; without one, whatever there is."""
        layers = None if self.image_layer is None else [self.image_layer]
        self.viewer.fit_to_view(layers=layers, margin=0.02)

    def _place_others(self) -> None:
        for part in (self._regions, self._spots, self._classes, self.drawing, self.focus):
            part.place()

    # ---- spots and their values ----------------------------------------------------------

    def _on_spots_changed(self, _: Any = None) -> None:
        self._spots.show(self._found, activate=not self.drawing.is_active)
        self._on_labels_changed()

    def _on_values_changed(self, _: Any = None) -> None:
        self._spots.paint()

    def _on_display_changed(self, _: Any = None) -> None:
        self._spots.restyle()
        self._on_labels_changed()

    def _on_spots_selected(self, _: Any) -> None:
        self._spots.mark_selected()
        self._classes.follow()

    # ---- classes -------------------------------------------------------------------------

    def _on_labels_changed(self, _: Any = None) -> None:
        """Show classes in place of values, or values again."""
        self._spots.cover(self._classes.follow())

    # ---- regions -------------------------------------------------------------------------

    def _on_regions_changed(self, _: Any = None) -> None:
        # spots lie on top, to be seen and hovered
        self._regions.follow(self._found, below=self.spots_layer)
        self._on_zoom()

    def _on_style_changed(self, _: Any = None) -> None:
        self._regions.restyle()

    def _on_zoom(self, _: Any = None) -> None:
        self._regions.fit(float(self.viewer.scene.camera.zoom))

    def _layers_of_spots(self) -> list[Layer | None]:
        return [self.spots_layer, self.classes_layer, self.focus.layer]

    def _own_layers(self) -> list[Layer | None]:
        return [self.image_layer, self.annotation_layer, self.spots_layer]

    # ---- following the user --------------------------------------------------------------

    def _on_layer_inserted(self, event: Any) -> None:
        if not self._stack.busy:
            self._take_over(event.value)

    def _take_over(self, layer: Layer) -> None:
        """Put what a reader's layer holds into the session, and keep the layer as ours."""
        if layer in self._own_layers():
            return
        self._found = layer
        try:
            put_into_session(self.session, dict(layer.metadata))  # it will change
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
            self._regions.forget()
        elif layer is self.spots_layer:
            self._spots.forget()
        elif not self._stack.busy:
            self._classes.forget(layer)

    # ---- removing ------------------------------------------------------------------------

    def close(self, *, remove_layers: bool = False) -> None:
        """Stop following; the layers stay unless they are to be removed."""
        if self._connections:
            for signal, slot in self._connections:
                signal.disconnect(slot, missing_ok=True)
            self._connections.clear()
            for emitter, slot in self._viewer_events():
                emitter.disconnect(slot)
            self.drawing.close()
            self.focus.close()
            self.aligning.close()
            self.tissue.close()
            self._classes.remove()
            self._layers = self._own_layers()
            self._spots.close()
            if self.live is not None:
                self.live.stop()
        if remove_layers:
            for layer in self._layers:
                self._stack.remove(layer)
            self._layers.clear()
