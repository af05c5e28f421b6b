"""Values on the spots: of a gene or signature, of one source or all, as they are shown."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import GeneListError
from napari_stexp.session.genes.display import DisplaySettings, effective_limits, transform_values
from napari_stexp.session.genes.expression import (
    Expression,
    PredictedExpression,
    make_measured,
    prediction_scale,
)
from napari_stexp.session.genes.gene_marks import GeneMarks
from napari_stexp.session.genes.signatures import Signatures
from napari_stexp.session.prediction.predictions import Predictions
from napari_stexp.session.read_out import describe_spot
from napari_stexp.session.views import Views

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction
    from napari_stexp.session.genes.measurement import MeasuredExpression

__all__ = ["GeneValues"]

_VALUE_LABELS = {
    "spot": "log10(1 + counts per 10,000 of the spot)",
    "gene": "log10(1 + counts per 10,000 of the gene)",
}

_VALUE_UNITS = {"spot": "log10(1+CP10K)", "gene": "log10(1+CP10K of the gene)"}


class GeneValues(ABC):
    """What the spots' values are; the part of `Session` that layers and plots read.

    Attributes
    ----------
    signatures : Signatures
        Sets of genes that are shown like one.
    predictions : Predictions
        All that was predicted for these spots.
    marks : GeneMarks
        The user's favourite and recent genes.
    views : Views
        How many pictures of the spots there are.
    """

    views: Views

    _spots: Any
    _prediction: Prediction | None
    _gene: str | None
    _source: str
    _display: DisplaySettings

    def __init__(self) -> None:
        self._predicted: PredictedExpression | None = None
        self._measured: MeasuredExpression | None = None
        self._last_measured: MeasuredExpression | None = None
        self._expressions: WeakKeyDictionary[Prediction, PredictedExpression]
        self._expressions = WeakKeyDictionary()
        self.signatures = Signatures()
        self.predictions = Predictions()
        self.marks = GeneMarks()

    @property
    def has_measurement(self) -> bool:
        """Whether the spots come with counts."""
        return self._spots is not None and self._spots.n_vars > 0

    def expression_of(self, name: str) -> PredictedExpression:
        """Return the values of one of `predictions`, shown or not."""
        return self._find_expression(self.predictions[name])

    def _find_expression(self, prediction: Prediction) -> PredictedExpression:
        found = self._expressions.get(prediction)
        if found is None:
            found = self._expressions[prediction] = PredictedExpression(prediction.adata)
        return found

    @property
    def expression(self) -> Expression | None:
        """The shown source's values, or None where there are none."""
        return self._predicted if self._source == "predicted" else self.measurement

    @property
    def measurement(self) -> MeasuredExpression | None:
        """What was measured, on the prediction's scale; None without counts."""
        if self._measured is None and self.has_measurement:
            adata = None if self._prediction is None else self._prediction.adata
            self._measured = make_measured(self._spots, adata, self._last_measured)
            self._last_measured = self._measured
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
        if gene in self.signatures:
            return self.signatures.values(gene, self.expression)
        if gene not in self.expression:
            raise GeneListError(f"{gene!r} is not among the {self._source} genes")
        return self.expression.values(gene)

    def shown_values(self, gene: str | None = None) -> NDArray[np.float32] | None:
        """Return `values` as `display.transform` shows them: what is coloured and read out."""
        gene = self._gene if gene is None else gene
        values = self.values(gene)
        return None if values is None else self.transform(values, gene)

    def transform(self, values: NDArray[np.float32], gene: str | None) -> NDArray[np.float32]:
        """Apply `display.transform` to a gene's values; a signature's score has no counts."""
        transform = self._display.transform
        if gene in self.signatures and transform == "linear":
            return values
        return transform_values(values, transform)

    def limits(
        self, values: NDArray[np.float32] | None = None, gene: str | None = None
    ) -> tuple[float, float]:
        """Return the ends of the colour scale, finite and low < high.

        Parameters
        ----------
        values : (N,) float array, optional
            The shown values if at hand; default: those of the gene.
        gene : str, optional
            Default: the active gene.
        """
        mode = self._display.limits_mode
        if mode == "shared":
            found = self.values_everywhere(gene)
            values = np.concatenate(found) if found else None
        elif values is None and mode != "manual":
            values = self.shown_values(gene)
        return effective_limits(values, self._display)

    def values_everywhere(self, gene: str | None = None) -> list[NDArray[np.float32]]:
        """Return a gene's transformed values in every prediction and in the measurement.

        Empty while values are hidden. Of small multiples, which share one scale, the values
        of all their genes.
        """
        gene = self._gene if gene is None else gene
        if self.hides_values or gene is None:
            return []
        genes = self.views.genes if gene in self.views.genes else (gene,)
        found = []
        for expression in self.all_expressions():
            for name in genes:
                if name in self.signatures:
                    values = self.signatures.values(name, expression)
                elif name in expression:
                    values = expression.values(name)
                else:
                    continue
                found.append(self.transform(values, name))
        return found

    def all_expressions(self) -> list[Expression]:
        """Return every source of values: all predictions, and the measurement."""
        found: list[Expression] = []
        found.extend(self.expression_of(name) for name in self.predictions)
        if self.measurement is not None:
            found.append(self.measurement)
        return found

    @property
    def scale(self) -> str:
        """The expression scale of the shown values: 'spot' or 'gene'."""
        return "spot" if self._prediction is None else prediction_scale(self._prediction.adata)

    @property
    def value_label(self) -> str:
        """What the shown values are, for a legend."""
        return f"{self._source} {self._unit(_VALUE_LABELS, self._gene)}"

    @property
    def value_unit(self) -> str:
        """The unit of the shown values in short, for the title of a colour bar."""
        return self.unit_of(self._gene)

    def unit_of(self, gene: str | None) -> str:
        """Return the unit of a gene's or signature's shown values in short."""
        return self._unit(_VALUE_UNITS, gene)

    def _unit(self, units: dict[str, str], gene: str | None) -> str:
        transform = self._display.transform
        if transform == "z":
            units = _VALUE_UNITS  # in short: a legend has to hold it
        unit = units.get(self.scale, self.scale)
        if gene in self.signatures:
            unit = "signature score"
        elif transform == "linear":
            return unit.removeprefix("log10(1 + ").removeprefix("log10(1+").removesuffix(")")
        return f"SD of {unit}" if transform == "z" else unit

    def paired_values(self, gene: str) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        """Return what was measured and what was predicted of a gene or signature, each (N,).

        Both are on the prediction's scale; NaN where there is no value. None where one of
        the two doesn't know the gene, or values are hidden.
        """
        if self.hides_values or self._predicted is None or not self.has_measurement:
            return None
        measured = self.measurement
        if measured is not None and gene in self.signatures:
            scores = self.signatures
            return scores.values(gene, measured), scores.values(gene, self._predicted)
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

    def read_out(self, index: int, gene: str | None = None) -> str:
        """Return one line about a spot, for a status bar or a tooltip.

        Parameters
        ----------
        index : int
            Row of the spots.
        gene : str, optional
            Default: what is shown.
        """
        return describe_spot(self, index, gene)  # type: ignore[arg-type]  # is a Session

    @property
    @abstractmethod
    def hides_values(self) -> bool:
        """Whether expression is hidden until the annotation is locked."""

    @abstractmethod
    def labels(self) -> list[str] | None:
        """Return each spot's annotated class, '' outside all regions; None without regions."""
