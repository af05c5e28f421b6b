"""Text tables of any make: separator, decimal sign and header found by looking."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_stexp.errors import SpotsError
from napari_stexp.spots.columns_file import decode_table, read_head

__all__ = ["TextForm", "find_form", "has_her2st_columns", "is_number", "parse_text"]

_LINES = 200
#: Signs between cells, in the order in which they are tried.
_DELIMITERS = ("\t", ";", ",", "|")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|NaN|Inf)")
_COMMA_NUMBER = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
_POINT_NUMBER = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class TextForm:
    """How a text table is written.

    Attributes
    ----------
    delimiter : str
        Between cells.
    decimal : {'.', ','}
    skip : int
        Lines above the first row of values: comments and the header.
    names : tuple of str
        Unique names of the columns; made up where there is no header.
    """

    delimiter: str
    decimal: str
    skip: int
    names: tuple[str, ...]


def has_her2st_columns(path: Path) -> bool:
    """Whether a table is a spot file of Spatial Transcriptomics, or none that can be read."""
    try:
        line = decode_table(read_head(path), path).lstrip("\ufeff").split("\n", 1)[0]
    except SpotsError:
        return True  # what reads it says what is wrong
    names = {cell.strip().strip('"').lower() for cell in line.split("\t")}
    return len(names) < 2 or ({"x", "y"} <= names and bool({"pixel_x", "new_x"} & names))


def find_form(
    text: str, path: Path, decimal: str | None = None
) -> tuple[TextForm, list[list[str]]]:
    """Find out how a table is written.

    Parameters
    ----------
    text : str
        Its first lines.
    path : Path
        Named in errors.
    decimal : {'.', ','}, optional
        The decimal sign, where it shall not be found out.

    Returns
    -------
    TextForm
    list of list of str
        The first rows of values, as text.

    Raises
    ------
    SpotsError
        No table; or numbers such as ``1,234``, of which nobody can tell whether the comma
        is a decimal sign.
    """
    lines = text.splitlines()[:_LINES]
    above = 0
    while above < len(lines) and (not lines[above].strip() or lines[above].startswith("#")):
        above += 1
    body = [line for line in lines[above:] if line.strip()]
    if len(body) < 2:
        raise SpotsError(
            "the table is empty",
            path=path,
            expected="a line of column names and a line per spot",
            found=f"{len(body)} lines",
        )
    delimiter = _find_delimiter(body, path)
    rows = list(csv.reader(body, delimiter=delimiter))
    width = len(rows[1])
    header = [cell.strip() for cell in rows[0]]
    sign = decimal or _find_decimal(rows[1:], path)
    if len(header) == width - 1:  # as R writes it
        header = ["(row names)", *header]
    elif _is_data(header, rows[1:], sign):
        header = [f"column {number}" for number in range(1, width + 1)]
        return TextForm(delimiter, sign, above, _unique(header)), rows
    return TextForm(delimiter, sign, above + 1, _unique(header)), rows[1:]


def _find_delimiter(lines: Sequence[str], path: Path) -> str:
    """Return the sign that splits all lines into as many cells."""
    found = {}
    for delimiter in _DELIMITERS:
        try:
            widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        except csv.Error:  # a cell of 128 KiB: not this sign
            widths = [1]
        inner = set(widths[1:])
        if len(inner) == 1 and min(inner) > 1 and widths[0] in (*inner, min(inner) - 1):
            return delimiter
        found[delimiter] = widths
    # A line that is cut off, or too long: the sign that most lines agree on.
    best = max(found, key=lambda one: sum(width == found[one][0] > 1 for width in found[one]))
    if found[best][0] < 2:
        raise SpotsError(
            "the file is not a table with columns",
            path=path,
            expected="cells separated by tabs, commas, semicolons or bars",
            found=repr(lines[0][:60]),
        )
    return best


def _find_decimal(rows: Sequence[Sequence[str]], path: Path) -> str:
    """Return ',' where numbers are written with it (as Excel does in much of Europe)."""
    cells = [cell.strip() for row in rows for cell in row]
    commas = [cell for cell in cells if _COMMA_NUMBER.fullmatch(cell)]
    if not commas or any(_POINT_NUMBER.fullmatch(cell) for cell in cells):
        return "."
    if all(_THOUSANDS.fullmatch(cell) for cell in commas):
        raise SpotsError(
            "the comma in numbers can be a decimal sign or one for thousands",
            path=path,
            expected="a choice of the decimal sign",
            found=repr(commas[0]),
            hint="Say decimal=',' or '.' (--spot-decimal on the command line), or save the "
            "table without signs for thousands.",
        )
    return ","


def _is_data(header: Sequence[str], rows: Sequence[Sequence[str]], decimal: str) -> bool:
    """Whether the first line holds values: a number where all others have one."""
    numbers = [is_number(cell, decimal) for cell in header]
    if not any(numbers):
        return False
    below = [
        all(is_number(row[place], decimal) for row in rows if place < len(row))
        for place in range(len(header))
    ]
    return all(one for one, also in zip(numbers, below, strict=True) if also)


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether a cell is a number."""
    text = cell.strip()
    if decimal == ",":
        if "." in text:
            return False
        text = text.replace(",", ".")
    return _NUMBER.fullmatch(text) is not None


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    seen: dict[str, int] = {}
    unique = []
    for place, given in enumerate(names, start=1):
        name = given or ("(no name)" if place == 1 else f"(column {place})")
        seen[name] = seen.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(unique)


def parse_text(text: str, form: TextForm, kinds: Mapping[str, str], path: Path) -> Any:
    """Read chosen columns of a table.

    Parameters
    ----------
    text : str
        The whole table.
    form : TextForm
    kinds : mapping of str to {'float64', 'float32', 'string'}
        What each wanted column is read as.
    path : Path
        Named in errors.

    Returns
    -------
    pyarrow.Table
        The wanted columns, without empty cells in those of numbers.

    Raises
    ------
    SpotsError
        A line of another length, or a cell that is no number, by row and column.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    try:
        return arrow.read_csv(
            pa.BufferReader(text.encode()),
            read_options=arrow.ReadOptions(
                column_names=list(form.names), skip_rows=form.skip, block_size=1 << 23
            ),
            parse_options=arrow.ParseOptions(delimiter=form.delimiter, newlines_in_values=False),
            convert_options=arrow.ConvertOptions(
                include_columns=list(kinds),
                column_types={name: getattr(pa, kind)() for name, kind in kinds.items()},
                null_values=[],
                decimal_point=form.decimal,
            ),
        )
    except pa.ArrowInvalid as error:
        raise _find_fault(text, form, kinds, path) or SpotsError(
            "the table can't be read", path=path, found=str(error).splitlines()[0]
        ) from error


def _find_fault(
    text: str, form: TextForm, kinds: Mapping[str, str], path: Path
) -> SpotsError | None:
    """Return what is wrong with the first row that can't be read."""
    lines = (line for line in text.splitlines()[form.skip :] if line.strip())
    places = {form.names.index(name): name for name, kind in kinds.items() if kind != "string"}
    for number, row in enumerate(csv.reader(lines, delimiter=form.delimiter), start=1):
        if len(row) != len(form.names):
            return SpotsError(
                f"row {number} of the table has another length than its header",
                path=path,
                expected=f"{len(form.names)} cells",
                found=len(row),
                hint="The file may be cut off.",
            )
        for place, name in places.items():
            if not is_number(row[place], form.decimal):
                return bad_cell(path, number, name, row[place], form.decimal)
    return None


def bad_cell(path: Path, row: int, column: str, cell: object, decimal: str = ".") -> SpotsError:
    """Make the error about a cell that holds no number; ``row`` counts from 1."""
    hint = None
    if isinstance(cell, str) and decimal == "." and _COMMA_NUMBER.fullmatch(cell.strip()):
        hint = "This table's decimal sign may be a comma."
    return SpotsError(
        f"row {row}, column {column!r} holds no number",
        path=path,
        expected="a number",
        found=repr(cell),
        hint=hint,
    )
