"""What was drawn becomes the session's: regions, or a choice of spots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError
from napari_stexp.viewer.gestures import close_outline, make_stroke

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["Drawn", "attempt"]


def attempt(edit: Callable[[], Any]) -> bool:
    """Do what the session may refuse, and say why it does; whether it was done."""
    try:
        edit()
    except StexpError as error:
        _warn(f"{error.message[0].upper()}{error.message[1:]}")
        return False
    return True


class Drawn:
    """Takes finished lines and strokes into a session.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def take(
        self, tool: str, points: Sequence[tuple[float, float]], tolerance: float, brush: float
    ) -> None:
        """Take what a tool has drawn.

        Parameters
        ----------
        tool : {'polygon', 'lasso', 'brush', 'eraser', 'select'}
        points : sequence of (x, y)
            Where the mouse went, level-0 px.
        tolerance : float
            How far an outline may stray from them, px.
        brush : float
            Diameter of brush and eraser, px.
        """
        regions = self._session.regions
        if tool in ("brush", "eraser"):
            stroke = make_stroke(points, brush)
            attempt(lambda: (regions.paint if tool == "brush" else regions.erase)(stroke))
            return
        shape = close_outline(points, tolerance)
        if tool == "select":
            attempt(lambda: self._choose_spots(shape))
        elif shape is None:
            _warn("The outline encloses no area; it was left out.")
        else:
            attempt(lambda: regions.add(shape))

    def _choose_spots(self, shape: Any) -> None:
        if shape is None:  # a click beside everything
            self._session.select_spots(None)
        else:
            self._session.select_spots_in(shape)


def _warn(text: str) -> None:
    from napari.utils.notifications import show_warning

    show_warning(text)
