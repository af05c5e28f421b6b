"""Checkpoints of the released mclSTExp code: bare state dicts in ``.pt`` files.

Nothing in such a file is executed: it is read with ``weights_only=True``, and a
pickle that wants anything but tensors is refused.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_stexp.errors import BundleError, CheckpointError
from napari_stexp.model.encoders import recognise_encoder
from napari_stexp.model.header import ENCODERS, ModelSizes
from napari_stexp.model.state import compare_state, describe_state, make_model

__all__ = ["infer_patch_px", "infer_sizes", "read_released_state_dict"]

_WRAPPERS = ("state_dict", "model_state_dict")
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
    state = _clean(_unwrap(_read(path), path), path)
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


def _read(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            start = file.read(8)
        is_zip = start.startswith(b"PK")
        if is_zip:
            _refuse_compressed(path)
        with warnings.catch_warnings():  # about pickle protocols: an error says it better
            warnings.simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip)
    except FileNotFoundError as error:
        raise CheckpointError("the checkpoint is missing", path=path) from error
    except CheckpointError:
        raise
    except Exception as error:
        raise _refusal(error, path) from error


def _refusal(error: Exception, path: Path) -> CheckpointError:
    """Tell a pickle that wants to run code from a damaged file."""
    text = str(error)
    if "Unsupported global" in text or "Unsupported operand" in text or "WeightsUnpickler" in text:
        wanted = text.partition("Unsupported global: GLOBAL ")[2].split(" ")[0]
        reasons = [line for line in text.splitlines() if line.startswith("Unsupported")]
        return CheckpointError(
            "the checkpoint holds more than tensors and could run code when read, so it is refused",
            path=path,
            expected="a bare state dict",
            found=f"a pickle that calls {wanted}"
            if wanted
            else "; ".join(reasons)[:200] or "a pickle",
            hint="Ask its author for the state dict alone: torch.save(model.state_dict(), path).",
        )
    return CheckpointError(
        "no PyTorch checkpoint, or damaged",
        path=path,
        expected="a .pt file written by torch.save",
        found=f"{type(error).__name__}: {text.splitlines()[0][:200] if text else ''}",
    )


def _refuse_compressed(path: Path) -> None:
    """torch.save never compresses; a compressed entry could unpack without limit."""
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.compress_type != zipfile.ZIP_STORED:
                raise CheckpointError(
                    "no PyTorch checkpoint: it is a compressed archive",
                    path=path,
                    expected="a .pt file written by torch.save",
                    found=f"compressed entry {entry.filename!r}",
                )


def _unwrap(content: Any, path: Path) -> dict[str, Tensor]:
    """Take the state dict out of the usual training wrappers; check that it is one."""
    if isinstance(content, dict):
        for key in _WRAPPERS:
            if isinstance(content.get(key), dict):
                content = content[key]
                break
    if not isinstance(content, dict) or not content:
        raise CheckpointError(
            "no state dict",
            path=path,
            expected="a dictionary of parameter names and tensors",
            found=type(content).__name__ if not isinstance(content, dict) else "an empty one",
        )
    odd = [
        f"{name!r}: {type(value).__name__}"
        for name, value in content.items()
        if not (isinstance(name, str) and isinstance(value, Tensor) and _is_plain(value))
    ]
    if odd:
        raise CheckpointError(
            "no state dict: some entries are no tensors",
            path=path,
            expected="parameter names and dense tensors",
            found=", ".join(odd[:5]),
        )
    return content


def _is_plain(tensor: Tensor) -> bool:
    """Dense, and as large as it says (strides of zero would let a small file ask for much)."""
    return (
        tensor.layout == torch.strided
        and not tensor.is_quantized
        and not tensor.is_complex()
        and tensor.device.type == "cpu"
        and tensor.untyped_storage().nbytes() >= tensor.numel() * tensor.element_size()
    )


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
