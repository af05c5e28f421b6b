"""Tiles of what is being looked at, read in threads of their own.

Whoever looks never waits for a disk: what is at hand comes at once, in place of the rest what
coarser levels have of it, and the rest is asked for. A new view takes the place of the one
before, whose reads that haven't begun are dropped.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock, Thread
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import TileError
from napari_stexp.slide.pyramid import BROKEN

if TYPE_CHECKING:
    from napari_stexp.slide.pyramid import Pyramid

__all__ = ["Area", "SlideView"]

logger = logging.getLogger(__name__)

#: Threads that read; more than processors, because they wait for disks and servers too.
_THREADS = min(8, max(4, os.cpu_count() or 1))
#: A level that is this much coarser is read first: a sixteenth of the tiles.
_FIRST = 4.0
Tile = NDArray[np.uint8]
Key = tuple[int, int, int]  # level, row, column


@dataclass(frozen=True)
class Area:
    """A rectangle of one level, in that level's pixels."""

    level: int
    x: int
    y: int
    width: int
    height: int


class SlideView:
    """What is seen of a slide, as far as it has been read; safe to use from many threads.

    Parameters
    ----------
    pyramid : Pyramid
    wake : callable
        Called, in the thread that looks, when something has been asked for: ask
        `take_news` from time to time, as long as there is something `pending`.
    begin : callable, optional
        Called in each reading thread before it reads.
    """

    def __init__(
        self,
        pyramid: Pyramid,
        wake: Callable[[], None],
        begin: Callable[[], None] | None = None,
    ) -> None:
        self.pyramid = pyramid
        self._wake = wake
        self._begin = begin
        self._lock = Lock()
        self._wanted: list[Key] = []  # the next one last
        self._reading: set[Key] = set()
        self._here: dict[Key, Tile] = {}  # of the present view: the cache may be small
        self._shown: frozenset[Key] = frozenset()
        self._threads = 0
        self._news = self._stopped = False

    @property
    def pending(self) -> bool:
        """Whether tiles of the present view are still to come, or have come unseen."""
        with self._lock:
            return bool(self._wanted or self._news or self._reading & self._shown)

    def take_news(self) -> bool:
        """Return whether tiles of the present view have come since the last call."""
        with self._lock:
            news, self._news = self._news, False
        return news

    def stop(self) -> None:
        """Drop what hasn't begun, and ask for nothing any more."""
        with self._lock:
            self._stopped = True
            self._wanted, self._news = [], False
            self._here, self._shown = {}, frozenset()

    def look(self, area: Area) -> Tile:
        """Return what is there of an area at once, and ask for the rest.

        Parameters
        ----------
        area : Area
            Inside its level.

        Returns
        -------
        (height, width, 3) uint8 array
            Where tiles haven't been read yet, enlarged from a coarser level.
        """
        keys = list(self._keys(area))
        first = self._coarser(area)
        found = {key: tile for key in (*keys, *first) if (tile := self._at_hand(key)) is not None}
        missing = _outwards([key for key in keys if key not in found], keys)
        asked = [key for key in first if key not in found] if missing else []
        self._ask(frozenset((*keys, *first)), found, [*asked, *missing])
        pixels = np.empty((area.height, area.width, 3), np.uint8)
        for key in keys:
            self._paint(pixels, area, key, found.get(key))
        return pixels

    def _keys(self, area: Area) -> Iterator[Key]:
        th, tw = self.pyramid.levels[area.level].tile
        for row in range(area.y // th, -(-(area.y + area.height) // th)):
            for col in range(area.x // tw, -(-(area.x + area.width) // tw)):
                yield area.level, row, col

    def _coarser(self, area: Area) -> list[Key]:
        """Return the tiles below an area of a level about `_FIRST` times as coarse."""
        levels = self.pyramid.levels
        least = levels[area.level].downsample * _FIRST * 0.99
        at = next((n for n, level in enumerate(levels[:-1]) if level.downsample >= least), None)
        if at is None or not levels[at].stored:
            return []
        factor = levels[at].downsample / levels[area.level].downsample
        height, width = levels[at].shape
        x, y = int(area.x / factor), int(area.y / factor)
        right = min(-int(-(area.x + area.width) // factor), width)
        bottom = min(-int(-(area.y + area.height) // factor), height)
        return list(self._keys(Area(at, x, y, max(right - x, 1), max(bottom - y, 1))))

    def _at_hand(self, key: Key) -> Tile | None:
        tile = self._here.get(key)
        return self.pyramid.cached_tile(*key) if tile is None else tile

    # ---- asking --------------------------------------------------------------------------

    def _ask(self, shown: frozenset[Key], found: dict[Key, Tile], wanted: list[Key]) -> None:
        with self._lock:
            if self._stopped:
                return
            self._shown = shown
            late = {k: tile for k, tile in self._here.items() if k in shown}
            self._here = {**late, **found}
            self._wanted = [
                key for key in reversed(wanted)
                if key not in self._here and key not in self._reading
            ]  # fmt: skip
            if any(key not in found for key in late):
                self._news = True  # came while we looked
            more = min(len(self._wanted), _THREADS - self._threads)
            self._threads += max(more, 0)
            waiting = bool(self._wanted or self._news or self._reading & shown)
        for _ in range(more):
            Thread(target=self._read_on, name="stexp-view", daemon=True).start()
        if waiting:
            self._wake()

    def _read_on(self) -> None:
        """Read what is wanted, the newest view's first, until nothing is."""
        if self._begin is not None:
            self._begin()
        while True:
            with self._lock:
                if not self._wanted:
                    self._threads -= 1
                    return
                key = self._wanted.pop()
                self._reading.add(key)
            tile = self._read(key)
            with self._lock:
                self._reading.discard(key)
                if key in self._shown:
                    self._here[key] = tile
                    self._news = True

    def _read(self, key: Key) -> Tile:
        try:
            return self.pyramid.read_tile(*key)
        except TileError as error:
            if not self.pyramid.closed:
                self.pyramid.warn(error)
        except Exception:  # else what is left would never be read, and be asked for again
            logger.exception("Reading tile %s failed", key)
        tile = np.empty((*self.pyramid.levels[key[0]].tile, 3), np.uint8)
        tile[:] = BROKEN
        return tile

    # ---- painting ------------------------------------------------------------------------

    def _paint(self, pixels: Tile, area: Area, key: Key, tile: Tile | None) -> None:
        """Copy a tile to its place in the area, or enlarge what coarser levels have of it."""
        level, row, col = key
        th, tw = self.pyramid.levels[level].tile
        y0, y1 = max(row * th, area.y), min((row + 1) * th, area.y + area.height)
        x0, x1 = max(col * tw, area.x), min((col + 1) * tw, area.x + area.width)
        place = (slice(y0 - area.y, y1 - area.y), slice(x0 - area.x, x1 - area.x))
        if tile is not None:
            pixels[place] = tile[y0 - row * th : y1 - row * th, x0 - col * tw : x1 - col * tw]
        else:
            pixels[place] = self._enlarged(Area(level, x0, y0, x1 - x0, y1 - y0))

    def _enlarged(self, area: Area) -> Tile:
        """Return an area from the finest coarser level that is at hand, by nearest neighbours."""
        levels = self.pyramid.levels
        for at in range(area.level + 1, len(levels)):
            factor = levels[at].downsample / levels[area.level].downsample
            height, width = levels[at].shape
            x0 = min(area.x / factor, width - 1)
            y0 = min(area.y / factor, height - 1)
            x1 = min(max((area.x + area.width) / factor, x0 + 1e-3), width)
            y1 = min(max((area.y + area.height) / factor, y0 + 1e-3), height)
            left, top = int(x0), int(y0)
            right, bottom = min(int(np.ceil(x1)), width), min(int(np.ceil(y1)), height)
            piece = self._assembled(Area(at, left, top, right - left, bottom - top))
            if piece is not None:
                rows = _nearest(y0 - top, y1 - top, area.height)
                columns = _nearest(x0 - left, x1 - left, area.width)
                samples = (columns[:, None] * 3 + np.arange(3)).ravel()  # faster than by pixel
                flat = piece.reshape(len(piece), -1)
                wide = flat.take(samples, axis=1).take(rows, axis=0)
                return wide.reshape(area.height, area.width, 3)
        return np.full((area.height, area.width, 3), BROKEN, np.uint8)  # not even an overview

    def _assembled(self, area: Area) -> Tile | None:
        """Return an area of a level if all of it is at hand."""
        overview = self.pyramid.overview
        if area.level == len(self.pyramid.levels) - 1 and overview is not None:
            return overview[area.y : area.y + area.height, area.x : area.x + area.width]
        found = {}
        for key in self._keys(area):
            tile = self._at_hand(key)
            if tile is None:
                return None
            found[key] = tile
        pixels = np.empty((area.height, area.width, 3), np.uint8)
        for key, tile in found.items():
            self._paint(pixels, area, key, tile)
        return pixels


def _nearest(start: float, end: float, n: int) -> NDArray[np.intp]:
    """Return which pixels lie below the middles of ``n`` equal parts of a stretch of pixels."""
    return (start + (np.arange(n) + 0.5) * ((end - start) / n)).astype(np.intp)


def _outwards(missing: list[Key], keys: list[Key]) -> list[Key]:
    """Order tiles from the middle of a view to its rim."""
    if not missing:
        return []
    row = (keys[0][1] + keys[-1][1]) / 2
    col = (keys[0][2] + keys[-1][2]) / 2
    return sorted(missing, key=lambda key: (key[1] - row) ** 2 + (key[2] - col) ** 2)
