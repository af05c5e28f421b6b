"""Levels as dask arrays that read through the tile cache."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import dask.array

    from napari_stexp.slide.levels import Level
    from napari_stexp.slide.pyramid import Pyramid
    from napari_stexp.slide.viewing import Area, SlideView

__all__ = ["LazyLevel", "ViewedLevel", "chunk_side", "dask_levels", "viewed_levels"]

#: Chunks are multiples of the tile in this range (px), where the tiles allow it.
_CHUNK_RANGE = (512, 1024)
_serial = itertools.count()


def chunk_side(level: Level) -> int:
    """Side of the square chunks of a level.

    The smallest multiple of the tile from 512 to 1024 px; napari widens what
    it asks for to whole chunks, so that larger ones would only be read in vain.
    """
    height, width = level.tile
    if height == width and height <= _CHUNK_RANGE[1]:
        return height * -(-_CHUNK_RANGE[0] // height)
    return _CHUNK_RANGE[0]


class LazyLevel:
    """One level as an array that is read where it is indexed.

    Parameters
    ----------
    pyramid : Pyramid
    index : int
        The level.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, pyramid: Pyramid, index: int) -> None:
        self._pyramid = pyramid
        self._index = index
        self.shape = (*pyramid.levels[index].shape, 3)

    @property
    def size(self) -> int:
        """Number of samples."""
        height, width, samples = self.shape
        return height * width * samples

    @property
    def chunks(self) -> tuple[tuple[int, ...], ...]:
        """Sides of the square chunks along each axis, as dask says them."""
        side = chunk_side(self._pyramid.levels[self._index])
        return (*(_cut(length, side) for length in self.shape[:2]), (3,))

    def __len__(self) -> int:
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read all of it."""
        return np.asarray(self[:], dtype)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        """Read the smallest rectangle that holds what is asked for."""
        key = key if isinstance(key, tuple) else (key,)
        if Ellipsis in key:
            at = key.index(Ellipsis)
            key = key[:at] + (slice(None),) * (self.ndim - len(key) + 1) + key[at + 1 :]
        key = key + (slice(None),) * (self.ndim - len(key))
        (top, height, rows), (left, width, cols) = (
            _bounds(part, size) for part, size in zip(key[:2], self.shape[:2], strict=True)
        )
        region = self._region(left, top, width, height)
        return region[rows, cols, key[2]]

    def _region(self, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        return self._pyramid.show_region(x, y, width, height, self._index)


class ViewedLevel(LazyLevel):
    """A level of which the area that is on the screen comes at once, as far as it is read.

    Any other area is read where it is asked for, as from `LazyLevel`: scripts get the pixels
    of the file.

    Parameters
    ----------
    view : SlideView
    index : int
        The level.
    on_screen : callable
        Says what is on the screen now, or None.
    """

    def __init__(self, view: SlideView, index: int, on_screen: Callable[[], Area | None]) -> None:
        super().__init__(view.pyramid, index)
        self._view = view
        self._on_screen = on_screen

    def _region(self, x: int, y: int, width: int, height: int) -> NDArray[np.uint8]:
        seen = self._on_screen()
        if seen is None or (seen.level, seen.x, seen.y) != (self._index, x, y):
            return super()._region(x, y, width, height)
        if (seen.width, seen.height) != (width, height):
            return super()._region(x, y, width, height)
        return self._view.look(seen)


def _cut(length: int, side: int) -> tuple[int, ...]:
    rest = length % side
    return (side,) * (length // side) + ((rest,) if rest else ())


def _bounds(part: Any, size: int) -> tuple[int, int, Any]:
    """Return start and length of what an index covers, and the index within that."""
    if not isinstance(part, slice):
        start = range(size)[part]
        return start, 1, 0
    chosen = range(size)[part]
    if not len(chosen):
        return 0, 0, slice(None)
    low, high = min(chosen[0], chosen[-1]), max(chosen[0], chosen[-1]) + 1
    if chosen.step > 0:
        return low, high - low, slice(0, None, chosen.step)
    return low, high - low, slice(None, None, chosen.step)


def dask_levels(pyramid: Pyramid, name: str) -> list[dask.array.Array]:
    """Return all levels as (h, w, 3) uint8 dask arrays with square chunks."""
    import dask.array as da

    serial = next(_serial)
    arrays = []
    for n, level in enumerate(pyramid.levels):
        side = chunk_side(level)
        arrays.append(
            da.from_array(
                LazyLevel(pyramid, n),
                chunks=(side, side, 3),
                name=f"stexp-{name}-{serial}-{n}",
                asarray=False,
                fancy=False,
                meta=np.empty((0, 0, 0), np.uint8),
            )
        )
    return arrays


def viewed_levels(view: SlideView, on_screen: Callable[[], Area | None]) -> list[Any]:
    """Return all levels for a viewer: the coarsest as an array in memory, which is read now."""
    finer = [ViewedLevel(view, n, on_screen) for n in range(len(view.pyramid.levels) - 1)]
    return [*finer, view.pyramid.read_overview()]
