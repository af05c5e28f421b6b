"""DICOM slides: many files in one folder, told apart by the series that they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from napari_stexp.errors import SlideError

__all__ = ["dicom_files", "file_to_open", "files_of_series"]

_MOST_FILES = 2000
_HEAD_BYTES = 2**16
#: (0020,000E), explicit little endian, as the slide storage classes are written.
_SERIES = re.compile(rb"\x20\x00\x0e\x00UI(..)([0-9.]+)", re.DOTALL)


def dicom_files(folder: Path, at_most: int = _MOST_FILES) -> list[Path]:
    """Return the DICOM files of a folder, by name; not those in folders of it."""
    return list(islice(_dicom_files(folder), at_most))


def _dicom_files(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        for path in islice(sorted(folder.iterdir()), _MOST_FILES):
            if path.is_file() and _head(path, 132)[128:] == b"DICM":
                yield path


def files_of_series(path: Path) -> list[Path]:
    """Return the files that are one slide with this one, or all of a folder's."""
    if path.is_dir():
        return dicom_files(path)
    series = _series(path)
    return [one for one in dicom_files(path.parent) if _series(one) == series]


def file_to_open(path: Path) -> Path:
    """Return the file from which OpenSlide finds all others of the slide.

    Raises
    ------
    SlideError
        The folder holds several slides.
    """
    if not path.is_dir():
        return path
    files = dicom_files(path)
    if len({_series(one) for one in files}) > 1:
        raise SlideError(
            "holds more than one slide", path=path, expected="one DICOM series",
            hint=f"Open one of its files, e.g. {files[0].name}.",
        )  # fmt: skip
    return files[0]


def _series(path: Path) -> bytes:
    """Return the SeriesInstanceUID; empty where it isn't found."""
    found = _SERIES.search(_head(path, _HEAD_BYTES))
    return found[2] if found else b""


def _head(path: Path, count: int) -> bytes:
    with suppress(OSError), path.open("rb") as file:
        return file.read(count)
    return b""
