"""Stored and synthesised levels behind one way of reading tiles and regions."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError, TileError
from napari_stexp.slide.cache import TileCache, shared_cache
from napari_stexp.slide.colour import ColourTransform, ConvertedLevel
from napari_stexp.slide.formats.level import TileLevel
from napari_stexp.slide.gather import Colour, Windows, gather_windows
from napari_stexp.slide.levels import Level, synthesised_levels
from napari_stexp.slide.location import Location

__all__ = ["BROKEN", "Pyramid", "halve"]

logger = logging.getLogger(__name__)

#: Colour of what can't be read: a grey that no stain and no glass has.
BROKEN: Colour = (200, 200, 200)
_serial = itertools.count()


def halve(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the 2 x 2 means, rounded half up; an odd last row or column is averaged alone.

    Parameters
    ----------
    image : (h, w, 3) uint8

    Returns
    -------
    (ceil(h / 2), ceil(w / 2), 3) uint8
    """
    from PIL import Image

    return np.array(Image.fromarray(image).reduce(2))


class Pyramid:
    """The pixels of one slide; safe to read from many threads.

    Slides that differ only in their scale share one pyramid: it counts its
    users and closes its files after the last.

    Parameters
    ----------
    stored : sequence of TileLevel
        Finest first; they may come from different files.
    cache : TileCache, optional
        The shared one by default.
    base : Pyramid, optional
        Whose levels are read here in other colours: released once with this one, and the
        owner of the files.
    """

    def __init__(
        self,
        stored: Sequence[TileLevel],
        cache: TileCache | None = None,
        base: Pyramid | None = None,
    ) -> None:
        self._stored, self.levels = _lay_out(stored)
        self._cache = cache if cache is not None else shared_cache()
        self._base = base
        self._owner = next(_serial)
        self._users = 1
        self._lock = Lock()
        self._warned = False
        self._overview: NDArray[np.uint8] | None = None

    def read_tile(self, level: int, row: int, col: int) -> NDArray[np.uint8]:
        """Return one (th, tw, 3) uint8 tile, read-only, through the cache.

        Raises
        ------
        TileError
            It doesn't decode, or the slide is closed.
        """
        return self._cache.get((self._owner, level, row, col), lambda: self._load(level, row, col))

    def cached_tile(self, level: int, row: int, col: int) -> NDArray[np.uint8] | None:
        """Return a tile if the cache has it; nothing is read."""
        return self._cache.peek((self._owner, level, row, col))

    @property
    def overview(self) -> NDArray[np.uint8] | None:
        """The coarsest level, once it has been read whole."""
        return self._overview

    def read_overview(self) -> NDArray[np.uint8]:
        """Return the coarsest level, (h, w, 3) uint8, read-only; kept from then on."""
        found = self._overview
        if found is None:
            height, width = self.levels[-1].shape
            found = self.show_region(0, 0, width, height, len(self.levels) - 1)
            self._keep_overview(found)
        return found

    def _keep_overview(self, pixels: NDArray[np.uint8]) -> None:
        pixels.flags.writeable = False
        self._overview = pixels

    def _load(self, level: int, row: int, col: int) -> NDArray[np.uint8]:
        if self.closed:
            raise TileError("the slide is closed", path=self._path)
        found = self._stored[level]
        if found is not None:
            return found.read(row, col)
        th, tw = self.levels[level].tile
        return self._synthesise(level, row * th, col * tw)

    def _synthesise(self, level: int, y: int, x: int) -> NDArray[np.uint8]:
        """Compute one tile of a level from the level before.

        These levels are for looking: of a tile that can't be read, only its own
        place turns grey.
        """
        th, tw = self.levels[level].tile
        finer = self.levels[level - 1]
        height = min(2 * th, finer.shape[0] - 2 * y)
        width = min(2 * tw, finer.shape[1] - 2 * x)
        small = halve(self.show_region(2 * x, 2 * y, width, height, level - 1))
        if small.shape[:2] == (th, tw):
            return small
        tile = np.zeros((th, tw, 3), np.uint8)
        tile[: small.shape[0], : small.shape[1]] = small
        return tile

    @property
    def closed(self) -> bool:
        """Whether its last user has let go of it."""
        return self._users < 1

    @property
    def _path(self) -> Location:
        return next(found.path for found in self._stored if found is not None)

    def gather(
        self,
        level: int,
        corners: NDArray[np.int64],
        size: tuple[int, int],
        *,
        fill: Colour = (0, 0, 0),
        broken: Colour = (0, 0, 0),
        pool: ThreadPoolExecutor | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Windows:
        """Cut windows out of a level; see `gather_windows`."""
        return gather_windows(
            lambda row, col: self.read_tile(level, row, col),
            self.levels[level],
            corners,
            size,
            fill=fill,
            broken=broken,
            pool=pool,
            stop=stop,
        )

    def read_region(
        self, x: int, y: int, width: int, height: int, level: int = 0, fill: Colour = (0, 0, 0)
    ) -> NDArray[np.uint8]:
        """Return a (height, width, 3) region; ``x``, ``y`` in the level's pixels.

        Raises
        ------
        TileError
            A tile under it doesn't decode.
        """
        found = self.gather(level, np.array([[x, y]]), (height, width), fill=fill)
        if found.errors:
            raise found.errors[0]
        return found.pixels[0]

    def show_region(self, x: int, y: int, width: int, height: int, level: int) -> NDArray[np.uint8]:
        """Like `read_region`, but what can't be read is grey, with one warning per slide."""
        found = self.gather(level, np.array([[x, y]]), (height, width), broken=BROKEN)
        if found.errors:
            self.warn(found.errors[0])
        return found.pixels[0]

    def warn(self, error: TileError) -> None:
        """Log that parts are grey: once where it is seen, from then on for debugging."""
        with self._lock:
            first, self._warned = not self._warned, True
        logger.log(
            logging.WARNING if first else logging.DEBUG,
            "%s Parts of the slide that can't be read are shown in grey.",
            error,
        )

    def share(self) -> Pyramid:
        """Count one more user."""
        with self._lock:
            if self.closed:
                raise SlideError("the slide is closed", path=self._path)
            self._users += 1
        return self

    def stored_colours(self) -> Pyramid:
        """Count one more user of the same pixels in the colours of the file."""
        return (self._base or self).share()

    def converted(self, transform: ColourTransform) -> Pyramid:
        """Return the same levels in other colours, cached apart; the files are shared."""
        base = self.stored_colours()
        stored = [ConvertedLevel(found, transform) for found in base._stored if found is not None]
        pyramid = Pyramid(stored, self._cache, base)
        if base._overview is not None:  # whoever shows it has read it already
            pyramid._keep_overview(transform.apply(base._overview))
        return pyramid

    def release(self) -> None:
        """Count one user less; the last closes the files and empties the cache."""
        with self._lock:
            self._users -= 1
            if self._users != 0:
                return
        if self._base is not None:
            self._base.release()
        for found in self._stored:
            if found is not None:
                found.close()  # a converted level leaves that to the one it converts
        self._cache.drop(self._owner)


def _lay_out(stored: Sequence[TileLevel]) -> tuple[list[TileLevel | None], tuple[Level, ...]]:
    """Add the levels that are missing at the coarse end; None stands for a synthesised one."""
    levels = [found.level for found in stored]
    sources: list[TileLevel | None] = list(stored)
    added = synthesised_levels(levels[-1])
    return sources + [None] * len(added), (*levels, *added)
