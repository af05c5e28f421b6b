"""Annotations in and out as generators of `Progress`. Knows no Qt."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import OutputError, StexpError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.annotation import Region, RegionClass
    from napari_stexp.session.autosave import Autosave
    from napari_stexp.session.blinding import Blinding
    from napari_stexp.slide import Slide

__all__ = [
    "FORMATS",
    "ExportRequest",
    "Found",
    "Saving",
    "autosave_steps",
    "column_name",
    "export_steps",
    "find_autosave_steps",
    "is_table",
    "read_table_steps",
    "take_layer_steps",
]

Steps = Generator[Progress, None, Any]

_TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".h5ad")
#: What can be written, with the ending of its file.
FORMATS = {"geojson": ".geojson", "qupath": ".geojson", "h5ad": ".h5ad", "spatialdata": ".zarr"}


def is_table(path: Path) -> bool:
    """Whether a file's name says that it holds a label per spot, not outlines."""
    return path.name.lower().endswith(_TABLES)


def read_table_steps(path: Path, spots: Any, column: str | None) -> Steps:
    """Read a column of labels, or list the columns where there are several to choose from.

    Returns
    -------
    (str, Series) or list of str
        The chosen column and its labels, or the columns.
    """
    yield Progress(0, 0, "reading the labels")
    from napari_stexp.spots import list_label_columns, read_label_table

    if column is None:
        columns = list_label_columns(path)
        if len(columns) != 1:
            return columns
        column = columns[0]
    return column, read_label_table(path, spots, column)


def take_layer_steps(layer: Any, mpp: float | None) -> Steps:
    """Turn a Shapes or Labels layer that the user drew into regions."""
    yield Progress(0, 0, f"taking the regions of {layer.name}")
    from napari_stexp.viewer import regions_from_labels, regions_from_shapes

    is_labels = type(layer).__name__ == "Labels"
    return (regions_from_labels if is_labels else regions_from_shapes)(layer, mpp)


def column_name(key: str) -> str:
    """Return what a source of labels is called as a column of a table, by its key."""
    kind, _, rest = key.partition(":")
    name = {"regions": "region", "domains": f"domains_{rest}"}.get(kind, rest)
    return name.replace(":", "_").replace("/", "_")


# ---- saving by itself --------------------------------------------------------------------


@dataclass(frozen=True)
class Saving:
    """An annotation as it was at one moment, and of which slide."""

    slide: Slide
    regions: tuple[Region, ...]
    classes: tuple[RegionClass, ...]
    blinding: Blinding


@dataclass(frozen=True)
class Found:
    """What was found saved for a slide, read."""

    path: Path
    saved: Autosave | None = None
    regions: tuple[Region, ...] = ()


def find_autosave_steps(slide: Slide) -> Steps:
    """Look for what was saved of a slide's annotation, and read it."""
    yield Progress(0, 0, "looking for unsaved annotations")
    from napari_stexp.session.autosave import autosave_path, find_autosave

    path = autosave_path(slide)
    yield Progress(0, 0, "looking for unsaved annotations")
    saved = find_autosave(path)
    if saved is None:
        return Found(path)
    return Found(path, saved, tuple(saved.read()))


def autosave_steps(saving: Saving, path: Path | None, *, set_aside: bool) -> Steps:
    """Save an annotation; ``set_aside`` keeps what an earlier session had saved there."""
    yield Progress(0, 0, "saving the annotation")
    from napari_stexp.session.autosave import autosave_path, remove_autosave, write_autosave

    path = autosave_path(saving.slide) if path is None else path
    if set_aside:
        remove_autosave(path)
    return write_autosave(path, saving.regions, saving.classes, saving.blinding, saving.slide.name)


# ---- out ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class ExportRequest:
    """What is written for another program.

    Attributes
    ----------
    kind : str
        One of `FORMATS`.
    path : Path
        Where.
    regions : tuple of Region
        The outlines.
    slide, spots, prediction : object
        As the session holds them, or None.
    genes : tuple of str
        Whose values QuPath shows per spot.
    labels : (N,) array or None
        Each spot's class, for QuPath.
    columns : dict of str to (N,) array
        Each spot's class by source, for h5ad.
    blinding : dict or None
        The record of a blinded annotation, for h5ad.
    """

    kind: str
    path: Path
    regions: tuple[Region, ...] = ()
    slide: Any = None
    spots: Any = None
    prediction: Any = None
    genes: Sequence[str] = ()
    labels: Any = None
    columns: dict[str, Any] = field(default_factory=dict)
    blinding: dict[str, Any] | None = None


def export_steps(request: ExportRequest) -> Generator[Progress, None, Path]:
    """Write what other programs read; nothing half-written is left."""
    yield Progress(0, 0, f"writing {request.path.name}")
    writers = {
        "geojson": _write_geojson,
        "qupath": _write_qupath,
        "h5ad": _write_h5ad,
        "spatialdata": _write_spatialdata,
    }
    writers[request.kind](request)
    return request.path


def _write_geojson(request: ExportRequest) -> None:
    from napari_stexp.annotation import write_geojson

    write_geojson(request.regions, request.path)


def _write_qupath(request: ExportRequest) -> None:
    from napari_stexp.export import write_qupath

    write_qupath(
        request.path,
        request.regions,
        spots=request.spots,
        prediction=request.prediction,
        genes=tuple(request.genes),
        labels=request.labels,
    )


def _write_h5ad(request: ExportRequest) -> None:
    from napari_stexp.compare.report_content import BLINDING
    from napari_stexp.export import add_label_columns
    from napari_stexp.files import atomic_path

    table = request.spots if request.prediction is None else request.prediction
    if table is None:
        raise StexpError("there are no spots to label", hint="Load spots, or make a grid.")
    labelled = add_label_columns(table, request.columns)
    if request.blinding is not None:
        known = {key: value for key, value in request.blinding.items() if value is not None}
        labelled.uns[BLINDING] = known
    try:
        with atomic_path(request.path) as temporary:
            labelled.write_h5ad(temporary)
    except (OSError, TypeError, ValueError) as error:
        raise OutputError(
            "the spots can't be written", path=request.path, found=str(error)
        ) from error


def _write_spatialdata(request: ExportRequest) -> None:
    from napari_stexp.export import write_spatialdata

    write_spatialdata(
        request.path,
        slide=request.slide,
        spots=request.spots,
        prediction=request.prediction,
        regions=request.regions,
    )
