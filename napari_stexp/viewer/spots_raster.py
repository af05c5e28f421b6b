"""Many spots as a picture that is drawn where it is looked at, at the screen's resolution.

A layer of points takes 0.5 s to draw 50,000 spots in software and 5 s for 500,000. Here, which
spot a pixel belongs to is found once for each part of the slide and each level of detail; the
colours of another gene are then looked up, whatever the number of spots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.viewer.spot_grid import SpotGrid
from napari_stexp.viewer.spot_tiles import SIDE, SpotTiles

__all__ = ["SIDE", "RasterLevel", "SpotsRaster"]

_FINEST = 64  # pixels that a spot's diameter has at the finest level
_STEP = 2**0.5  # between levels: a picture has at most twice the pixels of its part of the screen
_OVERVIEW = 160  # px, the longer side of the coarsest level
_AHEAD = range(500, 1300)  # px, the longer side of the levels that are likely to be seen first
_MOST_PIXELS = 2**26  # of a level that is drawn whole


class SpotsRaster:
    """A picture of spots at levels of detail.

    Parameters
    ----------
    grid : SpotGrid
        N spots.
    diameter : float
        Level-0 px.
    shape : {'disc', 'square'}

    Attributes
    ----------
    origin : (float, float)
        (x, y) of the top left corner, level-0 px.
    step : float
        Level-0 px per pixel of the finest level.
    levels : list
        Arrays (h, w, 4) uint8, RGBA, finest first: `RasterLevel`, and the coarsest in memory.
    tiles : SpotTiles
        Which pixels show which spot.
    """

    def __init__(self, grid: SpotGrid, diameter: float, shape: str = "disc") -> None:
        self.grid = grid
        self._n = len(grid.xy)
        left, top, right, bottom = grid.box
        self._margin = 2.5 * diameter  # for the largest factor that spots can be drawn with
        self.origin = (left - self._margin, top - self._margin)
        size = np.array([bottom - top, right - left]) + 2 * self._margin
        self.step = diameter / _FINEST
        self.shapes = _find_shapes(size, self.step)
        steps = [np.multiply(self.shapes[0], self.step) / np.asarray(px) for px in self.shapes]
        self.tiles = SpotTiles(grid, self.origin, steps, self.shapes, diameter, shape)
        self._table = np.zeros(3 * self._n + 1, np.uint32)
        height, width = self.shapes[-1]
        # napari keeps what it has read of the coarsest level: it is painted in place.
        self.overview = np.zeros((height, width, 4), np.uint8)
        self.levels: list[Any] = [
            *(RasterLevel(self, level) for level in range(len(self.shapes) - 1)),
            self.overview,
        ]

    @property
    def diameter(self) -> float:
        """Of the spots as they are drawn, level-0 px."""
        return self.tiles.look[0]

    def reshape(self, diameter: float, shape: str) -> bool:
        """Draw spots of another size or shape from now on; whether that is a change."""
        return self.tiles.reshape(diameter, shape)

    def draw_ahead(self) -> None:
        """Find what the pixels of the whole picture show, at those levels that may be seen first.

        In any thread, before the picture is painted.
        """
        for level, (height, width) in enumerate(self.shapes):
            if level == len(self.shapes) - 1 or max(height, width) in _AHEAD:
                self.tiles.draw(level)

    def paint(self, table: NDArray[np.uint32]) -> None:
        """Give spots their colours.

        Parameters
        ----------
        table : (3, N) uint32 array
            RGBA bytes of each spot's inside, of the ring around it and of its rim.
        """
        self._table = np.append(table.ravel(), np.uint32(0))
        self.repaint()

    def repaint(self) -> None:
        """Draw the coarsest level again."""
        height, width = self.shapes[-1]
        self.overview[:] = self.read(len(self.shapes) - 1, (0, height), (0, width), at_once=True)

    def read(
        self,
        level: int,
        rows: tuple[int, int],
        columns: tuple[int, int],
        *,
        at_once: bool = False,
    ) -> NDArray[np.uint8]:
        """Return part of a level, (h, w, 4) RGBA; see `SpotTiles.find`."""
        found = np.empty((rows[1] - rows[0], columns[1] - columns[0]), np.uint32)
        alpha = found.view(np.uint8).reshape(*found.shape, 4)[..., 3]
        for place, (codes, cover) in self.tiles.find(level, rows, columns, at_once=at_once):
            found[place] = self._table.take(codes)
            if cover is not None:
                np.minimum(alpha[place], cover, out=alpha[place])
        return found.view(np.uint8).reshape(*found.shape, 4)


class RasterLevel:
    """One level as an array that is drawn where it is indexed; see `RegionLevel`.

    Parameters
    ----------
    raster : SpotsRaster
    level : int
    """

    dtype = np.dtype(np.uint8)
    ndim = 3
    chunks = (SIDE, SIDE, 4)  # napari reads whole ones, and nothing when moved within them

    def __init__(self, raster: SpotsRaster, level: int) -> None:
        self._raster, self._level = raster, level
        self.shape = (*raster.shapes[level], 4)
        self.size = self.shape[0] * self.shape[1] * 4

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.uint8]:
        """Draw all of it, where that fits into memory.

        Raises
        ------
        SpotsError
            It has too many pixels.
        """
        if self.size > 4 * _MOST_PIXELS:
            raise SpotsError(
                "the picture of the spots is too large to be read whole",
                found=f"{self.shape[1]:,} x {self.shape[0]:,} px",
                hint="Save the prediction, or a figure.",
            )
        height, width = self.shape[:2]
        whole = self._raster.read(self._level, (0, height), (0, width), at_once=True)
        return np.asarray(whole, dtype=dtype)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        key = key if isinstance(key, tuple) else (key,)
        plain = all(isinstance(part, slice) for part in key[:2]) and len(key) > 1
        if not plain:
            return np.asarray(self)[key]
        rows, columns = (range(n)[part] for n, part in zip(self.shape[:2], key[:2], strict=True))
        if not len(rows) or not len(columns):
            return np.empty((len(rows), len(columns), 4), np.uint8)[(..., *key[2:])]
        whole = [(min(r[0], r[-1]), max(r[0], r[-1]) + 1) for r in (rows, columns)]
        found = self._raster.read(self._level, whole[0], whole[1])
        if rows.step != 1 or columns.step != 1:
            found = found[:: rows.step, :: columns.step]
        return found[(slice(None), slice(None), *key[2:])]


def _find_shapes(size: Sequence[float] | NDArray[np.float64], step: float) -> list[tuple[int, int]]:
    """Return height and width of each level of a picture of so many level-0 px."""
    shapes: list[tuple[int, int]] = []
    while not shapes or max(shapes[-1]) > _OVERVIEW:
        height, width = np.maximum(np.ceil(np.asarray(size) / step), 1).astype(int).tolist()
        shapes.append((height, width))
        step *= _STEP
    return shapes
