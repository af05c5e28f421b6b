"""Regions, and spots with their genes, as one file that QuPath opens."""

from __future__ import annotations

import logging
import math
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.annotation import (
    DEFAULT_CLASSES,
    Region,
    RegionClass,
    classes_of,
    spare_color,
    write_geojson,
)
from napari_stexp.errors import OutputError
from napari_stexp.export.label_columns import text_labels

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["spots_as_detections", "write_qupath"]

_QUARTER = 8  # segments of a quarter of a circle, as QuPath draws an ellipse
_MEASURES = ("confidence", "similarity")

logger = logging.getLogger(__name__)


def write_qupath(
    path: str | Path,
    regions: Sequence[Region] = (),
    spots: AnnData | None = None,
    prediction: AnnData | None = None,
    genes: Sequence[str] = (),
    labels: Sequence[Any] | None = None,
) -> Path:
    """Write regions as annotations, and spots as detections, to one GeoJSON file.

    In QuPath: *File → Import objects from file*, then *Measure → Show measurement maps*.

    Parameters
    ----------
    path : path-like
        Such as ``section.geojson``.
    regions : sequence of Region
        In level-0 pixels.
    spots, prediction, genes, labels
        As for `spots_as_detections`; without spots and prediction only the regions are
        written.

    Returns
    -------
    Path
        The file, written whole or not at all.

    Raises
    ------
    OutputError
        There is nothing to write, a gene is not there, labels are of other spots, or the
        file can't be written there.
    AnnotationError
        A property of a region can't be stored as JSON.
    """
    if spots is None and prediction is None and not regions:
        raise OutputError("there is nothing to write", path=path, expected="regions or spots")
    detections: list[Region] = []
    if spots is not None or prediction is not None:
        # a class has the colour that it has among the regions, else the usual one
        own = classes_of([region for region in regions if region.color is not None])
        known = (*DEFAULT_CLASSES, *own)
        detections = spots_as_detections(
            spots, prediction, genes=genes, labels=labels, classes=known
        )
    return write_geojson(regions, path, detections=detections)


def spots_as_detections(
    spots: AnnData | None,
    prediction: AnnData | None = None,
    *,
    genes: Sequence[str] = (),
    labels: Sequence[Any] | None = None,
    classes: Sequence[RegionClass] = (),
) -> list[Region]:
    """Return one region per spot: a circle as large as the spot.

    Parameters
    ----------
    spots : AnnData or None
        Measured spots; their counts are the measurements ``GENE (counts)``.
    prediction : AnnData or None
        Its spots are the ones that are written; their values are the measurements
        ``GENE (predicted)``, log10(1 + x) on the prediction's scale, beside
        ``confidence`` and ``similarity``. Spots without a value have no measurement.
        Without a prediction, those of ``spots`` are written.
    genes : sequence of str
        Which genes; each must be measured or predicted.
    labels : sequence (N,), optional
        The class of each spot that is written, '' or None for none.
    classes : sequence of RegionClass
        Whose colours the classes have, the last of a name; others get colours of their
        own.

    Raises
    ------
    OutputError
        A gene is not there, or labels are of other spots.
    """
    import shapely

    adata = prediction if prediction is not None else spots
    if adata is None:
        raise OutputError("there are no spots to write", expected="spots or a prediction")
    class_names = text_labels(labels if labels is not None else [""] * adata.n_obs, adata.n_obs)
    colors = _colors_of(class_names, classes)
    names, values = _measurements_of(adata, spots, prediction, genes)
    circles = shapely.buffer(
        shapely.points(np.asarray(adata.obsm["spatial"], dtype=np.float64)),
        _diameter_of(adata, spots) / 2,
        quad_segs=_QUARTER,
    )
    section = str(adata.uns.get("stexp_spots", {}).get("section", ""))
    return [
        Region(
            geometry=circle,
            class_name=class_name or None,
            name=str(barcode),
            color=colors.get(class_name),
            id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"spot:{section}:{barcode}")),
            properties={
                "objectType": "detection",
                "isEllipse": True,
                "measurements": _known(names, row),
            },
        )
        for circle, class_name, barcode, row in zip(
            circles, class_names, adata.obs_names, values, strict=True
        )
    ]


def _colors_of(
    names: Sequence[str], classes: Sequence[RegionClass]
) -> dict[str, tuple[int, int, int]]:
    colors = {one.name: one.color for one in classes}
    for name in dict.fromkeys(names):
        if name and name not in colors:
            colors[name] = spare_color(colors.values())
    return colors


def _known(names: list[str], row: NDArray[np.float64]) -> dict[str, float]:
    pairs = zip(names, row.tolist(), strict=True)
    return {name: value for name, value in pairs if not math.isnan(value)}


def _measurements_of(
    adata: AnnData, spots: AnnData | None, prediction: AnnData | None, genes: Sequence[str]
) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names (M) and values (N, M) of the measurements, NaN where there is none."""
    names: list[str] = []
    columns: list[NDArray[np.float64]] = []
    for gene in dict.fromkeys(genes):
        found = False
        for source, word in ((prediction, "predicted"), (spots, "counts")):
            if source is not None and gene in source.var_names:
                names.append(f"{gene} ({word})")
                columns.append(_column_of(source, gene, adata))
                found = True
        if not found:
            raise OutputError(
                f"the gene {gene} is neither predicted nor measured here",
                expected="genes of the prediction or of the spots",
            )
    for name in _MEASURES:
        if prediction is not None and name in prediction.obs:
            names.append(name)
            columns.append(prediction.obs[name].to_numpy(np.float64))
    return names, np.column_stack(columns) if columns else np.empty((adata.n_obs, 0))


def _column_of(source: AnnData, gene: str, adata: AnnData) -> NDArray[np.float64]:
    """Return a gene's value for each of ``adata``'s spots, NaN where ``source`` has none."""
    column = source.X[:, source.var_names.get_loc(gene)]
    column = column.toarray() if hasattr(column, "toarray") else np.asarray(column)
    values = column.ravel().astype(np.float64)
    if source is adata:
        return values
    rows = source.obs_names.get_indexer(adata.obs_names)
    return np.where(rows >= 0, values[rows], np.nan)


def _diameter_of(adata: AnnData, spots: AnnData | None) -> float:
    from napari_stexp.spots import spot_diameter_px, spot_pitch_px

    for source in (adata, spots):
        diameter = spot_diameter_px(source) if source is not None else None
        if diameter is not None:
            return diameter
    pitch = spot_pitch_px(adata)
    if pitch is None:
        raise OutputError(
            "nothing says how large the spots are", expected="a diameter, or more than one spot"
        )
    logger.warning("the spots' diameter is unknown: they are written half their pitch wide")
    return pitch / 2
