"""Counts as Cell Ranger and Space Ranger write them: HDF5, or a folder of three tables."""

from __future__ import annotations

import io
import logging
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import SpotsError
from napari_stexp.spots.record import find_duplicates, refuse_duplicates
from napari_stexp.spots.tables import CountTable, read_text

if TYPE_CHECKING:
    import h5py

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
        ``…feature_bc_matrix.h5`` (of Cell Ranger 2 also), or a folder with
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
    if path.is_dir():
        barcodes, genes, ids, kinds, matrix = _read_mtx(path)
    elif path.is_file():
        barcodes, genes, ids, kinds, matrix = _read_h5(path)
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


# Barcodes, genes, their ids (none where there are none), kinds, csr (N, G).
_Parts = tuple[list[str], list[str], list[str], list[str], Any]


def _read_h5(path: Path) -> _Parts:
    import h5py

    try:
        with h5py.File(path) as file:
            return _read_h5_groups(file, path)
    except SpotsError:
        raise
    except (OSError, KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        # h5py raises these for files that are cut off, damaged or none of its own.
        raise SpotsError(
            "the counts can't be read",
            path=path,
            expected="HDF5 as Space Ranger writes it",
            found=f"{type(error).__name__}: {error}",
            hint="It may be damaged or cut off.",
        ) from error


def _read_h5_groups(file: h5py.File, path: Path) -> _Parts:
    """Read Cell Ranger 3's group ``matrix``, or Cell Ranger 2's, named after the genome."""
    from scipy.sparse import csr_matrix

    named = [name for name in file if "indptr" in getattr(file[name], "keys", tuple)()]
    group = file["matrix"] if "matrix" in named else file[named[0]] if len(named) == 1 else None
    if group is None:
        raise SpotsError(
            "the file holds no counts",
            path=path,
            expected="a group matrix with barcodes, features, data, indices and indptr",
            found=", ".join(list(file)[:8]) or "nothing",
        )
    barcodes = _text(group["barcodes"])
    if "features" in group:
        genes = _text(group["features/name"])
        ids = _text(group["features/id"]) if "features/id" in group else []
        kinds = _text(group["features/feature_type"])
    else:
        genes = _text(group["gene_names"])
        ids = _text(group["genes"]) if "genes" in group else []
        kinds = [""] * len(genes)
    # A column per spot there, which is a row per spot here.
    matrix = csr_matrix(
        (group["data"][:].astype(np.float32), group["indices"][:], group["indptr"][:]),
        shape=(len(barcodes), len(genes)),
    )
    matrix.check_format(full_check=True)
    matrix.sum_duplicates()
    return barcodes, genes, ids, kinds, matrix


def _text(dataset: h5py.Dataset) -> list[str]:
    return [
        entry.decode() if isinstance(entry, bytes) else str(entry) for entry in dataset[:].tolist()
    ]


def _read_mtx(folder: Path) -> _Parts:
    from scipy.sparse import csr_matrix

    tables = {
        "barcodes": _find_part(folder, "barcodes.tsv"),
        "genes": _find_part(folder, "features.tsv", "genes.tsv"),
        "matrix": _find_part(folder, "matrix.mtx"),
    }
    barcodes = [row[0] for row in _rows(tables["barcodes"])]
    features = _rows(tables["genes"])
    genes = [row[1] if len(row) > 1 else row[0] for row in features]
    ids = [row[0] for row in features] if all(len(row) > 1 for row in features) else []
    kinds = [row[2] if len(row) > 2 else "" for row in features]
    matrix = _parse_mtx(tables["matrix"], (len(genes), len(barcodes)))
    return barcodes, genes, ids, kinds, csr_matrix(matrix.T, dtype=np.float32)


def _find_part(folder: Path, *names: str) -> Path:
    """Return the table of one of these names, with a prefix where it has one."""
    for name in names:
        for pattern in (name, f"{name}.gz", f"*{name}", f"*{name}.gz"):
            files = sorted(file for file in folder.glob(pattern) if file.is_file())
            if files:
                return files[0]
    raise SpotsError(
        f"the folder of counts lacks {names[0]}",
        path=folder,
        expected=", ".join(f"{name}[.gz]" for name in names),
        found=", ".join(sorted(file.name for file in folder.iterdir())[:8]) or "an empty folder",
    )


def _rows(path: Path) -> list[list[str]]:
    try:
        text = read_text(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpotsError("is no text table", path=path, expected="UTF-8 text") from error
    return [[cell.strip() for cell in line.split("\t")] for line in text.splitlines() if line]


def _parse_mtx(path: Path, shape: tuple[int, int]) -> Any:
    """Parse genes by barcodes, checked against the two tables before anything is read."""
    import scipy.io

    text = read_text(path)
    try:
        n_rows, n_columns, n_entries, _, field, _ = scipy.io.mminfo(io.BytesIO(text))
        if field not in ("integer", "unsigned-integer", "real"):
            raise ValueError(f"{field} values")
        if (n_rows, n_columns) == shape and n_entries <= len(text):
            return scipy.io.mmread(io.BytesIO(text)).tocsc()
    except (ValueError, OverflowError, AttributeError) as error:
        raise SpotsError(
            "the matrix can't be read",
            path=path,
            expected="a sparse Matrix Market file",
            found=error,
            hint="It may be damaged or cut off.",
        ) from error
    raise SpotsError(
        "the matrix doesn't fit its tables of genes and barcodes",
        path=path,
        expected=f"{shape[0]} genes by {shape[1]} barcodes",
        found=f"{n_rows} by {n_columns}, {n_entries} entries in {len(text)} bytes",
    )
