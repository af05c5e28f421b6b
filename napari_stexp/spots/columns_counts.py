"""Counts that belong to a table of spots: columns of it, or a file of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.columns import guess_columns
from napari_stexp.spots.columns_table import TABLE_ENDS, TableLook, look_at_table, read_columns
from napari_stexp.spots.record import refuse_duplicates
from napari_stexp.spots.tables import CountTable
from napari_stexp.spots.tenx import read_10x_counts

__all__ = ["gather_counts", "read_counts_of"]


def gather_counts(table: Any, genes: Sequence[str], path: Path) -> Any:
    """Return columns of counts as csr float32 (N, G).

    Parameters
    ----------
    table : pyarrow.Table
        Columns of float32.
    genes : sequence of str
        Names of the columns.
    path : Path
        Named in errors.

    Raises
    ------
    SpotsError
        A value that is negative or not finite, by row and column.
    """
    from scipy.sparse import csc_matrix

    data, rows, ends = [], [], [0]
    for gene in genes:
        values = table[gene].to_numpy()
        bad = ~(np.isfinite(values) & (values >= 0))
        if bad.any():
            row = int(np.argmax(bad))
            raise SpotsError(
                f"row {row + 1}, column {gene!r} holds no count",
                path=path,
                expected="a finite number, 0 or more",
                found=values[row],
                hint="Columns that are no genes can be left out of the genes.",
            )
        filled = np.flatnonzero(values)
        data.append(values[filled])
        rows.append(filled)
        ends.append(ends[-1] + len(filled))
    matrix = csc_matrix(
        (np.concatenate(data), np.concatenate(rows), np.array(ends)),
        shape=(len(table), len(genes)),
        dtype=np.float32,
    )
    return matrix.tocsr()


def read_counts_of(
    path: Path, names: NDArray[Any], named: bool
) -> tuple[NDArray[np.intp], Any, list[str]]:
    """Read counts, and find each spot in them.

    Parameters
    ----------
    path : Path
        Text or Parquet with spots in rows; the h5 file or the folder of 10x Genomics.
    names : object array, N
        The spots' names.
    named : bool
        Whether a column gave them.

    Returns
    -------
    int array, N
        Row of each spot in the counts; -1 where it has none.
    csr float32 (M, G)
    list of str, G
        Genes.

    Raises
    ------
    SpotsError
        The file can't be read, or has no spot in common with the table.
    """
    import pandas as pd

    is_table = path.name.lower().endswith(TABLE_ENDS)
    found = _read_wide(path) if is_table else read_10x_counts(path)
    rows = np.asarray(pd.Index(found.rows, dtype=object).get_indexer(pd.Index(names)))
    if (rows < 0).all():
        in_rows = bool(set(found.genes) & set(names.tolist()))
        raise SpotsError(
            "the counts have no spot of the table",
            path=path,
            expected=f"names such as {names[0]!r}",
            found=f"{found.rows[0]!r} and {len(found.rows) - 1} more",
            hint="Its spots are in columns: turn the table round."
            if in_rows
            else None
            if named
            else "Say which column of the spots' table holds their names.",
        )
    return rows, found.counts, found.genes


def _read_wide(path: Path) -> CountTable:
    """Read a table of counts whose first column of text (or first column) names the spots."""
    look = look_at_table(path)
    identity = _find_id(look)
    genes = [
        name
        for name, number in zip(look.names, look.numeric, strict=True)
        if number and name != identity
    ]
    if not genes:
        raise SpotsError(
            "the table has no column of counts", path=path, expected="a column per gene"
        )
    table = read_columns(look, {identity: "string"} | dict.fromkeys(genes, "float32"))
    rows = [str(name).strip() for name in table[identity].to_pylist()]
    refuse_duplicates(rows, "spots", path)
    return CountTable(rows, genes, gather_counts(table, genes, path))


def _find_id(look: TableLook) -> str:
    text = [name for name, number in zip(look.names, look.numeric, strict=True) if not number]
    guess = guess_columns(look.names, look.numeric).columns.id
    if guess and (guess in text or not text):
        return guess
    return text[0] if text else look.names[0]
