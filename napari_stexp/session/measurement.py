"""Measured counts on the scale of the prediction that they are compared with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.session.statistics import GeneStatistics

__all__ = ["MeasuredExpression"]


class MeasuredExpression:
    """Log-normalised view of raw counts, one gene at a time.

    The formula is the one of the model room's ``log_normalize``:
    ``log10(1 + target_sum · c / total)`` with ``total`` per spot over
    ``genes`` (``scale='spot'``), or per gene over the spots
    (``scale='gene'``). Spots or genes without any count are 0.

    Parameters
    ----------
    spots : AnnData
        ``X`` (N, G) raw counts.
    genes : sequence of str, optional
        The genes whose counts make up a spot's total; default all. A
        prediction's measured counterpart is scaled over the model's list.
    scale : {'spot', 'gene'}
        Which total is divided by.
    target_sum : float
        What each total is scaled to.
    """

    def __init__(
        self,
        spots: Any,
        genes: Sequence[str] | None = None,
        scale: str = "spot",
        target_sum: float = 1e4,
    ) -> None:
        from scipy.sparse import csc_matrix

        self.genes: list[str] = list(spots.var_names)
        self.scale = scale
        self.target_sum = target_sum
        self._position = {gene: column for column, gene in enumerate(self.genes)}
        # Column access is what browsing does, and csr is slow at it.
        self._counts = csc_matrix(spots.X, dtype=np.float32)
        self._factor = self._find_factor(genes)
        self._statistics: GeneStatistics | None = None

    def _find_factor(self, genes: Sequence[str] | None) -> NDArray[np.float64]:
        """Return target_sum / total, per spot (N,) or per gene (G,); 0 where that is empty."""
        if self.scale == "gene":
            total = np.asarray(self._counts.sum(axis=0, dtype=np.float64)).ravel()
        else:
            counts = self._counts
            listed = [self._position[g] for g in genes or () if g in self._position]
            if listed:
                counts = counts[:, listed]
            total = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
        factor = np.zeros_like(total)
        np.divide(self.target_sum, total, out=factor, where=total > 0)
        return factor

    def __contains__(self, gene: object) -> bool:
        return gene in self._position

    def values(self, gene: str) -> NDArray[np.float32]:
        """Return one gene's (N,) log-normalised values."""
        column = self._position[gene]
        counts = self._counts[:, [column]].toarray().ravel()
        factor = self._factor[column] if self.scale == "gene" else self._factor
        return np.log10(1 + counts * factor).astype(np.float32)

    def matrix(self, part: slice = slice(None)) -> Any:
        """Return log-normalised values (N, G), or of some genes only, sparse (csc, float32).

        Parameters
        ----------
        part : slice, optional
            Of `genes`; default: all.
        """
        values = self._counts[:, part].copy()
        column = np.repeat(np.arange(len(self.genes))[part], np.diff(values.indptr))
        factor = self._factor[column if self.scale == "gene" else values.indices]
        values.data = np.log10(1 + values.data * factor).astype(np.float32)
        return values

    @property
    def statistics(self) -> GeneStatistics:
        """Mean and variance per gene; computed once, on the sparse matrix (0 stays 0)."""
        if self._statistics is None:
            n_spots, n_genes = self._counts.shape
            column = np.repeat(np.arange(n_genes), np.diff(self._counts.indptr))
            factor = self._factor[column if self.scale == "gene" else self._counts.indices]
            logs = np.log10(1 + self._counts.data * factor)
            mean = np.bincount(column, logs, n_genes) / max(n_spots, 1)
            square = np.bincount(column, logs**2, n_genes) / max(n_spots, 1)
            variance = np.maximum(square - mean**2, 0)
            self._statistics = GeneStatistics.from_columns(mean, variance, n_spots)
        return self._statistics
