"""Visium sections as Space Ranger writes them, versions 1 to 3.

A section is a folder with ``spatial/`` (where the spots lie) and counts beside it. The
layout in which mclSTExp's authors keep the sections of Wu et al. (Nature Genetics 2021)
and of 10x Genomics is the same, with ``filtered_count_matrix/`` and ``image.tif``.
"""

from __future__ import annotations

import io
import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.errors import SpotsError
from napari_stexp.spots.record import assemble_spots, refuse_duplicates
from napari_stexp.spots.tables import CountTable, read_text
from napari_stexp.spots.technology import VISIUM, spot_size
from napari_stexp.spots.tenx import read_10x_counts

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["VisiumSection", "find_visium_section", "is_positions_file", "read_visium"]

_POSITIONS = ("tissue_positions.csv", "tissue_positions_list.csv")
#: Columns of ``tissue_positions_list.csv``, which up to Space Ranger 1.3 has no header.
_COLUMNS = (
    "barcode",
    "in_tissue",
    "array_row",
    "array_col",
    "pxl_row_in_fullres",
    "pxl_col_in_fullres",
)
_COUNTS = (
    "filtered_feature_bc_matrix.h5",
    "filtered_feature_bc_matrix",
    "filtered_count_matrix",
    "raw_feature_bc_matrix.h5",
    "raw_feature_bc_matrix",
)
_IMAGE_SUFFIXES = {".tif", ".tiff", ".btf", ".svs", ".jpg", ".jpeg", ".png"}
#: Reduced, annotated or fluorescent images that Space Ranger writes or reads.
_NO_SLIDES = ("hires", "lowres", "fiducial", "detected_tissue", "cytassist", "aligned", "thumb")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class VisiumSection:
    """Files of one section."""

    name: str
    positions: Path
    counts: Path | None
    image: Path | None


def is_positions_file(path: Path) -> bool:
    """Whether the file's name is one that Space Ranger gives to the spots' positions."""
    return "tissue_positions" in path.name and ".csv" in path.suffixes[-2:]


def find_visium_section(folder: str | Path) -> VisiumSection | None:
    """Find the files of one section.

    Parameters
    ----------
    folder : path-like
        Space Ranger's output folder, or the one that holds it as ``outs``. File names
        may have a prefix. The section is called by the folder's name.

    Returns
    -------
    VisiumSection or None
        None where there is neither ``spatial/`` nor a file of positions. Counts are None
        where they are missing; the image is None where none, or no certain one, is there.

    Raises
    ------
    SpotsError
        There is ``spatial/``, but no file of positions in it that can be read.
    """
    folder = Path(folder)
    roots = [root for root in (folder, folder / "outs") if root.is_dir()]
    for root in roots:
        positions = _find_positions(root)
        if positions is not None:
            named = folder if folder.name != "outs" else folder.absolute().parent
            return VisiumSection(
                name=named.absolute().name,
                positions=positions,
                counts=_find_counts(root),
                image=_find_image(dict.fromkeys((root, root / "image", root / "images", folder))),
            )
    return None


def _find_positions(root: Path) -> Path | None:
    places = (root / "spatial", *sorted(root.glob("*_spatial")))
    folders = [place for place in places if place.is_dir()]
    for folder in (*folders, root):
        for name in _POSITIONS:
            for pattern in (name, f"{name}.gz", f"*{name}", f"*{name}.gz"):
                files = sorted(folder.glob(pattern))
                if files:
                    return files[0]
    if folders:
        raise SpotsError(
            "the folder holds no positions of spots",
            path=folders[0],
            expected=" or ".join(_POSITIONS),
            found=", ".join(sorted(file.name for file in folders[0].iterdir())[:8]) or "nothing",
            hint="Visium HD (.parquet) is not read." if any(folders[0].glob("*.parquet")) else None,
        )
    return None


def _find_counts(root: Path) -> Path | None:
    for name in _COUNTS:
        for path in (root / name, *sorted(root.glob(f"*{name}"))):
            if path.is_file() or (path.is_dir() and any(path.glob("*matrix.mtx*"))):
                return path
    return None


def _find_image(folders: dict[Path, None]) -> Path | None:
    """Return the full-resolution image; where several could be it, the one named so."""
    images = [
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in _IMAGE_SUFFIXES
        and not any(word in path.name.lower() for word in _NO_SLIDES)
    ]
    certain = [path for path in images if path.stem.lower().endswith("image")]
    for choice in (images, certain):
        if len(choice) == 1:
            return choice[0]
    if images:
        logger.warning("%s: which of the images is the slide is unclear", images[0].parent)
    return None


def read_visium(
    positions: str | Path,
    counts: str | Path | None = None,
    *,
    section: str | None = None,
    patient: str | None = None,
    technology: str = VISIUM,
) -> AnnData:
    """Read one section.

    The spots that lie in tissue come in the *order of the counts*; barcodes of the
    counts that lie outside tissue are left out, as are spots without counts. Without
    counts, all spots in tissue come, in the file's order, without variables.

    Parameters
    ----------
    positions : path-like
        ``tissue_positions.csv`` or ``tissue_positions_list.csv``, with or without a
        header. ``scalefactors_json.json`` beside it gives the spots' diameter.
    counts : path-like, optional
        See `read_10x_counts`.
    section, patient : str, optional
        Names for the record.
    technology : str
        Sets the recorded pitch and diameter (Visium: 100 and 55 µm).

    Raises
    ------
    SpotsError
        A file is missing, damaged or of another form; a spot occurs twice or has no
        position; no spot lies in tissue; barcodes of the counts are not among the
        positions.
    """
    positions = Path(positions)
    table = _read_positions(positions)
    inside = table[table["in_tissue"] == 1]
    if inside.empty:
        raise SpotsError(
            "no spot lies in tissue",
            path=positions,
            expected="in_tissue 1 for some",
            found=f"{len(table)} spots, all 0",
        )
    if counts is None:
        names, matrix, genes, ids = inside["barcode"].tolist(), None, [], []
    else:
        measured = read_10x_counts(counts)
        rows = _match(measured, table, inside, Path(counts), positions)
        names = [measured.rows[row] for row in rows]
        matrix, genes, ids = measured.counts[rows], measured.genes, measured.gene_ids
    chosen = inside.set_index("barcode").loc[names]
    size = spot_size(technology)
    spots = assemble_spots(
        names,
        chosen[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy(),
        array=chosen[["array_col", "array_row"]].to_numpy(),
        counts=matrix,
        genes=genes,
        diameter_px=_read_diameter(positions),
        record={
            "technology": technology,
            "section": section,
            "patient": patient,
            **size._asdict(),
            "source": str(positions),
        },
    )
    if len(ids) == spots.n_vars > 0:
        spots.var["gene_ids"] = ids
    return spots


def _match(
    measured: CountTable,
    table: pd.DataFrame,
    inside: pd.DataFrame,
    counts: Path,
    positions: Path,
) -> list[int]:
    """Return the rows of the counts that lie in tissue; refuse barcodes without a position."""
    known = set(table["barcode"])
    strange = [name for name in measured.rows if name not in known]
    if strange:
        raise SpotsError(
            f"{len(strange)} of {len(measured.rows)} barcodes of the counts have no position",
            path=counts,
            expected=f"barcodes of {positions}, such as {table['barcode'].iloc[0]!r}",
            found=", ".join(repr(name) for name in strange[:3]),
            hint="Do they belong to the same section?",
        )
    in_tissue = set(inside["barcode"])
    rows = [row for row, name in enumerate(measured.rows) if name in in_tissue]
    if not rows:
        raise SpotsError(
            "no spot with counts lies in tissue",
            path=counts,
            expected=f"barcodes that {positions} has in tissue",
            found=f"{len(measured.rows)} others",
        )
    if len(rows) < len(in_tissue):
        logger.info(
            "%s: %d spots in tissue have no counts and are left out",
            positions,
            len(in_tissue) - len(rows),
        )
    return rows


def _read_positions(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(read_text(path)), header=None, dtype=str, na_filter=False)
    except (ValueError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise SpotsError("the positions are no table", path=path, found=error) from error
    first = [str(cell).strip() for cell in table.iloc[0]]
    if "barcode" in first:
        table = table.iloc[1:]
        table.columns = pd.Index(first)
    elif len(first) == len(_COLUMNS):
        table.columns = pd.Index(_COLUMNS)
    missing = [name for name in _COLUMNS if name not in table.columns]
    if missing:
        raise SpotsError(
            "the positions have other columns",
            path=path,
            expected=", ".join(_COLUMNS),
            found=", ".join(first[:8]),
        )
    table = table[list(_COLUMNS)].reset_index(drop=True)
    for column in _COLUMNS[1:]:
        numbers = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64)
        whole = not column.startswith("pxl")
        bad = ~np.isfinite(numbers) | (whole & (numbers != np.rint(numbers)))
        if bad.any():
            first_bad = int(np.argmax(bad))
            raise SpotsError(
                f"{int(bad.sum())} spots have no {column}",
                path=path,
                expected="a whole number" if whole else "a number",
                found=f"{table[column].iloc[first_bad]!r} in row {first_bad + 1} of the spots",
            )
        table[column] = numbers.astype(np.int64) if whole else numbers
    refuse_duplicates(table["barcode"].tolist(), "barcodes", path)
    return table


def _read_diameter(positions: Path) -> float | None:
    """Return the spots' diameter in level-0 px, None where no file says it."""
    files = sorted(positions.parent.glob("*scalefactors_json.json"))
    if not files:
        return None
    try:
        factors = json.loads(files[0].read_text(encoding="utf-8"))
        diameter = float(factors["spot_diameter_fullres"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SpotsError(
            "the scale factors can't be read",
            path=files[0],
            expected="JSON with spot_diameter_fullres",
            found=f"{type(error).__name__}: {error}",
        ) from error
    if not (math.isfinite(diameter) and diameter > 0):
        raise SpotsError(
            "the spots' diameter is none",
            path=files[0],
            expected="spot_diameter_fullres, a positive number",
            found=diameter,
        )
    return diameter
