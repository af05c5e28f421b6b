"""A legend of classes in a corner of the canvas: one line of text in each class's colour."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from napari_stexp.viewer.coloured_lines import ColouredLines, lighten

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["Legend"]

_MOST_LINES = 14


class Legend:
    """Shows names in colours at the top left of a viewer's canvas.

    Parameters
    ----------
    viewer : ViewerModel
    """

    def __init__(self, viewer: ViewerModel) -> None:
        self._lines = ColouredLines(viewer, "stexp_class", "top_left")

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
        self._lines.show(
            [(text, lighten([value / 255 for value in color])) for text, color in lines]
        )

    def hide(self) -> None:
        """Take all lines away."""
        self._lines.show([])
