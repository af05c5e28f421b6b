"""Counts as Cell Ranger and Space Ranger write them: HDF5, or a folder of three tables."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from napari_stexp.errors import SpotsError
from napari_stexp.spots.record import find_duplicates, refuse_duplicates
from napari_stexp.spots.spaceranger.h5_counts import read_h5
from napari_stexp.spots.spaceranger.mtx_counts import read_mtx
from napari_stexp.spots.tables import CountTable

__all__ = ["read_10x_counts"]

_EXPRESSION = "Gene Expression"

logger = logging.getLogger(__name__)


def read_10x_counts(path: str | Path) -> CountTable:
    """Read counts of 10x Genomics' layouts.

    Genes are called by their symbol. Symbols that occur twice become unique as
    ``AnnData.var_names_make_unique`` does it: the first keeps its name, the others get
    ``-1``, ``-2`` and so on. Features that are no genes (antibodies) are left out.

    Parameters
    ----------
    path : path-like
        ``…feature_bc_matrix.h5`` (of Cell Ranger 2 also), ``…feature_cell_matrix.h5``, or a
        folder (or the first of these files) with
        ``matrix.mtx``, ``barcodes.tsv`` and ``features.tsv`` or ``genes.tsv``, each
        plain or gzipped (told by content) and with or without a prefix. The table of
        genes has the columns id, symbol and kind, id and symbol, or the symbol alone.

    Returns
    -------
    CountTable
        Barcodes in the file's order.

    Raises
    ------
    SpotsError
        A file is missing, damaged or of another form; barcodes that occur twice;
        counts that are negative or not finite.
    """
    path = Path(path)
    if path.is_dir() or path.name.endswith((".mtx", ".mtx.gz")):
        barcodes, genes, ids, kinds, matrix = read_mtx(path)
    elif path.is_file():
        barcodes, genes, ids, kinds, matrix = read_h5(path)
    else:
        raise SpotsError(
            "the counts are missing",
            path=path,
            expected="an .h5 file, or a folder with matrix.mtx, barcodes.tsv and features.tsv",
            found="nothing",
        )
    refuse_duplicates(barcodes, "barcodes", path)
    if not barcodes or not genes:
        raise SpotsError(
            "the counts are empty",
            path=path,
            expected="spots and genes",
            found=f"{len(barcodes)} spots, {len(genes)} genes",
        )
    _check_counts(matrix, barcodes, genes, path)
    expressed = [kind in ("", _EXPRESSION) for kind in kinds]
    if not all(expressed):
        logger.info("%s: %d features are no genes; left out", path, len(genes) - sum(expressed))
        genes = [gene for gene, kept in zip(genes, expressed, strict=True) if kept]
        ids = [name for name, kept in zip(ids, expressed, strict=False) if kept]
        matrix = matrix[:, np.flatnonzero(expressed)]
    return CountTable(barcodes, _make_unique(genes, path), matrix, ids)


def _make_unique(genes: list[str], path: Path) -> list[str]:
    import pandas as pd
    from anndata.utils import make_index_unique

    twice = find_duplicates(genes)
    if not twice:
        return genes
    logger.info("%s: %d genes are named twice; made unique", path, len(twice))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(make_index_unique(pd.Index(genes, dtype=object)))


def _check_counts(matrix: Any, barcodes: list[str], genes: list[str], path: Path) -> None:
    if not matrix.nnz or (matrix.data.min() >= 0 and matrix.data.max() < np.inf):  # NaN is neither
        return
    bad = ~(np.isfinite(matrix.data) & (matrix.data >= 0))
    if bad.any():
        first = int(np.argmax(bad))
        spot = int(np.searchsorted(matrix.indptr, first, side="right")) - 1
        raise SpotsError(
            f"a count is none: spot {barcodes[spot]!r}, gene {genes[matrix.indices[first]]!r}",
            path=path,
            expected="finite numbers, 0 or more",
            found=f"{matrix.data[first]:g}, and {int(bad.sum()) - 1} others",
        )
