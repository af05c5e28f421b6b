"""The training itself: steps and ends of epochs.

All random numbers derive from the seed, the epoch and the step, so a training
that goes on from a checkpoint does what it would have done anyway.
"""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_stexp.model import ImagePreprocessor, InputContract
from napari_stexp.progress import Progress
from napari_stexp.train.augment import make_augmentation, seeded
from napari_stexp.train.batches import Batch, batches_per_epoch, plan_batches, read_ahead
from napari_stexp.train.contrastive import contrastive_loss
from napari_stexp.train.failures import check_finite, explained
from napari_stexp.train.features import ViewMaker, choose_views, encode_views, to_images
from napari_stexp.train.logs import TrainingReport
from napari_stexp.train.network import (
    Network,
    learning_rates,
    make_optimizer,
    set_rates,
    start_model,
)
from napari_stexp.train.norms import averaging_norms, share_norms
from napari_stexp.train.record import RunRecord
from napari_stexp.train.run import RunInputs, TrainState
from napari_stexp.train.validation import score_name, validate

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["Trainer"]

_STEP = 2  # keeps these random numbers apart from others of the same seed


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
        self.model = share_norms(model, fabric).to(fabric.device)
        core = Network(self.model, data, settings)
        optimizer = make_optimizer(core, settings)
        self.core, self.plain_optimizer = core, optimizer
        self.state = TrainState()
        self.best: dict[str, Tensor] | None = None
        self.network, self.optimizer = fabric.setup(core, optimizer)
        self.record = RunRecord(inputs, fabric, core, optimizer, self.contract)
        if stored:
            self.state, self.best = self.record.restore(stored)
        self.prepare = ImagePreprocessor(self.contract, fabric.device)
        self.maker = ViewMaker(self.prepare, settings)
        self.augment = make_augmentation(settings, self.contract.fill)
        self.features: Tensor | None = None
        self.validation_features: Tensor | None = None
        self._earlier, self._began = self.state.seconds, time.monotonic()

    # -- the loop ----------------------------------------------------------------

    def fit(self) -> Generator[Progress, None, None]:
        """Train to the end; yields after every step, and within validations."""
        settings, state = self.settings, self.state
        if settings.freeze_encoder:
            yield from self._encode()
        self.record.open_log(state)
        self._earlier, self._began = state.seconds, time.monotonic()
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
                elif self.record.is_due():
                    self.save()
        if state.stopped == "max_minutes" and state.step:
            self.save()
        yield from self._settle()

    def _step(self, batch: Batch, pixels: Tensor) -> TrainingReport:
        """Forward, backward, and the optimizer's step."""
        settings, state, device = self.settings, self.state, self.fabric.device
        rates = learning_rates(settings, state.done, self.total)
        set_rates(self.plain_optimizer, self.model, *rates)
        random = (settings.seed, _STEP, batch.epoch, batch.step, self.fabric.global_rank)
        with self._explained(), seeded(*random, device=device):
            images = pixels.to(device) if settings.freeze_encoder else self._augmented(pixels)
            rows = torch.from_numpy(batch.rows).to(device)
            windows = None  # all spots of the batch attend to each other
            if settings.attention == "section":
                windows = batch.windows(self.inputs.data.reference.section)
            image, spot = self.network(images, rows, windows)
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
        check_finite(value, batch.epoch + 1)
        state.step, state.done = batch.step + 1, state.done + 1
        state.loss_sum += value
        self._watch_time()
        report = TrainingReport(batch.epoch + 1, state.done, value, rates[1], seconds=state.seconds)
        self.record.add_step(report)
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
        row = {"epoch": epoch, "step": state.done, "loss": loss, "learning_rate": rate}
        row |= {"temperature": self.temperature, "seconds": state.seconds}
        row |= {f"validation_{key}": value for key, value in (numbers or {}).items()}
        self.record.add_epoch(row, state.done)
        state.epoch, state.step, state.loss_sum = epoch, 0, 0.0
        state.validation = numbers or state.validation
        over = epoch == settings.epochs or bool(state.stopped)
        if over or epoch % settings.checkpoint_every == 0 or self.record.is_due():
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
        self.record.close_log()

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
        patience = self.settings.patience
        best = self.state.judge(numbers[score_name(self.inputs.retrieval)], epoch, patience)
        if best and patience:
            weights = self.model.state_dict()
            self.best = {key: tensor.detach().cpu().clone() for key, tensor in weights.items()}

    def _recalibrate(self) -> Generator[Progress, None, None]:
        """Set batch-norm statistics to the plain average over all training patches."""
        self._train_mode()
        frozen = self.model.image_encoder if self.settings.freeze_encoder else None
        with averaging_norms(self.model, frozen) as any_norms:
            for rows in np.array_split(self.rows, self.steps_per_epoch) if any_norms else ():
                with self._explained(), torch.inference_mode():
                    if self.features is not None:
                        features = self.features[0, torch.from_numpy(rows)]
                        self.model.project_features(features.to(self.fabric.device))
                    else:
                        self.model.embed_image(self.maker.make(self.inputs.data.read(rows)))
                yield self._progress("measuring batch-norm statistics")

    # -- what is kept, and said --------------------------------------------------------

    def save(self) -> None:
        """Write the checkpoint, if there is a folder."""
        self.record.save(self.state, self.best)

    def _watch_time(self) -> None:
        state, limit = self.state, self.settings.max_minutes
        state.seconds = self._earlier + time.monotonic() - self._began
        if limit is not None and self.fabric.broadcast(state.seconds >= 60 * limit):
            state.stopped = "max_minutes"

    def _progress(self, stage: str, report: TrainingReport | None = None) -> Progress:
        return Progress(self.state.done, self.total, stage, new=report)

    def _explained(self) -> AbstractContextManager[None]:
        """Turn torch's errors into ones that say what to do."""
        return explained(self.fabric.device, self.settings.batch_size, self.contract.patch_px)
