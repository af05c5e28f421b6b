"""Where trainings are kept, and which of them can be gone on with."""

from __future__ import annotations

from pathlib import Path

__all__ = ["CHECKPOINT", "MODEL", "is_resumable", "propose_run_folder"]

CHECKPOINT = "checkpoint.pt"
MODEL = "model.safetensors"


def is_resumable(folder: Path | None) -> bool:
    """Whether a folder holds a training that was begun and not finished."""
    if folder is None:
        return False
    return (folder / CHECKPOINT).is_file() and not (folder / MODEL).is_file()


def propose_run_folder(dataset: Path) -> Path:
    """Return a name beside a prepared data set that no run has yet."""
    number = 1
    while (folder := dataset.parent / f"{dataset.name}-run-{number}").exists():
        number += 1
    return folder
