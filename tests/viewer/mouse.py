"""A mouse on a viewer's canvas, without a window: calls what napari's canvas calls."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import (
    mouse_double_click_callbacks,
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)


class Mouse:
    """Moves and clicks at level-0 positions (x, y) of layers with this many µm/px."""

    def __init__(self, viewer, mpp=None):
        self.viewer = viewer
        layers = [layer for layer in viewer.layers if layer.name != "Drawing"]
        self.scale = mpp or (layers[-1].scale[-1] if layers else 1.0)
        self._last = (0.0, 0.0)
        self._down = False

    def _send(self, callbacks, kind, place, modifiers=()):
        self._last = place
        x, y = place
        position = (y * self.scale, x * self.scale)
        event = SimpleNamespace(
            type=kind, button=1, is_dragging=self._down, modifiers=list(modifiers),
            position=position, handled=False, dims_displayed=[0, 1], pos=np.array(place),
        )  # fmt: skip
        self.viewer.cursor.position = position
        wrapped = ReadOnlyWrapper(event, exceptions=("handled",))
        active = self.viewer.layers.selection.active
        callbacks(self.viewer, wrapped)
        if active is not None:
            callbacks(active, wrapped)

    def press(self, x, y, modifiers=()):
        self._down = True
        self._send(mouse_press_callbacks, "mouse_press", (x, y), modifiers)

    def move(self, x, y):
        self._send(mouse_move_callbacks, "mouse_move", (x, y))

    def release(self):
        self._send(mouse_release_callbacks, "mouse_release", self._last)
        self._down = False

    def click(self, x, y, modifiers=()):
        self.press(x, y, modifiers)
        self.release()

    def double_click(self, x, y):
        self.click(x, y)
        self._send(mouse_double_click_callbacks, "mouse_double_click", (x, y))
        self.release()

    def drag(self, places, *, release=True):
        self.press(*places[0])
        for place in places[1:]:
            self.move(*place)
        if release:
            self.release()
