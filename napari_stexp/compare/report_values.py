"""The values of single genes on the spots of a report: predicted, measured, and between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError

if TYPE_CHECKING:
    from napari_stexp.compare.report_content import ReportContent

__all__ = ["GeneValues", "find_pcc", "read_genes"]


@dataclass(frozen=True, eq=False)
class GeneValues:
    """One gene on all spots, log10(1 + x) on the report's scale.

    Attributes
    ----------
    gene : str
        Its name.
    predicted, measured : (N,) float32, optional
        NaN where a spot has no value; None where there are no such values at all.
    pcc : float
        Correlation of the two, NaN where it is unknown.
    """

    gene: str
    predicted: NDArray[np.float32] | None = None
    measured: NDArray[np.float32] | None = None
    pcc: float = float("nan")

    @property
    def sources(self) -> dict[str, NDArray[np.float32]]:
        """The values that there are, by what they are; the measured ones first."""
        both = {"measured": self.measured, "predicted": self.predicted}
        return {name: values for name, values in both.items() if values is not None}

    @property
    def residual(self) -> NDArray[np.float32] | None:
        """Predicted less measured."""
        if self.predicted is None or self.measured is None:
            return None
        return self.predicted - self.measured


def read_genes(content: ReportContent) -> list[GeneValues]:
    """Return the values of the genes that the report shows, in its order.

    Raises
    ------
    EvaluationError
        A gene that was neither predicted nor measured.
    """
    genes = list(dict.fromkeys(content.genes))
    if not genes:
        return []
    predicted, measured = _read_predicted(content, genes), _read_measured(content, genes)
    absent = [gene for gene in genes if gene not in predicted and gene not in measured]
    if absent:
        raise EvaluationError(
            f"{len(absent)} of the genes to show have no values",
            expected=f"genes such as {', '.join(map(str, content.base.var_names[:3]))}",
            found=", ".join(absent[:5]),
        )
    return [
        GeneValues(gene, predicted.get(gene), measured.get(gene), find_pcc(content, gene))
        for gene in genes
    ]


def find_pcc(content: ReportContent, gene: str) -> float:
    """Return the correlation of a gene's prediction with its measurement; NaN if unknown."""
    if content.scores is None or gene not in content.scores.scores.index:
        return float("nan")
    return float(content.scores.scores[f"pcc_{content.scores.scale}"][gene])


def _read_predicted(content: ReportContent, genes: list[str]) -> Mapping[str, Any]:
    if content.prediction is None:
        return {}
    known = [gene for gene in genes if gene in content.prediction.var_names]
    return _columns(content.prediction[:, known].X, known)


def _read_measured(content: ReportContent, genes: list[str]) -> Mapping[str, Any]:
    if not content.is_measured:
        return {}
    if content.prediction is not None:
        from napari_stexp.compare.measured import pair_expression

        paired = pair_expression(content.prediction, content.spots)
        places = {str(gene): at for at, gene in enumerate(paired.genes)}
        known = [gene for gene in genes if gene in places]
        return _columns(paired.measured[:, [places[gene] for gene in known]], known)
    from napari_stexp.model.expression import log_normalize_sparse

    assert content.spots is not None
    known = [gene for gene in genes if gene in content.spots.var_names]
    values = log_normalize_sparse(content.spots.X, content.scale)
    return _columns(values[:, content.spots.var_names.get_indexer(known)], known)


def _columns(table: Any, genes: list[str]) -> dict[str, NDArray[np.float32]]:
    dense = table.toarray() if hasattr(table, "toarray") else np.asarray(table)
    return {gene: np.asarray(dense[:, at], dtype=np.float32) for at, gene in enumerate(genes)}
