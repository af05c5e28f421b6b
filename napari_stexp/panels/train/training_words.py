"""What the panel *Train* says: what to do next, what the data are, how far a training came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.panels.text import count
from napari_stexp.session.training.run import is_resumable

if TYPE_CHECKING:
    from napari_stexp.session import Training, TrainingLog

__all__ = ["describe_data", "describe_end", "describe_stop", "guide"]

_WELCOME = (
    "Make your own model from sections of which picture and expression are known. Start here: "
    "choose a folder that holds them (HER2ST, cSCC, Space Ranger, or .h5ad files), or a list of "
    "their files. Or try it with the sample."
)


def guide(training: Training) -> str:
    """Return what to do next, while nothing runs."""
    if not training.sections:
        return _WELCOME
    if training.dataset is None:
        return "Tick what each section is for, then press Prepare."
    if missing := training.missing():
        return " ".join(missing)
    if training.run is None:
        return "Ready: look through the settings, then press Train."
    if training.outcome is None and not is_resumable(training.run):
        return "This training ended before anything of it was kept: press Train to start anew."
    return ""


def describe_stop(log: TrainingLog) -> str:
    """Return how far a training came that can be resumed."""
    done = f" after epoch {log.epochs_done}" if log.epochs_done else ""
    of = f" of {log.epochs}" if done and log.epochs else ""
    return (
        f"Stopped{done}{of}. What was learned is kept: Resume goes on from there, Train starts "
        "a new one."
    )


def describe_end(log: TrainingLog) -> str:
    """Return what a finished training has come to."""
    text = f"Trained {count(log.epochs_done or log.epochs, 'epoch')}"
    loss = log.last_loss
    return f"{text}; the loss ended at {loss:.3g}." if loss is not None else f"{text}."


def describe_data(dataset: Any) -> dict[str, str]:
    """Return where prepared data lie and what is in them."""
    contract = dataset.contract
    patch = f"{contract.patch_px} px"
    if contract.mpp:
        patch += f" = {contract.patch_px * contract.mpp:.0f} µm"
    if len(contract.context) > 1:
        patch += f", {len(contract.context)} fields of view"
    return {
        "Data": str(dataset.folder),
        "Genes": f"{len(dataset.genes):,}",
        "Patches": patch,
    }
