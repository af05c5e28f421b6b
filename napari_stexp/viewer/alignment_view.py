"""Spots while they are aligned: shown elsewhere, moved with mouse and keys; points of pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.drawn import attempt
from napari_stexp.viewer.frame import WorldFrame, layer_frame, place, to_yx

if TYPE_CHECKING:
    from napari.layers import Layer, Points

    from napari_stexp.session import Session
    from napari_stexp.session.placing.draft import Draft
    from napari_stexp.viewer.stack import LayerStack

__all__ = ["PAIR_COLOURS", "AlignmentView", "pair_colour", "world_affine"]

_NAME = "Points of pairs"
#: Of pairs in turn: Okabe and Ito's, which the colour-blind can tell apart, but black.
PAIR_COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")
_MARK_SCREEN_PX = 15.0
_REACH_SCREEN_PX = 12.0  # a press so near to a point takes hold of it
_SLIP_SCREEN_PX = 4.0

_DIRECTIONS = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}


def pair_colour(index: int) -> str:
    """Return the colour of a pair."""
    return PAIR_COLOURS[index % len(PAIR_COLOURS)]


def world_affine(draft: Draft, mpp: float | None) -> NDArray[np.float64]:
    """Return a draft's move as a matrix on napari's world, (y, x, 1)."""
    flip = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])
    size = np.diag([*layer_frame(mpp)["scale"], 1.0])
    return size @ flip @ draft.move.matrix @ flip @ np.linalg.inv(size)


class AlignmentView:
    """Follows the session's alignment on the slide.

    While a tool is in hand there is a layer of the pairs' points, which is the active one; it
    stays, without the tool, as long as there are points. Another active layer puts the tool
    down.

    Parameters
    ----------
    session : Session
    stack : LayerStack
    moved_layers : callable
        Returns the layers that lie where the spots lie.

    Attributes
    ----------
    layer : Points or None
    step : float
        How far an arrow key moves the spots, µm (px where the scale is unknown).
    """

    def __init__(
        self,
        session: Session,
        stack: LayerStack,
        moved_layers: Callable[[], list[Layer | None]],
    ) -> None:
        self._session = session
        self._stack = stack
        self._viewer = stack.viewer
        self._frame = WorldFrame(session, stack.viewer)
        self._moved_layers = moved_layers
        self._before: Any = None
        self.layer: Points | None = None
        self.step = 10.0
        aligning = session.aligning
        self._connections = [
            (aligning.changed, self.follow),
            (aligning.tool_changed, self._on_tool),
            (session.slide_changed, self.follow),
            # a layer of another kind, or of classes, has come
            (session.display_changed, self._move),
            (session.labelling.shown_changed, self._move),
            (session.focus_changed, self._move),
        ]
        for signal, slot in self._connections:
            signal.connect(slot)
        self._viewer.layers.selection.events.active.connect(self._on_active)
        self._viewer.layers.events.removed.connect(self._on_removed)
        self._viewer.scene.camera.events.zoom.connect(self._fit)

    # ---- showing -------------------------------------------------------------------------

    def follow(self, _: Any = None) -> None:
        """Show the spots and points of the present draft."""
        self._move()
        self._mark()

    def _move(self, _: Any = None) -> None:
        affine = world_affine(self._session.aligning.draft, self._session.world_mpp)
        for layer in self._moved_layers():
            if layer is not None and not np.allclose(layer.affine.affine_matrix, affine):
                with self._stack.editing():
                    layer.affine = affine

    def _mark(self) -> None:
        """Show the points of the pairs on the slide, numbered and in their colours."""
        aligning = self._session.aligning
        pairs = [(i, p.slide) for i, p in enumerate(aligning.draft.pairs) if p.slide is not None]
        if not pairs and aligning.tool == "none":
            layer, self.layer = self.layer, None
            self._stack.remove(layer)
            return
        if self.layer is None:
            self.layer = self._make_layer()
            self._stack.add(self.layer)
        layer = self.layer
        places = to_yx(np.array([xy for _, xy in pairs], np.float64).reshape(-1, 2))
        with self._stack.editing():
            place(layer, layer_frame(self._session.world_mpp))
            layer.data = places
            if pairs:
                colours = [pair_colour(i) for i, _ in pairs]
                layer.features = {"number": [str(i + 1) for i, _ in pairs]}
                layer.face_color = colours
            layer.selected_data = set()
            self._fit()

    def _fit(self, _: Any = None) -> None:
        if self.layer is not None and len(self.layer.data):
            self.layer.size = _MARK_SCREEN_PX * self._frame.screen_px

    def _make_layer(self) -> Points:
        from napari.layers import Points

        layer = Points(
            np.empty((0, 2)),
            features={"number": np.empty(0, dtype=object)},
            text={"string": "{number}", "color": "black", "size": 9, "translation": [0, 0]},
            border_color="white",
            border_width=0.12,
            canvas_size_limits=(0, 10_000),
            symbol="disc",
            name=_NAME,
            **layer_frame(self._session.world_mpp),
        )
        layer.editable = False
        layer.mouse_drag_callbacks.append(self._drag)
        for key, call in self._keys().items():
            layer.bind_key(key, call, overwrite=True)
        return layer

    # ---- tools ---------------------------------------------------------------------------

    def _on_tool(self, tool: str) -> None:
        layers = self._viewer.layers
        if tool == "none":
            if self.layer is not None:
                self.layer.mouse_pan = True
                self.layer.cursor = "standard"
            self._mark()
            if self._before in layers and layers.selection.active in (None, self.layer):
                with self._stack.editing():
                    layers.selection.active = self._before
            return
        self._session.regions.tool = "none"
        if layers.selection.active is not self.layer:
            self._before = layers.selection.active
        self._mark()
        assert self.layer is not None
        with self._stack.editing():
            layers.selection.active = self.layer
            self.layer.mouse_pan = False
            self.layer.cursor = "cross" if tool == "pair" else "standard"

    def _on_active(self, event: Any) -> None:
        if not self._stack.busy and event.value is not self.layer:
            self._session.aligning.tool = "none"

    def _on_removed(self, event: Any) -> None:
        if self.layer is not None and event.value is self.layer:
            self.layer = None
            self._session.aligning.tool = "none"

    def _keys(self) -> dict[str, Callable[[Any], Any]]:
        aligning = self._session.aligning
        keys: dict[str, Callable[[Any], Any]] = {
            "Escape": lambda _: setattr(aligning, "tool", "none"),
            "Space": self._pan,
            "Control-Z": lambda _: attempt(self._session.undoing.undo),
            "Control-Shift-Z": lambda _: attempt(self._session.undoing.redo),
        }
        # napari asks each action of a key for its __name__: no partial
        for name, (x, y) in _DIRECTIONS.items():
            keys[name] = lambda _, x=x, y=y: self._step(x, y, 1)
            keys[f"Shift-{name}"] = lambda _, x=x, y=y: self._step(x, y, 10)
            keys[f"Alt-{name}"] = lambda _, x=x, y=y: self._step(x, y, 0.1)
        for prefix, factor in (("", 1.0), ("Shift-", 10.0), ("Alt-", 0.1)):
            keys[f"{prefix},"] = lambda _, f=factor: self._if_moving(lambda: aligning.turn(-f))
            keys[f"{prefix}."] = lambda _, f=factor: self._if_moving(lambda: aligning.turn(f))
            keys[f"{prefix}-"] = lambda _, f=factor: self._grow(1 / (1 + 0.01 * f))
            keys[f"{prefix}="] = lambda _, f=factor: self._grow(1 + 0.01 * f)
        return keys

    def _if_moving(self, action: Callable[[], None]) -> None:
        if self._session.aligning.tool == "move":
            attempt(action)

    def _step(self, x: int, y: int, factor: float) -> None:
        far = self.step * factor / self._frame.scale
        self._if_moving(lambda: self._session.aligning.shift(x * far, y * far))

    def _grow(self, factor: float) -> None:
        self._if_moving(lambda: self._session.aligning.scale(factor))

    def _pan(self, _: Any) -> Iterator[None]:
        if self.layer is not None:
            self.layer.mouse_pan = True
        yield
        if self.layer is not None:
            self.layer.mouse_pan = self._session.aligning.tool == "none"

    # ---- mouse ---------------------------------------------------------------------------

    def _drag(self, layer: Any, event: Any) -> Iterator[None]:
        tool = self._session.aligning.tool
        if event.button != 1 or tool == "none" or layer.mouse_pan:
            return
        if tool == "move":
            yield from self._drag_spots(event)
        else:
            yield from self._drag_point(event)

    def _drag_spots(self, event: Any) -> Iterator[None]:
        """Move the spots with the mouse; with Shift turn them about their middle."""
        aligning = self._session.aligning
        last = np.array(self._frame.place_of(event))
        turns = "Shift" in event.modifiers
        yield
        while event.type == "mouse_move":
            now = np.array(self._frame.place_of(event))
            if turns:
                a, b = last - aligning.centre, now - aligning.centre
                aligning.turn(float(np.degrees(np.arctan2(a[0] * b[1] - a[1] * b[0], a @ b))))
            else:
                aligning.shift(*(now - last), "Drag the spots")
            last = now
            yield

    def _drag_point(self, event: Any) -> Iterator[None]:
        """Set a point with a click; take hold of one and move it."""
        aligning = self._session.aligning
        held = self._point_at(self._frame.place_of(event))
        moved = False
        start = np.array(event.pos, dtype=np.float64)
        yield
        while event.type == "mouse_move":
            moved = moved or np.abs(np.asarray(event.pos) - start).max() > _SLIP_SCREEN_PX
            if held is not None and moved:
                aligning.move_point(held, slide=self._frame.place_of(event))
            yield
        if held is None and not moved:
            aligning.set_point(slide=self._frame.place_of(event))

    def _point_at(self, xy: tuple[float, float]) -> int | None:
        pairs = self._session.aligning.draft.pairs
        away = [np.inf if p.slide is None else np.hypot(*np.subtract(p.slide, xy)) for p in pairs]
        if not away or min(away) > _REACH_SCREEN_PX * self._frame.screen_px:
            return None
        return int(np.argmin(away))

    def close(self) -> None:
        """Stop following, and take the points away."""
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections.clear()
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        self._viewer.layers.events.removed.disconnect(self._on_removed)
        self._viewer.scene.camera.events.zoom.disconnect(self._fit)
        layer, self.layer = self.layer, None
        self._stack.remove(layer)
