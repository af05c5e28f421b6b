"""Rank sums and means of many genes over two groups of spots, at the speed of a sort.

Ranks are not computed: a value's bits, read as an integer, sort like the value as long as it
isn't negative. The bit of the sign is therefore free. It is shifted out, and the lowest bit
says which group the spot is of; one sort in place then brings spots into order, with ties
beside each other and, in a tie, the outside first. This is exact for float32 and float64.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError

__all__ = ["GroupStatistics", "compare_groups", "find_rows_with_values", "rank_sum_test"]

_BLOCK_VALUES = 1 << 19  # a block and its keys stay in a core's cache
_MAX_THREADS = 4


@dataclass(frozen=True)
class GroupStatistics:
    """What two groups of spots have of each gene.

    Attributes
    ----------
    mean_in, mean_out : (G,) float64
        Means.
    u : (G,) float64
        Mann and Whitney's U of the inside: pairs of a spot inside and one outside of which
        the one inside is higher, ties counted half.
    ties : (G,) float64
        Sum of t³ - t over the groups of t equal values.
    """

    mean_in: NDArray[np.float64]
    mean_out: NDArray[np.float64]
    u: NDArray[np.float64]
    ties: NDArray[np.float64]


def find_rows_with_values(values: Any) -> NDArray[np.bool_]:
    """Whether each row of a dense or csr (N, G) matrix is free of NaN.

    Raises
    ------
    EvaluationError
        Negative or infinite values.
    """
    from scipy.sparse import issparse

    if issparse(values):
        data = values.data
        bad = np.isnan(data)
        rows = np.repeat(np.arange(values.shape[0]), np.diff(values.indptr))[bad]
        complete = np.ones(values.shape[0], dtype=bool)
        complete[rows] = False
        low, high = data[~bad].min(initial=0), data[~bad].max(initial=0)
    else:
        lowest, highest = values.min(axis=1), values.max(axis=1)  # NaN where there is one
        complete = ~np.isnan(lowest)
        low, high = lowest[complete].min(initial=0), highest[complete].max(initial=0)
    if low < 0 or np.isinf(high):
        raise EvaluationError(
            "values are no expression on the scale log10(1 + x)",
            expected="finite, not negative (NaN for spots without)",
            found=f"{low:g}" if low < 0 else "infinity",
        )
    return complete


def compare_groups(
    values: Any, inside: NDArray[np.intp], outside: NDArray[np.intp]
) -> GroupStatistics:
    """Compare two groups of rows, column by column.

    Parameters
    ----------
    values : (N, G) float32 or float64, array or csr matrix
        Not negative; finite in the rows used.
    inside, outside : int arrays
        Rows of either group; at least one each.
    """
    n_genes, n_in = values.shape[1], len(inside)
    rows = np.concatenate([inside, outside])
    read = _reader(values, rows)
    width = int(np.clip(_BLOCK_VALUES // len(rows), 16, 1024))
    starts = range(0, n_genes, width)

    def measure(start: int) -> NDArray[np.float64]:
        return _measure(read(start, min(start + width, n_genes)), n_in)

    with ThreadPoolExecutor(min(_MAX_THREADS, os.cpu_count() or 1), "stexp-rank") as pool:
        parts = list(pool.map(measure, starts))
    return GroupStatistics(*np.concatenate(parts, axis=1))


def _reader(values: Any, rows: NDArray[np.intp]) -> Callable[[int, int], NDArray[np.floating]]:
    """Return what reads columns [start, stop) as a new contiguous (genes, rows) array."""
    from scipy.sparse import issparse

    if issparse(values):
        by_column = values[rows].tocsc()

        def read_sparse(start: int, stop: int) -> NDArray[np.floating]:
            dense: NDArray[np.floating] = by_column[:, start:stop].T.toarray(order="C")
            return dense

        return read_sparse

    def read(start: int, stop: int) -> NDArray[np.floating]:
        return values[:, start:stop].take(rows, axis=0).T.copy(order="C")

    return read


def _measure(columns: NDArray[np.floating], n_in: int) -> NDArray[np.float64]:
    """Return the four statistics (4, genes); ``columns`` (genes, spots) is used up."""
    n = columns.shape[1]
    means = (
        columns[:, :n_in].mean(axis=1, dtype=np.float64),
        columns[:, n_in:].mean(axis=1, dtype=np.float64),
    )
    keys: NDArray[Any] = columns.view(np.uint32 if columns.itemsize == 4 else np.uint64)
    keys <<= 1
    keys[:, :n_in] |= 1
    keys.sort(axis=1)
    # Spots not above an inside one are its place, less the inside ones that come before it.
    places = np.arange(n, dtype=np.uint32 if n <= 1 << 16 else np.uint64)  # their sum fits
    total: NDArray[Any] = np.einsum("gn,n->g", keys & 1, places)  # type: ignore[arg-type]
    not_above = total - n_in * (n_in - 1) / 2
    mixed, ties = _count_ties(keys)
    return np.stack([*means, not_above - mixed / 2, ties])


def _count_ties(keys: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return, per row of sorted keys, the pairs inside/outside that are tied, and `ties`."""
    n_genes, n = keys.shape
    change = keys[:, 1:] ^ keys[:, :-1]
    tied = np.zeros((n_genes, n + 1), dtype=bool)  # with the one before; never across genes
    np.less_equal(change, 1, out=tied[:, 1:-1])
    first = np.flatnonzero(~tied[:, :-1] & tied[:, 1:])
    last = np.flatnonzero(tied[:, :-1] & ~tied[:, 1:])
    t = (last - first + 1).astype(np.float64)
    ties = np.bincount(first // n, t**3 - t, n_genes)
    # In a run of equal values the outside comes first: at most one place where it changes.
    before = np.flatnonzero(change == 1)
    gene = before // (n - 1)
    before += gene  # places in `change`, which is one shorter, to places in `keys`
    run = np.searchsorted(first, before, side="right") - 1
    pairs = (before - first[run] + 1.0) * (last[run] - before)
    return np.bincount(gene, pairs, n_genes), ties


def rank_sum_test(
    u: NDArray[np.float64], ties: NDArray[np.float64], n_in: int, n_out: int
) -> NDArray[np.float64]:
    """Two-sided p of U by its normal approximation, corrected for ties and continuity.

    The formula of ``scipy.stats.mannwhitneyu(method='asymptotic', use_continuity=True)``.
    Where all values are equal, p is 1, as there.
    """
    from scipy.special import ndtr

    n = n_in + n_out
    spread = np.sqrt(n_in * n_out / 12 * np.maximum((n + 1) - ties / (n * (n - 1)), 0))
    distance = np.abs(u - n_in * n_out / 2) - 0.5
    with np.errstate(divide="ignore"):
        z = np.where(spread > 0, distance / spread, -np.inf)
    return np.minimum(2 * ndtr(-z), 1.0)
