"""The training itself: steps, ends of epochs, checkpoints.

All random numbers derive from the seed, the epoch and the step, so a training
that goes on from a checkpoint does what it would have done anyway.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from napari_stexp._version import __version__
from napari_stexp.dataset import TrainingSet
from napari_stexp.errors import DeviceError, TrainingError
from napari_stexp.model import ImagePreprocessor, InputContract, Retrieval
from napari_stexp.predict.devices import is_out_of_memory
from napari_stexp.progress import Progress
from napari_stexp.train.augment import make_augmentation, seeded
from napari_stexp.train.batches import Batch, batches_per_epoch, plan_batches, read_ahead
from napari_stexp.train.checkpoint import (
    CHECKPOINT,
    describe_data,
    tensors_digest,
    write_checkpoint,
)
from napari_stexp.train.contrastive import contrastive_loss
from napari_stexp.train.features import ViewMaker, choose_views, encode_views, to_images
from napari_stexp.train.logs import RunLog, TrainingReport
from napari_stexp.train.network import Network, learning_rates, make_optimizer, start_model
from napari_stexp.train.settings import TrainSettings
from napari_stexp.train.validation import score_name, validate

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["RunInputs", "TrainState", "Trainer"]

_STEP = 2  # keeps these random numbers apart from others of the same seed


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


class Trainer:
    """Trains one model; `fit` is the loop.

    Parameters
    ----------
    inputs : RunInputs
    fabric : Fabric
        Device, precision, and the other devices.
    stored : dict, optional
        The checkpoint to go on from.
    """

    def __init__(
        self, inputs: RunInputs, fabric: Fabric, stored: dict[str, Any] | None = None
    ) -> None:
        data, settings = inputs.data, inputs.settings
        self.inputs, self.settings, self.fabric = inputs, settings, fabric
        self.rows = np.flatnonzero(data.usable)
        self.steps_per_epoch = batches_per_epoch(len(self.rows), settings)
        self.total = self.steps_per_epoch * settings.epochs
        contract = InputContract.from_json(stored["contract"]) if stored else None
        model, self.contract = start_model(data, settings, inputs.initial, contract=contract)
        if fabric.world_size > 1 and fabric.device.type == "cuda":
            from timm.layers import convert_sync_batchnorm

            model = convert_sync_batchnorm(model)
        self.model = model.to(fabric.device)
        core = Network(self.model, data, settings)
        optimizer = make_optimizer(core, settings)
        self.core, self.plain_optimizer = core, optimizer
        self.state = TrainState()
        self.best: dict[str, Tensor] | None = None
        self.network, self.optimizer = fabric.setup(core, optimizer)
        if stored:
            self._restore(stored)
        self.prepare = ImagePreprocessor(self.contract, fabric.device)
        self.maker = ViewMaker(self.prepare, settings)
        self.augment = make_augmentation(settings, self.contract.fill)
        self.features: Tensor | None = None
        self.validation_features: Tensor | None = None
        self._log: RunLog | None = None
        self._description = inputs.describe(fabric.world_size)
        self._earlier, self._began = self.state.seconds, time.monotonic()
        self._saved = self._began

    # -- the loop ----------------------------------------------------------------

    def fit(self) -> Generator[Progress, None, None]:
        """Train to the end; yields after every step, and within validations."""
        settings, state = self.settings, self.state
        if settings.freeze_encoder:
            yield from self._encode()
        self._open_log()
        self._earlier, self._saved = state.seconds, time.monotonic()
        self._began = self._saved
        if state.step == self.steps_per_epoch:  # it was closed between the two
            yield from self._end_epoch()
        plan = plan_batches(self.rows, settings, (state.epoch, state.step), self.fabric.world_size)
        self._train_mode()
        with closing(read_ahead(self._read, plan, settings.workers)) as stream:
            while not state.stopped:
                item = next(stream, None)
                if item is None:
                    break
                batch, pixels = item
                report = self._step(batch, pixels)
                yield self._progress(f"epoch {batch.epoch + 1} of {settings.epochs}", report)
                if batch.last:
                    yield from self._end_epoch()
                elif self._is_due():
                    self.save()
        if state.stopped == "max_minutes" and state.step:
            self.save()
        yield from self._settle()

    def _step(self, batch: Batch, pixels: Tensor) -> TrainingReport:
        """Forward, backward, and the optimizer's step."""
        settings, state, device = self.settings, self.state, self.fabric.device
        rates = learning_rates(settings, state.done, self.total)
        self._set_rates(*rates)
        random = (settings.seed, _STEP, batch.epoch, batch.step, self.fabric.global_rank)
        with self._explained(), seeded(*random, device=device):
            images = pixels.to(device) if settings.freeze_encoder else self._augmented(pixels)
            rows = torch.from_numpy(batch.rows).to(device)
            image, spot = self.network(images, rows, self._windows(batch))
            # Of all devices, with gradients: every pair of the batch is a negative.
            image = self.fabric.all_gather(image, sync_grads=True).flatten(0, -2)
            loss = contrastive_loss(
                spot,
                image,
                self.core.temperature,
                unit_length=settings.unit_length,
                soft_targets=settings.soft_targets,
            )
            self.optimizer.zero_grad(set_to_none=True)
            self.fabric.backward(loss)
            self.optimizer.step()
            value = float(loss.detach())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss is no longer finite in epoch {batch.epoch + 1}",
                found=value,
                hint="Lower the learning rate.",
            )
        state.step, state.done = batch.step + 1, state.done + 1
        state.loss_sum += value
        self._watch_time()
        report = TrainingReport(batch.epoch + 1, state.done, value, rates[1], seconds=state.seconds)
        if self._log is not None:
            self._log.add_step(report)
        return report

    def _end_epoch(self) -> Generator[Progress, None, None]:
        """Validate, log, save; then the next epoch is the current one."""
        settings, state = self.settings, self.state
        epoch, loss = state.epoch + 1, state.loss_sum / self.steps_per_epoch
        numbers = None
        if self.inputs.validation is not None and (
            epoch % settings.validate_every == 0 or epoch == settings.epochs
        ):
            numbers = yield from self._validate()
            self._judge(numbers, epoch)
        rate = learning_rates(settings, state.done - 1, self.total)[1]
        if self._log is not None:
            row = {"epoch": epoch, "step": state.done, "loss": loss, "learning_rate": rate}
            row |= {"temperature": self.temperature, "seconds": state.seconds}
            row |= {f"validation_{key}": value for key, value in (numbers or {}).items()}
            self._log.add_epoch(row, state.done)
        state.epoch, state.step, state.loss_sum = epoch, 0, 0.0
        state.validation = numbers or state.validation
        over = epoch == settings.epochs or bool(state.stopped)
        if over or epoch % settings.checkpoint_every == 0 or self._is_due():
            self.save()
        if numbers is not None:
            report = TrainingReport(epoch, state.done, loss, rate, numbers, state.seconds)
            yield self._progress(f"validated epoch {epoch}", report)
        self._train_mode()

    @property
    def temperature(self) -> float:
        """What divides the logits now."""
        with torch.no_grad():
            return float(self.core.temperature)

    def _settle(self) -> Generator[Progress, None, None]:
        """Take the weights to keep: the best ones under early stopping, else the last."""
        if self.settings.patience and self.best is not None:
            self.model.load_state_dict(self.best)
        elif self.settings.recalibrate_norm:
            yield from self._recalibrate()
        self.model.eval()
        if self._log is not None:
            self._log.close()

    # -- one step's inputs ---------------------------------------------------------

    def _read(self, batch: Batch) -> Tensor:
        """Read a batch's patches (bytes), or the features of a frozen encoder."""
        rank, world = self.fabric.global_rank, self.fabric.world_size
        rows = np.array_split(batch.rows, world)[rank]
        if self.features is not None:
            views = choose_views(len(batch.rows), self.settings, batch.epoch, batch.step)
            views = np.array_split(views, world)[rank]
            pixels = self.features[torch.from_numpy(views), torch.from_numpy(rows)]
        else:
            pixels = torch.from_numpy(self.inputs.data.read(rows))
        return pixels.pin_memory() if self.fabric.device.type == "cuda" else pixels

    def _augmented(self, pixels: Tensor) -> Tensor:
        """Return bytes as the encoder wants them, changed at random."""
        images: Tensor = self.prepare.finish(self.augment(to_images(pixels, self.fabric.device)))
        # A rotation by any angle gives channels first, on which convolutions are slower.
        flat = images.flatten(0, -4).contiguous(memory_format=torch.channels_last)
        return flat.unflatten(0, images.shape[:-3])

    def _windows(self, batch: Batch) -> list[slice] | None:
        """Return which spots of a batch attend to each other: all (None), or per section."""
        if self.settings.attention != "section":
            return None
        section = self.inputs.data.reference.section[batch.rows]
        edges = [0, *(np.flatnonzero(np.diff(section)) + 1).tolist(), len(section)]
        return [slice(a, b) for a, b in pairwise(edges)]

    def _set_rates(self, encoder: float, rest: float) -> None:
        groups = self.plain_optimizer.param_groups
        known = {id(p) for p in self.model.image_encoder.parameters()}
        for group in groups:
            group["lr"] = encoder if id(group["params"][0]) in known else rest

    def _train_mode(self) -> None:
        self.network.train()
        if self.settings.freeze_encoder:
            self.model.image_encoder.eval()

    # -- between epochs --------------------------------------------------------------

    def _encode(self) -> Generator[Progress, None, None]:
        """Compute a frozen encoder's features."""
        settings, validation = self.settings, self.inputs.validation
        with self._explained():
            self.features = yield from encode_views(
                self.model,
                self.inputs.data,
                self.rows,
                self.maker,
                settings.feature_views,
                precision=settings.precision,
            )
            if validation is not None:
                views = yield from encode_views(
                    self.model, validation, np.flatnonzero(validation.usable), self.maker
                )
                self.validation_features = views[0]

    def _validate(self) -> Generator[Progress, None, dict[str, float]]:
        assert self.inputs.validation is not None
        if self.settings.recalibrate_norm:
            yield from self._recalibrate()
        with self._explained():
            task = validate(
                self.model,
                self.inputs.data.reference,
                self.inputs.validation,
                self.settings,
                self.inputs.retrieval,
                self.maker,
                temperature=self.temperature,
                features=self.validation_features,
            )
            with closing(task):
                while True:
                    try:
                        next(task)
                    except StopIteration as stop:
                        numbers: dict[str, float] = self.fabric.broadcast(stop.value)
                        return numbers
                    yield self._progress("validating")

    def _judge(self, numbers: dict[str, float], epoch: int) -> None:
        """Keep the best weights, count the validations without a better score."""
        state, patience = self.state, self.settings.patience
        score = numbers[score_name(self.inputs.retrieval)]
        if score > state.best_score:
            state.best_score, state.best_epoch, state.stalled = score, epoch, 0
            if patience:
                weights = self.model.state_dict()
                self.best = {key: tensor.detach().cpu().clone() for key, tensor in weights.items()}
            return
        state.stalled += 1
        if patience and state.stalled >= patience:
            state.stopped = "patience"

    def _recalibrate(self) -> Generator[Progress, None, None]:
        """Set batch-norm statistics to the plain average over all training patches."""
        norms = [m for m in self.model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
        if self.settings.freeze_encoder:
            frozen = set(self.model.image_encoder.modules())
            norms = [norm for norm in norms if norm not in frozen]
        momenta = [norm.momentum for norm in norms]
        self._train_mode()
        try:
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None  # cumulative average
            for rows in np.array_split(self.rows, self.steps_per_epoch) if norms else ():
                with self._explained(), torch.inference_mode():
                    if self.features is not None:
                        features = self.features[0, torch.from_numpy(rows)]
                        self.model.project_features(features.to(self.fabric.device))
                    else:
                        self.model.embed_image(self.maker.make(self.inputs.data.read(rows)))
                yield self._progress("measuring batch-norm statistics")
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum

    # -- what is kept ----------------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint, if there is a folder."""
        self._saved = time.monotonic()
        if self.inputs.folder is None or not self.fabric.is_global_zero:
            return
        write_checkpoint(
            self.inputs.folder / CHECKPOINT,
            {
                "state": self.model.state_dict(),
                "log_temperature": self.core.log_temperature.detach(),
                "optimizer": self.plain_optimizer.state_dict(),
                "precision": self.fabric.strategy.precision.state_dict(),
                "best": self.best,
                "progress": dict(vars(self.state)),
                "contract": _plain(self.contract.to_json()),
                "run": _plain(self._description),
                "software": f"napari-stexp {__version__}, torch {torch.__version__}",
            },
        )

    def _restore(self, stored: dict[str, Any]) -> None:
        self.model.load_state_dict(stored["state"])
        with torch.no_grad():
            self.core.log_temperature.copy_(stored["log_temperature"])
        self.plain_optimizer.load_state_dict(stored["optimizer"])
        self.fabric.strategy.precision.load_state_dict(stored["precision"])
        self.best = stored["best"]
        self.state = TrainState(**stored["progress"])
        limit = self.settings.max_minutes
        more = limit is None or self.state.seconds < 60 * limit
        if self.state.stopped == "max_minutes" and more:
            self.state.stopped = ""

    def _open_log(self) -> None:
        folder, settings = self.inputs.folder, self.settings
        if folder is None or not self.fabric.is_global_zero:
            return
        columns = ["epoch", "step", "loss", "learning_rate", "temperature", "seconds"]
        if self.inputs.validation is not None:
            scale = self.inputs.retrieval.scale
            names = ("loss", f"acg_pcc_{scale}", f"heg_pcc_{scale}")
            columns += [f"validation_{name}" for name in names]
        state = self.state
        self._log = RunLog(
            folder, columns, state.epoch, state.done, tensorboard=settings.tensorboard
        )

    def _is_due(self) -> bool:
        """Whether the last checkpoint was long ago."""
        return time.monotonic() - self._saved >= 60 * self.settings.checkpoint_minutes

    def _watch_time(self) -> None:
        state, limit = self.state, self.settings.max_minutes
        state.seconds = self._earlier + time.monotonic() - self._began
        if limit is not None and self.fabric.broadcast(state.seconds >= 60 * limit):
            state.stopped = "max_minutes"

    def _progress(self, stage: str, report: TrainingReport | None = None) -> Progress:
        return Progress(self.state.done, self.total, stage, new=report)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn torch's errors into ones that say what to do."""
        try:
            yield
        except (RuntimeError, MemoryError) as error:
            size, side = self.settings.batch_size, self.contract.patch_px
            lines = str(error).strip().splitlines()
            found = lines[0] if lines else type(error).__name__
            if is_out_of_memory(error):
                raise DeviceError(
                    f"not enough memory on {self.fabric.device} for batches of {size} patches "
                    f"of {side} px",
                    found=found,
                    hint=f"Lower batch_size (now {size}), or close other programs.",
                ) from error
            raise TrainingError(
                f"the training failed on {self.fabric.device}", found=found
            ) from error


def _plain(value: Any) -> Any:
    """Make tuples lists: what comes back from a checkpoint."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, tuple | list) else value
