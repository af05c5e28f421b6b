"""Where cells, their titles and what lies around them are in the widget."""

from __future__ import annotations

from dataclasses import dataclass

from qtpy.QtCore import QPoint, QRect

__all__ = ["CellLayout"]

GAP = 4  # px between cells


@dataclass(frozen=True)
class CellLayout:
    """Cells in rows, each with its title above its picture, between a head and a foot.

    Attributes
    ----------
    n : int
        Cells.
    shape : (int, int)
        Rows and columns.
    area : QRect
        What is left between head and foot.
    title_px : int
        Height of a cell's title.
    """

    n: int
    shape: tuple[int, int]
    area: QRect
    title_px: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a picture, px."""
        rows, columns = self.shape
        width = (self.area.width() - GAP * (columns - 1)) // columns
        height = (self.area.height() - GAP * (rows - 1)) // rows - self.title_px
        return max(width, 8), max(height, 8)

    def title(self, index: int) -> QRect:
        """Return where a cell's title is."""
        width, height = self.size
        row, column = divmod(index, self.shape[1])
        left = self.area.left() + column * (width + GAP)
        top = self.area.top() + row * (height + self.title_px + GAP)
        return QRect(left, top, width, self.title_px)

    def picture(self, index: int) -> QRect:
        """Return where a cell's picture is."""
        title = self.title(index)
        return QRect(title.left(), title.bottom() + 1, *self.size)

    def cell_at(self, place: QPoint) -> int | None:
        """Return the cell, title or picture, at a place of the widget."""
        for index in range(self.n):
            if self.title(index).united(self.picture(index)).contains(place):
                return index
        return None
