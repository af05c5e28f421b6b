"""Lets the drawing tools, which listen to napari's canvas, work in the cells as well."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.interactions import (
    mouse_double_click_callbacks,
    mouse_move_callbacks,
    mouse_press_callbacks,
    mouse_release_callbacks,
)
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPen, QPolygonF

from napari_stexp.viewer.frame import to_yx, world_scale

if TYPE_CHECKING:
    from napari_stexp.viewer import LayerAdapter
    from napari_stexp.viewer.views.frame import Frame

__all__ = ["ToolMouse"]

_CALLBACKS = {
    "mouse_press": mouse_press_callbacks,
    "mouse_move": mouse_move_callbacks,
    "mouse_release": mouse_release_callbacks,
    "mouse_double_click": mouse_double_click_callbacks,
}
_NAMES = {
    Qt.KeyboardModifier.ShiftModifier: "Shift",
    Qt.KeyboardModifier.ControlModifier: "Control",
    Qt.KeyboardModifier.AltModifier: "Alt",
}


class _Event:
    """A mouse event as napari's tools see it.

    A tool that goes on over several events keeps the first one, of which napari replaces what
    it wraps by the event at hand.
    """

    def __init__(self, **facts: Any) -> None:
        self.__wrapped__: Any = SimpleNamespace(**facts)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__wrapped__, name)


class ToolMouse:
    """Passes the mouse on to the session's tool as if it were over napari's canvas.

    Parameters
    ----------
    adapter : LayerAdapter
        Whose drawing tools.

    Attributes
    ----------
    is_matching : bool
        Whether the camera's zoom is being set to that of the cells.
    """

    def __init__(self, adapter: LayerAdapter) -> None:
        self._adapter = adapter
        self._viewer = adapter.viewer
        self._session = adapter.session
        self._down = False
        self.is_matching = False

    @property
    def is_active(self) -> bool:
        """Whether a tool is in the hand."""
        return self._session.regions.tool != "none"

    @property
    def draws(self) -> bool:
        """Whether it is one under which the mouse doesn't move the slide."""
        return bool(self._adapter.drawing.is_active)

    def send(self, kind: str, event: QMouseEvent, place: Any, frame: Frame) -> None:
        """Pass an event on.

        Parameters
        ----------
        kind : {'mouse_press', 'mouse_move', 'mouse_release', 'mouse_double_click'}
        event : QMouseEvent
        place : (float, float)
            Px of a cell.
        frame : Frame
            What the cells show.
        """
        scale = world_scale(self._session.world_mpp)
        self._match_zoom(frame.zoom / scale)
        x, y = frame.to_level0(place) * scale
        if kind != "mouse_move":
            self._down = kind == "mouse_press"
        napari_event = _Event(
            type=kind, button=_button_of(event), is_dragging=self._down,
            modifiers=[name for key, name in _NAMES.items() if event.modifiers() & key],
            position=(float(y), float(x)), pos=np.asarray(place), handled=False,
            dims_displayed=[0, 1], view_direction=None, up_direction=None,
        )  # fmt: skip
        self._viewer.cursor.position = napari_event.position
        _CALLBACKS[kind](self._viewer, napari_event)
        layer = self._viewer.layers.selection.active
        if layer is not None:
            _CALLBACKS[kind](layer, napari_event)

    def _match_zoom(self, zoom: float) -> None:
        """Let tolerances in screen px be those of the cells."""
        camera = self._viewer.scene.camera
        if abs(camera.zoom / zoom - 1) > 1e-6:
            self.is_matching = True
            camera.zoom = zoom
            self.is_matching = False

    def draw(self, painter: QPainter, frame: Frame) -> None:
        """Draw the unfinished outline or stroke; (0, 0) is the cell's corner."""
        layer = self._adapter.drawing.layer
        if layer is None or not len(layer.data):
            return
        places = frame.to_screen(to_yx(np.asarray(layer.data[0], dtype=np.float64)[:, -2:]))
        red, green, blue, alpha = (float(value) for value in layer.edge_color[0])
        color = QColor.fromRgbF(red, green, blue, alpha * float(layer.opacity))
        width = max(float(layer.edge_width[0]) * frame.zoom, 1.5)
        pen = QPen(color, width)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setPen(pen)
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in places.tolist()]))


def _button_of(event: QMouseEvent) -> int:
    """Return vispy's number of the button."""
    buttons = {Qt.MouseButton.LeftButton: 1, Qt.MouseButton.RightButton: 2}
    if event.button() in buttons:
        return buttons[event.button()]
    return 1 if event.buttons() & Qt.MouseButton.LeftButton else 0
