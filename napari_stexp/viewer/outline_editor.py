"""Moving the corners of one region with napari's own tool for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import AnnotationError
from napari_stexp.viewer.annotation_layer import region_rings
from napari_stexp.viewer.frame import layer_frame, place, to_yx
from napari_stexp.viewer.gestures import join_rings

if TYPE_CHECKING:
    from napari.layers import Shapes

    from napari_stexp.session import Session
    from napari_stexp.viewer.stack import LayerStack

__all__ = ["MOST_CORNERS", "OutlineEditor"]

#: napari cuts a polygon into triangles at each move of a corner; with more it would lag.
MOST_CORNERS = 400


class OutlineEditor:
    """Shows one region's outlines as polygons whose corners can be moved.

    Enter, or making another layer active, takes the new outline over as one edit; Escape
    leaves the region as it was. napari's tools for the layer (insert or remove corners)
    work too.

    Parameters
    ----------
    session : Session
    stack : LayerStack
    """

    def __init__(self, session: Session, stack: LayerStack) -> None:
        self._session = session
        self._stack = stack
        self._id = ""
        self._before: list[np.ndarray] = []
        self.layer: Shapes | None = None
        self._stack.viewer.layers.selection.events.active.connect(self._on_active_layer)
        self._stack.viewer.layers.events.removed.connect(self._on_layer_removed)

    def start(self, id: str) -> None:
        """Edit the outline of a region.

        Raises
        ------
        AnnotationError
            There is no such region, it is locked, or has too many corners.
        """
        from napari.layers import Shapes

        self.cancel()
        self._session.regions.check_editable()
        region = self._session.regions.find(id)
        rings = [ring[:-1] for ring in region_rings(region)]
        if region.locked:
            raise AnnotationError("this region is locked", hint="Unlock it first.")
        if sum(map(len, rings)) > MOST_CORNERS:
            raise AnnotationError(
                "this outline has too many corners to be moved one by one",
                expected=f"{MOST_CORNERS} or fewer",
                found=sum(map(len, rings)),
                hint="Use the brush and the eraser instead.",
            )
        scale = layer_frame(self._session.world_mpp)
        width = 2.5 / (float(self._stack.viewer.scene.camera.zoom) * scale["scale"][0])
        layer = Shapes(
            rings, shape_type="polygon", edge_color="white", face_color="#ffffff1a",
            edge_width=width, name="Outline", **scale,
        )  # fmt: skip
        layer.bind_key("Enter", lambda _: self.finish(), overwrite=True)
        layer.bind_key("Escape", lambda _: self.cancel(), overwrite=True)
        self._id, self.layer = id, self._stack.add(layer, activate=True)
        self._before = [np.array(ring) for ring in layer.data]
        layer.mode = "direct"

    def finish(self) -> None:
        """Give the region the outline that is shown."""
        from napari.utils.notifications import show_warning

        layer = self.layer
        if layer is None:
            return
        rings = [np.asarray(ring) for ring in layer.data]
        self.cancel()
        same = len(rings) == len(self._before) and all(map(np.array_equal, rings, self._before))
        if same or self._id not in {region.id for region in self._session.regions.items}:
            return
        shape = join_rings([to_yx(ring) for ring in rings])
        if shape is None:
            show_warning("The new outline encloses no area; the region stays as it was.")
            return
        try:
            self._session.regions.reshape(self._id, shape)
        except AnnotationError as error:
            show_warning(error.message)

    def cancel(self) -> None:
        """Leave the region as it was."""
        layer, self.layer = self.layer, None
        self._stack.remove(layer)

    def place(self) -> None:
        """Follow a new scale of the slide."""
        if self.layer is not None:
            place(self.layer, layer_frame(self._session.world_mpp))

    def _on_active_layer(self, event: Any) -> None:
        if self.layer is not None and not self._stack.busy and event.value is not self.layer:
            self.finish()

    def _on_layer_removed(self, event: Any) -> None:
        if self.layer is not None and event.value is self.layer:
            self.layer = None

    def close(self) -> None:
        """Stop following the viewer."""
        self.cancel()
        layers = self._stack.viewer.layers
        layers.selection.events.active.disconnect(self._on_active_layer)
        layers.events.removed.disconnect(self._on_layer_removed)
