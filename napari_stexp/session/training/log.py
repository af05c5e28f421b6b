"""The course of a training: loss per step, its mean per epoch, validation scores."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_stexp.train import TrainingReport

__all__ = ["TrainingLog"]

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


class TrainingLog:
    """Reports of a training, ready to be drawn; x is in epochs from the training's start.

    Parameters
    ----------
    steps_per_epoch : int
        0 while unknown: steps then count as epochs.
    epochs : int
        How many are planned, 0 while unknown.
    """

    def __init__(self, steps_per_epoch: int = 0, epochs: int = 0) -> None:
        self.steps_per_epoch = steps_per_epoch
        self.epochs = epochs
        self._steps: list[int] = []
        self._losses: list[float] = []
        self._means: dict[int, float] = {}  # of whole epochs, from the run's table
        self._validations: dict[int, dict[str, float]] = {}  # by step

    def __len__(self) -> int:
        return len(self._steps) + len(self._means)

    @classmethod
    def read(cls, folder: Path) -> TrainingLog:
        """Read the epochs of an earlier run from its folder; empty where none has ended."""
        from napari_stexp.train.logs import LOG, read_rows

        log = cls()
        for row in read_rows(folder / LOG):
            numbers = {name: number for name, text in row.items() if (number := _number(text))}
            epoch, step = int(row["epoch"]), int(numbers.get("step", 0))
            if "loss" in numbers:
                log._means[epoch] = numbers["loss"]
            if step:
                log.steps_per_epoch = step // epoch
            start = "validation_"
            validation = {n[len(start) :]: v for n, v in numbers.items() if n.startswith(start)}
            if validation:
                log._validations[step] = validation
        return log

    @property
    def epochs_done(self) -> int:
        """How many epochs have ended."""
        last = max(self._means, default=0)
        if not self.steps_per_epoch or not self._steps:
            return last
        return max(last, self._steps[-1] // self.steps_per_epoch)

    def add(self, reports: Iterable[TrainingReport]) -> None:
        """Add what a training has reported.

        A report of a step that is known already replaces it and all after it:
        a resumed training repeats what had not reached its checkpoint.
        """
        for report in reports:
            step, loss = int(report.step), report.loss
            if self._steps and step < self._steps[-1]:
                self._cut(step)
            if loss is not None and (not self._steps or step > self._steps[-1]):
                self._steps.append(step)
                self._losses.append(float(loss))
            if report.validation:
                numbers = {
                    name: float(value)
                    for name, value in report.validation.items()
                    if isinstance(value, int | float) and not isinstance(value, bool)
                }
                self._validations[step] = numbers

    def _cut(self, step: int) -> None:
        keep = int(np.searchsorted(self._steps, step))
        del self._steps[keep:], self._losses[keep:]
        self._validations = {at: v for at, v in self._validations.items() if at < step}

    def _epochs_of(self, steps: Iterable[int]) -> NDArray[np.float64]:
        return np.array(list(steps), dtype=np.float64) / (self.steps_per_epoch or 1)

    @property
    def steps(self) -> Curve:
        """Epoch and loss of every step."""
        return self._epochs_of(self._steps), np.array(self._losses, dtype=np.float64)

    def thinned(self, most: int = 1000) -> Curve:
        """Return `steps` as at most ``most`` means of neighbours: a screen shows no more."""
        x, y = self.steps
        if len(x) <= most:
            return x, y
        parts = np.array_split(np.arange(len(x)), most)
        return (
            np.array([x[part].mean() for part in parts]),
            np.array([y[part].mean() for part in parts]),
        )

    @property
    def epoch_means(self) -> Curve:
        """Mean loss of every epoch that has begun, placed at its end (or at the last step)."""
        points = {float(epoch): mean for epoch, mean in self._means.items()}
        x, y = self.steps
        if self.steps_per_epoch and len(x):
            # Step s (1, 2, ...) ends at s / steps_per_epoch.
            epoch = np.ceil(x - 1e-9).astype(np.int64)
            found, index = np.unique(epoch, return_inverse=True)
            means = np.bincount(index, weights=y) / np.bincount(index)
            for at, mean in zip(found.tolist(), means.tolist(), strict=True):
                if at not in self._means:
                    points[min(float(at), float(x[-1]))] = mean
        ends = sorted(points)
        return np.array(ends), np.array([points[end] for end in ends])

    def validation(self, name: str) -> Curve:
        """Epoch and value of a validation score, where it was measured."""
        found = sorted((at, v[name]) for at, v in self._validations.items() if name in v)
        return (
            self._epochs_of(at for at, _ in found),
            np.array([value for _, value in found], dtype=np.float64),
        )

    @property
    def validation_names(self) -> list[str]:
        """Names of the validation scores, in the order in which they were first reported."""
        return list(dict.fromkeys(name for v in self._validations.values() for name in v))

    @property
    def last_loss(self) -> float | None:
        """Mean loss of the last epoch, or of the last step where epochs are unknown."""
        means = self.epoch_means[1]
        if len(means):
            return float(means[-1])
        return self._losses[-1] if self._losses else None


def _number(text: str | None) -> float:
    """Return a cell's number, 0 for one that is empty or none."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
