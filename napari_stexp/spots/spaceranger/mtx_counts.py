"""Counts as three text tables: ``matrix.mtx``, ``barcodes.tsv`` and ``features.tsv``."""

from __future__ import annotations

import glob
import io
from pathlib import Path
from typing import Any

import numpy as np

from napari_stexp.errors import SpotsError
from napari_stexp.spots.spaceranger.h5_counts import Parts
from napari_stexp.spots.tables import read_text

__all__ = ["read_mtx"]

_MATRIX = "matrix.mtx"


def read_mtx(path: Path) -> Parts:
    """Read the three tables.

    Parameters
    ----------
    path : Path
        Their folder; or the matrix itself, where tables of several sections lie in one
        folder: the others have the same prefix.

    Raises
    ------
    SpotsError
        One is missing, damaged, or doesn't fit the others.
    """
    from scipy.sparse import csr_matrix

    stem = "" if path.is_dir() else path.name.removesuffix(".gz").removesuffix(_MATRIX)
    folder = path if path.is_dir() else path.parent
    tables = {
        "barcodes": _find_part(folder, stem, "barcodes.tsv"),
        "genes": _find_part(folder, stem, "features.tsv", "genes.tsv"),
        "matrix": path if path.is_file() else _find_part(folder, stem, _MATRIX),
    }
    barcodes = [row[0] for row in _rows(tables["barcodes"])]
    features = _rows(tables["genes"])
    genes = [row[1] if len(row) > 1 else row[0] for row in features]
    ids = [row[0] for row in features] if all(len(row) > 1 for row in features) else []
    kinds = [row[2] if len(row) > 2 else "" for row in features]
    matrix = _parse_mtx(tables["matrix"], (len(genes), len(barcodes)))
    return barcodes, genes, ids, kinds, csr_matrix(matrix.T, dtype=np.float32)


def _find_part(folder: Path, stem: str, *names: str) -> Path:
    """Return the table of one of these names: with this prefix, else any."""
    for name in names:
        patterns = [glob.escape(f"{stem}{name}"), glob.escape(f"{stem}{name}.gz")]
        patterns += [] if stem else [f"*{name}", f"*{name}.gz"]
        for pattern in patterns:
            files = sorted(file for file in folder.glob(pattern) if file.is_file())
            if files:
                return files[0]
    raise SpotsError(
        f"the folder of counts lacks {names[0]}",
        path=folder,
        expected=", ".join(f"{stem}{name}[.gz]" for name in names),
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
