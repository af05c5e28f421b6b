"""Measured counts on the scale of the prediction that they are compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.session.genes.statistics import GeneStatistics

__all__ = ["MeasuredExpression"]

_COUNTS_AT_ONCE = 1_000_000  # bounds what the means need besides the counts


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
    earlier : MeasuredExpression, optional
        Of the same spots: what it has turned needn't be turned again.

    Attributes
    ----------
    morans_i : (G,) float64 array or None
        See `napari_stexp.session.start_morans_i`; None until it was found.
    """

    def __init__(
        self,
        spots: Any,
        genes: Sequence[str] | None = None,
        scale: str = "spot",
        target_sum: float = 1e4,
        earlier: MeasuredExpression | None = None,
    ) -> None:
        from scipy.sparse import csr_matrix, issparse

        self.genes: list[str] = list(spots.var_names)
        self.scale = scale
        self.target_sum = target_sum
        self._position = {gene: column for column, gene in enumerate(self.genes)}
        self._counts = spots.X if issparse(spots.X) else csr_matrix(spots.X)
        self._by_gene: Any = None  # the same as csc, once somebody had the time to turn it
        if earlier is not None and earlier._counts is self._counts:
            self._by_gene = earlier._by_gene
        self._factor = self._find_factor(genes)
        self._last: tuple[str, NDArray[np.float32]] | None = None  # many ask for the same gene
        self._statistics: GeneStatistics | None = None
        self.morans_i: NDArray[np.float64] | None = None

    def _columns(self) -> Any:
        """Return the counts by gene (csc). Turning those of a whole section takes a while."""
        if self._by_gene is None:
            from scipy.sparse import csc_matrix

            self._by_gene = csc_matrix(self._counts, dtype=np.float32)
        return self._by_gene

    def _find_factor(self, genes: Sequence[str] | None) -> NDArray[np.float64]:
        """Return target_sum / total, per spot (N,) or per gene (G,); 0 where that is empty."""
        counts = self._counts if self._by_gene is None else self._by_gene
        if self.scale == "gene":
            total = np.asarray(counts.sum(axis=0, dtype=np.float64)).ravel()
        else:
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
        last = self._last
        if last is None or last[0] != gene:
            self._last = last = (gene, self._normalize(self._position[gene]))
        return last[1].copy()

    def _normalize(self, column: int) -> NDArray[np.float32]:
        counts = self._counts if self._by_gene is None else self._by_gene
        counts = np.asarray(counts[:, [column]].toarray(), dtype=np.float32).ravel()
        factor = self._factor[column] if self.scale == "gene" else self._factor
        return np.log10(1 + counts * factor).astype(np.float32)

    def matrix(self, part: slice = slice(None)) -> Any:
        """Return log-normalised values (N, G), or of some genes only, sparse (csc, float32).

        Parameters
        ----------
        part : slice, optional
            Of `genes`; default: all.
        """
        values = self._columns()[:, part].copy()
        column = np.repeat(np.arange(len(self.genes))[part], np.diff(values.indptr))
        factor = self._factor[column if self.scale == "gene" else values.indices]
        values.data = np.log10(1 + values.data * factor).astype(np.float32)
        return values

    @property
    def has_statistics(self) -> bool:
        """Whether `statistics` are at hand without a delay."""
        return self._statistics is not None or self._counts.nnz <= _COUNTS_AT_ONCE

    @property
    def statistics(self) -> GeneStatistics:
        """Mean and variance per gene; computed once, on the sparse matrix (0 stays 0)."""
        if self._statistics is None:
            n_spots, n_genes = self._columns().shape
            mean, square = np.zeros(n_genes), np.zeros(n_genes)
            for part in self._parts():
                values = self.matrix(part)
                logs = values.data.astype(np.float64)
                column = np.repeat(np.arange(values.shape[1]), np.diff(values.indptr))
                mean[part] = np.bincount(column, logs, values.shape[1]) / max(n_spots, 1)
                square[part] = np.bincount(column, logs**2, values.shape[1]) / max(n_spots, 1)
            variance = np.maximum(square - mean**2, 0)
            self._statistics = GeneStatistics.from_columns(mean, variance, n_spots)
        return self._statistics

    def _parts(self) -> Iterator[slice]:
        """Yield slices of the genes with about a million counts each."""
        indptr = self._columns().indptr
        start = 0
        while start < len(self.genes):
            stop = int(np.searchsorted(indptr, indptr[start] + _COUNTS_AT_ONCE, side="right")) - 1
            stop = min(max(stop, start + 1), len(self.genes))
            yield slice(start, stop)
            start = stop
