"""The session's view: which gene of which source is shown, its values and limits."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_stexp.errors import GeneListError, PredictionError, SpotsError
from napari_stexp.session.display import DisplaySettings, effective_limits
from napari_stexp.session.expression import (
    Expression,
    PredictedExpression,
    find_scores,
    make_gene_table,
    make_measured,
    prediction_scale,
)
from napari_stexp.session.read_out import describe_spot

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import Prediction
    from napari_stexp.session.measurement import MeasuredExpression

__all__ = ["Browsing"]

_VALUE_LABELS = {
    "spot": "log10(1 + counts per 10,000 of the spot)",
    "gene": "log10(1 + counts per 10,000 of the gene)",
}

_VALUE_UNITS = {"spot": "log10(1+CP10K)", "gene": "log10(1+CP10K of the gene)"}


class Browsing(ABC):
    """What is shown of the spots; the part of `Session` that panels and layers read most."""

    gene_changed = Signal(object)
    source_changed = Signal(str)
    display_changed = Signal(object)

    _spots: Any
    _bundle: ModelBundle | None
    _prediction: Prediction | None

    def __init__(self) -> None:
        self._display = DisplaySettings()
        self._source = "predicted"
        self._gene: str | None = None
        self._gene_is_chosen = False  # by the user
        self._default_is_settled = False
        self._predicted: PredictedExpression | None = None
        self._measured: MeasuredExpression | None = None

    # ---- settings ------------------------------------------------------------------------

    @property
    def display(self) -> DisplaySettings:
        """How the active gene is drawn."""
        return self._display

    @display.setter
    def display(self, display: DisplaySettings) -> None:
        if display != self._display:
            self._display = display
            self.display_changed.emit(display)

    @property
    def has_measurement(self) -> bool:
        """Whether the spots come with counts."""
        return self._spots is not None and self._spots.n_vars > 0

    @property
    def source(self) -> str:
        """Which values are shown: 'predicted' or 'measured'."""
        return self._source

    @source.setter
    def source(self, source: str) -> None:
        if source == self._source:
            return
        if source == "predicted" and self._prediction is None:
            raise PredictionError("nothing has been predicted yet")
        if source == "measured" and not self.has_measurement:
            raise SpotsError("these spots come without measured counts")
        if source not in ("predicted", "measured"):
            raise ValueError(f"source must be 'predicted' or 'measured', not {source!r}")
        self._source = source
        old = self._gene
        self._settle_gene()
        self.source_changed.emit(source)
        if self._gene != old:
            self.gene_changed.emit(self._gene)

    @property
    def gene(self) -> str | None:
        """The active gene; None while there are no values to show."""
        return self._gene

    @gene.setter
    def gene(self, gene: str) -> None:
        if gene not in self.genes:
            raise GeneListError(f"{gene!r} is not among the {len(self.genes)} {self._source} genes")
        self._gene_is_chosen = True
        if gene != self._gene:
            self._gene = gene
            self.gene_changed.emit(gene)

    # ---- values --------------------------------------------------------------------------

    @property
    def expression(self) -> Expression | None:
        """The shown source's values, or None where there are none."""
        return self._predicted if self._source == "predicted" else self.measurement

    @property
    def measurement(self) -> MeasuredExpression | None:
        """What was measured, on the prediction's scale; None without counts."""
        if self._measured is None and self.has_measurement:
            adata = None if self._prediction is None else self._prediction.adata
            self._measured = make_measured(self._spots, adata)
        return self._measured

    @property
    def genes(self) -> list[str]:
        """The shown source's genes, in its own order."""
        return list(self.expression.genes) if self.expression is not None else []

    def values(self, gene: str | None = None) -> NDArray[np.float32] | None:
        """Return a gene's values on the spots, (N,), NaN where pending or failed.

        Parameters
        ----------
        gene : str, optional
            Default: the active gene.

        Returns
        -------
        (N,) float32 array, or None where there is no source or no gene, or values are hidden.
        """
        gene = self._gene if gene is None else gene
        if self.hides_values or self.expression is None or gene is None:
            return None
        if gene not in self.expression.genes:
            raise GeneListError(f"{gene!r} is not among the {self._source} genes")
        return self.expression.values(gene)

    def limits(self, values: NDArray[np.float32] | None = None) -> tuple[float, float]:
        """Return the ends of the colour scale, finite and low < high.

        Parameters
        ----------
        values : (N,) float array, optional
            The shown values if at hand; default: those of the active gene.
        """
        if values is None and self._display.limits_mode != "manual":
            values = self.values()
        return effective_limits(values, self._display)

    @property
    def scale(self) -> str:
        """The expression scale of the shown values: 'spot' or 'gene'."""
        return "spot" if self._prediction is None else prediction_scale(self._prediction.adata)

    @property
    def value_label(self) -> str:
        """What the shown values are, for a legend."""
        return f"{self._source} {_VALUE_LABELS.get(self.scale, self.scale)}"

    @property
    def value_unit(self) -> str:
        """The unit of the shown values in short, for the title of a colour bar."""
        return _VALUE_UNITS.get(self.scale, self.scale)

    def paired_values(self, gene: str) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Return what was measured and what was predicted of a gene, each (N,).

        Both are on the prediction's scale; NaN where there is no value. None where one of
        the two doesn't know the gene, or values are hidden.
        """
        if self.hides_values or self._predicted is None or not self.has_measurement:
            return None
        measured = self.measurement
        if measured is None or gene not in measured.genes or gene not in self._predicted.genes:
            return None
        return measured.values(gene), self._predicted.values(gene)

    def residual(self, gene: str) -> NDArray[np.float32] | None:
        """Return predicted minus measured, (N,), NaN where either is missing; see above."""
        pair = self.paired_values(gene)
        return None if pair is None else pair[1] - pair[0]

    def status(self) -> NDArray[np.str_] | None:
        """Return each spot's state, (N,): a prediction's own status, or 'measured'.

        Spots of which nothing is known yet are 'pending', and all while values are hidden.
        """
        if self._spots is None:
            return None
        if self.hides_values:
            return np.full(self._spots.n_obs, "pending")
        if self._source == "measured" and self.has_measurement:
            return np.full(self._spots.n_obs, "measured")
        if self._prediction is None:
            return np.full(self._spots.n_obs, "pending")
        return self._prediction.status

    def read_out(self, index: int) -> str:
        """Return one line about a spot, for a status bar or a tooltip.

        Parameters
        ----------
        index : int
            Row of the spots.
        """
        return describe_spot(self, index)  # type: ignore[arg-type]  # is a Session

    def value_at(self, index: int) -> tuple[float, str] | None:
        """Return the active gene's value on one spot, and the spot's state; None without.

        The value is NaN where there is none; the state is a prediction's own
        status, or 'measured'. None too while values are hidden.
        """
        expression, gene = self.expression, self._gene
        if self.hides_values or expression is None or gene is None:
            return None
        status = "measured"
        if self._source == "predicted" and self._prediction is not None:
            status = str(self._prediction.adata.obs["status"].iloc[index])
        return float(expression.values(gene)[index]), status

    @property
    @abstractmethod
    def hides_values(self) -> bool:
        """Whether expression is hidden until the annotation is locked."""

    @abstractmethod
    def labels(self) -> list[str] | None:
        """Return each spot's annotated class, '' outside all regions; None without regions."""

    # ---- ranking -------------------------------------------------------------------------

    def gene_table(self) -> pd.DataFrame:
        """Return the shown genes with 'mean', 'variance' and, where known, held-out 'score'.

        While a prediction runs, mean and variance are over the spots so far.
        """
        import pandas as pd

        if self.expression is None:
            empty = pd.Index([], name="gene", dtype=object)
            return pd.DataFrame({"mean": [], "variance": []}, index=empty, dtype=float)
        return make_gene_table(self.expression, self._scores(self.expression.genes))

    def rank_genes(self, by: str = "score") -> list[str]:
        """Return the shown genes, best first.

        Parameters
        ----------
        by : {'score', 'variance', 'mean', 'name'}
            What to rank by; genes of which it isn't known come last, and ties
            (or an unknown score altogether) keep the source's own order.
        """
        if by not in ("score", "variance", "mean", "name"):
            raise ValueError(f"genes are ranked by score, variance, mean or name, not {by!r}")
        if by == "name":
            return sorted(self.genes, key=str.casefold)
        table = self.gene_table()
        if by not in table.columns:
            return list(table.index)
        return list(table.sort_values(by, ascending=False, kind="stable").index)

    def _scores(self, genes: list[str]) -> NDArray[np.float64] | None:
        """Held-out scores: the prediction's own, else the loaded model's."""
        if self._prediction is not None:
            return find_scores(genes, self._prediction.adata.var, self.scale)
        table = self._bundle.scores if self._bundle is not None else None
        return find_scores(genes, table, self.scale)

    def _settle_gene(self) -> None:
        """Keep the user's choice where there are values for it; else choose the best default."""
        genes = self.expression.genes if self.expression is not None else []
        if self._gene not in genes:
            self._gene_is_chosen = False
            self._gene = None
        self._default_is_settled = self._gene_is_chosen
        self._improve_default()

    def _improve_default(self) -> None:
        """Choose the best-scored gene, else the most variable one once two spots have values."""
        expression = self.expression
        if self._default_is_settled or expression is None or not expression.genes:
            return
        scores = self._scores(expression.genes)
        if scores is None:
            statistics = expression.statistics
            if statistics.count < 2:
                self._gene = self._gene or expression.genes[0]
                return
            scores = statistics.variance
        self._gene = expression.genes[int(np.nanargmax(scores))]
        self._default_is_settled = True
