"""Training mclSTExp from prepared sections to a model with its reference bank."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Generator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from napari_stexp.dataset import TrainingSet
from napari_stexp.errors import DeviceError, TrainingError
from napari_stexp.files import atomic_path, check_writable, locked, sha256
from napari_stexp.model import ModelBundle, Retrieval, save_bundle
from napari_stexp.predict.devices import choose_device
from napari_stexp.predict.retrieval_checks import check_retrieval
from napari_stexp.progress import Progress
from napari_stexp.train.bundling import make_bundle
from napari_stexp.train.checkpoint import (
    CHECKPOINT,
    compare_runs,
    read_checkpoint,
    remove_leftovers,
)
from napari_stexp.train.run import RunInputs
from napari_stexp.train.settings import TrainSettings
from napari_stexp.train.trainer import Trainer

if TYPE_CHECKING:
    from lightning_fabric import Fabric

__all__ = ["MODEL", "SETTINGS", "train_model"]

SETTINGS = "settings.json"
MODEL = "model.safetensors"


def train_model(  # noqa: PLR0913 - what to learn from, how, where, and what the model shall say
    data: TrainingSet,
    settings: TrainSettings | None = None,
    *,
    folder: str | Path | None = None,
    validation: TrainingSet | None = None,
    resume: bool = False,
    device: str | torch.device = "auto",
    devices: int = 1,
    retrieval: Retrieval | None = None,
    name: str = "",
    initial: Mapping[str, Tensor] | None = None,
    thumbnail_px: int = 0,
) -> Generator[Progress, None, ModelBundle]:
    """Train mclSTExp on measured sections and embed them as its reference bank.

    Parameters
    ----------
    data : TrainingSet
        Sections to learn from: spots over a gene list, and their patches.
    settings : TrainSettings, optional
        The paper's when not given.
    folder : path-like, optional
        The run's: ``settings.json``, ``log.csv``, ``checkpoint.pt``, TensorBoard
        events in ``tensorboard/``, in the end ``model.safetensors``. Without one
        nothing is written.
    validation : TrainingSet, optional
        Sections to watch the training by, and to stop it early by; never test
        sections. Same genes and input contract as ``data``.
    resume : bool
        Go on from the folder's checkpoint; begin where there is none. On the same
        machine's CPU the result is that of an uninterrupted run, bit by bit.
    device : str or torch.device
        Where to train.
    devices : int
        How many devices of this kind share each batch. More than one: this
        process' command is started once for each of the others, so the calling
        program has to be a script.
    retrieval : Retrieval, optional
        For validations, and stored with the model; k = 200 (or the number of
        spots, if lower) when not given.
    name : str
        What to call the model.
    initial : mapping, optional
        Parameters to begin with, by the released names (some or all; of another
        bundle's ``state``, for instance).
    thumbnail_px : int
        Side of the pictures of reference patches to keep in the bank, 0: none.

    Yields
    ------
    Progress
        Units are steps; ``new`` is a `TrainingReport` after every step and after
        every validation. Closing the generator writes a checkpoint to resume from.

    Returns
    -------
    ModelBundle
        On the CPU; saved, if there is a folder.

    Raises
    ------
    TrainingError
        Too little to learn from; validation data that don't fit; an unfinished
        run in the folder, or one with other settings or data; another training
        is under way there; the loss is no longer finite.
    DeviceError
        The device is missing or out of memory.
    OutputError
        The folder can't be written, or the disk is full.
    """
    settings = settings or TrainSettings()
    run = RunInputs(
        data=data,
        settings=settings,
        retrieval=retrieval or Retrieval(k=max(1, min(200, len(data)))),
        validation=validation,
        initial=initial,
        folder=None if folder is None else Path(folder),
    )
    _check(run)
    with _alone_in(run.folder, devices):
        stored = _open_folder(run, devices, resume=resume)
        yield Progress(0, 1, "starting")
        fabric = start_fabric(device, devices, settings.precision)
        trainer = Trainer(run, fabric, stored)
        del stored
        return (yield from _train(trainer, name, thumbnail_px))


def _train(
    trainer: Trainer, name: str, thumbnail_px: int
) -> Generator[Progress, None, ModelBundle]:
    """Train to the end, and save the model; a closed training leaves a checkpoint."""
    run = trainer.inputs
    training = trainer.fit()
    try:
        yield from training
    except GeneratorExit:
        training.close()
        trainer.save()
        raise
    yield Progress(trainer.state.done, trainer.state.done, "embedding the reference spots")
    bundle = make_bundle(trainer, name, thumbnail_px)
    if run.folder is not None and trainer.fabric.is_global_zero:
        path = save_bundle(bundle, run.folder / MODEL)
        bundle = replace(bundle, path=path, sha256=sha256(path))
    return bundle


def _alone_in(folder: Path | None, devices: int) -> AbstractContextManager[None]:
    """Keep the run's folder for this training; a killed one's is free."""
    # Of several processes that share the batches, the first holds it for all.
    if folder is None or (devices > 1 and os.environ.get("LOCAL_RANK", "0") != "0"):
        return nullcontext()
    return locked(
        folder,
        TrainingError(
            "another training is under way in this folder",
            path=folder,
            hint="Wait for its end, stop it, or choose another folder.",
        ),
    )


def start_fabric(device: str | torch.device, devices: int, precision: str) -> Fabric:
    """Set up device, precision and, where there are several devices, their processes.

    Raises
    ------
    TrainingError
        Lightning Fabric isn't installed, or several devices can't be had here.
    DeviceError
        The device is missing, or can't compute with this precision.
    """
    try:
        from lightning_fabric import Fabric
    except ModuleNotFoundError as error:
        raise TrainingError(
            "training needs Lightning Fabric",
            found=error,
            hint='Install it with: pip install "napari-stexp[train]"',
        ) from error
    chosen = choose_device(str(device))
    if precision == "16-mixed" and chosen.type == "cpu":
        raise DeviceError(
            "a CPU doesn't train in float16", hint="Choose precision '32-true' or 'bf16-mixed'."
        )
    if devices < 1 or (devices > 1 and threading.current_thread() is not threading.main_thread()):
        raise TrainingError(
            "several devices can be used by scripts and the command line only",
            expected="1 device" if devices > 1 else "at least 1",
            found=devices,
        )
    # It announces the precision it was told.
    logger = logging.getLogger("lightning_fabric")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        if devices > 1:
            _check_count(chosen, devices)
            fabric = Fabric(
                accelerator=chosen.type, strategy="ddp", devices=devices, precision=precision
            )
        else:
            index = [chosen.index or 0] if chosen.type == "cuda" else 1
            fabric = Fabric(accelerator=chosen.type, devices=index, precision=precision)
        fabric.launch()
    finally:
        logger.setLevel(level)
    return fabric


def _check_count(device: torch.device, devices: int) -> None:
    there = torch.cuda.device_count() if device.type == "cuda" else 1
    if device.type != "cpu" and devices > there:
        raise DeviceError(
            f"there are not so many {device.type} devices", expected=f"1 to {there}", found=devices
        )


def _check(run: RunInputs) -> None:
    """Refuse what can't be trained before anything is started."""
    data, validation = run.data, run.validation
    usable = int(data.usable.sum())
    if usable < 2:
        raise TrainingError(
            "there is too little to learn from",
            expected="at least 2 spots with a usable patch",
            found=f"{usable} of {len(data)}",
        )
    check_retrieval(run.retrieval.k, run.retrieval.metric, len(data))
    if validation is None:
        if run.settings.patience:
            raise TrainingError(
                "stopping early needs validation sections",
                found=f"patience = {run.settings.patience} without any",
            )
        return
    for what, ours, theirs in (
        ("genes", data.genes, validation.genes),
        ("input contract", data.contract, validation.contract),
    ):
        if ours != theirs:
            raise TrainingError(f"the validation sections have another {what} than the training's")
    if int(validation.usable.sum()) < 3:
        raise TrainingError(
            "there is too little to validate with",
            expected="at least 3 spots with a usable patch",
            found=f"{int(validation.usable.sum())} of {len(validation)}",
        )
    both = {i.name for i in data.reference.sections} & {
        i.name for i in validation.reference.sections
    }
    if both:
        raise TrainingError(
            "sections are both trained on and validated with", found=", ".join(sorted(both))
        )


def _open_folder(run: RunInputs, devices: int, *, resume: bool) -> dict[str, Any] | None:
    """Prepare the run's folder; return the checkpoint to go on from."""
    if run.folder is None:
        if resume:
            raise TrainingError("only a run with a folder can be resumed")
        return None
    path = run.folder / CHECKPOINT
    check_writable(path)
    stored = None
    if path.exists():
        if not resume:
            raise TrainingError(
                "this folder holds a training already",
                path=path,
                hint="Resume it, choose another folder, or remove the checkpoint.",
            )
        stored = read_checkpoint(path)
        different = compare_runs(stored["run"], run.describe(devices))
        if different:
            raise TrainingError(
                "this training was begun with other settings or data",
                path=path,
                found="; ".join(different),
                hint="Resume it as it was begun, or choose another folder.",
            )
    remove_leftovers(run.folder)
    with atomic_path(run.folder / SETTINGS) as temporary:
        text = json.dumps(run.settings.to_json(), indent=1, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8")
    return stored
