"""Annotations in and out as generators of `Progress`. Knows no Qt."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.progress import Progress
from napari_stexp.session.output.exporting import FORMATS, export_steps, take_export

if TYPE_CHECKING:
    from napari_stexp.annotation import Region, RegionClass
    from napari_stexp.session.annotation.blinding import Blinding
    from napari_stexp.session.workspace.autosave import Autosave
    from napari_stexp.slide import Slide

__all__ = [
    "FORMATS",
    "Found",
    "Saving",
    "autosave_steps",
    "export_steps",
    "find_autosave_steps",
    "is_table",
    "read_table_steps",
    "take_export",
    "take_layer_steps",
]

Steps = Generator[Progress, None, Any]

_TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".h5ad")


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
    from napari_stexp.session.workspace.autosave import autosave_path, find_autosave

    path = autosave_path(slide)
    yield Progress(0, 0, "looking for unsaved annotations")
    saved = find_autosave(path)
    if saved is None:
        return Found(path)
    return Found(path, saved, tuple(saved.read()))


def autosave_steps(saving: Saving, path: Path | None, *, set_aside: bool) -> Steps:
    """Save an annotation; ``set_aside`` keeps what an earlier session had saved there."""
    yield Progress(0, 0, "saving the annotation")
    from napari_stexp.session.workspace.autosave import (
        autosave_path,
        remove_autosave,
        write_autosave,
    )

    path = autosave_path(saving.slide) if path is None else path
    if set_aside:
        remove_autosave(path)
    return write_autosave(path, saving.regions, saving.classes, saving.blinding, saving.slide.name)
