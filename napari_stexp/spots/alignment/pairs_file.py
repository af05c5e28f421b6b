"""Pairs of points as a table: CSV with a header."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import AlignmentError
from napari_stexp.files import atomic_path

__all__ = ["COLUMNS", "read_pairs", "write_pairs"]

#: x and y in the spots' own image (pixels as in their file), and on the slide (level-0 px).
COLUMNS = ("own_x", "own_y", "slide_x", "slide_y")

Places = NDArray[np.float64]


def read_pairs(path: str | Path) -> tuple[Places, Places]:
    """Read pairs of points.

    Parameters
    ----------
    path : path-like
        CSV (or, by its suffix, TSV) with the columns own_x, own_y, slide_x and slide_y;
        others are ignored.

    Returns
    -------
    own, slide : (N, 2) float64 arrays
        (x, y).

    Raises
    ------
    AlignmentError
        The file is missing or no table, a column is missing, or a cell is no number.
    """
    import pandas as pd

    path = Path(path)
    if not path.is_file():
        raise AlignmentError("there is no such file", path=path)
    separator = "\t" if path.suffix.lower() in (".tsv", ".txt") else ","
    try:
        table = pd.read_csv(path, sep=separator, comment="#", skipinitialspace=True)
    except (ValueError, OSError) as error:  # pandas' own errors are ValueErrors
        raise AlignmentError("the pairs are no table", path=path, found=error) from error
    table.columns = [str(name).strip().lower() for name in table.columns]
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise AlignmentError(
            "the table of pairs lacks columns",
            path=path,
            expected=", ".join(COLUMNS),
            found=", ".join(map(str, table.columns[:8])),
        )
    cells = table[list(COLUMNS)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    bad = ~np.isfinite(cells)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise AlignmentError(
            "a pair has no position",
            path=path,
            expected="a number",
            found=f"{table[COLUMNS[column]].iloc[row]!r} in pair {row + 1}, {COLUMNS[column]}",
        )
    return cells[:, :2].copy(), cells[:, 2:].copy()


def write_pairs(own: Any, slide: Any, path: str | Path) -> Path:
    """Write pairs of points as `read_pairs` reads them; whole or not at all."""
    import pandas as pd

    path = Path(path)
    cells = np.column_stack([np.asarray(own, np.float64), np.asarray(slide, np.float64)])
    with atomic_path(path) as temporary:
        pd.DataFrame(cells, columns=list(COLUMNS)).to_csv(temporary, index=False)
    return path
