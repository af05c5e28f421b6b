"""Lines of text in a corner of the canvas, each in a colour of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["ColouredLines", "lighten"]

_DARK = (0.1, 0.1, 0.1, 0.9)  # behind the text, so that light colours read on a light theme
_LIGHTER = 0.4


class ColouredLines:
    """Lines of text on dark boxes, one overlay each: napari's text has one colour.

    Parameters
    ----------
    viewer : ViewerModel
    name : str
        Of the overlays; no two users have the same.
    position : {'top_left', 'top_right'}
    """

    def __init__(
        self, viewer: ViewerModel, name: str, position: Literal["top_left", "top_right"]
    ) -> None:
        self._viewer = viewer
        self._name, self._position = name, position
        self._keys: list[str] = []

    def show(self, lines: Sequence[tuple[str, tuple[float, ...]]]) -> None:
        """Show these lines (text, RGBA) and no others."""
        overlays = self._viewer.canvas.overlays
        for number, (text, rgba) in enumerate(lines):
            key = f"{self._name}_{number}"
            if key in self._keys:
                overlays[key].text, overlays[key].color = text, rgba
            else:
                overlays[key] = self._make_line(text, rgba)
                self._keys.append(key)
        for key in self._keys[len(lines) :]:
            overlays.pop(key, None)
        del self._keys[len(lines) :]

    def _make_line(self, text: str, rgba: tuple[float, ...]) -> object:
        from napari.components.overlays import TextOverlay

        return TextOverlay(
            text=text, color=rgba, position=self._position, box=True, box_color=_DARK,
            font_size=11, visible=True,
        )  # fmt: skip


def lighten(rgb: Sequence[float]) -> tuple[float, ...]:
    """Keep dark colours (0 to 1) legible on the dark box; return RGBA."""
    return (*(_LIGHTER + (1 - _LIGHTER) * value for value in rgb), 1.0)
