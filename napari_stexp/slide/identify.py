"""What kind of slide this is, by its first bytes or its folder, and its fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from napari_stexp.errors import SlideError
from napari_stexp.slide.location import Location, RemotePath, as_location

__all__ = [
    "OPENED_AS_THEY_ARE",
    "Kind",
    "find_slide",
    "fingerprint",
    "identify",
    "is_slide_folder",
    "is_there",
    "stored_bytes",
    "unknown_kind",
]

Kind = Literal["TIFF", "JPEG", "PNG", "OME-Zarr", "DICOM", "other"]

_MAGIC: dict[bytes, Kind] = {
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF",
    b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG",
}  # fmt: skip
#: Of these nothing is ever converted.
OPENED_AS_THEY_ARE: tuple[Kind, ...] = ("OME-Zarr", "DICOM", "other")
_HEAD_BYTES = 256
_DICOM_AT = slice(128, 132)
_ENDS_BYTES = 4 * 2**20
_PART_BYTES = 64 * 2**10
#: Files that say that a folder is a Zarr store; they may be opened in its place.
ZARR_FILES = ("zarr.json", ".zattrs", ".zgroup")


def find_slide(path: str | Path | RemotePath) -> Location:
    """Return what to open for a path that was chosen.

    A file of a Zarr store stands for the store, MIRAX's folder (or a file in it) for the
    ``.mrxs`` file beside it; a DICOM folder stays one. Nothing else changes.
    """
    place = as_location(path)
    if place.name in ZARR_FILES:
        return place.parent
    if isinstance(place, RemotePath):
        return place
    for folder in (place, place.parent):
        if folder.name and (folder / "Slidedat.ini").is_file():
            index = folder.with_name(f"{folder.name}.mrxs")
            if index.is_file():
                return index
    return place


def is_slide_folder(path: Path) -> bool:
    """Whether a folder is one slide: a Zarr image, MIRAX's, or DICOM files."""
    if not path.is_dir():
        return False
    if find_slide(path) != path:
        return True
    from napari_stexp.slide.formats.dicom_folder import dicom_files
    from napari_stexp.slide.formats.zarr.store import holds_images

    return holds_images(path) or bool(dicom_files(path, at_most=1))


def identify(path: Location) -> Kind:
    """Tell kinds of slides apart by content; a suffix may lie.

    Returns
    -------
    {'TIFF', 'JPEG', 'PNG', 'OME-Zarr', 'DICOM', 'other'}
        'other' is what only OpenSlide may know.

    Raises
    ------
    SlideError
        The file is missing, empty, unreadable, or a folder that is no slide.
    """
    if isinstance(path, Path) and path.is_dir():
        return _identify_folder(path)
    head = _read_head(path)
    if head is None:
        return "OME-Zarr"
    if not head:
        raise SlideError("is empty", path=path, expected="a slide file", found="0 bytes")
    for magic, kind in _MAGIC.items():
        if head.startswith(magic):
            return kind
    if path.name.endswith(".companion.ome") and head.lstrip(b"\xef\xbb\xbf").startswith(b"<"):
        return "TIFF"  # the description of an OME-TIFF in several files
    if head[_DICOM_AT] == b"DICM":
        return "DICOM"
    return "OME-Zarr" if head.startswith(b"PK\x03\x04") and "zarr" in path.name else "other"


def _identify_folder(path: Path) -> Kind:
    if any((path / name).is_file() for name in (*ZARR_FILES, ".zarray")):
        return "OME-Zarr"
    from napari_stexp.slide.formats.dicom_folder import dicom_files

    if dicom_files(path, at_most=1):
        return "DICOM"
    raise SlideError(
        "is a folder",
        path=path,
        expected="a slide file, or the folder of an OME-Zarr or DICOM slide",
    )


def _read_head(path: Location) -> bytes | None:
    """Return the first bytes of a file; None for a Zarr store behind an address."""
    if isinstance(path, RemotePath):
        from napari_stexp.slide.remote import is_remote_zarr, open_remote

        if is_remote_zarr(path):
            return None
        remote = open_remote(path)
        return remote.read(0, min(_HEAD_BYTES, remote.size))
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES)
    except FileNotFoundError as error:
        raise SlideError("doesn't exist", path=path, expected="a slide file") from error
    except OSError as error:
        raise SlideError("can't be read", path=path, found=error.strerror) from error


def unknown_kind(path: Location) -> SlideError:
    """Say that our own readers don't read this file."""
    from napari_stexp.slide.formats.opened import LeftToOpenSlideError
    from napari_stexp.slide.source import open_source

    source = open_source(path)
    head = source.read(0, min(8, source.size))
    source.close()
    return LeftToOpenSlideError(
        "is no slide that is read here",
        path=path,
        expected="a tiled TIFF, OME-TIFF, OME-Zarr, JPEG, PNG, or a scanner's format that "
        "OpenSlide reads",
        found=f"a file that starts with {head!r}",
        hint="Other scanners' formats can be turned into OME-TIFF with QuPath or bioformats2raw.",
    )


def is_there(path: Location) -> bool:
    """Whether a slide can be found now; of an address that is believed."""
    return isinstance(path, RemotePath) or path.exists()


def stored_bytes(path: Location) -> int | None:
    """Return the size of a slide's file; None for a folder, and for what can't be reached."""
    if isinstance(path, Path):
        return path.stat().st_size if path.is_file() else None
    from napari_stexp.slide.remote import is_remote_zarr, open_remote

    with suppress(SlideError):
        return None if is_remote_zarr(path) else open_remote(path).size
    return None


def fingerprint(path: Location) -> str:
    """SHA-256 over the size and the first and last 4 MiB, as 64 hexadecimal digits.

    It tells slides apart without reading gigabytes: the ends of a slide file
    hold its structure, its metadata and the first and last tiles. Of a slide of several
    files it is over 64 KiB from both ends of each, whatever they are called; of OME-Zarr over
    its metadata and the pixels of its coarsest level.
    """
    path = find_slide(path)
    if isinstance(path, RemotePath):
        from napari_stexp.slide.remote import is_remote_zarr

        if not is_remote_zarr(path):
            return _of_remote(path)
    kind = identify(path)
    if kind == "OME-Zarr":
        from napari_stexp.slide.formats.zarr.opening import zarr_fingerprint

        return zarr_fingerprint(path)
    assert isinstance(path, Path)
    parts = _parts(path, kind)
    return _of_ends(path, _ENDS_BYTES) if not parts else _of_parts(parts)


def _of_remote(path: RemotePath) -> str:
    """Find a remote file's fingerprint; once, as long as it is known to be the same."""
    from napari_stexp.slide.remote import open_remote

    remote = open_remote(path)
    if remote.digest is None:
        remote.digest = _of_ends(path, _ENDS_BYTES)
    return remote.digest


def _parts(path: Path, kind: Kind) -> Sequence[Path]:
    """Return the files of a slide that is more than one."""
    if kind == "DICOM":
        from napari_stexp.slide.formats.dicom_folder import files_of_series

        return files_of_series(path)
    folder = path.with_suffix("")
    if path.suffix == ".mrxs" and folder.is_dir():
        return [path, *(one for one in folder.iterdir() if one.is_file())]
    return ()


def _of_parts(parts: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for one in sorted(_of_ends(part, _PART_BYTES) for part in parts):
        digest.update(bytes.fromhex(one))
    return digest.hexdigest()


def _of_ends(path: Location, ends: int) -> str:
    from napari_stexp.slide.source import open_source

    source = open_source(path)
    try:
        size = source.size
        digest = hashlib.sha256(size.to_bytes(8, "little"))
        digest.update(source.read(0, min(ends, size)))
        if size > ends:
            start = max(ends, size - ends)
            digest.update(source.read(start, size - start))
    finally:
        source.close()
    return digest.hexdigest()
