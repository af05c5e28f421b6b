"""What goes wrong in a training's steps, in words that say what to do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from napari_stexp.errors import DeviceError, TrainingError
from napari_stexp.predict.devices import is_out_of_memory

__all__ = ["check_finite", "explained"]


@contextmanager
def explained(device: torch.device, batch_size: int, patch_px: int) -> Iterator[None]:
    """Turn torch's errors in here into ones that say what to do.

    Raises
    ------
    DeviceError
        The memory doesn't hold batches of ``batch_size`` patches of ``patch_px`` px.
    TrainingError
        Anything else that torch says.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        lines = str(error).strip().splitlines()
        found = lines[0] if lines else type(error).__name__
        if is_out_of_memory(error):
            raise DeviceError(
                f"not enough memory on {device} for batches of {batch_size} patches "
                f"of {patch_px} px",
                found=found,
                hint=f"Lower batch_size (now {batch_size}), or close other programs.",
            ) from error
        raise TrainingError(f"the training failed on {device}", found=found) from error


def check_finite(loss: float, epoch: int) -> None:
    """Refuse to go on with a loss that is infinite or no number.

    Raises
    ------
    TrainingError
        It is; ``epoch`` (from 1) is named.
    """
    if not math.isfinite(loss):
        raise TrainingError(
            f"the loss is no longer finite in epoch {epoch}",
            found=loss,
            hint="Lower the learning rate.",
        )
