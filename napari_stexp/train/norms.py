"""Statistics of batch-norm layers: over all devices, over all of the training patches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from napari_stexp.model import MclSTExp

__all__ = ["averaging_norms", "share_norms"]


@contextmanager
def averaging_norms(model: nn.Module, frozen: nn.Module | None = None) -> Iterator[bool]:
    """Make batch-norm layers collect plain averages over the batches that pass in here.

    Their statistics begin anew; the layers have to be in training mode.

    Parameters
    ----------
    model : nn.Module
    frozen : nn.Module, optional
        A part whose layers stay as they are.

    Yields
    ------
    bool
        Whether there are such layers.
    """
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    if frozen is not None:
        left_out = set(frozen.modules())
        norms = [norm for norm in norms if norm not in left_out]
    momenta = [norm.momentum for norm in norms]
    try:
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # cumulative average
        yield bool(norms)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def share_norms(model: MclSTExp, fabric: Fabric) -> MclSTExp:
    """Make batch-norm layers take their statistics over all GPUs, where there are several."""
    if fabric.world_size == 1 or fabric.device.type != "cuda":
        return model
    from timm.layers import convert_sync_batchnorm

    shared: MclSTExp = convert_sync_batchnorm(model)
    return shared
