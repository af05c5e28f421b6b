"""Spots from a table with any columns, with counts in it or in a file of their own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import ScaleError, SpotsError
from napari_stexp.spots.checks import check_spots
from napari_stexp.spots.columns import UNITS, SpotColumns, guess_columns
from napari_stexp.spots.columns_counts import gather_counts, read_counts_of
from napari_stexp.spots.columns_table import TableLook, look_at_table, read_columns
from napari_stexp.spots.record import assemble_spots
from napari_stexp.spots.technology import spot_size

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["read_spot_table"]

logger = logging.getLogger(__name__)

_YES = ("1", "1.0", "true", "yes", "t", "y")
_NO = ("0", "0.0", "false", "no", "f", "n", "")


def read_spot_table(
    path: str | Path,
    columns: SpotColumns | Mapping[str, Any] | str | None = None,
    *,
    units: str | None = None,
    counts: str | Path | None = None,
    mpp: float | None = None,
    decimal: str | None = None,
    section: str | None = None,
    technology: str = "",
) -> AnnData:
    """Read spots from a table of any make.

    Parameters
    ----------
    path : path-like
        Text (UTF-8, UTF-16 or Windows-1252; plain or gzipped; comma, semicolon, tab or bar
        between cells; decimal points or commas) or Parquet, a row per spot.
    columns : SpotColumns, mapping or str, optional
        Which column is what, such as ``{'x': 'cx', 'y': 'cy', 'id': 'bc', 'genes': '*'}``
        or ``'x=cx,y=cy,id=bc,genes=*'``; what the names suggest where left out.
    units : {'px', 'um'}, optional
        Whether x and y are level-0 pixels or µm, both from the slide's top left corner;
        what the names say where left out.
    counts : path-like, optional
        Counts in a file of their own: text or Parquet with spots in rows, or the matrix
        of 10x Genomics (h5, or a folder). Joined by the spots' names, in the order of
        the table of spots; spots without counts are left out.
    mpp : float, optional
        The slide's µm per pixel; needed for µm.
    decimal : {'.', ','}, optional
        The decimal sign, where it can't be found out.
    section, technology : str, optional
        For the record; a known technology sets pitch and diameter.

    Returns
    -------
    AnnData
        (N, G), or (N, 0) without counts; ``obsm['spatial']`` (x, y) in level-0 pixels.

    Raises
    ------
    SpotsError
        No column for x or y, or none of that name; units that nothing says; a cell that
        is no number, by row and column; spots named twice; no spots in tissue; counts
        that fit no spot.
    ScaleError
        Places in µm, and no µm per pixel.
    """
    path = Path(path)
    look = look_at_table(path, decimal)
    chosen, unit = settle_columns(look, columns, units)
    if unit == "um" and mpp is None:
        raise ScaleError(
            "places in µm need the slide's µm per pixel",
            path=path,
            hint="Open the slide first, set its pixel size, or give --mpp.",
        )
    genes = [] if counts is not None else chosen.gene_names(look.names, look.numeric)
    kinds = {name: "string" for name in chosen.chosen.values()}
    kinds |= {getattr(chosen, role): "float64" for role in _numbers(chosen)}
    kinds |= dict.fromkeys(genes, "float32")
    table = read_columns(look, kinds)
    numbers = {role: _finite(table, role, chosen, path) for role in _numbers(chosen)}
    keep = _in_tissue(table, chosen, path)
    xy = np.column_stack([numbers["x"], numbers["y"]])
    array = _array(numbers, chosen, path)
    names = _names(table, chosen, array, path)
    matrix = gather_counts(table, genes, path) if genes else None
    if counts is not None:
        rows, matrix, genes = read_counts_of(Path(counts), names, bool(chosen.id))
        keep &= rows >= 0
        matrix = matrix[rows[keep]]
    elif matrix is not None:
        matrix = matrix[np.flatnonzero(keep)]
    if not keep.any():
        raise SpotsError(
            "no spot is left",
            path=path,
            expected="some in tissue, with counts",
            found=f"{len(keep)} rows",
        )
    if not keep.all():
        logger.info("%s: %d of %d spots are left out", path, (~keep).sum(), len(keep))
    spots = assemble_spots(
        names[keep].tolist(),
        xy[keep] / mpp if unit == "um" and mpp is not None else xy[keep],
        array=array[keep] if array is not None else None,
        counts=matrix,
        genes=genes,
        record={
            "technology": technology or None,
            "section": section,
            **spot_size(technology)._asdict(),
            "source": str(path),
            "mpp_of_places": mpp if unit == "um" else None,
        },
    )
    _add_label(spots, table, chosen, keep)
    check_spots(spots)
    return spots


def settle_columns(
    look: TableLook, columns: SpotColumns | Mapping[str, Any] | str | None, units: str | None
) -> tuple[SpotColumns, str]:
    """Return columns and units as given, else as the names suggest.

    Raises
    ------
    SpotsError
        One of them is neither given nor known.
    """
    guess = guess_columns(look.names, look.numeric)
    chosen = guess.columns if columns is None else SpotColumns.of(columns)
    names = ", ".join(look.names[:20]) + (" …" if len(look.names) > 20 else "")
    if not (chosen.x and chosen.y):
        raise SpotsError(
            "which columns hold x and y?",
            path=look.path,
            expected="two of " + names,
            hint="Name them: --spot-columns x=NAME,y=NAME,id=NAME (columns=… in Python).",
        )
    if units is None:
        same = (chosen.x, chosen.y) == (guess.columns.x, guess.columns.y)
        units = guess.units if same else ""
    if units == "":
        raise SpotsError(
            f"are {chosen.x!r} and {chosen.y!r} pixels or µm?",
            path=look.path,
            hint="Say it: --spot-units px, or um (units=… in Python).",
        )
    if units not in UNITS:
        raise SpotsError(
            "no such unit of places", path=look.path, expected=" or ".join(UNITS), found=units
        )
    return chosen, units


def _numbers(chosen: SpotColumns) -> list[str]:
    """Return the roles whose columns hold numbers."""
    return [role for role in ("x", "y", "array_col", "array_row") if getattr(chosen, role)]


def _finite(table: Any, role: str, chosen: SpotColumns, path: Path) -> NDArray[np.float64]:
    name = getattr(chosen, role)
    values: NDArray[np.float64] = table[name].to_numpy()
    bad = ~np.isfinite(values)
    if role.startswith("array"):
        bad |= values != np.rint(values)
    if bad.any():
        row = int(np.argmax(bad))
        raise SpotsError(
            f"row {row + 1}, column {name!r} holds no position"
            + (f", and {bad.sum() - 1} more rows" if bad.sum() > 1 else ""),
            path=path,
            expected="a whole number" if role.startswith("array") else "a finite number",
            found=values[row],
        )
    return values


def _in_tissue(table: Any, chosen: SpotColumns, path: Path) -> NDArray[np.bool_]:
    if not chosen.in_tissue:
        return np.ones(len(table), dtype=bool)
    cells = table[chosen.in_tissue].dictionary_encode().combine_chunks()
    values = [str(cell).strip().lower() for cell in cells.dictionary.to_pylist()]
    codes = cells.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for code, value in enumerate(values):
        if value not in (*_YES, *_NO):
            raise SpotsError(
                f"row {int(np.argmax(codes == code)) + 1}, column {chosen.in_tissue!r} doesn't "
                "say whether the spot is in tissue",
                path=path,
                expected="1 or 0, true or false",
                found=repr(value),
            )
    yes = np.array([*(value in _YES for value in values), False])
    return np.asarray(yes[codes])


def _array(
    numbers: Mapping[str, NDArray[np.float64]], chosen: SpotColumns, path: Path
) -> NDArray[np.int64] | None:
    if bool(chosen.array_col) != bool(chosen.array_row):
        raise SpotsError(
            "positions on the array need two columns",
            path=path,
            expected="array_col and array_row",
            found=chosen.array_col or chosen.array_row,
        )
    if not chosen.array_col:
        return None
    return np.column_stack([numbers["array_col"], numbers["array_row"]]).astype(np.int64)


def _names(
    table: Any, chosen: SpotColumns, array: NDArray[np.int64] | None, path: Path
) -> NDArray[Any]:
    """Return the spots' names; refuse those that are empty or occur twice."""
    import pandas as pd

    if not chosen.id:
        if array is not None and len(np.unique(array, axis=0)) == len(array):
            return np.array([f"{col}x{row}" for col, row in array], dtype=object)
        return np.array([f"spot{row}" for row in range(1, len(table) + 1)], dtype=object)
    names = pd.Index(table[chosen.id].to_pylist(), dtype=object)
    empty = np.array([name is None or not name.strip() for name in names])
    twice = names.duplicated(keep=False) & ~empty
    for bad, what in ((empty, "names no spot"), (twice, "names a spot that is there twice")):
        if bad.any():
            row = int(np.argmax(bad))
            raise SpotsError(
                f"row {row + 1}, column {chosen.id!r} {what}"
                + (f", and {bad.sum() - 1} more rows" if bad.sum() > 1 else ""),
                path=path,
                expected="each name once",
                found=repr(names[row]),
            )
    return np.array([name.strip() for name in names], dtype=object)


def _add_label(spots: AnnData, table: Any, chosen: SpotColumns, keep: NDArray[np.bool_]) -> None:
    if not chosen.label:
        return
    import pandas as pd

    labels = pd.Series(table[chosen.label].to_pylist(), dtype=object)[keep]
    labels = labels.str.strip()
    spots.obs["label"] = pd.Categorical(labels.where(~labels.isin(["", "NA", "NaN", "nan"])))
