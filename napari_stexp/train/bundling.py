"""What becomes of a training that has ended: a bundle with its reference bank."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import torch

from napari_stexp._version import __version__
from napari_stexp.dataset import TrainingSet
from napari_stexp.model import BundleHeader, ModelBundle, Thumbnails
from napari_stexp.train.banking import bank_of, bank_order
from napari_stexp.train.trainer import Trainer

__all__ = ["make_bundle"]

_READ_AT_ONCE = 256


def make_bundle(trainer: Trainer, name: str, thumbnail_px: int = 0) -> ModelBundle:
    """Embed the reference bank and put the bundle together.

    Parameters
    ----------
    trainer : Trainer
        At the end of its training.
    name : str
        What to call the model.
    thumbnail_px : int
        Side of the pictures of reference patches to keep in the bank, 0: none.

    Returns
    -------
    ModelBundle
        On the CPU.
    """
    run, settings, model = trainer.inputs, trainer.settings, trainer.model
    bank = bank_of(model, run.data.reference, settings.windowing)
    if thumbnail_px:
        order = bank_order(run.data.reference, settings.windowing)
        bank = replace(bank, thumbnails=_thumbnails(run.data, order, thumbnail_px))
    header = BundleHeader(
        genes=tuple(run.data.genes),
        name=name,
        encoder=settings.encoder,
        sizes=settings.sizes(run.data.reference.n_positions),
        input=trainer.contract,
        retrieval=run.retrieval,
        sections=bank.sections,
        windowing=settings.windowing,
        training=_facts(trainer),
        software=f"napari-stexp {__version__}",
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    state = {key: tensor.detach().cpu().contiguous() for key, tensor in model.state_dict().items()}
    return ModelBundle(header, state, bank)


def _facts(trainer: Trainer) -> dict[str, Any]:
    """Return what a bundle tells of its training: the settings, and how it went."""
    run, state = trainer.inputs, trainer.state
    validation = run.validation
    sections = () if validation is None else validation.reference.sections
    run_facts = {
        "spots": len(trainer.rows),
        "epochs": state.epoch,
        "steps": state.done,
        "seconds": round(state.seconds, 1),
        "stopped_by": state.stopped or "epochs",
        "temperature": trainer.temperature,
        "device": str(trainer.fabric.device),
        "devices": trainer.fabric.world_size,
        "torch": torch.__version__,
    }
    if state.validation is not None:
        run_facts["validation"] = {
            key: value for key, value in state.validation.items() if np.isfinite(value)
        }
        run_facts["best_epoch"] = state.best_epoch
    return {
        "trainer": "train_model",
        "settings": trainer.settings.to_json(),
        "run": run_facts,
        "validation_sections": [info.to_json() for info in sections],
    }


def _thumbnails(data: TrainingSet, order: np.ndarray[Any, Any], side: int) -> Thumbnails:
    """Make pictures of patches (of the smallest field of view), a part of them at a time."""
    parts = [
        Thumbnails.from_patches(data.read(order[start : start + _READ_AT_ONCE])[:, 0], side)
        for start in range(0, len(order), _READ_AT_ONCE)
    ]
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return Thumbnails(np.concatenate([part.data for part in parts]), offsets)
