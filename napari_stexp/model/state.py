"""Strict comparison of a state dict with the model it claims to be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from napari_stexp.model.header import BundleHeader, InputContract, ModelSizes
from napari_stexp.model.mclstexp import MclSTExp

__all__ = ["SPOT_SIDE", "compare_state", "make_model"]

#: Beginnings of the names of parameters that only embedding spots needs.
SPOT_SIDE = ("x_embed.", "y_embed.", "spot_encoder.", "spot_projection.")


def make_model(
    encoder: str,
    n_genes: int,
    sizes: ModelSizes,
    *,
    patch_px: int = 224,
    context: int = 1,
    contract: InputContract | None = None,
    spot_side: bool = True,
    device: str | torch.device = "cpu",
) -> MclSTExp:
    """Make a model of these sizes; on the device 'meta' it takes no memory.

    A ``contract`` says how images are prepared, and replaces ``patch_px`` and
    ``context`` (the number of fields of view).
    """
    if contract is not None:
        patch_px, context = contract.patch_px, contract.n_fields
    with torch.device(device):
        return MclSTExp(
            encoder,
            n_genes,
            sizes.n_positions,
            projection=sizes.projection,
            layers=sizes.layers,
            heads=sizes.heads,
            head_width=sizes.head_width,
            hidden=sizes.hidden,
            patch_px=patch_px,
            context=context,
            position_encoding=sizes.position_encoding,
            feature_norm=sizes.feature_norm,
            contract=contract,
            spot_side=spot_side,
        )


def make_model_for(
    header: BundleHeader, *, spot_side: bool = True, device: str | torch.device = "cpu"
) -> MclSTExp:
    """Make the model that a bundle's header describes."""
    return make_model(
        header.encoder,
        len(header.genes),
        header.sizes,
        contract=header.input,
        spot_side=spot_side,
        device=device,
    )


def is_spot_side(name: str) -> bool:
    """Whether a parameter belongs to the spot side."""
    return name.startswith(SPOT_SIDE)


def has_spot_side(names: Iterable[str]) -> bool:
    """Whether any parameter belongs to the spot side."""
    return any(is_spot_side(name) for name in names)


def compare_state(
    found: Mapping[str, tuple[tuple[int, ...], bool]], model: nn.Module, most: int = 12
) -> list[str]:
    """List what separates a state dict from a model's.

    Parameters
    ----------
    found : mapping
        Parameter name -> (shape, whether its type is a floating one).
    model : nn.Module
        What it should fit, 'meta' is enough.
    most : int
        At most that many names of each kind are written out.

    Returns
    -------
    list of str
        Sentences; empty where all fits.
    """
    wanted = model.state_dict()
    missing = [name for name in wanted if name not in found]
    extra = [name for name in found if name not in wanted]
    wrong = [
        f"{name} {found[name][0]} instead of {tuple(tensor.shape)}"
        for name, tensor in wanted.items()
        if name in found and found[name][0] != tuple(tensor.shape)
    ]
    kinds = [
        f"{name}"
        for name, tensor in wanted.items()
        if name in found and found[name][1] != tensor.is_floating_point()
    ]
    return [
        f"{len(names)} {what}: {', '.join(names[:most])}{' …' if len(names) > most else ''}"
        for what, names in (
            ("missing", missing),
            ("unexpected", extra),
            ("of the wrong shape", wrong),
            ("of the wrong type", kinds),
        )
        if names
    ]


def describe_state(state: Mapping[str, Tensor]) -> dict[str, tuple[tuple[int, ...], bool]]:
    """Return what `compare_state` needs to know of tensors."""
    return {
        name: (tuple(tensor.shape), tensor.is_floating_point()) for name, tensor in state.items()
    }
