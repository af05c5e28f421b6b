"""Readers for *File → Open* and drag and drop: whole-slide SVS, and spots or predictions.

Plain TIFFs are left to napari: most of them are no slides. The *Slide & spots* panel and the
command line open pyramidal and OME-TIFF, JPEG and PNG as slides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.viewer.layer_data import LayerData

__all__ = ["get_slide_reader", "get_spots_reader", "read_slide_layers", "read_spots_layers"]

Reader = Callable[[Any], "list[LayerData]"]

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, either order
_HDF5_START = b"\x89HDF\r\n\x1a\n"


def get_slide_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of one ``.svs`` file, None for anything else."""
    file = _single_file(path, ".svs")
    return read_slide_layers if file and _start(file, 4) in _TIFF_STARTS else None


def get_spots_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of one ``.h5ad`` file with positions, None for anything else."""
    file = _single_file(path, ".h5ad")
    if file is None or _start(file, 8) != _HDF5_START:
        return None
    return read_spots_layers if _has_positions(file) else None


def read_slide_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Open a slide as one multiscale image, in µm where its scale is known.

    Raises
    ------
    SlideError
        The file is damaged or of a kind that isn't read.
    """
    from napari_stexp.slide import open_slide
    from napari_stexp.viewer.layer_data import slide_to_layer_data

    return [slide_to_layer_data(open_slide(_only(path)))]


def read_spots_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read spots, or a prediction, as one layer of points.

    Raises
    ------
    SpotsError, PredictionError
        The file is damaged.
    """
    from napari_stexp.viewer.layer_data import spots_to_layer_data

    file = _only(path)
    if _is_prediction(Path(file)):
        from napari_stexp.predict import read_prediction

        return [spots_to_layer_data(None, read_prediction(file))]
    from napari_stexp.spots import read_spots

    return [spots_to_layer_data(read_spots(file))]


def _only(path: str | Sequence[str]) -> str:
    return path if isinstance(path, str) else str(path[0])


def _single_file(path: str | Sequence[str], suffix: str) -> Path | None:
    if not isinstance(path, str) and len(path) != 1:
        return None
    file = Path(_only(path))
    return file if file.suffix.lower() == suffix and file.is_file() else None


def _start(file: Path, n: int) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(n)
    except OSError:
        return b""


def _has_positions(file: Path) -> bool:
    import h5py

    try:
        with h5py.File(file, "r") as opened:
            return "obsm/spatial" in opened
    except OSError:
        return False


def _is_prediction(file: Path) -> bool:
    import h5py

    with h5py.File(file, "r") as opened:
        return "uns/stexp" in opened and "obs/status" in opened
