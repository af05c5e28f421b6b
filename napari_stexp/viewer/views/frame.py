"""Which part of the slide the cells show, and how the cells are laid out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Frame", "arrange", "fit_frame"]

_FILLED = 0.94  # part of a cell that the spots take at first
_MOST_ZOOM = 64.0  # screen px per level-0 px


@dataclass(frozen=True)
class Frame:
    """The one camera of all cells.

    Attributes
    ----------
    center : (float, float)
        (x, y) in the middle of each cell, level-0 px.
    zoom : float
        Screen px per level-0 px.
    size : (int, int)
        Width and height of a cell, screen px.
    """

    center: tuple[float, float]
    zoom: float
    size: tuple[int, int]

    def to_screen(self, xy: ArrayLike) -> NDArray[np.float64]:
        """Turn level-0 positions (…, 2) into px of the cell, (0, 0) its top left corner."""
        middle = np.asarray(self.size, dtype=np.float64) / 2
        return (np.asarray(xy, dtype=np.float64) - self.center) * self.zoom + middle

    def to_level0(self, at: ArrayLike) -> NDArray[np.float64]:
        """Turn px of the cell (…, 2) into level-0 positions."""
        middle = np.asarray(self.size, dtype=np.float64) / 2
        return (np.asarray(at, dtype=np.float64) - middle) / self.zoom + self.center

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """What a cell shows: (x0, y0, x1, y1), level-0 px."""
        (left, top), (right, bottom) = self.to_level0([(0, 0), self.size])
        return float(left), float(top), float(right), float(bottom)

    def moved(self, dx: float, dy: float) -> Frame:
        """Return the frame after the mouse has dragged the slide, screen px."""
        x, y = self.center
        return replace(self, center=(x - dx / self.zoom, y - dy / self.zoom))

    def zoomed(self, factor: float, at: tuple[float, float]) -> Frame:
        """Return the frame after zooming; what is at ``at``, px of the cell, stays there."""
        zoom = min(max(self.zoom * factor, 1e-5), _MOST_ZOOM)
        fixed, middle = self.to_level0(at), np.asarray(self.size) / 2
        x, y = fixed - (np.asarray(at) - middle) / zoom
        return Frame((float(x), float(y)), zoom, self.size)

    def sharpened(self, ratio: float) -> Frame:
        """Return the frame in px of the device, of which a screen px has ``ratio`` across."""
        width, height = (math.ceil(side * ratio) for side in self.size)
        return Frame(self.center, self.zoom * ratio, (width, height))

    def resized(self, size: tuple[int, int]) -> Frame:
        """Return the frame for cells of another size: as much of the slide fits in."""
        factor = min(size[0] / self.size[0], size[1] / self.size[1])
        return Frame(self.center, self.zoom * factor, size)


def fit_frame(xy: NDArray[np.float64], margin: float, size: tuple[int, int]) -> Frame:
    """Return the frame in which the spots fill the cells.

    Parameters
    ----------
    xy : (N, 2) array
        Positions, level-0 px.
    margin : float
        Kept free around their centres, level-0 px.
    size : (int, int)
        Width and height of a cell, screen px.
    """
    low, high = xy.min(axis=0), xy.max(axis=0)
    extent = np.maximum(high - low + 2 * margin, 1.0)
    zoom = float((np.asarray(size) / extent).min()) * _FILLED
    x, y = (low + high) / 2
    return Frame((float(x), float(y)), zoom, size)


def arrange(n: int, size: tuple[int, int], extent: ArrayLike, head: int) -> tuple[int, int]:
    """Return rows and columns of cells: those in which the tissue is largest.

    Parameters
    ----------
    n : int
        Number of cells.
    size : (int, int)
        Width and height of the whole, screen px.
    extent : (2,) array
        Width and height of what each cell shows, any unit.
    head : int
        Height of a cell's title, screen px.

    Returns
    -------
    (int, int)
        Among equally large ones, the one with fewest empty cells.
    """
    width, height = np.maximum(np.asarray(extent, dtype=np.float64), 1e-9)

    def scale(columns: int) -> tuple[float, int]:
        rows = math.ceil(n / columns)
        free = max(size[1] / rows - head, 1.0)
        fits = min(size[0] / columns / width, free / height)
        return round(fits, 9), -(rows * columns - n)

    columns = max(range(1, n + 1), key=scale)
    return math.ceil(n / columns), columns
