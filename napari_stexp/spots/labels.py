"""What is said about each spot, by a pathologist or a program: a column of a table."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.errors import SpotsError
from napari_stexp.spots.label_table import (
    is_label_column,
    match_rows,
    no_spot_in_common,
    read_table,
)

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["add_labels", "list_label_columns", "obs_label_columns", "read_label_table"]

#: The column that is meant where none is named, in lower case.
_USUAL = "label"
#: Columns of ours that are no labels.
_OURS = {"status"}

logger = logging.getLogger(__name__)


def list_label_columns(path: str | Path) -> list[str]:
    """Return the columns of a table that hold classes, the likeliest first.

    These are columns of texts or whole numbers with at most 60 different values, beside
    those that name or place a spot. ``label`` comes first, then the table's order.

    Parameters
    ----------
    path : path-like
        As for `read_label_table`.

    Raises
    ------
    SpotsError
        The table is missing or damaged.
    """
    return _columns_of(read_table(Path(path)))


def _columns_of(table: pd.DataFrame) -> list[str]:
    names = [name for name in table.columns if is_label_column(table[name], name)]
    return sorted(names, key=lambda name: name.lower() != _USUAL)


def obs_label_columns(adata: AnnData) -> list[str]:
    """Return the columns of ``obs`` that hold classes, as `list_label_columns` does."""
    names = [name for name in adata.obs.columns if is_label_column(adata.obs[name], name)]
    return sorted(
        (str(name) for name in names if name not in _OURS), key=lambda name: name.lower() != _USUAL
    )


def read_label_table(path: str | Path, adata: AnnData, column: str | None = None) -> pd.Series:
    """Read a label per spot from a table.

    Parameters
    ----------
    path : path-like
        - Tab- or comma-separated text, plain or gzipped, with a column that names the
          spots (``barcode``, or without a name) or ``x`` and ``y``: array positions,
          joined with ``array_col`` and ``array_row`` after rounding to whole numbers, or
          level-0 pixels. Such are Loupe's exports, Space Ranger's clusters, HER2ST's
          labels (``ST-pat/lbl``) and clusters (``res/ST-cluster/lbl``), whose numbers
          get the experts' names where ``motivation.csv`` lies beside. HER2ST's
          ``pixel_x`` and ``pixel_y`` are in another frame than the image: not used.
        - ``.h5ad``: its ``obs``, joined by barcode.
    adata : AnnData
        The spots, N.
    column : str, optional
        Which column; by default ``label``, else the only one that holds classes.

    Returns
    -------
    pandas.Series
        Categorical, N, indexed by the barcodes, named as the column; missing (NaN) where
        the table has none. Empty cells, NaN, NA and None count as none.

    Raises
    ------
    SpotsError
        The table is missing, damaged or lacks the column; it gives one spot two labels;
        no spot of it is among ``adata``'s.
    """
    import pandas as pd

    path = Path(path)
    table = read_table(path)
    name = _choose_column(table, column, path)
    rows, spots = match_rows(table, adata, path)
    labels = np.full(adata.n_obs, "", dtype=object)
    for spot, label in zip(spots.tolist(), table[name].to_numpy(object)[rows], strict=True):
        if label and labels[spot] and labels[spot] != label:
            raise SpotsError(
                f"two labels for spot {adata.obs_names[spot]}",
                path=path,
                expected="one",
                found=f"{labels[spot]!r} and {label!r}",
            )
        labels[spot] = labels[spot] or label
    unlabelled = int((labels == "").sum())
    if unlabelled == adata.n_obs:
        raise no_spot_in_common(adata, "no labels", path)
    if unlabelled:
        logger.info("%s: %d of %d spots have no label", path.name, unlabelled, adata.n_obs)
    values = pd.Categorical([label or None for label in labels])
    return pd.Series(values, index=adata.obs_names, name=name)


def _choose_column(table: pd.DataFrame, column: str | None, path: Path) -> str:
    if column is not None and column in table.columns:
        return column
    likely = _columns_of(table)
    usual = [name for name in table.columns if name.lower() == _USUAL]
    if column is None and (usual or len(likely) == 1):
        return str((usual or likely)[0])
    shown = ", ".join(likely) or ", ".join(table.columns[:8])
    if column is not None:
        what, expected = f"the table has no column {column}", "one of its columns"
    elif likely:
        what, expected = "the table has several columns of labels", "the name of one"
    else:
        what, expected = "the labels lack their column", "a column label"
    raise SpotsError(what, path=path, expected=expected, found=shown)


def add_labels(adata: AnnData, path: str | Path) -> None:
    """Write a table's labels into ``obs['label']``, missing where it has none.

    Parameters
    ----------
    adata : AnnData
        Spots; changed in place. The column is categorical.
    path : path-like
        As for `read_label_table`, which says which column is taken.

    Raises
    ------
    SpotsError
        As `read_label_table` does.
    """
    adata.obs["label"] = read_label_table(path, adata).rename("label")
