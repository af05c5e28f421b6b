"""Levels put together of several images, each at its place on white glass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.slide.cache import TileCache
from napari_stexp.slide.formats.level import TileLevel
from napari_stexp.slide.gather import gather_windows
from napari_stexp.slide.levels import Level
from napari_stexp.slide.location import Location
from napari_stexp.slide.pixels import GLASS

if TYPE_CHECKING:
    from napari_stexp.slide.formats.tiff.pages import LevelPlan, Sources

__all__ = ["MosaicLevel", "MosaicPlan"]

_TILE = (512, 512)
#: Tiles of the parts don't line up with those of the whole: some are needed again at once.
_CACHE_BYTES = 16 * 2**20


class MosaicLevel:
    """A level of several images; safe to read from many threads.

    Parameters
    ----------
    level : Level
    parts : sequence of TileLevel
        The later lies over the earlier.
    corners : sequence of (int, int)
        Upper left pixel (x, y) of each, in this level's pixels.
    """

    def __init__(
        self, level: Level, parts: Sequence[TileLevel], corners: Sequence[tuple[int, int]]
    ) -> None:
        self.level = level
        self._parts = list(zip(parts, corners, strict=True))
        self._cache = TileCache(_CACHE_BYTES)

    @property
    def path(self) -> Location:
        """The file that the first part is read from."""
        return self._parts[0][0].path

    def read(self, row: int, col: int) -> NDArray[np.uint8]:
        """Decode one tile, (th, tw, 3) uint8."""
        height, width = self.level.tile
        tile = np.full((height, width, 3), GLASS, np.uint8)
        for n, (part, (x, y)) in enumerate(self._parts):
            left, top = col * width - x, row * height - y
            x0, y0 = max(left, 0), max(top, 0)
            x1 = min(left + width, part.level.shape[1])
            y1 = min(top + height, part.level.shape[0])
            if x1 > x0 and y1 > y0:
                piece = self._cut(n, part, (x0, y0), (y1 - y0, x1 - x0))
                tile[y0 - top : y1 - top, x0 - left : x1 - left] = piece
        return tile

    def _cut(
        self, n: int, part: TileLevel, corner: tuple[int, int], size: tuple[int, int]
    ) -> NDArray[np.uint8]:
        found = gather_windows(
            lambda row, col: self._cache.get((n, row, col), lambda: part.read(row, col)),
            part.level,
            np.array([corner]),
            size,
        )
        if found.errors:
            raise found.errors[0]
        return found.pixels[0]

    def close(self) -> None:
        """Let go of the files."""
        for part, _ in self._parts:
            part.close()


class MosaicPlan:
    """A level of several images, not open yet."""

    def __init__(
        self,
        shape: tuple[int, int],
        downsample: float,
        parts: Sequence[LevelPlan],
        corners: Sequence[tuple[int, int]],
    ) -> None:
        self.level = Level(shape, downsample, _TILE)
        self._parts, self._corners = parts, corners

    def open(self, sources: Sources) -> TileLevel:
        """Open it for reading."""
        return MosaicLevel(self.level, [part.open(sources) for part in self._parts], self._corners)
