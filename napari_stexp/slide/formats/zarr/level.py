"""One array of an OME-Zarr pyramid as a level."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import TileError
from napari_stexp.slide.levels import Level, broken_tile
from napari_stexp.slide.location import Location, RemotePath

if TYPE_CHECKING:
    import zarr

__all__ = ["Layout", "ZarrLevel"]

_TRIES, _FIRST_WAIT_S = 3, 0.25


@dataclass(frozen=True)
class Layout:
    """Where the axes of a level's array are.

    Attributes
    ----------
    axes : str
        One letter each, in the array's order.
    """

    axes: str

    def region(self, array: zarr.Array, y: slice, x: slice) -> NDArray[np.uint8]:
        """Read a rectangle as (h, w, 3)."""
        whole = {"y": y, "x": x, "c": slice(None)}
        found = np.asarray(array[tuple(whole.get(axis, 0) for axis in self.axes)])
        kept = [axis for axis in self.axes if axis in whole]
        return np.ascontiguousarray(found.transpose([kept.index(axis) for axis in "yxc"]))

    def side(self, sizes: Sequence[int], axis: str) -> int:
        """Return the size along an axis; 1 where the array doesn't have it."""
        return int(sizes[self.axes.index(axis)]) if axis in self.axes else 1


class ZarrLevel:
    """One array of an OME-Zarr pyramid, cut into tiles that are whole chunks.

    Parameters
    ----------
    array : zarr.Array
    layout : Layout
    level : Level
    path : Path or RemotePath
    closed : threading.Event
        Shared by all levels of the image.
    """

    def __init__(
        self, array: zarr.Array, layout: Layout, level: Level, path: Location, closed: Event
    ) -> None:
        self._array = array
        self._layout = layout
        self._level = level
        self._path = path
        self._closed = closed

    @property
    def level(self) -> Level:
        """Its size, and how it is cut into tiles."""
        return self._level

    @property
    def path(self) -> Location:
        """The store."""
        return self._path

    def read(self, row: int, col: int) -> NDArray[np.uint8]:
        """Read one tile, (th, tw, 3) uint8; chunks that are missing hold the fill value."""
        if self._closed.is_set():
            raise TileError("the slide is closed", path=self._path)
        (th, tw), (height, width) = self._level.tile, self._level.shape
        y = slice(row * th, min((row + 1) * th, height))
        x = slice(col * tw, min((col + 1) * tw, width))
        tile = self.region(y, x)
        if tile.shape == (th, tw, 3):
            return tile
        whole = np.zeros((th, tw, 3), np.uint8)
        whole[: tile.shape[0], : tile.shape[1]] = tile
        return whole

    def region(self, y: slice, x: slice) -> NDArray[np.uint8]:
        """Read a rectangle, (h, w, 3) uint8; from afar again after a moment, when it fails."""
        remote = isinstance(self._path, RemotePath)
        for left in range(_TRIES - 1 if remote else 0, -1, -1):
            try:
                return self._layout.region(self._array, y, x)
            except Exception as error:  # codecs and servers' libraries raise what they like
                if not left:
                    raise broken_tile(
                        self._level, f"at {x.start}, {y.start}", self._path,
                        type(error).__name__ if remote else error, "a chunk",
                    ) from error  # fmt: skip
            time.sleep(_FIRST_WAIT_S * 2 ** (_TRIES - 1 - left))
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Let go of the store; reads that are under way end normally."""
        self._closed.set()
