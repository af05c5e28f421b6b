"""A running prediction's results on their way into the session, a few times a second."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_stexp.session.prediction.steps import StartedPrediction

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction, SpotBatch
    from napari_stexp.session import Session

__all__ = ["PredictionRun", "merge_batches"]

_FLUSH_MS = 150  # recolouring all spots more often than this gains nothing and costs frames


def merge_batches(batches: list[SpotBatch]) -> SpotBatch:
    """Return several batches as one, so that the spots are recoloured once."""
    if len(batches) == 1:
        return batches[0]
    return replace(
        batches[0],
        **{
            field.name: np.concatenate([getattr(batch, field.name) for batch in batches])
            for field in fields(batches[0])
        },
    )


class PredictionRun(QObject):
    """Gathers batches and hands them to the session at most about seven times a second.

    Parameters
    ----------
    session : Session
        Receives the prediction and its batches.
    parent : QObject, optional
        Owner.
    """

    started = Signal()
    took = Signal()  # results, which are shown with the next ones
    ended = Signal()

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._prediction: Prediction | None = None
        self._waiting: list[SpotBatch] = []
        self._open = False
        self._timer = QTimer(self)
        self._timer.setInterval(_FLUSH_MS)
        self._timer.timeout.connect(self.flush)

    def begin(self) -> None:
        """Expect the results of a new prediction."""
        self._prediction, self._waiting, self._open = None, [], True
        self._timer.start()

    def take(self, new: Any) -> None:
        """Take what a progress report brought: what is to be filled, a batch, or nothing."""
        if new is None or not self._open:
            return
        if isinstance(new, StartedPrediction):
            self._prediction = new.prediction
            name = self._session.predictions.free_name(new.name) if new.is_new else None
            self._session.set_prediction(new.prediction, name)
            self.started.emit()
        else:
            self._waiting.append(new)
            self.took.emit()

    def fills(self, prediction: Prediction) -> bool:
        """Whether a prediction is the one that is being filled."""
        return self._open and prediction is self._prediction

    def waiting(self, prediction: Prediction) -> int:
        """Return how many spots have been predicted that the session hasn't got yet."""
        if prediction is not self._prediction:
            return 0
        return sum(len(batch.index) for batch in self._waiting)

    def flush(self) -> None:
        """Hand over what has come since the last time."""
        if not self._waiting or self._prediction is None:
            return
        batches, self._waiting = self._waiting, []
        self._session.add_batch(merge_batches(batches), self._prediction)

    def end(self) -> None:
        """Hand over the rest; what has not been reached stays 'pending'."""
        self._timer.stop()
        if self._open:
            self.flush()
        self._open = False
        self.ended.emit()

    def pause(self) -> None:
        """Hand nothing over for now: the window is being asked to close."""
        self._timer.stop()

    def resume(self) -> None:
        """Go on after all."""
        if self._open:
            self._timer.start()

    def abandon(self) -> None:
        """Drop what is still coming: its spots or its slide are gone."""
        self._timer.stop()
        self._waiting, self._open = [], False
