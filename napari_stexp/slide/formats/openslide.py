"""Slides that OpenSlide reads: MIRAX, DICOM, Zeiss CZI, VMS and others.

Coordinates are OpenSlide's: pixel (0, 0) is the corner of the whole canvas, also where a scanner
has recorded only a part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError, TileError
from napari_stexp.slide.facts import SlideFacts
from napari_stexp.slide.formats.opened import OpenedFile
from napari_stexp.slide.levels import Level, stored_downsample
from napari_stexp.slide.metadata.openslide import read_openslide_facts

if TYPE_CHECKING:
    import openslide
    from PIL import Image

__all__ = ["OpenSlideLevel", "backend_name", "open_with_openslide", "openslide_knows"]

#: Sides of what is read at once, px; in between, a multiple of the file's own tiles.
_SMALLEST_TILE, _LARGEST_TILE = 256, 1024
_USUAL_TILE = 512
_CACHE_BYTES = 16 * 2**20
_MOST_SIDE = 2**31
_GLASS = 255


def backend_name() -> str:
    """Return OpenSlide's name with its version."""
    import openslide

    return f"OpenSlide {openslide.__library_version__}"


def openslide_knows(path: Path) -> bool:
    """Whether OpenSlide takes the file for one of its formats."""
    import openslide

    return openslide.OpenSlide.detect_format(path) is not None


def open_with_openslide(path: Path) -> OpenedFile:
    """Open a slide with OpenSlide.

    Parameters
    ----------
    path : Path
        A file; of a slide of several, the one that OpenSlide takes.

    Raises
    ------
    SlideError
        OpenSlide doesn't know it, or finds it damaged.
    """
    shared = _SharedHandle(path)
    handle = shared.get()
    properties = dict(handle.properties)
    levels = _levels(handle, properties, path)
    facts = _facts(properties, handle)
    stored = tuple(
        OpenSlideLevel(shared, number, level, handle.level_downsamples[number])
        for number, level in levels
    )
    return OpenedFile(stored, facts, backend_name(), _associated(shared, handle))


class _SharedHandle:
    """OpenSlide's handle, opened anew when it went into its error state.

    After one damaged tile a handle gives nothing but errors; and it must not be freed while
    another thread reads: it is, by its destructor, when the last reader has let go of it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._closed = False
        self._handle: openslide.OpenSlide | None = _open(path)

    def get(self) -> openslide.OpenSlide:
        """Return the handle; hold it only as long as it is used."""
        handle = self._handle
        if handle is not None:
            return handle
        with self._lock:
            if self._closed:
                raise TileError("the slide is closed", path=self.path)
            if self._handle is None:
                self._handle = _open(self.path)
            return self._handle

    def use(self, read: Callable[[openslide.OpenSlide], Any]) -> Any:
        """Read with the handle; again with one of its own, in case another thread broke it.

        Raises
        ------
        TileError
            What is asked for is damaged.
        """
        import openslide

        handle = self.get()
        try:
            return read(handle)
        except openslide.OpenSlideError:
            with self._lock:
                if self._handle is handle:
                    self._handle = None
        del handle
        try:
            fresh = _open(self.path)
            found = read(fresh)
        except (openslide.OpenSlideError, SlideError) as error:
            raise TileError("a tile doesn't decode", path=self.path, found=_text(error)) from error
        with self._lock:
            if self._handle is None and not self._closed:
                self._handle = fresh
        return found

    def close(self) -> None:
        with self._lock:
            self._closed, self._handle = True, None


def _text(error: Exception) -> str:
    return error.what if isinstance(error, SlideError) else str(error)


def _open(path: Path) -> openslide.OpenSlide:
    import openslide

    try:
        handle = openslide.OpenSlide(path)
        handle.set_cache(_cache())
    except openslide.OpenSlideUnsupportedFormatError as error:
        raise SlideError(
            "is no slide that OpenSlide reads", path=path,
            hint="Turn it into OME-TIFF with QuPath or bioformats2raw.",
        ) from error  # fmt: skip
    except (openslide.OpenSlideError, OSError) as error:
        raise SlideError("can't be opened by OpenSlide", path=path, found=error) from error
    return handle


@lru_cache(maxsize=1)
def _cache() -> openslide.OpenSlideCache:
    """Return one small cache for all: tiles that straddle ours; decoded ones are kept by us."""
    import openslide

    return openslide.OpenSlideCache(_CACHE_BYTES)


class OpenSlideLevel:
    """One level that OpenSlide reads, cut into tiles.

    Parameters
    ----------
    shared : _SharedHandle
        Of all levels of the file: closing one closes it for all.
    number : int
        OpenSlide's.
    level : Level
    downsample : float
        OpenSlide's, by which it finds a place of this level.
    """

    def __init__(self, shared: _SharedHandle, number: int, level: Level, downsample: float) -> None:
        self._shared = shared
        self._number = number
        self._level = level
        self._downsample = downsample

    @property
    def level(self) -> Level:
        """Its size, and how it is cut into tiles."""
        return self._level

    @property
    def path(self) -> Path:
        """The file that it is read from."""
        return self._shared.path

    def read(self, row: int, col: int) -> NDArray[np.uint8]:
        """Read one tile, (th, tw, 3) uint8; pixels that were never scanned are white."""
        (th, tw), d = self._level.tile, self._downsample
        corner = round(col * tw * d), round(row * th * d)
        image = self._shared.use(lambda handle: handle.read_region(corner, self._number, (tw, th)))
        return _over_glass(image)

    def close(self) -> None:
        """Let go of the file."""
        self._shared.close()


def _over_glass(image: Image.Image) -> NDArray[np.uint8]:
    """Lay an RGBA picture over white."""
    from PIL import Image

    if image.mode != "RGBA":
        return np.array(image.convert("RGB"))
    low, _ = image.getchannel("A").getextrema()
    if low == _GLASS:
        return np.ascontiguousarray(np.asarray(image)[:, :, :3])
    glass = Image.new("RGBA", image.size, (_GLASS, _GLASS, _GLASS, _GLASS))
    glass.alpha_composite(image)
    return np.array(glass.convert("RGB"))


def _levels(
    handle: openslide.OpenSlide, properties: Mapping[str, str], path: Path
) -> list[tuple[int, Level]]:
    """Return the levels with OpenSlide's numbers, each strictly smaller than the one before."""
    width, height = handle.level_dimensions[0]
    if not (0 < width < _MOST_SIDE and 0 < height < _MOST_SIDE):
        raise SlideError("is damaged", path=path, expected="pixels", found=f"{width} x {height}")
    base, kept = (int(height), int(width)), []
    last = (height + 1, width + 1)
    for number, (w, h) in enumerate(handle.level_dimensions):
        if not (0 < h < last[0] and 0 < w < last[1]):
            continue
        shape = last = (int(h), int(w))
        tile = _tile(properties, number)
        kept.append((number, Level(shape, stored_downsample(base, shape), tile)))
    return kept


def _tile(properties: Mapping[str, str], number: int) -> tuple[int, int]:
    """Return what to read at once: the file's own tiles, several where they are small."""

    def side(name: str) -> int:
        own = int(properties.get(f"openslide.level[{number}].tile-{name}", 0))
        if not 0 < own <= _LARGEST_TILE:
            return _USUAL_TILE
        return own * -(-_SMALLEST_TILE // own)

    return side("height"), side("width")


def _facts(properties: Mapping[str, str], handle: openslide.OpenSlide) -> SlideFacts:
    """Return what OpenSlide says; a part that was scanned is noted: others cut it out."""
    profile = handle.color_profile
    facts = read_openslide_facts(properties, None if profile is None else profile.tobytes())
    left, top = (properties.get(f"openslide.bounds-{axis}", "0") for axis in "xy")
    if (left, top) == ("0", "0"):
        return facts
    note = (
        f"Only a part was scanned, from ({left}, {top}) px on. Coordinates are those of the "
        "whole canvas; programs that show the part alone count from there."
    )
    return replace(facts, notes=(*facts.notes, note))


def _associated(
    shared: _SharedHandle, handle: openslide.OpenSlide
) -> dict[str, Callable[[], NDArray[np.uint8]]]:
    def reader(name: str) -> Callable[[], NDArray[np.uint8]]:
        return lambda: _over_glass(shared.use(lambda handle: handle.associated_images[name]))

    return {name: reader(name) for name in handle.associated_images}
