"""The mouse's tools on the slide: outlines, brush, choosing regions and spots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.session import N_HOT_KEYS
from napari_stexp.viewer.drawing_layer import DrawingLayer
from napari_stexp.viewer.drawn import Drawn, attempt
from napari_stexp.viewer.frame import WorldFrame, layer_frame, place
from napari_stexp.viewer.gestures import thin_out
from napari_stexp.viewer.outline_editor import OutlineEditor
from napari_stexp.viewer.picking import Picking

if TYPE_CHECKING:
    from napari.layers import Shapes

    from napari_stexp.session import Session
    from napari_stexp.viewer.stack import LayerStack

__all__ = ["Drawing", "choose_class"]

_CLOSING_SCREEN_PX = 9  # a click so near to the first corner closes an outline
_KEEP_SCREEN_PX = 0.7  # points of a lasso that stray less are left out
_MOST_SHOWN = 60
_WHITE = (1.0, 1.0, 1.0, 1.0)
_CHOICE = (0.0, 1.0, 1.0, 1.0)  # as the rings around chosen spots

# Tools that draw; the mouse doesn't move the slide under them.
_DRAWING = ("polygon", "lasso", "brush", "eraser", "select")


def choose_class(session: Session, number: int) -> None:
    """Make the class of a hot key the active one.

    Parameters
    ----------
    session : Session
    number : int
        1 for the first class. A number without a class does nothing.
    """
    regions = session.regions
    if 0 < number <= len(regions.classes):
        regions.active_class = regions.classes[number - 1].name


def _choose_class(session: Session, number: int) -> None:
    choose_class(session, number)


class Drawing:
    """Follows the session's tool; what is drawn goes into its regions, or chooses spots.

    While a tool that draws is in the hand, there is a layer *Drawing*, which is the active
    one; another active layer puts the tool down. The wheel zooms, and holding Space lets
    the mouse move the slide. Escape gives up an unfinished outline, Enter or a double click
    finishes it, Backspace takes its last corner back.

    Parameters
    ----------
    session : Session
    stack : LayerStack
    """

    def __init__(self, session: Session, stack: LayerStack) -> None:
        self._session = session
        self._stack = stack
        self._viewer = stack.viewer
        self._frame = WorldFrame(session, stack.viewer)
        self._shown: DrawingLayer | None = None
        self._active_before: Any = None
        self._corners: list[tuple[float, float]] = []
        self._results = Drawn(session)
        self._picking = Picking(session, self._viewer)
        self.editor = OutlineEditor(session, stack)
        regions = session.regions
        self._connections = [
            (regions.tool_changed, self._on_tool_changed),
            (regions.brush_changed, self._on_brush_changed),
        ]
        for signal, slot in self._connections:
            signal.connect(slot)
        self._viewer.layers.selection.events.active.connect(self._on_active_layer)
        self._viewer.layers.events.removed.connect(self._on_layer_removed)
        self._on_tool_changed(regions.tool)

    @property
    def is_active(self) -> bool:
        """Whether a tool that draws is in the hand."""
        return self._shown is not None

    @property
    def layer(self) -> Shapes | None:
        """The layer *Drawing* while a tool needs it."""
        return None if self._shown is None else self._shown.layer

    # ---- taking tools up and putting them down -------------------------------------------

    def _on_tool_changed(self, tool: str) -> None:
        self._corners.clear()
        if tool not in _DRAWING:
            self._put_down()
            return
        if tool != "select":
            self.editor.finish()
        if self._shown is None:
            self._take_up()
        assert self._shown is not None
        self._shown.clear()
        self._on_brush_changed()

    def _take_up(self) -> None:
        self._shown = DrawingLayer(self._session.world_mpp)
        layer = self._shown.layer
        layer.mouse_drag_callbacks.append(self._draw)
        layer.mouse_move_callbacks.append(self._stretch)
        layer.mouse_double_click_callbacks.append(lambda *_: self.finish())
        for key, action in self._keys().items():
            layer.bind_key(key, action, overwrite=True)
        self._active_before = self._viewer.layers.selection.active
        self._stack.add(layer, activate=True)

    def _put_down(self) -> None:
        shown, self._shown = self._shown, None
        layers = self._viewer.layers
        if shown is not None:
            self._stack.remove(shown.layer)
            if layers.selection.active is None and self._active_before in layers:
                layers.selection.active = self._active_before

    def _keys(self) -> dict[str, Callable[[Any], Any]]:
        """Return the keys while a tool is in the hand; they go before napari's own."""
        regions = self._session.regions
        keys: dict[str, Callable[[Any], Any]] = {
            "Escape": lambda _: self.cancel(),
            "Enter": lambda _: self.finish(),
            "Backspace": lambda _: self.take_back(),
            "Space": self._pan,
            "Control-Z": lambda _: attempt(regions.undo),
            "Control-Shift-Z": lambda _: attempt(regions.redo),
        }
        for number in range(1, N_HOT_KEYS + 1):
            # napari asks each action of a key for its __name__: no partial
            keys[str(number)] = lambda _, number=number: _choose_class(self._session, number)
        return keys

    def _pan(self, _: Any) -> Iterator[None]:
        if self._shown is not None:
            self._shown.let_pan(True)
        yield
        if self._shown is not None:
            self._shown.let_pan(False)

    def _on_brush_changed(self, _: Any = None) -> None:
        if self._shown is not None:
            regions = self._session.regions
            is_brush = regions.tool in ("brush", "eraser")
            self._shown.set_cursor(regions.brush_um if is_brush else None)

    def place(self) -> None:
        """Follow another slide, or a new scale of it; what is half drawn is dropped."""
        self._corners.clear()
        if self._shown is not None:
            self._shown.clear()
            place(self._shown.layer, layer_frame(self._session.world_mpp))
        self.editor.place()

    def _on_active_layer(self, event: Any) -> None:
        if self._shown is not None and not self._stack.busy and event.value is not self.layer:
            self._session.regions.tool = "none"

    def _on_layer_removed(self, event: Any) -> None:
        if self._shown is not None and event.value is self.layer:
            self._shown = None
            self._session.regions.tool = "none"

    # ---- outlines ------------------------------------------------------------------------

    def _draw(self, layer: Any, event: Any) -> Iterator[None]:  # noqa: ARG002
        tool = self._session.regions.tool
        if event.button != 1 or not self._may_draw(tool):
            return
        if tool == "polygon":
            self._add_corner(self._frame.place_of(event))
            return
        points = [self._frame.place_of(event)]
        self._show(points)
        yield
        while event.type == "mouse_move":
            points.append(self._frame.place_of(event))
            self._show(points)
            yield
        if self._shown is not None:
            self._shown.clear()
            self._hand_over(points)

    def _may_draw(self, tool: str) -> bool:
        """Whether the annotation may be edited; choosing spots always may."""
        return tool == "select" or attempt(self._session.regions.check_editable)

    def _add_corner(self, place: tuple[float, float]) -> None:
        reach = _CLOSING_SCREEN_PX * self._frame.screen_px
        if len(self._corners) > 2 and np.hypot(*np.subtract(place, self._corners[0])) < reach:
            self.finish()
            return
        self._corners.append(place)
        self._show(self._corners)

    def _stretch(self, layer: Any, event: Any) -> None:  # noqa: ARG002 - napari's signature
        """Let the last line of an unfinished outline follow the mouse."""
        if self._corners:
            self._show([*self._corners, self._frame.place_of(event)])

    def finish(self) -> None:
        """Close the unfinished outline."""
        corners = self._corners.copy()
        self.cancel()
        if corners:
            self._hand_over(corners)

    def cancel(self) -> None:
        """Give up the unfinished outline."""
        self._corners.clear()
        if self._shown is not None:
            self._shown.clear()

    def take_back(self) -> None:
        """Take back the last corner of the unfinished outline."""
        if self._corners and self._shown is not None:
            self._corners.pop()
            self._show(self._corners) if self._corners else self._shown.clear()

    def edit_outline(self, id: str) -> None:
        """Let the corners of one region be moved; see `OutlineEditor`."""
        self._session.regions.tool = "none"
        attempt(lambda: self.editor.start(id))

    def _hand_over(self, points: list[tuple[float, float]]) -> None:
        tool = self._session.regions.tool
        tolerance = 0.0 if tool == "polygon" else _KEEP_SCREEN_PX * self._frame.screen_px
        self._results.take(tool, points, tolerance, self._brush_px)

    @property
    def _brush_px(self) -> float:
        """The brush's diameter in level-0 px."""
        return self._session.regions.brush_um / self._frame.scale

    def _show(self, points: list[tuple[float, float]]) -> None:
        if self._shown is None:
            return
        tool = self._session.regions.tool
        if tool in ("brush", "eraser"):
            color = _WHITE if tool == "eraser" else self._color
            self._shown.show_stroke(points, color, self._brush_px)
        else:
            color = _CHOICE if tool == "select" else self._color
            if len(points) > _MOST_SHOWN:  # napari's lines cost by the vertex
                points = thin_out(points, self._frame.screen_px)
            self._shown.show_line(points, color, float(self._viewer.scene.camera.zoom))

    @property
    def _color(self) -> tuple[float, ...]:
        """RGBA of the active class."""
        regions = self._session.regions
        colors = {one.name: one.color for one in regions.classes}
        found = colors.get(regions.active_class or "")
        return _WHITE if found is None else (*(value / 255 for value in found), 1.0)

    def close(self) -> None:
        """Put the tool down and stop following."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections.clear()
        self._viewer.layers.selection.events.active.disconnect(self._on_active_layer)
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self._picking.close()
        self.editor.close()
        self._put_down()
