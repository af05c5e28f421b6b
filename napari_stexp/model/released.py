"""Checkpoints of the released mclSTExp code: bare state dicts in ``.pt`` files.

Nothing in such a file is executed: it is read with ``weights_only=True``, and a
pickle that wants anything but tensors is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from napari_stexp.errors import BundleError, CheckpointError
from napari_stexp.model.encoders import recognise_encoder
from napari_stexp.model.header import ENCODERS, ModelSizes
from napari_stexp.model.state import compare_state, describe_state, make_model
from napari_stexp.model.tensor_file import read_tensors

__all__ = ["infer_patch_px", "infer_sizes", "read_released_state_dict"]

#: Width of an attention head in the released code; a state dict doesn't show it.
_HEAD_WIDTH = 64


def read_released_state_dict(path: str | Path) -> dict[str, Tensor]:
    """Read and check a released checkpoint.

    Parameters
    ----------
    path : path-like
        A ``.pt`` file. Tensors are mapped from it where its format allows, so
        that the large position tables cost no memory until they are used; keep
        the file in place meanwhile.

    Returns
    -------
    dict of str to Tensor
        All parameters, float32 (counters int64), under the released names:
        ``module.`` is removed, ``well_`` is read as ``spot_``.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, no checkpoint, wants to execute code, or
        is of another model; missing, unexpected and mis-shaped parameters are
        all listed.
    """
    path = Path(path)
    state = _clean(read_tensors(path), path)
    _refuse_variants(state, path)
    encoder, sizes, n_genes = infer_sizes(state, path)
    patch_px = infer_patch_px(state) or 224
    model = make_model(encoder, n_genes, sizes, patch_px=patch_px, device="meta")
    problems = compare_state(describe_state(state), model)
    if problems:
        raise CheckpointError(
            f"the checkpoint doesn't fit mclSTExp with {encoder}: " + "; ".join(problems),
            path=path,
        )
    return {
        name: tensor.float() if tensor.is_floating_point() else tensor.long()
        for name, tensor in state.items()
    }


def infer_sizes(
    state: Mapping[str, Tensor], path: str | Path | None = None
) -> tuple[str, ModelSizes, int]:
    """Tell encoder, sizes and the number of genes from the parameters' shapes.

    Returns
    -------
    encoder : str
        A key of `napari_stexp.model.ENCODERS`.
    sizes : ModelSizes
        Position tables as large as they are in ``state``.
    n_genes : int
    """
    encoder = recognise_encoder(state.keys())
    if not encoder:
        raise CheckpointError(
            "no mclSTExp checkpoint: its image encoder isn't known",
            path=path,
            expected=f"one of {', '.join(ENCODERS)}",
            found="keys like " + ", ".join(list(state)[:5]),
        )

    def size(name: str, axis: int) -> int:
        tensor = state.get(name)
        if tensor is None or tensor.ndim <= axis or not tensor.shape[axis]:
            raise CheckpointError(
                "no mclSTExp checkpoint: a parameter is missing or has no size",
                path=path,
                expected=name,
                found=None if tensor is None else tuple(tensor.shape),
            )
        return int(tensor.shape[axis])

    layers = {name.split(".")[1] for name in state if name.startswith("spot_encoder.")}
    inner = size("spot_encoder.0.attn.fn.to_qkv.weight", 0) // 3
    n_genes = size("x_embed.weight", 1)
    hidden = size("spot_encoder.0.ff.fn.net.0.weight", 0)
    arguments: dict[str, Any] = dict(
        projection=size("image_projection.projection.weight", 0),
        layers=len(layers),
        heads=max(1, inner // _HEAD_WIDTH),
        head_width=_HEAD_WIDTH,
        hidden=None if hidden == n_genes else hidden,
        n_positions=(size("x_embed.weight", 0), size("y_embed.weight", 0)),
    )
    try:
        return encoder, ModelSizes.from_json(arguments), n_genes
    except BundleError as error:
        raise CheckpointError("no mclSTExp checkpoint", path=path, found=error.what) from error


def infer_patch_px(state: Mapping[str, Tensor]) -> int | None:
    """Side of the patches in px where the encoder is bound to one, else None.

    The vision transformer's table of positions has a row per 32-px tile, and one more.
    """
    table = state.get("image_encoder.model.pos_embed")
    if table is None:
        return None
    tiles = max(int(table.shape[1]) - 1, 1) if table.ndim == 3 else 49
    return 32 * max(1, round(tiles**0.5))


def _clean(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Remove DataParallel's prefix and read the older names."""
    cleaned: dict[str, Tensor] = {}
    for key, tensor in state.items():
        name = re.sub(r"^well_", "spot_", re.sub(r"^(module\.)+", "", key))
        if name in cleaned:
            raise CheckpointError("a parameter is there twice", path=path, found=name)
        cleaned[name] = tensor
    return cleaned


def _refuse_variants(state: Mapping[str, Tensor], path: Path) -> None:
    if any(name.startswith("image_ecode") for name in state):
        raise CheckpointError(
            "this is the released code's MLP variant, whose input are image features computed "
            "beforehand by another network that the checkpoint doesn't hold",
            path=path,
            expected="a checkpoint with an image encoder (image_encoder.*)",
            found="image_ecode.*",
        )
