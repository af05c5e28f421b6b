"""Opening a TIFF with tifffile, which parses it once."""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import SlideError
from napari_stexp.slide.location import Location
from napari_stexp.slide.source import ByteSource, open_source, parser_input

if TYPE_CHECKING:
    import tifffile

__all__ = ["check_chain", "open_tiff_file"]

_NDPI_FLAG = 65420
_MOST_TAGS = 4096


@contextmanager
def open_tiff_file(path: Location, omexml: str | None = None) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF for parsing.

    Parameters
    ----------
    path : Path
    omexml : str, optional
        OME-XML from a companion file, in place of the file's own.

    Raises
    ------
    SlideError
        It can't be read, or what is read inside the ``with`` is damaged.
    """
    import tifffile

    options: dict[str, Any] = {"omexml": omexml} if omexml else {}
    try:
        known = _is_ndpi(path)
        with (
            _quiet_parser(),
            tifffile.TiffFile(parser_input(path), name=path.name, is_ndpi=known, **options) as tif,
        ):
            yield tif
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


def _is_ndpi(path: Location) -> bool:
    """Whether the first directory has Hamamatsu's tag, whatever the file is called.

    Their offsets are 64 bits wide in a classic TIFF, so that this must be known before
    anything is parsed. Small files have zeros in the upper halves.
    """
    source = open_source(path)
    try:
        head = source.read(0, min(12, source.size))
        if not head.startswith(b"II*\0") or len(head) < 12:
            return False
        places = {*struct.unpack("<4xQ", head), *struct.unpack("<4xI4x", head)}
        return any(_has_tag(source, offset, _NDPI_FLAG) for offset in places)
    finally:
        source.close()


def _has_tag(source: ByteSource, offset: int, tag: int) -> bool:
    """Whether there is a directory at ``offset`` with this tag."""
    if offset + 2 > source.size:
        return False
    (count,) = struct.unpack("<H", source.read(offset, 2))
    if not 0 < count <= _MOST_TAGS or offset + 2 + 12 * count > source.size:
        return False
    table = source.read(offset + 2, 12 * count)
    return any(code == tag for code, _ in struct.iter_unpack("<H10s", table))


def check_chain(tif: tifffile.TiffFile, path: Location) -> None:
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
