"""Lattices of points over a slide: where a grid's spots may lie."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lattice"]

Bounds = tuple[float, float, float, float]


@dataclass(frozen=True)
class Lattice:
    """A centred lattice whose discs lie wholly inside an image.

    Attributes
    ----------
    origin : (float, float)
        (x, y) of the first point, level-0 px.
    step : (float, float)
        Between columns and between rows, px; columns of a hexagonal one count half pitches.
    count : (int, int)
        Columns and rows.
    is_hex : bool
        Whether only points of even column + row belong to it.
    """

    origin: tuple[float, float]
    step: tuple[float, float]
    count: tuple[int, int]
    is_hex: bool

    @classmethod
    def over(cls, shape: tuple[int, int], pitch: float, diameter: float, layout: str) -> Lattice:
        """Make the lattice of an image (height, width); pitch and diameter in px."""
        is_hex = layout == "hex"
        step = (pitch / 2, pitch * math.sqrt(3) / 2) if is_hex else (pitch, pitch)
        (n_cols, x0), (n_rows, y0) = (
            _fit(size, one, diameter) for size, one in zip(shape[::-1], step, strict=True)
        )
        return cls((x0, y0), step, (n_cols, n_rows), is_hex)

    def points(self, bounds: Bounds | None = None) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return array positions (column, row) and centres (x, y) px, (N, 2) each, row by row.

        Parameters
        ----------
        bounds : (x0, y0, x1, y1), optional
            Only those in this box, its border included; level-0 px.
        """
        ranges = [(0, n) for n in self.count]
        if bounds is not None:
            for axis in range(2):
                low, high = (bounds[axis + 2 * k] - self.origin[axis] for k in range(2))
                first = math.ceil(low / self.step[axis] - 1e-9)
                last = math.floor(high / self.step[axis] + 1e-9)
                ranges[axis] = (max(first, 0), min(last + 1, self.count[axis]))
        (c0, c1), (r0, r1) = ranges
        rows, cols = np.mgrid[r0 : max(r1, r0), c0 : max(c1, c0)]
        chosen = (rows + cols) % 2 == 0 if self.is_hex else np.ones(rows.shape, bool)
        array = np.column_stack([cols[chosen], rows[chosen]])
        return array, np.array(self.origin) + array * np.array(self.step)


def _fit(size: int, step: float, diameter: float) -> tuple[int, float]:
    """Return how many centres fit into ``size`` pixels, and the first one's place."""
    # The tolerance keeps a grid that fits exactly from losing a row to rounding.
    count = int((size - diameter) / step + 1e-9) + 1
    return count, (size - (count - 1) * step) / 2
