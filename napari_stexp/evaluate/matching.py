"""Bring a prediction and a measurement to the same spots and genes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Matched", "match_tables"]


@dataclass(frozen=True)
class Matched:
    """Two tables over the same spots and genes.

    Attributes
    ----------
    predicted, measured : float64 arrays (N, G)
        NaN where a spot wasn't predicted.
    spots : pandas.Index, N
        Barcodes; numbers where the tables had none.
    genes : pandas.Index, G
        Names; numbers where the tables had none.
    """

    predicted: NDArray[np.float64]
    measured: NDArray[np.float64]
    spots: pd.Index
    genes: pd.Index


def match_tables(predicted: Any, measured: Any, genes: Sequence[str] | None = None) -> Matched:
    """Match two tables by barcode and gene name, arrays by place.

    Parameters
    ----------
    predicted, measured : AnnData, DataFrame or array (N, G)
        Two of named tables (AnnData, DataFrame) may hold other spots and genes in
        another order: what both have is kept, in the order of the prediction. Arrays
        must be of one shape.
    genes : sequence of str, optional
        Named tables: the genes to compare, which both must have. Arrays: names of
        their columns.

    Raises
    ------
    EvaluationError
        Nothing in common, genes missing, names given twice, shapes that differ.
    """
    if _is_named(predicted) != _is_named(measured):
        raise EvaluationError(
            "a table with names can't be matched with one without",
            expected="two AnnData (or DataFrames), or two arrays",
            found=f"{type(predicted).__name__} and {type(measured).__name__}",
        )
    if _is_named(predicted):
        return _match_named(_to_frame_parts(predicted), _to_frame_parts(measured), genes)
    return _match_arrays(predicted, measured, genes)


def _is_named(table: Any) -> bool:
    return hasattr(table, "obs_names") or hasattr(table, "iloc")


@dataclass(frozen=True)
class _Named:
    values: Any  # array or sparse matrix (N, G)
    spots: pd.Index
    genes: pd.Index


def _to_frame_parts(table: Any) -> _Named:
    if hasattr(table, "obs_names"):
        return _Named(table.X, table.obs_names, table.var_names)
    return _Named(table.to_numpy(), table.index, table.columns)


def _match_named(predicted: _Named, measured: _Named, genes: Sequence[str] | None) -> Matched:
    for side, part in (("prediction", predicted), ("measurement", measured)):
        for kind, names in (("barcodes", part.spots), ("genes", part.genes)):
            if not names.is_unique:
                twice = names[names.duplicated()][0]
                raise EvaluationError(
                    f"the {side}'s {kind} are not unique", expected="each once", found=repr(twice)
                )
    spots = predicted.spots[predicted.spots.isin(measured.spots)]
    chosen = _choose_genes(predicted, measured, genes)
    if spots.empty:
        raise EvaluationError(
            "prediction and measurement have no spot in common",
            expected=f"barcodes such as {list(predicted.spots[:3])}",
            found=list(measured.spots[:3]),
        )
    return Matched(_take(predicted, spots, chosen), _take(measured, spots, chosen), spots, chosen)


def _choose_genes(predicted: _Named, measured: _Named, genes: Sequence[str] | None) -> pd.Index:
    import pandas as pd

    if genes is None:
        shared = predicted.genes[predicted.genes.isin(measured.genes)]
        if shared.empty:
            raise EvaluationError(
                "prediction and measurement have no gene in common",
                expected=f"genes such as {list(predicted.genes[:3])}",
                found=list(measured.genes[:3]),
            )
        return shared
    wanted = pd.Index(list(genes), dtype=object)
    for side, part in (("prediction", predicted), ("measurement", measured)):
        missing = wanted[~wanted.isin(part.genes)]
        if len(missing):
            raise EvaluationError(
                f"{len(missing)} of the genes asked for are not in the {side}",
                found=f"{', '.join(map(str, missing[:5]))} missing",
            )
    if wanted.empty or not wanted.is_unique:
        raise EvaluationError("the genes asked for must be some, each once")
    return wanted


def _take(table: _Named, spots: pd.Index, genes: pd.Index) -> NDArray[np.float64]:
    rows = table.spots.get_indexer(spots)
    columns = table.genes.get_indexer(genes)
    return _to_dense(table.values[rows][:, columns])


def _to_dense(values: Any) -> NDArray[np.float64]:
    from scipy.sparse import issparse

    dense = values.toarray() if issparse(values) else values
    try:
        return np.asarray(dense, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError("expression must be numbers", found=str(error)) from error


def _match_arrays(predicted: Any, measured: Any, genes: Sequence[str] | None) -> Matched:
    import pandas as pd

    first, second = _to_dense(predicted), _to_dense(measured)
    if first.shape != second.shape or first.ndim != 2 or 0 in first.shape:
        raise EvaluationError(
            "prediction and measurement have other shapes",
            expected="the same (spots, genes)",
            found=f"{first.shape} and {second.shape}",
        )
    if genes is not None and len(genes) != first.shape[1]:
        raise EvaluationError(
            "one name per gene is needed", expected=first.shape[1], found=len(genes)
        )
    names = pd.RangeIndex(first.shape[1]) if genes is None else pd.Index(list(genes), dtype=object)
    return Matched(first, second, pd.RangeIndex(len(first)), names)
