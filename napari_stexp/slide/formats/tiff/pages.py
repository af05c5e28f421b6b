"""Pages of a TIFF as levels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_stexp.errors import SlideError
from napari_stexp.slide.decoding import StoredLevel
from napari_stexp.slide.formats.level import FileLevel, TileLevel
from napari_stexp.slide.formats.opened import LeftToOpenSlideError
from napari_stexp.slide.formats.tiff.kinds import JPEG_FAMILY
from napari_stexp.slide.formats.tiff.subsampled import subsampled_decoder
from napari_stexp.slide.levels import Level, stored_downsample
from napari_stexp.slide.location import Location
from napari_stexp.slide.source import ByteSource, open_source

if TYPE_CHECKING:
    import tifffile

    from napari_stexp.slide.pixels import PixelKind

__all__ = ["MAX_TILE_PIXELS", "LevelPlan", "PagePlan", "Sources", "plan_page"]

#: A tile is decoded as a whole: a table that claims more pixels for one is refused.
MAX_TILE_PIXELS = 2**26
_OLD_JPEG = 6


class Sources:
    """The files of one slide, each opened once.

    Parameters
    ----------
    opener : callable
        Opens one; `open_source` by default.
    """

    def __init__(self, opener: Callable[[Any], ByteSource] = open_source) -> None:
        self._opener = opener
        self._open: dict[Location, ByteSource] = {}

    def get(self, path: Location) -> ByteSource:
        """Return the file, opening it at the first call."""
        if path not in self._open:
            self._open[path] = self._opener(path)
        return self._open[path]

    def close(self) -> None:
        """Let go of all files."""
        for source in self._open.values():
            source.close()


class LevelPlan(Protocol):
    """A level as a file's tables describe it, not open yet."""

    @property
    def level(self) -> Level:
        """Its size, and how it is cut into tiles."""

    def open(self, sources: Sources) -> TileLevel:
        """Open it for reading."""


class PagePlan:
    """A level that is one page, or several with a channel each.

    Raises
    ------
    SlideError
        The channels differ in size, or in how they are cut into tiles.
    """

    def __init__(self, stored: Sequence[StoredLevel]) -> None:
        self.stored = tuple(stored)
        self.level = self.stored[0].level
        for part in self.stored[1:]:
            if (part.level.shape, part.level.tile) != (self.level.shape, self.level.tile):
                raise SlideError(
                    "is a damaged TIFF", path=part.path,
                    expected=f"colours of one size, {_sizes(self.level)}", found=_sizes(part.level),
                )  # fmt: skip

    def open(self, sources: Sources) -> TileLevel:
        """Open it for reading."""
        levels = [FileLevel(part, sources.get(part.path)) for part in self.stored]
        return levels[0] if len(levels) == 1 else _ChannelLevel(levels)


def _sizes(level: Level) -> str:
    (height, width), (th, tw) = level.shape, level.tile
    return f"{width} x {height} px in tiles of {tw} x {th}"


class _ChannelLevel:
    """Red, green and blue from pages of their own, perhaps in files of their own."""

    def __init__(self, channels: Sequence[FileLevel]) -> None:
        self._channels = tuple(channels)
        self.level = channels[0].level
        self.path = channels[0].path

    def read(self, row: int, col: int) -> np.ndarray:
        """Decode one tile, (th, tw, 3) uint8."""
        return np.stack([part.read(row, col)[..., 0] for part in self._channels], axis=2)

    def close(self) -> None:
        """Let go of the files."""
        for part in self._channels:
            part.close()


def plan_page(
    page: tifffile.TiffPage | tifffile.TiffFrame,
    kind: PixelKind,
    base_shape: tuple[int, int],
    path: Location,
    downsample: float | None = None,
) -> StoredLevel:
    """Return where the tiles of a page lie, and how they decode.

    Raises
    ------
    SlideError
        The file ends before its last tile, lists too few, claims tiles of a size that
        no scanner writes, or is compressed in a way that isn't read here.
    """
    key, handle = page.keyframe, page.parent.filehandle
    path = path if handle.name == path.name else Path(handle.path)  # one of several files
    shape = (int(key.imagelength), int(key.imagewidth))
    tile = (
        (int(key.tilelength), int(key.tilewidth))
        if key.is_tiled
        else (int(key.rowsperstrip), shape[1])
    )
    _check_tile(key, tile, path)
    decode = _decoder(key, path)
    tables = (("jpegtables", page.jpegtables), ("jpegheader", key.jpegheader))
    downsample = stored_downsample(base_shape, shape) if downsample is None else downsample
    stored = StoredLevel(
        path,
        Level(shape, downsample, tile),
        np.asarray(page.dataoffsets, np.int64),
        np.asarray(page.databytecounts, np.int64),
        decode,
        {name: value for name, value in tables if value is not None},
        int(key.samplesperpixel) if key.planarconfig == 2 else 1,
        kind,
    )
    _check_extent(stored, handle.size)
    return stored


def _check_tile(page: tifffile.TiffPage, tile: tuple[int, int], path: Location) -> None:
    if min(tile) < 1 or (page.is_tiled and tile[0] * tile[1] > MAX_TILE_PIXELS):
        raise SlideError(
            "is a damaged TIFF", path=path,
            expected=f"tiles of at most {MAX_TILE_PIXELS // 10**6} megapixels",
            found=f"{tile[1]} x {tile[0]} px",
        )  # fmt: skip


def _decoder(page: tifffile.TiffPage, path: Location) -> Callable[..., Any]:
    import tifffile

    compression = int(page.compression)
    name = getattr(page.compression, "name", compression)
    if compression == _OLD_JPEG and not _is_whole_jpeg(page):
        raise LeftToOpenSlideError(
            "is compressed in a way that isn't read here", path=path,
            expected="JPEG with its tables (TIFF 7)", found="old-style JPEG (TIFF 6, OJPEG)",
            hint="Save it again as a tiled TIFF, with libtiff's tiffcp for example.",
        )  # fmt: skip
    try:
        known = compression == 1 or tifffile.TIFF.DECOMPRESSORS[compression] is not None
    except KeyError:
        known = False
    if not known:
        raise LeftToOpenSlideError(
            "is compressed in a way that isn't read here", path=path,
            expected="a compression of TIFF slides", found=name,
        )  # fmt: skip
    if page.is_subsampled and compression not in JPEG_FAMILY:
        return subsampled_decoder(page, path)
    return page.decode


def _is_whole_jpeg(page: tifffile.TiffPage) -> bool:
    """Whether an old-style JPEG's first segment is a stream of its own, with its tables."""
    handle = page.parent.filehandle
    if not page.dataoffsets or page.databytecounts[0] < 4:
        return False
    handle.seek(page.dataoffsets[0])
    head = handle.read(min(page.databytecounts[0], 4096))
    return head.startswith(b"\xff\xd8\xff") and b"\xff\xdb" in head and b"\xff\xc4" in head


def _check_extent(stored: StoredLevel, size: int) -> None:
    """Refuse a file that ends before its last tile, or lists too few of them."""
    rows, cols = stored.level.grid
    expected = rows * cols * stored.planes
    if len(stored.offsets) < expected or len(stored.counts) < expected:
        raise SlideError(
            "is a damaged TIFF", path=stored.path,
            expected=f"{expected} tiles", found=min(len(stored.offsets), len(stored.counts)),
        )  # fmt: skip
    there = min(len(stored.offsets), len(stored.counts))
    end = int(np.max(stored.offsets[:there] + stored.counts[:there], initial=0))
    if end > size:
        raise SlideError(
            "is cut off", path=stored.path, expected=f"at least {end} bytes", found=size,
            hint="Copy or download it again.",
        )  # fmt: skip
