"""What a training leaves in its run's folder on the way: checkpoints and the log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from napari_stexp._version import __version__
from napari_stexp.model import InputContract
from napari_stexp.train.checkpoint import CHECKPOINT, write_checkpoint
from napari_stexp.train.logs import RunLog, TrainingReport
from napari_stexp.train.network import Network
from napari_stexp.train.run import RunInputs, TrainState

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["RunRecord"]


class RunRecord:
    """Writes checkpoints and the log of a run, and goes on from a checkpoint.

    Without a folder, and in all but the first of several processes, nothing is written.

    Parameters
    ----------
    inputs : RunInputs
    fabric : Fabric
    network : Network
        The parameters, those that learn the temperature included.
    optimizer : torch.optim.Optimizer
        Its own, not what Fabric makes of it.
    contract : InputContract
        How images are prepared.
    """

    def __init__(
        self,
        inputs: RunInputs,
        fabric: Fabric,
        network: Network,
        optimizer: torch.optim.Optimizer,
        contract: InputContract,
    ) -> None:
        self.inputs, self.settings, self.fabric = inputs, inputs.settings, fabric
        self.network, self.optimizer, self.contract = network, optimizer, contract
        self.folder = inputs.folder if fabric.is_global_zero else None
        self._description = inputs.describe(fabric.world_size)
        self._log: RunLog | None = None
        self._saved = time.monotonic()

    def save(self, state: TrainState, best: Mapping[str, Tensor] | None) -> None:
        """Write the checkpoint.

        Parameters
        ----------
        state : TrainState
        best : mapping, optional
            The model's parameters at the best validation, where they are kept.
        """
        self._saved = time.monotonic()
        if self.folder is None:
            return
        write_checkpoint(
            self.folder / CHECKPOINT,
            {
                "state": self.network.model.state_dict(),
                "log_temperature": self.network.log_temperature.detach(),
                "optimizer": self.optimizer.state_dict(),
                "precision": self.fabric.strategy.precision.state_dict(),
                "best": best,
                "progress": dict(vars(state)),
                "contract": _plain(self.contract.to_json()),
                "run": _plain(self._description),
                "software": f"napari-stexp {__version__}, torch {torch.__version__}",
            },
        )

    def restore(self, stored: Mapping[str, Any]) -> tuple[TrainState, dict[str, Tensor] | None]:
        """Load a checkpoint into the network and the optimizer.

        Returns
        -------
        TrainState
            A time limit that has been raised since doesn't stop it any more.
        dict or None
            The model's parameters at the best validation.
        """
        self.network.model.load_state_dict(stored["state"])
        with torch.no_grad():
            self.network.log_temperature.copy_(stored["log_temperature"])
        self.optimizer.load_state_dict(stored["optimizer"])
        self.fabric.strategy.precision.load_state_dict(stored["precision"])
        state = TrainState(**stored["progress"])
        limit = self.settings.max_minutes
        if state.stopped == "max_minutes" and (limit is None or state.seconds < 60 * limit):
            state.stopped = ""
        return state, stored["best"]

    def is_due(self) -> bool:
        """Whether the last checkpoint was long ago."""
        return time.monotonic() - self._saved >= 60 * self.settings.checkpoint_minutes

    def open_log(self, state: TrainState) -> None:
        """Begin the log, or go on with it where ``state`` is; checkpoints are due from now on."""
        self._saved = time.monotonic()
        if self.folder is None:
            return
        columns = ["epoch", "step", "loss", "learning_rate", "temperature", "seconds"]
        if self.inputs.validation is not None:
            scale = self.inputs.retrieval.scale
            names = ("loss", f"acg_pcc_{scale}", f"heg_pcc_{scale}")
            columns += [f"validation_{name}" for name in names]
        board = self.settings.tensorboard
        self._log = RunLog(self.folder, columns, state.epoch, state.done, tensorboard=board)

    def add_step(self, report: TrainingReport) -> None:
        """Log a step."""
        if self._log is not None:
            self._log.add_step(report)

    def add_epoch(self, row: Mapping[str, Any], step: int) -> None:
        """Log an epoch that ended with this step."""
        if self._log is not None:
            self._log.add_epoch(row, step)

    def close_log(self) -> None:
        """End the log."""
        if self._log is not None:
            self._log.close()


def _plain(value: Any) -> Any:
    """Make tuples lists: what comes back from a checkpoint."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value
