"""What kind of file one is, by its content rather than its name."""

from __future__ import annotations

import struct
from pathlib import Path

from napari_stexp.errors import StexpError
from napari_stexp.slide.location import is_address

__all__ = ["recognise"]

_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM")
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ARCHIVES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x04")  # torch.save's zip, and bare pickles
_CZI = b"ZISRAWFILE"
#: Slides whose first file is text or of no certain beginning, and OME-Zarr's own files.
_SLIDE_ENDS = (".vms", ".vmu", ".mrxs", ".zarr.zip")
_GZIP = b"\x1f\x8b"
_PARQUET = b"PAR1"
_LONGEST_HEADER = 100_000_000  # safetensors' own limit, bytes


def recognise(path: Path) -> str:
    """Tell what a file or folder is.

    Returns
    -------
    str
        'slide', 'spots', 'data set', 'prediction', 'bundle', 'checkpoint' or 'annotation'.

    Raises
    ------
    StexpError
        None of them.
    """
    if is_address(path):
        return "slide"
    from napari_stexp.slide.identify import ZARR_FILES, is_slide_folder

    if path.is_dir():
        if (path / "dataset.json").is_file():
            return "data set"
        return "slide" if is_slide_folder(path) else "spots"
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise StexpError("the file can't be read", path=path, found=error.strerror) from error
    from napari_stexp.annotation import is_regions_file

    if path.name in ZARR_FILES and is_slide_folder(path.parent):
        return "slide"
    kind = "slide" if path.name.lower().endswith(_SLIDE_ENDS) else _recognise_head(head)
    if kind in (None, "checkpoint", "spots") and is_regions_file(path):  # zipped, or XML
        kind = "annotation"
    kind = kind or ("spots" if b"\t" in head or path.suffix.lower() == ".csv" else None)
    if kind is None:
        raise StexpError(
            "not a kind of file that is known here",
            path=path,
            expected="a slide, spots, a model bundle, a checkpoint, a prediction or an annotation",
            found=f"a file that begins with {head[:8]!r}" if head else "an empty file",
        )
    return _recognise_h5ad(path) if kind == "hdf5" else kind


def _recognise_head(head: bytes) -> str | None:
    beginnings = (
        (_TIFF + _PICTURES, "slide"),
        ((_HDF5,), "hdf5"),
        (_ARCHIVES, "checkpoint"),
        ((_GZIP, _PARQUET), "spots"),
    )
    for begins, kind in beginnings:
        if head.startswith(begins):
            return kind
    if _is_safetensors(head):
        return "bundle"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text[:1] in (b"{", b"["):
        return "annotation"
    return "slide" if head[128:132] == b"DICM" or head.startswith(_CZI) else None


def _recognise_h5ad(path: Path) -> str:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            return "prediction" if "uns/stexp" in file else "spots"
    except OSError:  # cut off: what reads it says so
        return "spots"


def _is_safetensors(head: bytes) -> bool:
    """Whether the file begins with the length of a JSON header and that header."""
    if len(head) < 10 or head[8:9] != b"{":
        return False
    (length,) = struct.unpack("<Q", head[:8])
    return 2 <= length < _LONGEST_HEADER
