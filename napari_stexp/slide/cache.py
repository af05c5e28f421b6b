"""The decoded-tile cache: a byte-limited LRU shared by all slides and threads."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Hashable
from functools import lru_cache
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError

__all__ = ["TileCache", "shared_cache"]

Tile = NDArray[np.uint8]
DEFAULT_LIMIT_MB = 128.0


class _Load:
    """A tile that a thread is decoding; others wait for it at the lock."""

    __slots__ = ("error", "lock", "tile")

    def __init__(self) -> None:
        self.lock = Lock()
        self.lock.acquire()  # a Future's lock and condition cost as much as a tenth of a tile
        self.tile: Tile | None = None
        self.error: BaseException | None = None

    def result(self) -> Tile:
        """Wait, and return the tile or raise what its decoding raised."""
        with self.lock:
            pass
        if self.tile is None:
            assert self.error is not None
            raise self.error
        return self.tile


class TileCache:
    """Least-recently-used tiles up to a number of bytes.

    Two threads that ask for the same missing tile at the same time decode it
    once: the second waits for the first.

    Parameters
    ----------
    limit_bytes : int
        The most that the kept tiles may hold together. A tile larger than
        this is handed out, but not kept.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._tiles: OrderedDict[Hashable, Tile] = OrderedDict()
        self._loading: dict[Hashable, _Load] = {}
        self._bytes = 0
        self._lock = Lock()

    def get(self, key: Hashable, load: Callable[[], Tile]) -> Tile:
        """Return the tile ``key``, loading it when it isn't kept.

        Parameters
        ----------
        key : hashable
            Identity of the tile over all slides.
        load : callable
            Decodes the tile. What it raises is raised here, also in the
            threads that wait for it, and isn't kept.

        Returns
        -------
        (th, tw, 3) uint8 array, read-only
        """
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
                return tile
            flight = self._loading.get(key)
            mine = flight is None
            if flight is None:
                flight = self._loading[key] = _Load()
        if not mine:
            return flight.result()
        try:
            tile = load()
        except BaseException as error:
            with self._lock:
                del self._loading[key]
            flight.error = error
            flight.lock.release()
            raise
        tile.flags.writeable = False
        with self._lock:
            del self._loading[key]
            self._keep(key, tile)
        flight.tile = tile
        flight.lock.release()
        return tile

    def peek(self, key: Hashable) -> Tile | None:
        """Return the tile ``key`` if it is kept; never waits for one that is being decoded."""
        with self._lock:
            tile = self._tiles.get(key)
            if tile is not None:
                self._tiles.move_to_end(key)
            return tile

    def _keep(self, key: Hashable, tile: Tile) -> None:
        if tile.nbytes > self.limit_bytes:
            return
        self._tiles[key] = tile
        self._bytes += tile.nbytes
        while self._bytes > self.limit_bytes:
            _, oldest = self._tiles.popitem(last=False)
            self._bytes -= oldest.nbytes

    def drop(self, owner: int) -> None:
        """Forget all tiles whose key is a tuple that starts with ``owner``."""
        with self._lock:
            for key in [k for k in self._tiles if isinstance(k, tuple) and k[0] == owner]:
                self._bytes -= self._tiles.pop(key).nbytes


@lru_cache(maxsize=1)
def shared_cache() -> TileCache:
    """Return the one cache of this process.

    ``STEXP_TILE_CACHE_MB`` sets its limit (128 MB where unset); it is read once.
    """
    return TileCache(int(_limit_mb() * 1e6))


def _limit_mb() -> float:
    text = os.environ.get("STEXP_TILE_CACHE_MB", "")
    if not text:
        return DEFAULT_LIMIT_MB
    try:
        limit = float(text)
    except ValueError:
        limit = -1.0
    if not 0 <= limit < float("inf"):
        raise SlideError(
            "STEXP_TILE_CACHE_MB is no size", expected="megabytes, 0 or more", found=repr(text)
        )
    return limit
