"""What a training tells about its loss while it runs, and in the end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.cli.reporting import Reporter

if TYPE_CHECKING:
    from napari_stexp.progress import Progress

__all__ = ["LossLog", "read_loss"]


def read_loss(folder: Path) -> float | None:
    """Return the last epoch's mean loss, from the run's log; None where it isn't there."""
    from napari_stexp.train.logs import LOG, read_rows

    rows = read_rows(folder / LOG)
    return float(rows[-1]["loss"]) if rows else None


class LossLog:
    """Tells the mean loss of each epoch, and validations as they come."""

    def __init__(self, reporter: Reporter) -> None:
        self.epoch = 0
        self.loss = math.nan
        self.validation: dict[str, Any] | None = None
        self._reporter = reporter
        self._fold = ""
        self._losses: list[float] = []

    def __call__(self, progress: Progress) -> None:
        """Take a report of the training."""
        report = progress.new
        if not hasattr(report, "loss"):
            self.end_epoch()
            return
        fold = progress.stage.rpartition(": ")[0]
        if (report.epoch, fold) != (self.epoch, self._fold):
            self.end_epoch()
            self.epoch, self._fold = report.epoch, fold
        if report.validation is None:
            self._losses.append(float(report.loss))
        else:
            self.end_epoch()
            self.validation = dict(report.validation)
            told = ", ".join(
                f"{key.replace('_', ' ')} {value:.4g}"
                for key, value in self.validation.items()
                if isinstance(value, (int, float))
            )
            self._tell(f"validation {told}")

    def end_epoch(self) -> None:
        """Tell the epoch's mean loss, if any of it was seen."""
        if self._losses:
            self.loss = math.fsum(self._losses) / len(self._losses)
            self._tell(f"loss {self.loss:.4f}")
            self._losses = []

    def _tell(self, what: str) -> None:
        fold = f"{self._fold}: " if self._fold else ""
        self._reporter.tell(f"{fold}epoch {self.epoch}: {what}")
