"""The structure of TIFF slides.

tifffile parses the file once; afterwards only byte ranges are read, so that
no lock is needed and the parser's own file handle is closed again.
"""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import SlideError
from napari_stexp.slide.decoding import StoredLevel
from napari_stexp.slide.facts import SlideFacts, read_tiff_facts
from napari_stexp.slide.levels import Level, stored_downsample

if TYPE_CHECKING:
    import tifffile

__all__ = ["TiffStructure", "parse_tiff"]

_RGB, _YCBCR = 2, 6  # PhotometricInterpretation
_PHOTOMETRIC = {
    0: "grey (white is zero)", 1: "grey", 3: "palette", 4: "mask", 5: "CMYK", 8: "CIELab",
    32803: "colour filter array",
}  # fmt: skip
_APERIO_JP2K_YCBCR = 33003
#: Images named so are pictures of the glass, never the tissue at full size.
_NEVER_SHOWN = re.compile(r"(^|[\W_])(label|macro|thumbnail|overview)( image)?\W*$", re.IGNORECASE)


@dataclass(frozen=True)
class TiffStructure:
    """A TIFF's levels, finest first, and what it says about itself.

    ``tiled`` is False for a striped file: its only level's "tiles" are strips,
    and it is converted before it is shown.
    """

    levels: tuple[StoredLevel, ...]
    facts: SlideFacts
    tiled: bool


def parse_tiff(path: Path) -> TiffStructure:
    """Read the structure of a TIFF slide.

    Raises
    ------
    SlideError
        It is damaged, cut off, or no 8-bit RGB image.
    """
    import tifffile

    try:
        with _quiet_parser(), tifffile.TiffFile(path) as tif:
            return _parse(tif, path)
    except SlideError:
        raise
    except OSError as error:
        raise SlideError("can't be read", path=path, found=error.strerror or error) from error
    except Exception as error:  # damaged files fail in many ways inside the parser
        raise SlideError(
            "is a damaged TIFF", path=path, expected="a readable TIFF structure", found=error
        ) from error


@contextmanager
def _quiet_parser() -> Iterator[None]:
    """Keep tifffile from logging what is raised as an error of ours in a moment."""
    logger = logging.getLogger("tifffile")

    def drop(_record: logging.LogRecord) -> bool:
        return False

    logger.addFilter(drop)
    try:
        yield
    finally:
        logger.removeFilter(drop)


def _parse(tif: tifffile.TiffFile, path: Path) -> TiffStructure:
    _check_chain(tif, path)
    series = _choose_series(tif, path)
    base = series.levels[0].keyframe
    _check_pixels(series, base, path)
    pages = [level.keyframe for level in series.levels] if base.is_tiled else [base]
    shape = (base.imagelength, base.imagewidth)
    levels = [_stored_level(page, shape) for page in pages if _is_same_kind(page, base)]
    levels = _strictly_coarser(levels)
    for stored in levels:
        _check_extent(stored, path, tif.filehandle.size)
    facts = read_tiff_facts(tif, base, tiled=bool(base.is_tiled))
    return TiffStructure(tuple(levels), facts, bool(base.is_tiled))


def _check_chain(tif: tifffile.TiffFile, path: Path) -> None:
    """Refuse a file whose list of images leads beyond its end: it was cut off."""
    size = tif.filehandle.size
    fmt = tif.tiff
    offset: int | None = tif.pages.first.offset if len(tif.pages) else None
    seen: set[int | None] = set()
    while offset != 0 and offset not in seen:
        if offset is None or offset >= size:
            raise SlideError(
                "is cut off",
                path=path,
                expected="a list of images that ends inside the file",
                found=f"{size} bytes",
                hint="Copy or download it again.",
            )
        seen.add(offset)
        offset = _next_directory(tif, offset, fmt, size)


def _next_directory(tif: tifffile.TiffFile, offset: int, fmt: Any, size: int) -> int | None:
    """Offset of the image directory after the one at ``offset``; None if it is cut off."""
    handle = tif.filehandle
    if offset + fmt.tagnosize > size:
        return None
    handle.seek(offset)
    (count,) = struct.unpack(fmt.tagnoformat, handle.read(fmt.tagnosize))
    end = offset + fmt.tagnosize + count * fmt.tagsize
    if end + fmt.offsetsize > size:
        return None
    handle.seek(end)
    (following,) = struct.unpack(fmt.offsetformat, handle.read(fmt.offsetsize))
    return int(following)


def _choose_series(tif: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    """Return the largest image that isn't a picture of the glass."""
    candidates = [s for s in tif.series if not _NEVER_SHOWN.search(s.name or "")]
    candidates = candidates or list(tif.series)  # people name whole slides so, too
    if not candidates:
        raise SlideError("is a damaged TIFF", path=path, expected="an image", found="none")
    # The first page is asked itself: newer tifffile leaves empty pages out of its series.
    pages = [tif.pages.first, *(series.keyframe for series in candidates)]
    if any(0 in (page.imagewidth, page.imagelength) for page in pages):
        raise SlideError("is a damaged TIFF", path=path, expected="pixels", found="an empty image")
    series = max(candidates, key=lambda s: s.keyframe.imagelength * s.keyframe.imagewidth)
    if Path(series.keyframe.parent.filehandle.path) != Path(tif.filehandle.path):
        raise SlideError(
            "keeps its pixels in another file", path=path,
            expected="one file", found=series.keyframe.parent.filehandle.name,
        )  # fmt: skip
    return series


def _check_pixels(series: tifffile.TiffPageSeries, page: tifffile.TiffPage, path: Path) -> None:
    """Refuse everything but one plane of 8-bit RGB, with or without alpha."""
    found = None
    planes = len(series.levels[0].pages)
    alpha = tuple(page.extrasamples) if page.samplesperpixel == 4 else ()
    if page.photometric not in (_RGB, _YCBCR):
        kind = _PHOTOMETRIC.get(int(page.photometric), f"photometric {int(page.photometric)}")
        found = f"{page.bitspersample}-bit {kind}" + (f", {planes} planes" if planes > 1 else "")
    elif page.bitspersample != 8 or page.sampleformat != 1:
        found = f"{page.bitspersample}-bit samples ({page.dtype})"
    elif page.samplesperpixel != 3 and alpha not in ((1,), (2,)):
        found = f"{page.samplesperpixel} samples per pixel, extra samples {page.extrasamples}"
    elif planes != 1:
        found = f"{planes} planes (axes {series.axes})"
    elif page.imagedepth != 1:
        found = f"a volume of {page.imagedepth} planes"
    if found is not None:
        raise SlideError("is no H&E image", path=path, expected="8-bit RGB", found=found)


def _is_same_kind(page: tifffile.TiffPage, base: tifffile.TiffPage) -> bool:
    """Whether a coarser page can be read as a level of ``base``."""
    same_pixels = (page.samplesperpixel, page.bitspersample) == (
        base.samplesperpixel,
        base.bitspersample,
    )
    return bool(page is base or (page.is_tiled and same_pixels and page.imagedepth == 1))


def _stored_level(page: tifffile.TiffPage, base_shape: tuple[int, int]) -> StoredLevel:
    shape = (int(page.imagelength), int(page.imagewidth))
    tile = (
        (int(page.tilelength), int(page.tilewidth))
        if page.is_tiled
        else (int(page.rowsperstrip), shape[1])
    )
    options = {
        key: value
        for key, value in (("jpegtables", page.jpegtables), ("jpegheader", page.jpegheader))
        if value is not None
    }
    planes = page.samplesperpixel if page.planarconfig == 2 else 1
    alpha = int(page.extrasamples[0]) if page.samplesperpixel == 4 else 0
    return StoredLevel(
        Level(shape, stored_downsample(base_shape, shape), tile),
        np.asarray(page.dataoffsets, np.int64),
        np.asarray(page.databytecounts, np.int64),
        page.decode,
        options,
        int(planes),
        alpha,
        int(page.compression) == _APERIO_JP2K_YCBCR,
    )


def _strictly_coarser(levels: list[StoredLevel]) -> list[StoredLevel]:
    """Drop levels that aren't smaller than the one before, or of another aspect."""
    kept = levels[:1]
    base = kept[0].level.shape
    for stored in levels[1:]:
        shape, last = stored.level.shape, kept[-1].level.shape
        ratio = stored.level.downsample
        fits = all(abs(b / ratio - s) <= 2 for b, s in zip(base, shape, strict=True))
        if shape[0] < last[0] and shape[1] < last[1] and fits:
            kept.append(stored)
    return kept


def _check_extent(stored: StoredLevel, path: Path, size: int) -> None:
    """Refuse a file that ends before its last tile, or lists too few of them."""
    rows, cols = stored.level.grid
    expected = rows * cols * stored.planes
    if len(stored.offsets) < expected or len(stored.counts) < expected:
        raise SlideError(
            "is a damaged TIFF", path=path,
            expected=f"{expected} tiles", found=min(len(stored.offsets), len(stored.counts)),
        )  # fmt: skip
    end = int(np.max(stored.offsets + stored.counts, initial=0))
    if end > size:
        raise SlideError(
            "is cut off", path=path, expected=f"at least {end} bytes", found=size,
            hint="Copy or download it again.",
        )  # fmt: skip
