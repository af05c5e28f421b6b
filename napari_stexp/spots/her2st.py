"""Spatial Transcriptomics sections as published with HER2ST (and cSCC): two tables each.

A section is a table of counts (row names ``XxY``) and a spot file with the array
position ``x y`` and the centre ``pixel_x pixel_y`` in pixels of the full image
(Andersson et al., Nature Communications 2021, files as in almaan/her2st).
"""

from __future__ import annotations

import io
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.record import assemble_spots, find_duplicates, set_diameter
from napari_stexp.spots.scale import spot_diameter_px
from napari_stexp.spots.tables import CountTable, read_count_table, read_text
from napari_stexp.spots.technology import SPATIAL_TRANSCRIPTOMICS, spot_size

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["Her2stSection", "find_her2st_sections", "read_her2st"]

_COLUMNS = ("x", "y", "pixel_x", "pixel_y")
_SPOT_FILE_END = "_selection"
_IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff"}
_ROW_NAME = re.compile(r"([\d.]+)x([\d.]+)")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Her2stSection:
    """Files of one section in the HER2ST layout."""

    name: str
    patient: str
    spot_file: Path
    counts: Path | None
    image: Path | None
    labels: Path | None = None


def find_her2st_sections(folder: str | Path) -> dict[str, Her2stSection]:
    """List the sections of a folder in the HER2ST layout.

    Parameters
    ----------
    folder : path-like
        The folder that holds ``ST-spotfiles``, ``ST-cnts`` and ``ST-imgs``, or the one
        that holds it as ``data``.

    Returns
    -------
    dict of str to Her2stSection
        By name, sorted. Counts, image and labels are None where they are missing.

    Raises
    ------
    SpotsError
        There are no spot files where the layout has them.
    """
    folder = Path(folder)
    roots = [root for root in (folder, folder / "data") if (root / "ST-spotfiles").is_dir()]
    files = sorted((roots[0] / "ST-spotfiles").glob(f"*{_SPOT_FILE_END}.tsv*")) if roots else []
    if not files:
        raise SpotsError(
            "no HER2ST sections here",
            path=folder,
            expected=f"[data/]ST-spotfiles/<section>{_SPOT_FILE_END}.tsv",
            found="no such folder" if not folder.is_dir() else "none",
        )
    sections = (section_of(file) for file in files)
    return {section.name: section for section in sections}


def section_of(spot_file: Path) -> Her2stSection:
    """Return the section that a spot file belongs to, with what lies beside it."""
    name = spot_file.name.split(".")[0].removesuffix(_SPOT_FILE_END)
    root = spot_file.absolute().parent.parent
    patient = patient_of(name)
    tables = [root / "ST-cnts" / f"{name}{end}" for end in (".tsv.gz", ".tsv")]
    images = sorted(
        path
        for path in (root / "ST-imgs" / patient / name).glob("*")
        if path.suffix.lower() in _IMAGE_SUFFIXES
    )
    labels = root / "ST-pat" / "lbl" / f"{name}_labeled_coordinates.tsv"
    return Her2stSection(
        name=name,
        patient=patient,
        spot_file=spot_file,
        counts=next((table for table in tables if table.is_file()), None),
        image=images[0] if images else None,
        labels=labels if labels.is_file() else None,
    )


def patient_of(section: str) -> str:
    """Return the patient's letter of a HER2ST section name (``C4`` is patient C)."""
    return section.rstrip("0123456789") or section


def read_her2st(
    spot_file: str | Path,
    counts: str | Path | None = None,
    *,
    section: str | None = None,
    patient: str | None = None,
    technology: str = SPATIAL_TRANSCRIPTOMICS,
) -> AnnData:
    """Read one section from its spot file and its table of counts.

    Spots are joined on the array position, rounded to whole numbers on both sides, and
    come in the *order of the table of counts* (the order of the released mclSTExp code
    and its reference outputs), named as there. Spots of the spot file without counts are
    left out, as are rows of counts without a position and spots whose ``selected`` is 0;
    how many is logged. Without a table of counts the spots come in the spot file's
    order, named ``XxY``, with no variables.

    Parameters
    ----------
    spot_file : path-like
        Tab-separated, with columns x, y, pixel_x, pixel_y; plain or gzipped.
    counts : path-like, optional
        Tab-separated, spots by genes, plain or gzipped. Looked for where the HER2ST
        layout has it when not given.
    section, patient : str, optional
        Names for the record; by default from the spot file's name.
    technology : str
        Sets the recorded pitch and diameter (Spatial Transcriptomics: 200 and 100 µm;
        another name: unknown).

    Returns
    -------
    AnnData
        ``array_col`` and ``array_row`` are the file's x and y.

    Raises
    ------
    SpotsError
        A table is missing, damaged, empty or of another form; a spot occurs twice, has
        no position; the two tables have no spot in common.
    """
    spot_file = Path(spot_file)
    layout = section_of(spot_file)
    section = section or layout.name
    counts_file = Path(counts) if counts is not None else layout.counts
    table = read_spot_file(spot_file)
    array = np.rint(table[["x", "y"]].to_numpy(dtype=np.float64)).astype(np.int64)
    if counts_file is None:
        keep, names, matrix, genes = np.arange(len(table)), _names_of(array), None, []
    else:
        measured = read_count_table(counts_file)
        keep, rows = _join(array, measured, spot_file, counts_file)
        names = [measured.rows[row] for row in rows]
        matrix, genes = measured.counts[rows], measured.genes
    spatial = table[["pixel_x", "pixel_y"]].to_numpy(dtype=np.float64)[keep]
    adata = assemble_spots(
        names,
        spatial,
        array=array[keep],
        counts=matrix,
        genes=genes,
        record={
            "technology": technology,
            "section": section,
            "patient": patient or patient_of(section),
            **spot_size(technology)._asdict(),
            "source": str(spot_file),
        },
    )
    diameter = spot_diameter_px(adata)
    if diameter is not None:
        set_diameter(adata, diameter)
    return adata


def read_spot_file(path: Path) -> pd.DataFrame:
    """Read a spot file: its selected spots, positions as finite numbers, none twice."""
    import pandas as pd

    text = read_text(path)
    if not text.strip():
        raise SpotsError("the spot file is empty", path=path)
    try:
        table = pd.read_csv(io.BytesIO(text), sep="\t", skipinitialspace=True)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise SpotsError("the spot file is no table", path=path, found=str(error)) from error
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        raise SpotsError(
            f"the spot file lacks {', '.join(missing)}",
            path=path,
            expected=f"tab-separated columns {', '.join(_COLUMNS)}",
            found=", ".join(map(str, table.columns[:8])),
        )
    if "selected" in table.columns:
        table = table[table["selected"] != 0]
    table = table.reset_index(drop=True)
    if table.empty:
        raise SpotsError("the spot file has no spots", path=path)
    _check_numbers(table, path)
    return table


def _check_numbers(table: pd.DataFrame, path: Path) -> None:
    import pandas as pd

    for column in _COLUMNS:
        numbers = pd.to_numeric(table[column], errors="coerce").to_numpy(dtype=np.float64)
        bad = ~np.isfinite(numbers)
        if bad.any():
            first = int(np.argmax(bad))
            raise SpotsError(
                f"{bad.sum()} spots have no {column}",
                path=path,
                expected="a number in every row",
                found=f"{table[column].iloc[first]!r} in row {first + 1} of the spots",
            )
        table[column] = numbers
    array = np.rint(table[["x", "y"]].to_numpy()).astype(np.int64)
    twice = find_duplicates(_names_of(array))
    if twice:
        raise SpotsError(
            "duplicate spots", path=path, expected="each x, y once", found=", ".join(twice[:5])
        )


def _names_of(array: NDArray[np.int64]) -> list[str]:
    return [f"{x}x{y}" for x, y in array.tolist()]


def _join(
    array: NDArray[np.int64], measured: CountTable, spot_file: Path, counts_file: Path
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the matching rows of the spot file and of the counts, in the latter's order."""
    place = {(x, y): index for index, (x, y) in enumerate(array.tolist())}
    keys = [_parse_row_name(name, counts_file) for name in measured.rows]
    twice = find_duplicates([f"{x}x{y}" for x, y in keys])
    if twice:
        raise SpotsError(
            "duplicate spots in the counts",
            path=counts_file,
            expected="each position once, after rounding",
            found=", ".join(twice[:5]),
        )
    rows = [row for row, key in enumerate(keys) if key in place]
    if not rows:
        raise SpotsError(
            "the counts and the spot file have no spot in common",
            path=counts_file,
            expected=f"spots of {spot_file.name}, such as {_names_of(array[:3])}",
            found=f"{measured.rows[:3]}",
            hint="Do they belong to the same section?",
        )
    if len(rows) < max(len(keys), len(array)):
        logger.info(
            "%s: %d spots; %d rows of counts without a position and %d spots without "
            "counts are left out",
            spot_file.name,
            len(rows),
            len(keys) - len(rows),
            len(array) - len(rows),
        )
    keep = [place[keys[row]] for row in rows]
    return np.array(keep, dtype=np.intp), np.array(rows, dtype=np.intp)


def _parse_row_name(name: str, path: Path) -> tuple[int, int]:
    match = _ROW_NAME.fullmatch(name)
    try:
        x, y = (float(part) for part in match.groups()) if match else (np.nan, np.nan)
        return round(x), round(y)
    except ValueError as error:
        raise SpotsError(
            "the rows of the counts are not named by array positions",
            path=path,
            expected="names such as 10x14",
            found=repr(name),
            hint="A table with genes in rows has to be transposed.",
        ) from error
