"""A legend of classes in a corner of the canvas: one line of text in each class's colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Legend"]

_MOST_LINES = 14
_KEY = "stexp_class_{}"
_DARK = (0.1, 0.1, 0.1, 0.75)  # behind the text, so that light colours read on a light theme


class Legend:
    """Shows names in colours at the top left of a viewer's canvas.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._viewer = viewer
        self._keys: list[str] = []

    def show(self, colours: Mapping[str, tuple[int, int, int]], counts: Mapping[str, int]) -> None:
        """Show these classes and no others.

        Parameters
        ----------
        colours : mapping of str to (int, int, int)
            0 to 255, in order.
        counts : mapping of str to int
            Spots of each class.
        """
        lines = [(f"\N{BLACK CIRCLE} {name}  {counts[name]}", colours[name]) for name in colours]
        if len(lines) > _MOST_LINES:
            more = len(lines) - _MOST_LINES + 1
            lines = [*lines[: _MOST_LINES - 1], (f"and {more} more", (220, 220, 220))]
        overlays = self._viewer.canvas.overlays
        for number, (text, color) in enumerate(lines):
            key = _KEY.format(number)
            rgba = (*(_lighten(value) for value in color), 1.0)
            if key in self._keys:
                overlays[key].text, overlays[key].color = text, rgba
            else:
                overlays[key] = _make_line(text, rgba)
                self._keys.append(key)
        self._remove_from(len(lines))

    def hide(self) -> None:
        """Take all lines away."""
        self._remove_from(0)

    def _remove_from(self, first: int) -> None:
        for key in self._keys[first:]:
            self._viewer.canvas.overlays.pop(key, None)
        del self._keys[first:]


def _lighten(value: int) -> float:
    """Keep dark colours legible on the dark box."""
    return 0.35 + 0.65 * value / 255


def _make_line(text: str, rgba: tuple[float, ...]) -> object:
    from napari.components.overlays import TextOverlay

    return TextOverlay(
        text=text, color=rgba, position="top_left", box=True, box_color=_DARK,
        font_size=11, visible=True,
    )  # fmt: skip
