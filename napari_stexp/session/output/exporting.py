"""Writing what other programs read: QuPath, scanpy, SpatialData."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import OutputError, StexpError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.annotation import Region
    from napari_stexp.session.state import Session

__all__ = ["FORMATS", "ExportRequest", "column_name", "export_steps", "take_export"]

#: What can be written, with the ending of its file.
FORMATS = {"geojson": ".geojson", "qupath": ".geojson", "h5ad": ".h5ad", "spatialdata": ".zarr"}


def column_name(key: str) -> str:
    """Return what a source of labels is called as a column of a table, by its key."""
    kind, _, rest = key.partition(":")
    name = {"regions": "region", "domains": f"domains_{rest}"}.get(kind, rest)
    return name.replace(":", "_").replace("/", "_")


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


def take_export(
    session: Session, kind: str, path: Path, genes: Sequence[str] = ()
) -> ExportRequest:
    """Take what is written of a session as it is now; no expression while it is hidden.

    Parameters
    ----------
    session : Session
    kind : str
        One of `FORMATS`.
    path : Path
    genes : sequence of str
        Whose values go along with the spots to QuPath.
    """
    hidden, blinding = session.hides_values, session.regions.blinding
    prediction = None if session.prediction is None or hidden else session.prediction.adata
    sources = session.labelling.sources.items()
    return ExportRequest(
        kind=kind,
        path=path,
        regions=session.regions.items,
        slide=session.slide,
        spots=session.spots,
        prediction=prediction,
        genes=() if hidden else tuple(genes),
        labels=session.labels(),
        columns={column_name(key): source.values for key, source in sources},
        blinding=None if blinding.state == "off" else blinding.to_dict(),
    )


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
