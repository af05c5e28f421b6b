"""Where the spots or bins in tissue are: Space Ranger's CSV and Parquet tables."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.record import refuse_duplicates
from napari_stexp.spots.tables import read_text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Positions", "read_positions"]

#: Columns of ``tissue_positions_list.csv``, which up to Space Ranger 1.3 has no header.
COLUMNS = (
    "barcode",
    "in_tissue",
    "array_row",
    "array_col",
    "pxl_row_in_fullres",
    "pxl_col_in_fullres",
)


@dataclass(frozen=True)
class Positions:
    """Spots that lie in tissue.

    Attributes
    ----------
    path : Path
    barcodes : pandas.Index of str, N
        Unique, in the file's order.
    array : (N, 2) int64 array
        Column and row.
    xy : (N, 2) float64 array
        Centres, level-0 px.
    total : int
        Spots in the file, in tissue or not.
    """

    path: Path
    barcodes: pd.Index[str]
    array: NDArray[np.int64]
    xy: NDArray[np.float64]
    total: int

    def unknown(self, barcodes: Sequence[str]) -> list[str]:
        """Return those of some barcodes that the file has neither in tissue nor outside."""
        known = set(_read_barcodes(self.path))
        return [name for name in barcodes if name not in known]


def read_positions(path: Path) -> Positions:
    """Read the spots in tissue.

    Parameters
    ----------
    path : Path
        ``tissue_positions.csv`` or ``tissue_positions_list.csv``, with or without a
        header, plain or gzipped; or ``tissue_positions.parquet``. Of the last only the
        rows in tissue are kept in memory.

    Raises
    ------
    SpotsError
        Damaged or of another form; a spot twice; none in tissue.
    """
    table, total = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
    if not len(table):
        raise SpotsError(
            "no spot lies in tissue",
            path=path,
            expected="in_tissue 1 for some",
            found=f"{total} spots, all 0",
        )
    import pandas as pd

    barcodes: pd.Index[str] = pd.Index(table["barcode"], dtype=object)
    if not barcodes.is_unique:
        refuse_duplicates(barcodes.tolist(), "barcodes", path)
    return Positions(
        path,
        barcodes,
        table[["array_col", "array_row"]].to_numpy(np.int64),
        table[["pxl_col_in_fullres", "pxl_row_in_fullres"]].to_numpy(np.float64),
        total,
    )


def _read_barcodes(path: Path) -> list[str]:
    """Return all barcodes, also those outside tissue."""
    if path.suffix != ".parquet":
        return _parse_csv(path)["barcode"].tolist()
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=["barcode"])["barcode"].to_pylist()


def _read_parquet(path: Path) -> tuple[pd.DataFrame, int]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            names, total = file.schema_arrow.names, file.metadata.num_rows
        _check_columns(names, path)
        table = pq.read_table(path, columns=list(COLUMNS), filters=[("in_tissue", "==", 1)])
        frame = table.to_pandas(split_blocks=True, self_destruct=True)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        raise SpotsError(
            "the positions can't be read",
            path=path,
            expected="Parquet as Space Ranger writes it",
            found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            hint="It may be damaged or cut off.",
        ) from error
    for column in COLUMNS[1:]:
        frame[column] = _as_numbers(frame[column], column, path)
    return frame.reset_index(drop=True), total


def _read_csv(path: Path) -> tuple[pd.DataFrame, int]:
    table = _parse_csv(path)
    for column in COLUMNS[1:]:
        table[column] = _as_numbers(table[column], column, path)
    refuse_duplicates(table["barcode"].tolist(), "barcodes", path)
    return table[table["in_tissue"] == 1].reset_index(drop=True), len(table)


def _parse_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        table = pd.read_csv(io.BytesIO(read_text(path)), header=None, dtype=str, na_filter=False)
    except (ValueError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise SpotsError("the positions are no table", path=path, found=error) from error
    first = [str(cell).strip() for cell in table.iloc[0]]
    if "barcode" in first:
        table = table.iloc[1:]
        table.columns = pd.Index(first)
    elif len(first) == len(COLUMNS):
        table.columns = pd.Index(COLUMNS)
    _check_columns([str(name) for name in table.columns], path, first)
    return table[list(COLUMNS)].reset_index(drop=True)


def _check_columns(names: list[str], path: Path, found: list[str] | None = None) -> None:
    if not set(COLUMNS) <= set(names):
        raise SpotsError(
            "the positions have other columns",
            path=path,
            expected=", ".join(COLUMNS),
            found=", ".join((found or names)[:8]),
        )


def _as_numbers(cells: pd.Series[Any], column: str, path: Path) -> NDArray[Any]:
    """Return a column as int64, or float64 where it holds pixels."""
    import pandas as pd

    if cells.dtype.kind == "i":
        return cells.to_numpy(np.float64 if column.startswith("pxl") else np.int64)
    numbers = pd.to_numeric(cells, errors="coerce").to_numpy(np.float64)
    whole = not column.startswith("pxl")
    bad = ~np.isfinite(numbers) | (whole & (numbers != np.rint(numbers)))
    if bad.any():
        first = int(np.argmax(bad))
        raise SpotsError(
            f"{int(bad.sum())} spots have no {column}",
            path=path,
            expected="a whole number" if whole else "a number",
            found=f"{cells.iloc[first]!r} in row {first + 1} of the spots",
        )
    return numbers.astype(np.int64) if whole else numbers
