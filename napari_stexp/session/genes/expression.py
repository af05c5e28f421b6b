"""One source of gene values on the spots: what was predicted, or what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_stexp.session.genes.measurement import MeasuredExpression
from napari_stexp.session.genes.statistics import GeneStatistics

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Expression",
    "PredictedExpression",
    "find_provenance",
    "find_scores",
    "make_gene_table",
    "make_measured",
    "model_name",
    "prediction_scale",
]


_QUICK = 2_000_000  # values of a matrix whose means take a few hundredths of a second


class Expression(Protocol):
    """What both sources offer."""

    genes: list[str]
    morans_i: NDArray[np.float64] | None

    def __contains__(self, gene: object) -> bool:
        """Whether there are values of a gene."""

    def values(self, gene: str) -> NDArray[np.float32]:
        """Return one gene's values, (N,)."""

    @property
    def statistics(self) -> GeneStatistics:
        """Mean and variance per gene."""

    @property
    def has_statistics(self) -> bool:
        """Whether they are at hand without a delay."""


class PredictedExpression:
    """Values of a prediction that may still be filling up.

    Parameters
    ----------
    adata : AnnData
        ``X`` (N, G), NaN where there is no value (yet).

    Attributes
    ----------
    morans_i : (G,) float64 array or None
        See `napari_stexp.session.start_morans_i`; None until it was found, and again when
        spots have come since.
    """

    def __init__(self, adata: Any) -> None:
        self.adata = adata
        self.genes: list[str] = list(adata.var_names)
        self._position = {gene: column for column, gene in enumerate(self.genes)}
        self._statistics: GeneStatistics | None = None
        self.morans_i: NDArray[np.float64] | None = None

    def __contains__(self, gene: object) -> bool:
        return gene in self._position

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

    @property
    def has_statistics(self) -> bool:
        """Whether `statistics` are at hand without a delay."""
        return self._statistics is not None or np.size(self.adata.X) <= _QUICK

    def add(self, values: NDArray[np.float32]) -> None:
        """Count new rows (n, G); statistics not asked for yet are found later, from all rows."""
        self.morans_i = None
        if self._statistics is not None:
            self._statistics.add(values)


def find_scores(
    genes: Sequence[str], table: pd.DataFrame | None, scale: str
) -> NDArray[np.float64] | None:
    """Return each gene's held-out Pearson correlation, None where the table has none.

    Parameters
    ----------
    genes : sequence of str
        The genes asked for.
    table : DataFrame or None
        Indexed by gene; its columns are named as by the evaluate room:
        ``pcc_spot`` or ``pcc_gene``, after the expression scale.
    scale : {'spot', 'gene'}
        The scale of the shown values, tried first; ranks of genes hardly
        depend on it.
    """
    if table is None:
        return None
    other = "gene" if scale == "spot" else "spot"
    for column in (f"pcc_{scale}", "pcc", f"pcc_{other}"):
        if column in table.columns:
            scores = table[column].reindex(list(genes)).to_numpy(dtype=np.float64)
            if np.isfinite(scores).any():
                return scores
    return None


def make_gene_table(
    expression: Expression, scores: NDArray[np.float64] | None = None
) -> pd.DataFrame:
    """Return mean, variance and, where known, Moran's I and held-out score, by gene."""
    import pandas as pd

    statistics = expression.statistics
    columns = {"mean": statistics.mean, "variance": statistics.variance}
    if expression.morans_i is not None:
        columns["morans_i"] = expression.morans_i
    if scores is not None:
        columns["score"] = scores
    return pd.DataFrame(columns, index=pd.Index(expression.genes, name="gene"))


def make_measured(
    spots: Any, adata: Any | None, earlier: MeasuredExpression | None = None
) -> MeasuredExpression:
    """Return the measurement, on the scale of the prediction ``adata`` where there is one."""
    from napari_stexp.session.prepared import prepared_measurement

    prepared = prepared_measurement(spots)
    if adata is None:
        return prepared or MeasuredExpression(spots, earlier=earlier)
    earlier = earlier or prepared
    genes, scale = list(adata.var_names), prediction_scale(adata)
    return MeasuredExpression(spots, genes, scale, earlier=earlier)


def prediction_scale(adata: Any) -> str:
    """Return the expression scale that a prediction's provenance names; 'spot' by default."""
    return str(find_provenance(adata, "scale") or "spot")


def model_name(adata: Any) -> str:
    """Return the name of the model that made a prediction, 'prediction' where it isn't said."""
    bundle = adata.uns.get("stexp", {}).get("model", {})
    return str(bundle.get("name") or "prediction")


def find_provenance(adata: Any, key: str) -> Any:
    """Return ``key`` from ``uns['stexp']``, or from its 'parameters'; None if absent."""
    facts = adata.uns.get("stexp", {})
    for part in (facts, facts.get("parameters", {}), facts.get("params", {})):
        if hasattr(part, "get") and part.get(key) is not None:
            return part[key]
    return None
