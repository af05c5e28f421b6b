"""What kind of file this is, by its first bytes, and its fingerprint."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from napari_stexp.errors import SlideError

__all__ = ["Kind", "fingerprint", "identify"]

Kind = Literal["TIFF", "JPEG", "PNG"]

_MAGIC: dict[bytes, Kind] = {
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG",
}  # fmt: skip
_ENDS_BYTES = 4 * 2**20


def identify(path: Path) -> Kind:
    """Tell TIFF, JPEG and PNG apart by content; a suffix may lie.

    Raises
    ------
    SlideError
        The file is missing, a folder, empty, unreadable or of another kind.
    """
    if path.is_dir():
        raise SlideError("is a folder", path=path, expected="a slide file")
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError as error:
        raise SlideError("doesn't exist", path=path, expected="a slide file") from error
    except OSError as error:
        raise SlideError("can't be read", path=path, found=error.strerror) from error
    if not head:
        raise SlideError("is empty", path=path, expected="a slide file", found="0 bytes")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    raise SlideError(
        "is no slide that is read here",
        path=path,
        expected="a tiled TIFF, OME-TIFF, Aperio SVS, JPEG or PNG",
        found=f"a file that starts with {head[:8]!r}",
        hint="Other scanners' formats can be turned into OME-TIFF with QuPath or bioformats2raw.",
    )


def fingerprint(path: Path) -> str:
    """SHA-256 over the size and the first and last 4 MiB, as 64 hexadecimal digits.

    It tells slides apart without reading gigabytes: the ends of a slide file
    hold its structure, its metadata and the first and last tiles.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            digest.update(size.to_bytes(8, "little"))
            digest.update(file.read(_ENDS_BYTES))
            if size > _ENDS_BYTES:
                file.seek(max(_ENDS_BYTES, size - _ENDS_BYTES))
                digest.update(file.read(_ENDS_BYTES))
    except OSError as error:
        raise SlideError("can't be read", path=path, found=error.strerror) from error
    return digest.hexdigest()
