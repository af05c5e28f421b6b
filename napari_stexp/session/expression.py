"""One source of gene values on the spots: what was predicted, or what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_stexp.session.measurement import MeasuredExpression
from napari_stexp.session.statistics import GeneStatistics

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Expression",
    "PredictedExpression",
    "find_provenance",
    "find_scores",
    "make_gene_table",
    "make_measured",
    "prediction_scale",
]

# Columns of held-out quality that a bundle or a prediction may carry, best first.
_SCORE_COLUMNS = ("score", "pcc", "pearson", "held_out_pcc")


class Expression(Protocol):
    """What both sources offer."""

    genes: list[str]

    def values(self, gene: str) -> NDArray[np.float32]:
        """Return one gene's values, (N,)."""

    @property
    def statistics(self) -> GeneStatistics:
        """Mean and variance per gene."""


class PredictedExpression:
    """Values of a prediction that may still be filling up.

    Parameters
    ----------
    adata : AnnData
        ``X`` (N, G), NaN where there is no value (yet).
    """

    def __init__(self, adata: Any) -> None:
        self.adata = adata
        self.genes: list[str] = list(adata.var_names)
        self._position = {gene: column for column, gene in enumerate(self.genes)}
        self._statistics: GeneStatistics | None = None

    def values(self, gene: str) -> NDArray[np.float32]:
        """Return one gene's values, (N,), NaN where pending or failed."""
        column = self.adata.X[:, self._position[gene]]
        if hasattr(column, "toarray"):  # a file made elsewhere may be sparse
            column = column.toarray().ravel()
        return np.ascontiguousarray(column, dtype=np.float32)

    @property
    def statistics(self) -> GeneStatistics:
        """Mean and variance per gene over the spots that have values."""
        if self._statistics is None:
            matrix = self.adata.X
            dense = matrix.toarray() if hasattr(matrix, "toarray") else matrix
            self._statistics = GeneStatistics.from_matrix(dense)
        return self._statistics

    def add(self, values: NDArray[np.float32]) -> None:
        """Count new rows (n, G); statistics not asked for yet are found later, from all rows."""
        if self._statistics is not None:
            self._statistics.add(values)


def find_scores(genes: Sequence[str], *tables: Any) -> NDArray[np.float64] | None:
    """Return each gene's held-out score, NaN where unknown, None where no table has any.

    Parameters
    ----------
    genes : sequence of str
        The genes asked for.
    *tables : DataFrame or None
        Indexed by gene; the first with a score column that isn't empty counts.
    """
    for table in tables:
        if table is None:
            continue
        for column in _SCORE_COLUMNS:
            if column in table.columns:
                scores = table[column].reindex(genes).to_numpy(dtype=np.float64)
                if np.isfinite(scores).any():
                    return scores
    return None


def make_gene_table(
    expression: Expression, scores: NDArray[np.float64] | None = None
) -> pd.DataFrame:
    """Return mean, variance and, where known, held-out score, indexed by gene."""
    import pandas as pd

    statistics = expression.statistics
    columns = {"mean": statistics.mean, "variance": statistics.variance}
    if scores is not None:
        columns["score"] = scores
    return pd.DataFrame(columns, index=pd.Index(expression.genes, name="gene"))


def make_measured(spots: Any, adata: Any | None) -> MeasuredExpression:
    """Return the measurement, on the scale of the prediction ``adata`` where there is one."""
    if adata is None:
        return MeasuredExpression(spots)
    return MeasuredExpression(spots, list(adata.var_names), prediction_scale(adata))


def prediction_scale(adata: Any) -> str:
    """Return the expression scale that a prediction's provenance names; 'spot' by default."""
    return str(find_provenance(adata, "scale") or "spot")


def find_provenance(adata: Any, key: str) -> Any:
    """Return ``key`` from ``uns['stexp']``, or from its 'parameters'; None if absent."""
    facts = adata.uns.get("stexp", {})
    for part in (facts, facts.get("parameters", {}), facts.get("params", {})):
        if hasattr(part, "get") and part.get(key) is not None:
            return part[key]
    return None
