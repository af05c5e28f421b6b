"""Tables with any columns, as text or Parquet: what is in them, and chosen columns of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_stexp.errors import SpotsError
from napari_stexp.spots.columns_file import decode_table, read_head
from napari_stexp.spots.columns_text import TextForm, find_form, is_number, parse_text
from napari_stexp.spots.tables import read_text

__all__ = ["TABLE_ENDS", "TableLook", "look_at_table", "read_columns"]

TABLE_ENDS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet")
_MOST_SHOWN = 200


@dataclass(frozen=True)
class TableLook:
    """What the beginning of a table shows.

    Attributes
    ----------
    path : Path
    names : tuple of str
        Its columns.
    numeric : tuple of bool
        Which of them hold numbers in half or more of the rows that were looked at; a cell that
        is none is an error when they are read.
    rows : tuple of tuple of str
        The first rows, at most 200.
    form : TextForm or None
        How a text table is written; None for Parquet.
    """

    path: Path
    names: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    form: TextForm | None

    @property
    def wording(self) -> str:
        """How the table is written, in a few words."""
        if self.form is None:
            return "Parquet"
        signs = {"\t": "tabs", ",": "commas", ";": "semicolons", "|": "bars"}
        decimal = ", decimal commas" if self.form.decimal == "," else ""
        return f"text, cells separated by {signs[self.form.delimiter]}{decimal}"

    def numbers(self, name: str) -> list[float]:
        """Return the first rows' numbers in a column, NaN for what is none."""
        place = self.names.index(name)
        comma = self.form is not None and self.form.decimal == ","
        values = []
        for row in self.rows:
            try:
                values.append(float(row[place].replace(",", ".") if comma else row[place]))
            except (ValueError, IndexError):
                values.append(float("nan"))
        return values


def look_at_table(path: str | Path, decimal: str | None = None) -> TableLook:
    """Look at a table's columns and first rows, without reading all of it.

    Parameters
    ----------
    path : path-like
        Text (plain or gzipped; comma, semicolon, tab or bar between cells) or Parquet,
        told by content.
    decimal : {'.', ','}, optional
        The decimal sign, where it shall not be found out.

    Raises
    ------
    SpotsError
        The file is missing, damaged, or no table.
    """
    path = Path(path)
    head = read_head(path)
    if head[:4] == b"PAR1":
        return _look_at_parquet(path)
    form, rows = find_form(decode_table(head, path), path, decimal)
    numeric = tuple(
        2 * sum(place < len(row) and is_number(row[place], form.decimal) for row in rows)
        >= len(rows)
        for place in range(len(form.names))
    )
    return TableLook(path, form.names, numeric, tuple(tuple(row) for row in rows), form)


def _look_at_parquet(path: Path) -> TableLook:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            schema = file.schema_arrow
            batch = next(file.iter_batches(batch_size=_MOST_SHOWN), None)
    except (pa.ArrowException, OSError) as error:
        raise _no_parquet(path, error) from error
    columns = batch.to_pydict() if batch is not None else {name: [] for name in schema.names}
    if not columns or not next(iter(columns.values())):
        raise SpotsError("the table is empty", path=path, expected="a row per spot")
    numeric = tuple(
        pa.types.is_integer(one) or pa.types.is_floating(one) or pa.types.is_decimal(one)
        for one in schema.types
    )
    rows = tuple(
        tuple("" if cell is None else str(cell) for cell in row)
        for row in zip(*columns.values(), strict=True)
    )
    return TableLook(path, tuple(schema.names), numeric, rows, None)


def read_columns(look: TableLook, kinds: Mapping[str, str]) -> Any:
    """Read chosen columns of all rows.

    Parameters
    ----------
    look : TableLook
    kinds : mapping of str to {'float64', 'float32', 'string'}
        What each wanted column is read as.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    SpotsError
        A column that isn't there; a cell that is no number, by row and column; a damaged
        file.
    """
    missing = [name for name in kinds if name not in look.names]
    if missing:
        names = ", ".join(look.names[:20]) + (" …" if len(look.names) > 20 else "")
        raise SpotsError(
            f"the table has no column {', '.join(map(repr, missing[:5]))}",
            path=look.path,
            expected=f"some of {names}",
        )
    if look.form is None:
        return _read_parquet(look.path, kinds)
    text = decode_table(read_text(look.path), look.path)
    return parse_text(text, look.form, kinds, look.path)


def _read_parquet(path: Path, kinds: Mapping[str, str]) -> Any:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        table = parquet.read_table(path, columns=list(kinds))
    except (pa.ArrowException, OSError) as error:
        raise _no_parquet(path, error) from error
    columns = {}
    for name, kind in kinds.items():
        try:
            columns[name] = table[name].cast(getattr(pa, kind)())
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise SpotsError(
                f"column {name!r} can't be read as {'text' if kind == 'string' else 'numbers'}",
                path=path,
                found=f"{table[name].type}: {str(error).splitlines()[0]}",
            ) from error
    return pa.table(columns)


def _no_parquet(path: Path, error: Exception) -> SpotsError:
    return SpotsError(
        "the Parquet file can't be read",
        path=path,
        found=str(error).splitlines()[0],
        hint="It may be damaged or cut off.",
    )
