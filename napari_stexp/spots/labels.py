"""A pathologist's label per spot, from a table."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.spots.tables import read_text

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["add_labels"]

logger = logging.getLogger(__name__)


def add_labels(adata: AnnData, path: str | Path) -> None:
    """Write a table's labels into ``obs['label']``, missing where it has none.

    Parameters
    ----------
    adata : AnnData
        Spots; changed in place. The column is categorical.
    path : path-like
        Tab-separated (comma-separated where it is named ``.csv``), plain or gzipped,
        with a column ``label`` and either ``x`` and ``y``, joined with ``array_col``
        and ``array_row`` after rounding to whole numbers, or ``barcode``, joined with
        the spots' names. Other columns are not used: in HER2ST's label files
        ``pixel_x`` and ``pixel_y`` are in another frame than the image.

    Raises
    ------
    SpotsError
        The table is missing, damaged or lacks a column; it gives one spot two labels;
        no spot of it is among ``adata``'s.
    """
    import pandas as pd

    path = Path(path)
    table = _read_table(path)
    if {"x", "y"} <= set(table.columns) and "array_col" in adata.obs:
        place = table[["x", "y"]].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
        known = np.isfinite(place).all(axis=1)  # HER2ST's files have rows without a place
        keys = _names(np.rint(place[known]).astype(np.int64))
        table = table[known]
        spots = _names(adata.obs[["array_col", "array_row"]].to_numpy(np.int64))
    elif "barcode" in table.columns:
        keys, spots = table["barcode"].tolist(), list(adata.obs_names)
    else:
        raise SpotsError(
            "the labels say no place that the spots have",
            path=path,
            expected="columns x and y, or barcode",
            found=", ".join(table.columns[:8]),
        )
    labels = _one_each(keys, table["label"].tolist(), path)
    values = [labels.get(spot) for spot in spots]
    if not set(spots) & set(labels):
        raise SpotsError(
            "the labels and the spots have no spot in common",
            path=path,
            expected=f"spots such as {', '.join(spots[:3])}",
            found=", ".join(list(labels)[:3]) or "no labels",
            hint="Do they belong to the same section?",
        )
    adata.obs["label"] = pd.Categorical(values)
    unlabelled = sum(value is None for value in values)
    if unlabelled:
        logger.info("%s: %d of %d spots have no label", path.name, unlabelled, len(spots))


def _read_table(path: Path) -> pd.DataFrame:
    """Read all columns as text, ``label`` stripped."""
    import pandas as pd

    comma = path.name.lower().removesuffix(".gz").endswith(".csv")
    try:
        table = pd.read_csv(
            io.BytesIO(read_text(path)), sep="," if comma else "\t", dtype=str, na_filter=False
        )
    except (ValueError, pd.errors.EmptyDataError, pd.errors.ParserError) as error:
        raise SpotsError("the labels are no table", path=path, found=error) from error
    table.columns = [str(name).strip() for name in table.columns]
    if "label" not in table.columns:
        raise SpotsError(
            "the labels lack their column",
            path=path,
            expected="a column label",
            found=", ".join(table.columns[:8]),
        )
    table["label"] = table["label"].str.strip()
    return table


def _one_each(keys: list[str], labels: list[str], path: Path) -> dict[str, str]:
    """Return the label of each spot that has one; the text NaN and NA count as none."""
    found: dict[str, str] = {}
    for key, label in zip(keys, labels, strict=True):
        if label.lower() in ("", "nan", "na"):
            continue
        if found.setdefault(key, label) != label:
            raise SpotsError(
                f"two labels for spot {key}",
                path=path,
                expected="one",
                found=f"{found[key]!r} and {label!r}",
            )
    return found


def _names(array: NDArray[np.int64]) -> list[str]:
    return [f"{x}x{y}" for x, y in array.tolist()]
