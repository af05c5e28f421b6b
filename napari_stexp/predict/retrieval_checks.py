"""What can be searched for, and in what: checked before a search begins."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import PredictionError
from napari_stexp.model.metric import METRICS, is_metric

__all__ = ["check_matrix", "check_retrieval"]


def check_retrieval(k: int, metric: str, n_bank: int) -> None:
    """Raise PredictionError unless k neighbours by this metric can be had of ``n_bank``."""
    if not is_metric(metric):
        raise PredictionError(
            "unknown metric",
            expected=" or ".join(METRICS),
            found=metric,
            hint="T is a temperature: softmax:0.2, for instance.",
        )
    if n_bank == 0:
        raise PredictionError("the reference bank holds no spots")
    if k < 1:
        raise PredictionError("k must be at least 1", expected=f"1 to {n_bank}", found=k)
    if k > n_bank:
        raise PredictionError(
            f"k = {k} neighbours are more than the {n_bank} spots of the reference bank",
            expected=f"k from 1 to {n_bank}",
            found=k,
            hint=f"Choose k of at most {n_bank}, or leave out fewer sections.",
        )


def check_matrix(values: NDArray[Any], what: str, width: int | None = None) -> NDArray[Any]:
    """Return (n, D) as contiguous float32; not finite or mis-shaped is an error."""
    matrix = np.ascontiguousarray(values, dtype=np.float32)
    if matrix.ndim != 2 or (width is not None and matrix.shape[1] != width):
        raise PredictionError(
            f"{what} have the wrong shape",
            expected=f"(n, {width if width is not None else 'D'})",
            found=matrix.shape,
        )
    good: NDArray[np.bool_] = np.asarray(np.isfinite(matrix).all(axis=1))
    if not good.all():
        raise PredictionError(
            f"{what} are not finite",
            found=f"{int((~good).sum())} of {len(good)} rows with NaN or infinity",
            hint="The model's weights are damaged, or don't fit its input.",
        )
    return matrix
