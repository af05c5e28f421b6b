"""Files of text tables: their first lines, and their encoding."""

from __future__ import annotations

import codecs
import gzip
import zlib
from pathlib import Path

from napari_stexp.errors import SpotsError

__all__ = ["decode_table", "read_head"]

_HEAD = 1 << 18  # bytes that are looked at
_MOST_HEAD = 1 << 26
_LEAST_LINES = 10
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_head(path: Path) -> bytes:
    """Return the first lines of a file, gunzipped where it is gzipped.

    Raises
    ------
    SpotsError
        It can't be read, or is a damaged gzip file.
    """
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            size, data = _HEAD, file.read(_HEAD)
            while len(data) == size < _MOST_HEAD and data.count(b"\n") < _LEAST_LINES:
                size *= 4  # tens of thousands of columns
                data += file.read(size - len(data))
    except (OSError, EOFError, zlib.error) as error:
        raise SpotsError(
            "the table can't be read", path=path, found=getattr(error, "strerror", None) or error
        ) from error
    if len(data) < size:
        return data
    cut = max(data.rfind(b"\n"), data.rfind(b"\r"))
    return data[: cut + 1] if cut > 0 else data


def decode_table(data: bytes, path: Path) -> str:
    """Return a table's text: UTF-8, UTF-16 (with a mark, or plainly so), else Windows-1252.

    Raises
    ------
    SpotsError
        The content is no text.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            # The head of a file may end within a character.
            return data.decode(encoding, errors="replace")
    start = data[:1024]
    if b"\0" in start:
        for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
            if zeros.count(0) > 0.9 * len(zeros):
                return data.decode(encoding, errors="replace")
        raise SpotsError(
            "the file is not a text table", path=path, expected="text", found=repr(data[:12])
        )
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")
