"""The course of a training: reports while it runs, a table and TensorBoard events on disk."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from napari_stexp.errors import OutputError, TrainingError
from napari_stexp.files import atomic_path

__all__ = ["LOG", "RunLog", "TrainingReport"]

LOG = "log.csv"
EVENTS = "tensorboard"


@dataclass(frozen=True)
class TrainingReport:
    """What a training says after a step, and after a validation.

    Attributes
    ----------
    epoch : int
        The epoch it is in, from 1.
    step : int
        Steps done since the training's beginning.
    loss : float
        Of the step.
    learning_rate : float
        Of the step, for all but the image encoder (which may have its own).
    validation : dict, optional
        Numbers of a validation, which comes after an epoch's last step
        (`napari_stexp.train.validation.validate`).
    seconds : float
        Spent in training, those before a resume included.
    """

    epoch: int
    step: int
    loss: float
    learning_rate: float
    validation: dict[str, float] | None = None
    seconds: float = 0.0


class RunLog:
    """Keeps ``log.csv``, a row per epoch, and TensorBoard events of a run.

    Parameters
    ----------
    folder : Path
        The run's.
    columns : sequence of str
        Of the table; the first is 'epoch', counted from 1.
    epochs, steps : int
        Where the training goes on: rows and events after that are dropped.
    tensorboard : bool
        Whether to write events.

    Raises
    ------
    OutputError
        The table can't be written.
    TrainingError
        TensorBoard isn't installed.
    """

    def __init__(
        self,
        folder: Path,
        columns: Sequence[str],
        epochs: int = 0,
        steps: int = 0,
        *,
        tensorboard: bool = False,
    ) -> None:
        self.path, self.columns = folder / LOG, list(columns)
        rows = [row for row in read_rows(self.path) if int(row["epoch"]) <= epochs]
        with atomic_path(self.path) as path, path.open("w", newline="") as file:
            table = csv.DictWriter(file, self.columns, restval="", extrasaction="ignore")
            table.writeheader()
            table.writerows(rows)
        self._board = _open_board(folder, steps) if tensorboard else None

    def add_step(self, report: TrainingReport) -> None:
        """Log a step (to TensorBoard)."""
        if self._board is not None:
            values = {"loss": report.loss, "learning_rate": report.learning_rate}
            self._board.log_metrics(values, report.step)

    def add_epoch(self, row: Mapping[str, Any], step: int) -> None:
        """Log an epoch that ended with this step."""
        try:
            with self.path.open("a", newline="") as file:
                csv.DictWriter(file, self.columns, restval="").writerow(row)
        except OSError as error:
            raise OutputError(
                "the log can't be written", path=self.path, found=error.strerror
            ) from error
        if self._board is not None:
            values = {f"epoch/{name}": v for name, v in row.items() if isinstance(v, float)}
            self._board.log_metrics(values, step)
            self._board.save()

    def close(self) -> None:
        """End the events' file."""
        if self._board is not None:
            self._board.finalize("success")


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read the whole rows of a log; of one that was cut off while written, too."""
    rows: list[dict[str, str]] = []
    try:
        lines = path.read_text().splitlines(keepends=True)
    except OSError:
        return rows
    for row in csv.DictReader(line for line in lines if line.endswith("\n")):
        with suppress(KeyError, TypeError, ValueError):
            int(row["epoch"])
            rows.append(row)
    return rows


def _open_board(folder: Path, steps: int) -> Any:
    try:
        from lightning_fabric.loggers import TensorBoardLogger

        # Events of steps after a resume's beginning are written anew.
        board = TensorBoardLogger(folder, name="", version=EVENTS, purge_step=steps + 1)
        _ = board.experiment
    except ModuleNotFoundError as error:
        raise TrainingError(
            "TensorBoard isn't installed",
            hint='Install it with: pip install "napari-stexp[train]", or leave it out.',
        ) from error
    return board
