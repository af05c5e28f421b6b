"""Read sections as Space Ranger writes them, versions 1 to 4: Visium and Visium HD.

A section is a folder with ``spatial/`` (where the spots lie) and counts beside it. The
layout in which mclSTExp's authors keep the sections of Wu et al. (Nature Genetics 2021)
and of 10x Genomics is the same, with ``filtered_count_matrix/`` and ``image.tif``. Of
Visium HD there are bins of several widths, each in such a folder, and segmented cells.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.record import assemble_spots
from napari_stexp.spots.spaceranger.bins import CELLS
from napari_stexp.spots.spaceranger.cells import Cells, read_cells
from napari_stexp.spots.spaceranger.factors import ScaleFactors, read_scale_factors
from napari_stexp.spots.spaceranger.layout import (
    VisiumSection,
    find_visium_section,
    is_cells_file,
    is_positions_file,
)
from napari_stexp.spots.spaceranger.positions import Positions, read_positions
from napari_stexp.spots.technology import VISIUM, VISIUM_HD, spot_size
from napari_stexp.spots.tenx import read_10x_counts

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

    from napari_stexp.spots.tables import CountTable

__all__ = ["VisiumSection", "find_visium_section", "is_positions_file", "read_visium"]

logger = logging.getLogger(__name__)


def read_visium(
    positions: str | Path,
    counts: str | Path | None = None,
    *,
    section: str | None = None,
    patient: str | None = None,
    technology: str | None = None,
) -> AnnData:
    """Read one section.

    The spots that lie in tissue come in the *order of the counts*; barcodes of the
    counts that lie outside tissue are left out, as are spots without counts. Without
    counts, all spots in tissue come, in the file's order, without variables. Cells are
    spots at their centroids.

    Parameters
    ----------
    positions : path-like
        ``tissue_positions.csv`` or ``tissue_positions_list.csv``, with or without a
        header; ``tissue_positions.parquet``; or ``cell_segmentations.geojson``.
        ``scalefactors_json.json`` beside it gives the spots' diameter and the µm per pixel.
    counts : path-like, optional
        See `read_10x_counts`.
    section, patient : str, optional
        Names for the record.
    technology : str, optional
        Sets the recorded pitch and diameter. Default: Visium (100 and 55 µm), or Visium
        HD, whose bins are as wide as the scale factors or the folder's name say.

    Returns
    -------
    AnnData
        As the package's docstring describes. ``uns['stexp_spots']`` also has ``bins``
        ('8', 'cells') of Visium HD, and ``microns_per_pixel`` where Space Ranger says it.
        Of cells ``obs`` has ``area_px`` (level-0 px²) and ``diameter_px``, ``area_um2``
        where the scale is known, and ``cluster`` where the outlines are annotated.

    Raises
    ------
    SpotsError
        A file is missing, damaged or of another form; a spot occurs twice or has no
        position; no spot lies in tissue; barcodes of the counts are not among the
        positions.
    """
    positions = Path(positions)
    of_cells = is_cells_file(positions)
    factors = read_scale_factors(positions, of_cells=of_cells)
    given: dict[str, Any] = {
        "section": section,
        "patient": patient,
        "microns_per_pixel": factors.mpp,
        "source": str(positions),
    }
    if of_cells:
        given["technology"] = technology or VISIUM_HD
        spots = _assemble_cells(read_cells(positions), factors, counts, given)
    elif factors.bin_um is not None:
        size = {"pitch_um": factors.bin_um, "diameter_um": factors.bin_um}
        given |= {"technology": technology or VISIUM_HD, "bins": f"{factors.bin_um:g}", **size}
        spots = _assemble_spots(read_positions(positions), factors, counts, given)
    else:
        named = technology or VISIUM
        given |= {"technology": named, **spot_size(named)._asdict()}
        spots = _assemble_spots(read_positions(positions), factors, counts, given)
    for library in spots.uns.get("spatial", {}).values():
        library["scalefactors"] = {**factors.values, **library["scalefactors"]}
    return spots


def _assemble_spots(
    positions: Positions, factors: ScaleFactors, counts: str | Path | None, record: dict[str, Any]
) -> AnnData:
    rows, table = _join(positions.barcodes, counts, positions.path, positions)
    return _assemble(
        positions.barcodes,
        rows,
        table,
        xy=positions.xy,
        array=positions.array,
        diameter_px=factors.diameter_px,
        record=record,
    )


def _assemble_cells(
    cells: Cells, factors: ScaleFactors, counts: str | Path | None, record: dict[str, Any]
) -> AnnData:
    import pandas as pd

    names: pd.Index[str] = pd.Index(cells.barcodes, dtype=object)
    rows, table = _join(names, counts, Path(record["source"]))
    spots = _assemble(
        names,
        rows,
        table,
        xy=cells.xy,
        diameter_px=float(np.median(cells.diameter)),
        record=record | {"bins": CELLS},
    )
    spots.obs["area_px"], spots.obs["diameter_px"] = cells.area[rows], cells.diameter[rows]
    if factors.mpp is not None:
        spots.obs["area_um2"] = spots.obs["area_px"] * factors.mpp**2
    if any(cells.clusters):
        found = pd.Series(cells.clusters, dtype=object).iloc[rows]
        spots.obs["cluster"] = pd.Categorical(found.where(found != ""))
    return spots


def _assemble(
    names: pd.Index[str],
    rows: NDArray[np.intp],
    table: CountTable | None,
    *,
    xy: NDArray[np.float64],
    array: NDArray[np.int64] | None = None,
    diameter_px: float | None,
    record: dict[str, Any],
) -> AnnData:
    spots = assemble_spots(
        names[rows],
        xy[rows],
        array=None if array is None else array[rows],
        counts=None if table is None else table.counts,
        genes=() if table is None else table.genes,
        diameter_px=diameter_px,
        record=record,
    )
    if table is not None and len(table.gene_ids) == spots.n_vars > 0:
        spots.var["gene_ids"] = table.gene_ids
    return spots


def _join(
    names: pd.Index[str],
    counts: str | Path | None,
    path: Path,
    positions: Positions | None = None,
) -> tuple[NDArray[np.intp], CountTable | None]:
    """Return the rows of the positions, in the order of the counts, and these counts."""
    if counts is None:
        return np.arange(len(names)), None
    table = read_10x_counts(counts)
    rows = names.get_indexer(table.rows)  # type: ignore[arg-type]  # takes lists, too
    known = rows >= 0
    strange = [table.rows[row] for row in np.flatnonzero(~known)]
    if strange and positions is not None:
        strange = positions.unknown(strange)
    if strange:
        raise _strangers(strange, table.rows, names, Path(counts), path)
    if not known.any():
        raise SpotsError(
            "no spot with counts lies in tissue",
            path=Path(counts),
            expected=f"barcodes that {path} has in tissue",
            found=f"{len(table.rows)} others",
        )
    if known.sum() < len(names):
        logger.info(
            "%s: %d spots in tissue have no counts and are left out",
            path,
            len(names) - int(known.sum()),
        )
    if known.all():
        return rows, table
    from napari_stexp.spots.tables import CountTable

    kept = np.flatnonzero(known)
    barcodes = [table.rows[row] for row in kept]
    return rows[kept], CountTable(barcodes, table.genes, table.counts[kept], table.gene_ids)


def _strangers(
    strange: Sequence[str], rows: Sequence[str], names: pd.Index[str], counts: Path, path: Path
) -> SpotsError:
    return SpotsError(
        f"{len(strange)} of {len(rows)} barcodes of the counts have no position",
        path=counts,
        expected=f"barcodes of {path}, such as {names[0]!r}",
        found=", ".join(repr(name) for name in strange[:3]),
        hint="Do they belong to the same section?",
    )
