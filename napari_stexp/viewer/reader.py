"""Readers for *File → Open* and drag and drop: whole-slide SVS, spots, predictions, regions.

Plain TIFFs are left to napari: most of them are no slides. The *Slide & spots* panel and the
command line open pyramidal and OME-TIFF, JPEG and PNG as slides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.viewer.layer_data import LayerData

__all__ = [
    "get_regions_reader",
    "get_slide_reader",
    "get_spots_reader",
    "get_workspace_reader",
    "read_regions_layers",
    "read_slide_layers",
    "read_spots_layers",
    "read_workspace_layers",
]

Reader = Callable[[Any], "list[LayerData]"]

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, either order
_HDF5_START = b"\x89HDF\r\n\x1a\n"
# What the beginning of a file of regions holds, by its name's end.
_REGIONS = {
    ".geojson": (b'"Polygon"', b'"MultiPolygon"', b'"GeometryCollection"'),
    ".geojson.gz": (b'"Polygon"', b'"MultiPolygon"', b'"GeometryCollection"'),
    ".xml": (b"<Annotations", b"<ASAP_Annotations"),
    ".ndpa": (b"<annotations",),
}
_PEEK = 1 << 18


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


def get_regions_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of one file of outlined regions, None for anything else.

    GeoJSON (QuPath), XML of ImageScope or ASAP, NDPA; other GeoJSON and XML is left to others.
    """
    name = _only(path).lower()
    ending = next((end for end in _REGIONS if name.endswith(end)), None)
    if ending is None or _single_file(path, Path(f"name{ending}").suffix) is None:
        return None
    from napari_stexp.annotation.content import read_content
    from napari_stexp.errors import AnnotationError

    try:
        start = read_content(Path(_only(path)), at_most=_PEEK)
    except AnnotationError:
        return None
    return read_regions_layers if any(word in start for word in _REGIONS[ending]) else None


def get_workspace_reader(path: str | Sequence[str]) -> Reader | None:
    """Return the reader of one ``.stexp`` file, None for anything else."""
    file = _single_file(path, ".stexp")
    return read_workspace_layers if file and _start(file, 4) == b"PK\x03\x04" else None


def read_workspace_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read a workspace's slide, regions, and spots with the prediction that was shown.

    In a window, `napari_stexp.panels.workspace.workspace_reader` opens all of it: every
    prediction, labels, signatures, the view.
    Spots are left out while a blinded annotation hides their values.

    Raises
    ------
    WorkspaceError
        The file is damaged, or of a newer version.
    """
    from napari_stexp.progress import exhaust
    from napari_stexp.session import read_workspace
    from napari_stexp.viewer.layer_data import (
        regions_to_layer_data,
        slide_to_layer_data,
        spots_to_layer_data,
    )

    work = exhaust(read_workspace(_only(path)))
    shown = [one for one in work.predictions if one.name == work.active]
    layers = []
    if work.slide is not None:
        layers.append(slide_to_layer_data(work.slide))
    if work.regions:
        layers.append(regions_to_layer_data(list(work.regions), work.slide))
    if work.spots is not None and not work.blinding.hides_values:
        adata = shown[0].prediction.adata if shown else None
        layers.append(spots_to_layer_data(work.spots, adata, work.slide))
    return layers or [(None,)]  # type: ignore[list-item]  # napari's sign for nothing to show


def read_regions_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Read a pathologist's regions as outlines, or as an image where there are many.

    In a viewer with panels of this plugin they become the session's regions. Those of NDPA
    need the slide, which must lie beside: ``scan.ndpi.ndpa`` beside ``scan.ndpi``.

    Raises
    ------
    AnnotationError
        The file is damaged or holds no region.
    """
    from napari_stexp.annotation import read_regions
    from napari_stexp.viewer.layer_data import regions_to_layer_data

    file = Path(_only(path))
    slide_file = file.with_suffix("")
    if file.suffix.lower() == ".ndpa" and slide_file.is_file():
        from napari_stexp.slide import open_slide

        with open_slide(slide_file) as slide:
            return [regions_to_layer_data(read_regions(file, slide), slide)]
    return [regions_to_layer_data(read_regions(file), None)]


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
