"""A training's inputs, which its result depends on, and how far it is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from napari_stexp.dataset import TrainingSet
from napari_stexp.model import Retrieval
from napari_stexp.train.checkpoint import describe_data, tensors_digest
from napari_stexp.train.settings import TrainSettings

__all__ = ["RunInputs", "TrainState"]


@dataclass(frozen=True, eq=False)
class RunInputs:
    """What a training's result depends on, and where it is kept."""

    data: TrainingSet
    settings: TrainSettings
    retrieval: Retrieval
    validation: TrainingSet | None = None
    initial: Mapping[str, Tensor] | None = None
    folder: Path | None = None

    def describe(self, devices: int = 1) -> dict[str, Any]:
        """Describe the inputs in plain values, so that a resumed run can be compared."""
        settings = self.settings.to_json()
        validation = None if self.validation is None else describe_data(self.validation)
        return {
            "setting": {k: v for k, v in settings.items() if k not in TrainSettings.FREE},
            "data": describe_data(self.data),
            "validation data": validation,
            "retrieval": self.retrieval.to_json() if validation else None,
            "initial parameters": tensors_digest(self.initial) if self.initial else None,
            "devices": devices,
        }


@dataclass
class TrainState:
    """How far a training is; all of it is in the checkpoint.

    Attributes
    ----------
    epoch, step : int
        Epochs that ended, and steps of the one under way.
    done : int
        Steps in all.
    loss_sum : float
        Over the steps of the epoch under way.
    seconds : float
        Spent in training.
    best_score, best_epoch, stalled
        The best validation's score and epoch (from 1; 0: none yet), and how many
        came after it.
    stopped : str
        '', 'patience' or 'max_minutes': why it ended early.
    validation : dict, optional
        Numbers of the last one.
    """

    epoch: int = 0
    step: int = 0
    done: int = 0
    loss_sum: float = 0.0
    seconds: float = 0.0
    best_score: float = -math.inf
    best_epoch: int = 0
    stalled: int = 0
    stopped: str = ""
    validation: dict[str, float] | None = None

    def judge(self, score: float, epoch: int, patience: int) -> bool:
        """Note a validation's score; tell whether it is the best so far.

        Parameters
        ----------
        score : float
            Higher is better.
        epoch : int
            After which it was found, from 1.
        patience : int
            Validations without a better score after which to stop; 0: never.
        """
        if score > self.best_score:
            self.best_score, self.best_epoch, self.stalled = score, epoch, 0
            return True
        self.stalled += 1
        if patience and self.stalled >= patience:
            self.stopped = "patience"
        return False
