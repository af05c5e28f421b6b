"""Which spot each pixel of a picture of many spots belongs to, tile by tile."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Generator, Sequence
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.spot_discs import draw_codes
from napari_stexp.viewer.spot_grid import SpotGrid
from napari_stexp.viewer.tile_queue import TileQueue

__all__ = ["SIDE", "SpotTiles"]

SIDE = 256  # px of a tile
_KEPT_TILES = 256  # of 320 KiB
_KEPT_OLD = 64  # of spots of another size
_WAITING = 64  # tiles that are asked for
_QUICK_S = 0.008  # for tiles that are drawn at once

_Drawn = tuple[NDArray[np.int32], NDArray[np.uint8] | None]  # as of `draw_codes`


class SpotTiles:
    """Finds and keeps what the pixels show at each level, whatever the spots' colours.

    Parameters
    ----------
    grid : SpotGrid
        N spots.
    origin : (float, float)
        (x, y) of the top left corner, level-0 px.
    steps : sequence of (2,) array
        Level-0 px per pixel of each level, along y and x; the last level is a single tile.
    shapes : sequence of (int, int)
        Height and width of each level.
    diameter : float
        Level-0 px.
    shape : {'disc', 'square'}

    Attributes
    ----------
    queue : TileQueue
        Where tiles are drawn that take long; coarser ones are seen until they are there.
    """

    def __init__(
        self,
        grid: SpotGrid,
        origin: tuple[float, float],
        steps: Sequence[NDArray[np.float64]],
        shapes: Sequence[tuple[int, int]],
        diameter: float,
        shape: str,
    ) -> None:
        self._grid, self._origin, self._steps, self._shapes = grid, origin, steps, shapes
        self.look = (diameter, shape)
        self._tiles: OrderedDict[tuple[int, int, int], _Drawn] = OrderedDict()
        self._old: dict[tuple[int, int, int], _Drawn] = {}  # of another look, until there are new
        self._most_tiles = _KEPT_TILES
        self._lock = Lock()
        self.queue = TileQueue(_WAITING)

    def reshape(self, diameter: float, shape: str) -> bool:
        """Draw spots of another size or shape from now on; whether that is a change."""
        if (diameter, shape) == self.look:
            return False
        with self._lock:
            self.look = (diameter, shape)
            self._old = dict(list(self._tiles.items())[-_KEPT_OLD:])
            self._tiles.clear()
        return True

    def draw(self, level: int) -> None:
        """Draw a whole level, in any thread."""
        height, width = self._shapes[level]
        for row in range(-(-height // SIDE)):
            for column in range(-(-width // SIDE)):
                self._tile(level, row, column)

    def find(
        self,
        level: int,
        rows: tuple[int, int],
        columns: tuple[int, int],
        *,
        at_once: bool = False,
    ) -> Generator[tuple[tuple[slice, slice], _Drawn], None, None]:
        """Say what each pixel of a part of a level shows, see `draw_codes`.

        Unless all is wanted ``at_once``, what takes long is seen at a coarser level first.

        Yields
        ------
        place : (slice, slice)
            Rows and columns in the part.
        drawn : (codes, cover)
            Of these.
        """
        lines = range(rows[0] // SIDE, (rows[1] - 1) // SIDE + 1)
        across = range(columns[0] // SIDE, (columns[1] - 1) // SIDE + 1)
        until = math.inf
        if not (at_once or self.queue.aside.at_once):
            until = time.perf_counter() + _QUICK_S
            # Else a view of more tiles than are kept would be drawn again and again.
            self._most_tiles = max(self._most_tiles, 2 * len(lines) * len(across))
        for line in lines:
            for column in across:
                codes, cover = self._tile_by(until, level, line, column)
                y, at_y = _overlap(line, rows)
                x, at_x = _overlap(column, columns)
                yield (at_y, at_x), (codes[y, x], None if cover is None else cover[y, x])

    def _tile_by(self, until: float, level: int, row: int, column: int) -> _Drawn:
        """Return a tile, or what stands in for it where it would be drawn later than that."""
        found = self._kept((level, row, column))
        if found is not None:
            return found
        if time.perf_counter() < until:
            return self._tile(level, row, column)
        self.queue.ask((level, row, column), lambda: self._tile(level, row, column))
        return self._stand_in(level, row, column)

    def _stand_in(self, level: int, row: int, column: int) -> _Drawn:
        """Return what a tile was before, else what a coarser level has there."""
        with self._lock:
            if (old := self._old.get((level, row, column))) is not None:
                return old
        coarsest = len(self._shapes) - 1
        for other in range(level + 1, coarsest + 1):
            ratio = self._steps[level] / self._steps[other]
            at = [
                ((n * SIDE + np.arange(SIDE) + 0.5) * r).astype(int).clip(0, size - 1)
                for n, r, size in zip((row, column), ratio, self._shapes[other], strict=True)
            ]
            lines, across = (range(n[0] // SIDE, n[-1] // SIDE + 1) for n in at)
            tiles = [[self._kept((other, y, x)) for x in across] for y in lines]
            if other == coarsest:
                tiles = [[self._tile(other, 0, 0)]]
            if all(tile is not None for line in tiles for tile in line):
                codes, cover = _join(tiles)
                part = np.ix_(at[0] - lines[0] * SIDE, at[1] - across[0] * SIDE)
                return codes[part], None if cover is None else cover[part]
        raise AssertionError("the coarsest level is always there")

    def _kept(self, key: tuple[int, int, int]) -> _Drawn | None:
        with self._lock:
            if (found := self._tiles.get(key)) is not None:
                self._tiles.move_to_end(key)
            return found

    def _tile(self, level: int, row: int, column: int) -> _Drawn:
        key = (level, row, column)
        if (found := self._kept(key)) is not None:
            return found
        with self._lock:
            look = self.look
        step = self._steps[level]
        corner = np.array(self._origin) + step[::-1] * SIDE * np.array([column, row])
        drawn = draw_codes(self._grid, corner, step[::-1], SIDE, *look)
        with self._lock:
            if look == self.look:
                self._tiles[key] = drawn
                while len(self._tiles) > self._most_tiles:
                    self._tiles.popitem(last=False)
        return drawn


def _overlap(tile: int, ends: tuple[int, int]) -> tuple[slice, slice]:
    """Return which of a tile's lines lie between two ends, and where they lie there."""
    start = tile * SIDE
    low, high = max(start, ends[0]), min(start + SIDE, ends[1])
    return slice(low - start, high - start), slice(low - ends[0], high - ends[0])


def _join(tiles: Sequence[Sequence[_Drawn]]) -> _Drawn:
    """Return lines of tiles as one."""
    codes = np.concatenate([np.concatenate([t[0] for t in line], axis=1) for line in tiles])
    if all(tile[1] is None for line in tiles for tile in line):
        return codes, None
    full = np.full((SIDE, SIDE), 255, np.uint8)
    return codes, np.concatenate([
        np.concatenate([full if t[1] is None else t[1] for t in line], axis=1) for line in tiles
    ])  # fmt: skip
