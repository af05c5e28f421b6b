"""Mean and variance per gene, kept up to date while a prediction runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["GeneStatistics"]

_ROWS_AT_ONCE = 4096  # bounds the float64 copy: 4096 rows of 785 genes are 26 MB


class GeneStatistics:
    """Running mean and population variance of each gene over the spots seen so far.

    Batches are merged with the pairwise update of Chan, Golub and LeVeque
    (1979), which stays exact where sums of squares would cancel.

    Parameters
    ----------
    n_genes : int
        Number of genes, G.
    """

    def __init__(self, n_genes: int) -> None:
        self.count = 0
        self._mean = np.zeros(n_genes)
        self._m2 = np.zeros(n_genes)

    def add(self, values: NDArray[np.float32]) -> None:
        """Count the rows of ``values`` (n, G); rows with a value that isn't finite are left out."""
        for start in range(0, len(values), _ROWS_AT_ONCE):
            self._add_chunk(np.asarray(values[start : start + _ROWS_AT_ONCE], dtype=np.float64))

    def _add_chunk(self, values: NDArray[np.float64]) -> None:
        rows = values[np.isfinite(values).all(axis=1)]
        if not len(rows):
            return
        mean = rows.mean(axis=0)
        m2 = ((rows - mean) ** 2).sum(axis=0)
        total = self.count + len(rows)
        delta = mean - self._mean
        self._mean += delta * (len(rows) / total)
        self._m2 += m2 + delta**2 * (self.count * len(rows) / total)
        self.count = total

    @property
    def mean(self) -> NDArray[np.float64]:
        """(G,) means; NaN before the first spot."""
        return self._mean.copy() if self.count else np.full_like(self._mean, np.nan)

    @property
    def variance(self) -> NDArray[np.float64]:
        """(G,) population variances; NaN before the first spot."""
        return self._m2 / self.count if self.count else np.full_like(self._m2, np.nan)

    @classmethod
    def from_matrix(cls, matrix: Any) -> GeneStatistics:
        """Return the statistics of a dense (N, G) matrix."""
        statistics = cls(matrix.shape[1])
        statistics.add(matrix)
        return statistics

    @classmethod
    def from_columns(
        cls, mean: NDArray[np.float64], variance: NDArray[np.float64], count: int
    ) -> GeneStatistics:
        """Return statistics whose moments were found elsewhere."""
        statistics = cls(len(mean))
        statistics.count = count
        statistics._mean = np.asarray(mean, dtype=np.float64).copy()
        statistics._m2 = np.asarray(variance, dtype=np.float64) * count
        return statistics
