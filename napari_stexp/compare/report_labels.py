"""Labels of spots, and colours for their classes, from whatever an annotation is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_stexp.annotation import DEFAULT_CLASSES, classes_of, is_regions_file, read_regions
from napari_stexp.compare.label_colors import as_text, choose_colors
from napari_stexp.compare.report_content import SpotLabels
from napari_stexp.errors import AnnotationError, EvaluationError, SpotsError
from napari_stexp.evaluate.domains import is_labelled

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from napari_stexp.annotation import Region
    from napari_stexp.slide import Slide

__all__ = ["OF_SPOTS", "read_annotation"]

#: What an annotation begins with that is a column of the spots' own table.
OF_SPOTS = "obs:"


def read_annotation(
    annotation: str | Path,
    spots: AnnData,
    *,
    slide: Slide | None = None,
    measured: AnnData | None = None,
    column: str | None = None,
) -> tuple[SpotLabels, tuple[Region, ...]]:
    """Read what someone says of a slide, and label its spots with it.

    Parameters
    ----------
    annotation : str or path-like
        A file of regions (`read_regions`), a table of labels per spot
        (``napari_stexp.spots.read_label_table``), or ``obs:COLUMN``, a column of the
        spots' own table, or of that of the measured spots.
    spots : AnnData
        N spots.
    slide : Slide, optional
        Of the regions; needed for Hamamatsu's NDPA.
    measured : AnnData, optional
        Spots with further columns and array positions, matched by barcode.
    column : str, optional
        Of the table.

    Returns
    -------
    SpotLabels
        Of the N spots.
    tuple of Region
        None for a table.

    Raises
    ------
    AnnotationError, SpotsError
        The annotation can't be read, or isn't of these spots.
    EvaluationError
        Fewer than one spot has a label that says something.
    """
    text = str(annotation)
    regions: tuple[Region, ...] = ()
    if text.startswith(OF_SPOTS):
        labels = _read_column(text.removeprefix(OF_SPOTS), spots, measured)
        found = _label(labels, text.removeprefix(OF_SPOTS), "column")
    elif not Path(annotation).is_file():
        raise AnnotationError(
            "there is no such annotation",
            path=annotation,
            expected=f"a file of regions or labels, or {OF_SPOTS}COLUMN",
        )
    elif is_regions_file(annotation):
        from napari_stexp.annotation import label_spots

        regions = tuple(read_regions(annotation, slide))
        values = as_text(label_spots(spots, regions))
        used = {region.class_name for region in regions}
        colours = {one.name: one.color for one in classes_of(regions) if one.name in used}
        found = SpotLabels(Path(annotation).name, "regions", values, colours)
    else:
        labels = _read_table(Path(annotation), spots, measured, column)
        found = _label(labels, Path(annotation).name, "table")
    _check_any(found, text)
    return found, regions


def _read_column(column: str, spots: AnnData, measured: AnnData | None) -> pd.Series:
    for table in (spots, measured):
        if table is not None and column in table.obs.columns:
            labels: pd.Series = table.obs[column].reindex(spots.obs_names)
            return labels
    raise AnnotationError(
        f"the spots have no column {column}",
        expected=", ".join(map(str, spots.obs.columns)) or "a column of obs",
        hint="Columns of the measured spots count, too: name them (--measured).",
    )


def _read_table(
    path: Path, spots: AnnData, measured: AnnData | None, column: str | None
) -> pd.Series:
    """Read a table by the spots' barcodes and places, or those of the measured spots."""
    from napari_stexp.spots import read_label_table

    try:
        return read_label_table(path, spots, column)
    except SpotsError:
        if measured is None:
            raise
        return read_label_table(path, measured, column).reindex(spots.obs_names)


def _label(labels: pd.Series, title: str, kind: str) -> SpotLabels:
    values = as_text(labels)
    names = sorted(set(values) - {""})
    return SpotLabels(title, kind, values, choose_colors(names, DEFAULT_CLASSES))


def _check_any(labels: SpotLabels, annotation: str) -> None:
    if not is_labelled(labels.values).any():
        raise EvaluationError(
            "no spot lies in a region that has a class"
            if labels.kind == "regions"
            else "no spot has a label",
            path=None if annotation.startswith(OF_SPOTS) else annotation,
            found=f"{len(labels.values)} spots",
            hint="Does the annotation belong to this slide?",
        )
