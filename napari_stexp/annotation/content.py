"""A file's content, unpacked, and what kind of annotation it is."""

from __future__ import annotations

import gc
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from napari_stexp.errors import AnnotationError

__all__ = ["collection_paused", "looks_like_json", "looks_like_xml", "read_content"]

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
_MOST_BYTES = 4 * 1024**3  # of a packed file: more is no annotation but a trap


def read_content(path: Path, *, at_most: int | None = None) -> bytes:
    """Return a file's content; a gzipped one, or the only file in a zip, is unpacked.

    Parameters
    ----------
    path : Path
    at_most : int, optional
        Return no more than so many bytes from its beginning.

    Raises
    ------
    AnnotationError
        It is missing, can't be read, is damaged, or is a zip of several files.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4)
            file.seek(0)
            if start.startswith(_GZIP):
                with gzip.open(file) as packed:
                    return _read(packed, at_most, path)
            if start == _ZIP:
                return _read_only_member(file, at_most, path)
            return file.read(-1 if at_most is None else at_most)
    except (EOFError, zlib.error, zipfile.BadZipFile, gzip.BadGzipFile) as error:
        raise AnnotationError(
            "the packed annotation is damaged or cut off", path=path, found=str(error)
        ) from error
    except OSError as error:
        raise AnnotationError(
            "the annotation can't be read", path=path, found=error.strerror or error
        ) from error


def _read_only_member(file: io.BufferedReader, at_most: int | None, path: Path) -> bytes:
    with zipfile.ZipFile(file) as archive:
        names = [entry.filename for entry in archive.infolist() if not entry.is_dir()]
        if len(names) != 1:
            raise AnnotationError(
                "not one annotation but a zip of several files",
                path=path,
                expected="a zip with one GeoJSON file, as QuPath writes it",
                found=", ".join(names[:3]) or "an empty zip",
                hint="Unpack it, and open one of its files.",
            )
        try:
            with archive.open(names[0]) as member:
                return _read(member, at_most, path)
        except (RuntimeError, NotImplementedError, ValueError) as error:  # encrypted, unknown
            raise AnnotationError("the zip can't be unpacked", path=path, found=error) from error


def _read(stream: IO[bytes] | gzip.GzipFile, at_most: int | None, path: Path) -> bytes:
    data = stream.read(_MOST_BYTES + 1 if at_most is None else at_most)
    if len(data) > _MOST_BYTES:
        raise AnnotationError(
            "the packed annotation is too large", path=path, expected=f"{_MOST_BYTES} bytes or less"
        )
    return data


def looks_like_json(data: bytes) -> bool:
    """Whether content begins as a JSON object or array does."""
    return data.removeprefix(_UTF8_MARK).lstrip()[:1] in (b"{", b"[")


def looks_like_xml(data: bytes) -> bool:
    """Whether content begins as XML does."""
    if data.startswith(_UTF16_MARKS):
        return data[2:].replace(b"\x00", b"").lstrip()[:1] == b"<"
    return data.removeprefix(_UTF8_MARK).lstrip()[:1] == b"<"


@contextmanager
def collection_paused() -> Iterator[None]:
    """Pause the search for cyclic garbage: it takes two thirds of a big file's time.

    It walks, again and again, through millions of objects that hold no cycle.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
