"""The spot that was clicked: a ring around it, in a layer of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.viewer.frame import layer_frame, place, to_yx
from napari_stexp.viewer.picking import SpotPicking

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_stexp.session import Session
    from napari_stexp.viewer.stack import LayerStack

__all__ = ["Focus"]

_NAME = "Clicked spot"
_PER_DIAMETER = (1.7, 1.5)  # of the black ring, and of the white one in it
_COLOURS = ("black", "white")
_BORDER = 0.09  # of a ring's diameter
# Screen px: at an overview the spot itself is a dot. Left to napari's own limits of size the
# border would grow with it.
_SMALLEST = 17.0


class Focus:
    """Follows clicks on spots, and marks the one in focus.

    Parameters
    ----------
    session : Session
    stack : LayerStack

    Attributes
    ----------
    layer : Points or None
        The ring while there is one.
    clicked : psygnal signal
        A spot was clicked on the slide, which is more than that it is in focus.
    """

    def __init__(self, session: Session, stack: LayerStack) -> None:
        self._session = session
        self._stack = stack
        self._picking = SpotPicking(session, stack.viewer)
        self.clicked = self._picking.clicked
        self.layer: Points | None = None
        self._connections: list[Any] = [
            session.focus_changed, session.display_changed,
        ]  # fmt: skip
        for signal in self._connections:
            signal.connect(self.follow)
        self._diameter = 0.0  # of a spot, level-0 px
        stack.viewer.layers.events.removed.connect(self._on_layer_removed)
        stack.viewer.scene.camera.events.zoom.connect(self._fit)
        self.follow()

    def follow(self, _: Any = None) -> None:
        """Mark the spot in focus, or none."""
        session = self._session
        index = session.focus
        if index is None or session.spots is None:
            layer, self.layer = self.layer, None
            self._stack.remove(layer)
            return
        self._show(index)

    def place(self) -> None:
        """Follow another slide, or a new scale of it."""
        if self.layer is not None:
            place(self.layer, layer_frame(self._session.world_mpp))
        self.follow()

    def _show(self, index: int) -> None:
        from napari_stexp.viewer.spots_layer import spot_size_px

        session = self._session
        spots = session.spots
        centre = np.repeat(to_yx(spots.obsm["spatial"][[index]]), len(_PER_DIAMETER), axis=0)
        self._diameter = spot_size_px(spots) * session.display.size_factor
        if self.layer is None:
            self.layer = _make_ring(centre)
        with self._stack.editing():
            self.layer.data = centre
            self.layer.visible = session.display.visible
            place(self.layer, layer_frame(session.world_mpp))
            self._fit()
        self._stack.add(self.layer)
        layers = self._stack.viewer.layers
        if layers[-1] is not self.layer:  # spots that came later would lie on it
            with self._stack.editing():
                layers.move(layers.index(self.layer), len(layers))

    def _fit(self, _: Any = None) -> None:
        """Keep the ring visible at every zoom."""
        if self.layer is None:
            return
        camera = self._stack.viewer.scene.camera
        smallest = _SMALLEST / (float(camera.zoom) * float(self.layer.scale[-1]))
        widest, inner = _PER_DIAMETER
        size = max(self._diameter * widest, smallest) * np.array([1.0, inner / widest])
        if not np.array_equal(self.layer.size, size):
            self.layer.size = size

    def _on_layer_removed(self, event: Any) -> None:
        if self.layer is not None and event.value is self.layer:
            self.layer = None
            if not self._stack.busy:
                self._session.focus_spot(None)

    def close(self) -> None:
        """Stop following, and take the ring away."""
        for signal in self._connections:
            signal.disconnect(self.follow, missing_ok=True)
        self._stack.viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self._stack.viewer.scene.camera.events.zoom.disconnect(self._fit)
        self._picking.close()
        layer, self.layer = self.layer, None
        self._stack.remove(layer)


def _make_ring(centre: Any) -> Points:
    from napari.layers import Points

    layer = Points(
        centre,
        face_color="transparent",
        border_color=list(_COLOURS),
        border_width=_BORDER,
        border_width_is_relative=True,
        canvas_size_limits=(0, 10_000),
        antialiasing=1,
        name=_NAME,
    )
    layer.editable = False
    return layer
