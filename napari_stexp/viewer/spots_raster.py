"""Many spots as a picture that is drawn where it is looked at, at the screen's resolution.

A layer of points takes 0.5 s to draw 50,000 spots in software and 5 s for 500,000. Here, which
spot a pixel belongs to is found once for each part of the slide and each level of detail; the
colours of another gene are then looked up, whatever the number of spots.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.viewer.spot_discs import draw_codes
from napari_stexp.viewer.spot_grid import SpotGrid

__all__ = ["SIDE", "RasterLevel", "SpotsRaster"]

SIDE = 256  # px of a tile
_FINEST = 64  # pixels that a spot's diameter has at the finest level
_STEP = 2**0.5  # between levels: a picture has at most twice the pixels of its part of the screen
_OVERVIEW = 160  # px, the longer side of the coarsest level
_KEPT_TILES = 256  # of 320 KiB
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
    """

    def __init__(self, grid: SpotGrid, diameter: float, shape: str = "disc") -> None:
        self.grid = grid
        self._n = len(grid.xy)
        left, top, right, bottom = grid.box
        self._set_look(diameter, shape)
        self._margin = 2.5 * diameter  # for the largest factor that spots can be drawn with
        self.origin = (left - self._margin, top - self._margin)
        size = np.array([bottom - top, right - left]) + 2 * self._margin
        self.step = diameter / _FINEST
        self.shapes = _find_shapes(size, self.step)
        self._steps = [
            np.multiply(self.shapes[0], self.step) / np.asarray(shape) for shape in self.shapes
        ]
        self._table = np.zeros(3 * self._n + 1, np.uint32)
        self._tiles: OrderedDict[tuple[int, int, int], tuple[Any, Any]] = OrderedDict()
        self._joined: tuple[Any, Any] = (None, None)
        self._lock = Lock()
        height, width = self.shapes[-1]
        # napari keeps what it has read of the coarsest level: it is painted in place.
        self.overview = np.zeros((height, width, 4), np.uint8)
        self.levels: list[Any] = [
            *(RasterLevel(self, level) for level in range(len(self.shapes) - 1)),
            self.overview,
        ]

    def _set_look(self, diameter: float, shape: str) -> None:
        self.diameter, self.shape = diameter, shape

    def reshape(self, diameter: float, shape: str) -> bool:
        """Draw spots of another size or shape from now on; whether that is a change."""
        if (diameter, shape) == (self.diameter, self.shape):
            return False
        with self._lock:
            self._set_look(diameter, shape)
            self._tiles.clear()
            self._joined = (None, None)
        return True

    def draw_ahead(self) -> None:
        """Find what the pixels of the whole picture show, at those levels that may be seen first.

        In any thread, before the picture is painted.
        """
        for level, (height, width) in enumerate(self.shapes):
            if level == len(self.shapes) - 1 or max(height, width) in _AHEAD:
                for row in range(-(-height // SIDE)):
                    for column in range(-(-width // SIDE)):
                        self._tile(level, row, column)

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
        self.overview[:] = self.read(len(self.shapes) - 1, (0, height), (0, width))

    def read(
        self, level: int, rows: tuple[int, int], columns: tuple[int, int]
    ) -> NDArray[np.uint8]:
        """Return part of a level, (h, w, 4) RGBA."""
        codes, cover = self._find_codes(level, rows, columns)
        found = self._table.take(codes).view(np.uint8).reshape(*codes.shape, 4)
        if cover is not None:
            np.minimum(found[..., 3], cover, out=found[..., 3])
        return found

    def _find_codes(
        self, level: int, rows: tuple[int, int], columns: tuple[int, int]
    ) -> tuple[NDArray[np.intp], NDArray[np.uint8] | None]:
        """Return what each pixel shows (see `draw_codes`); the last answer is kept."""
        key = (level, rows, columns)
        with self._lock:
            if self._joined[0] == key:
                return self._joined[1]  # type: ignore[no-any-return]
            drawn_for = (self.diameter, self.shape)
        lines = range(rows[0] // SIDE, (rows[1] - 1) // SIDE + 1)
        across = range(columns[0] // SIDE, (columns[1] - 1) // SIDE + 1)
        tiles = [[self._tile(level, row, column) for column in across] for row in lines]
        top, left = lines[0] * SIDE, across[0] * SIDE
        part = np.s_[rows[0] - top : rows[1] - top, columns[0] - left : columns[1] - left]
        codes = np.concatenate([np.concatenate([t[0] for t in line], axis=1) for line in tiles])
        cover = None
        if any(tile[1] is not None for line in tiles for tile in line):
            full = np.full((SIDE, SIDE), 255, np.uint8)
            cover = np.concatenate([
                np.concatenate([full if t[1] is None else t[1] for t in line], axis=1)
                for line in tiles
            ])[part]  # fmt: skip
        found = (np.ascontiguousarray(codes[part], dtype=np.intp), cover)
        with self._lock:
            if drawn_for == (self.diameter, self.shape) and level < len(self.shapes) - 1:
                self._joined = (key, found)
        return found

    def _tile(self, level: int, row: int, column: int) -> tuple[Any, Any]:
        key = (level, row, column)
        with self._lock:
            if (found := self._tiles.get(key)) is not None:
                self._tiles.move_to_end(key)
                return found
            diameter, shape = self.diameter, self.shape
        step = self._steps[level]
        corner = np.array(self.origin) + step[::-1] * SIDE * np.array([column, row])
        drawn = draw_codes(self.grid, corner, step[::-1], SIDE, diameter, shape)
        with self._lock:
            if (diameter, shape) == (self.diameter, self.shape):
                self._tiles[key] = drawn
                while len(self._tiles) > _KEPT_TILES:
                    self._tiles.popitem(last=False)
        return drawn


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
        return np.asarray(self[:, :], dtype=dtype)

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
