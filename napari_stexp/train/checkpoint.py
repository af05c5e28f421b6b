"""Checkpoints that survive a kill at any moment, and what a run may be resumed with."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_stexp.dataset import TrainingSet
from napari_stexp.errors import OutputError, TrainingError
from napari_stexp.files import atomic_path

__all__ = [
    "CHECKPOINT",
    "compare_runs",
    "describe_data",
    "read_checkpoint",
    "remove_leftovers",
    "tensors_digest",
    "write_checkpoint",
]

CHECKPOINT = "checkpoint.pt"
_PATCHES = 64  # looked at to recognise the data again


def write_checkpoint(path: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint; under its name there is always a whole one.

    The new file reaches the disk before it takes the name of the one before.

    Parameters
    ----------
    path : Path
    content : mapping
        Tensors, numbers, text, and dictionaries and lists of these.

    Raises
    ------
    OutputError
        The disk is full, or the folder can't be written.
    """
    # Through memory: torch's own writer doesn't say that the disk is full.
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    try:
        with atomic_path(path) as temporary, temporary.open("wb") as file:
            file.write(buffer.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(path.parent)
    except OutputError as error:
        raise OutputError(
            "the checkpoint can't be written",
            path=path,
            found=error.found,
            hint="The one before is whole, if there was one: make room, then resume.",
        ) from error


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU; nothing in it is executed.

    Raises
    ------
    TrainingError
        It can't be read.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
        lines = str(error).strip().splitlines()
        raise TrainingError(
            "the checkpoint can't be read",
            path=path,
            found=lines[0] if lines else type(error).__name__,
            hint="Remove it to train anew.",
        ) from error
    if not isinstance(content, dict) or "state" not in content:
        raise TrainingError("this is no checkpoint of a training", path=path)
    return content


def remove_leftovers(folder: Path) -> None:
    """Remove half-written checkpoints of a training that was killed."""
    for path in folder.glob(f".{Path(CHECKPOINT).stem}-*{Path(CHECKPOINT).suffix}"):
        with suppress(OSError):
            path.unlink()


def describe_data(data: TrainingSet) -> dict[str, Any]:
    """Describe data so that others are told apart: all counts and places, some patches."""
    reference = data.reference
    some = np.unique(np.linspace(0, len(data) - 1, min(len(data), _PATCHES)).astype(np.intp))
    counts = reference.counts
    genes = _digest("\n".join(data.genes).encode())
    return {
        "genes": f"{len(data.genes)} genes, {genes}",
        "sections": ", ".join(f"{info.name} ({info.n_spots} spots)" for info in reference.sections),
        "input contract": str(data.contract.to_json()),
        "counts": _digest(counts.indptr, counts.indices, counts.data),
        "spots": _digest("\n".join(reference.spot_ids).encode(), reference.positions),
        "patches": _digest(data.usable, data.read(some)),
    }


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Digest of named tensors."""
    return _digest(
        *(
            part
            for name, tensor in sorted(tensors.items())
            for part in (name.encode(), tensor.detach().cpu().contiguous().numpy())
        )
    )


def compare_runs(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """List what separates two runs' descriptions (nested dictionaries of plain values).

    Returns
    -------
    list of str
        'KEY: OLD before, NEW now', keys joined by spaces; empty where nothing does.
    """
    lines = []
    for key in dict.fromkeys([*before, *now]):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += [f"{key} {line}" for line in compare_runs(old, new)]
        elif _plain(old) != _plain(new):
            lines.append(f"{key}: {_plain(old)} before, {_plain(new)} now")
    return lines


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, Mapping):
        return "none" if not value else "some"
    return list(value) if isinstance(value, tuple) else value


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        array = np.frombuffer(part, np.uint8) if isinstance(part, bytes) else np.asarray(part)
        digest.update(f"{array.dtype} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def _sync_folder(folder: Path) -> None:
    """Make a new name outlive a power cut, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
