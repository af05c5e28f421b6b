"""The predictions of a session: which one is shown, and how one fills up."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_stexp.errors import PredictionError
from napari_stexp.session.genes.display import effective_limits
from napari_stexp.session.genes.expression import model_name, prediction_scale
from napari_stexp.session.genes.gene_values import GeneValues
from napari_stexp.session.placing.placement import check_belongs

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction, SpotBatch

__all__ = ["Predicting"]


class Predicting(GeneValues):
    """Shows, adds and drops predictions of the present spots."""

    prediction_changed = Signal(object)
    prediction_updated = Signal(object)
    gene_changed: Any

    _annotations: list[Any] | None

    @abstractmethod
    def _replace(
        self, *, spots: Any, prediction: Prediction | None, annotations: list[Any] | None
    ) -> None:
        """See `Session`."""

    @abstractmethod
    def _improve_default(self) -> None:
        """See `Browsing`."""

    @abstractmethod
    def _note_what_is_seen(self) -> None:
        """See `Annotating`."""

    @property
    def prediction(self) -> Prediction | None:
        """The shown prediction, which may still be filling up."""
        return self._prediction

    @prediction.setter
    def prediction(self, prediction: Prediction | None) -> None:
        self.set_prediction(prediction)

    def set_prediction(self, prediction: Prediction | None, name: str | None = None) -> None:
        """Show a prediction of the present spots, beside those that are there.

        Parameters
        ----------
        prediction : Prediction or None
            None takes the shown one away; the one made before it is shown again.
        name : str, optional
            One of the same name gives way. Default: the model's name, with a
            number where it is taken.

        Raises
        ------
        PredictionError
            It belongs to other spots; nothing changed.
        """
        if prediction is None:
            if self._prediction is not None and self.predictions.active is not None:
                self.drop_prediction(self.predictions.active)
            return
        if prediction is self._prediction:
            return
        check_belongs(prediction.adata, self._spots)
        known = self.predictions.name_of(prediction)
        if name is None:
            name = known or self.predictions.free_name(model_name(prediction.adata))
        elif known is not None and known != name:
            self.predictions.rename(known, name)
        self.predictions.put(name, prediction)
        self._show_prediction(prediction)

    def show_model(self, name: str) -> None:
        """Show another one of `predictions`.

        Raises
        ------
        PredictionError
            There is none of this name.
        """
        if name != self.predictions.active:
            self._show_prediction(self.predictions.show(name))

    def drop_prediction(self, name: str) -> None:
        """Forget a prediction; if it was the one shown, the last one of the others is.

        Raises
        ------
        PredictionError
            There is none of this name.
        """
        shown = self.predictions[name] is self._prediction
        left = self.predictions.drop(name)
        if shown:
            self._show_prediction(None if left is None else self.predictions[left])
        else:
            self.predictions.changed.emit()

    def _show_prediction(self, prediction: Prediction | None) -> None:
        self._replace(spots=self._spots, prediction=prediction, annotations=self._annotations)
        self.predictions.changed.emit()

    def add_batch(self, batch: SpotBatch, prediction: Prediction | None = None) -> bool:
        """Add new values to a prediction.

        Parameters
        ----------
        batch : SpotBatch
            The values of some spots.
        prediction : Prediction, optional
            The prediction that they belong to, shown or not; default: the shown
            one. A late batch of one that is gone is ignored.

        Returns
        -------
        bool
            Whether the batch was taken.

        Raises
        ------
        PredictionError
            No prediction is shown.
        """
        if prediction is None:
            prediction = self._prediction
        if prediction is None:
            raise PredictionError("there is no prediction to add values to")
        if self.predictions.name_of(prediction) is None:
            return False
        prediction.add(batch)
        self._find_expression(prediction).add(batch.values)
        if prediction is self._prediction:
            self._note_what_is_seen()
            old = self._gene
            if self._source == "predicted":
                self._improve_default()
            self.prediction_updated.emit(batch)
            if self._gene != old:
                self.gene_changed.emit(self._gene)
        return True

    def values_in(self, name: str, gene: str) -> NDArray[np.float32] | None:
        """Return a gene's or signature's shown values in one of the predictions, (N,).

        None where it doesn't know the gene, or values are hidden.

        Raises
        ------
        PredictionError
            There is no prediction of this name.
        """
        expression = self.expression_of(name)
        if self.hides_values:
            return None
        if gene in self.signatures:
            return self.transform(self.signatures.values(gene, expression), gene)
        return self.transform(expression.values(gene), gene) if gene in expression else None

    def limits_in(self, name: str, gene: str) -> tuple[float, float]:
        """Return the ends of a gene's colour scale where predictions are compared.

        They are the same in all predictions on the same expression scale.

        Raises
        ------
        PredictionError
            There is no prediction of this name.
        """
        if self._display.limits_mode != "percentile":
            return self.limits(self.values_in(name, gene), gene)
        alike = self.values_alike(name, gene)
        return effective_limits(np.concatenate(alike) if alike else None, self._display)

    def values_alike(self, name: str, gene: str) -> list[NDArray[np.float32]]:
        """Return a gene's shown values in all predictions on the scale of one of them.

        Raises
        ------
        PredictionError
            There is no prediction of this name.
        """
        scale = prediction_scale(self.predictions[name].adata)
        return [
            values
            for other in self.predictions
            if prediction_scale(self.predictions[other].adata) == scale
            and (values := self.values_in(other, gene)) is not None
        ]

    def _forget_predictions(self, but: Prediction | None) -> None:
        """Drop what was predicted for other spots."""
        name = self.predictions.name_of(but) if but is not None else None
        self.predictions.clear()
        if but is not None:
            self.predictions.put(name or model_name(but.adata), but)
