"""A click with the right button that is no drag, which zooms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.frame import to_level0

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_stexp.session import Session

__all__ = ["RightClick"]

_RIGHT = 2


class RightClick:
    """Calls back where the right button was clicked.

    Parameters
    ----------
    session : Session
        Whose scale places are given in.
    viewer : ViewerModel
    clicked : callable
        Takes (x, y) in level-0 px.
    """

    def __init__(
        self, session: Session, viewer: ViewerModel, clicked: Callable[[float, float], None]
    ) -> None:
        self._session = session
        self._viewer = viewer
        self._clicked = clicked
        viewer.mouse_drag_callbacks.append(self._watch)

    def _watch(self, viewer: Any, event: Any) -> Iterator[None]:  # noqa: ARG002 - napari's
        if event.button != _RIGHT or event.modifiers:
            return
        moved = False
        yield
        while event.type == "mouse_move":
            moved = True
            yield
        if not moved:
            self._clicked(*to_level0(event.position, self._session.world_mpp))

    def close(self) -> None:
        """Stop listening."""
        if self._watch in self._viewer.mouse_drag_callbacks:
            self._viewer.mouse_drag_callbacks.remove(self._watch)
