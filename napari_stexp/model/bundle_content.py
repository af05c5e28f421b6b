"""What a bundle's file holds: its arrays, checked against the header, and their digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import BundleError
from napari_stexp.files import sha256
from napari_stexp.model.header import BundleHeader

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from napari_stexp.model.bundle import ModelBundle

__all__ = ["assemble", "canonical", "content_digest", "content_problems", "stored"]

Kinds = Mapping[str, tuple[str, tuple[int, ...]]]

_FLOATS = ("F32", "F16")
_INTEGERS = ("I64",)


def content_problems(header: BundleHeader, kinds: Kinds) -> list[str]:
    """List what of a file's arrays is missing, unexpected, mis-shaped or wrongly typed.

    Parameters
    ----------
    header : BundleHeader
        What should be there.
    kinds : mapping
        Array name -> (type, shape), as safetensors names types.

    Raises
    ------
    BundleError
        The header's image encoder can't be made here.
    """
    from napari_stexp.model.bank_arrays import bank_problems
    from napari_stexp.model.state import compare_state, has_spot_side, make_model_for

    rooms: dict[str, dict[str, tuple[str, tuple[int, ...]]]]
    rooms = {"weights": {}, "bank": {}, "scores": {}}
    problems = []
    for name, kind in kinds.items():
        room, _, inner = name.partition("/")
        if room in rooms:
            rooms[room][inner] = kind
        else:
            problems.append(f"unexpected: {name}")
    weights = {name: (shape, kind in _FLOATS) for name, (kind, shape) in rooms["weights"].items()}
    model = make_model_for(header, spot_side=has_spot_side(weights), device="meta")
    problems += [f"weights {line}" for line in compare_state(weights, model)]
    problems += [
        f"weights/{name} is of type {kind}"
        for name, (kind, _) in rooms["weights"].items()
        if kind not in (*_FLOATS, *_INTEGERS)
    ]
    problems += bank_problems(rooms["bank"], header.sizes.projection, len(header.genes))
    problems += [
        f"scores/{name} is {kind} {shape} instead of F32 {(len(header.genes),)}"
        for name, (kind, shape) in rooms["scores"].items()
        if kind != "F32" or shape != (len(header.genes),)
    ]
    return problems


def assemble(header: BundleHeader, arrays: dict[str, NDArray[Any]], path: Path) -> ModelBundle:
    """Put a bundle together from its file's arrays.

    Raises
    ------
    BundleError
        A weight isn't finite, or the bank doesn't fit together.
    """
    import torch

    from napari_stexp.model.bank_arrays import bank_from_arrays
    from napari_stexp.model.bundle import ModelBundle

    def below(room: str) -> dict[str, NDArray[Any]]:
        start = len(room) + 1
        return {name[start:]: a for name, a in arrays.items() if name.startswith(f"{room}/")}

    state = {}
    for name, array in below("weights").items():
        kind = np.float32 if array.dtype.kind == "f" else array.dtype
        state[name] = torch.from_numpy(np.array(array, dtype=kind))  # a copy, writable
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise BundleError(f"weights/{name} is not finite")
    bank = bank_from_arrays(below("bank"), header.sections, len(header.genes))
    return ModelBundle(
        header=header,
        state=state,
        bank=bank,
        scores=_scores(below("scores"), header),
        path=path,
        sha256=sha256(path),
    )


def _scores(columns: dict[str, NDArray[Any]], header: BundleHeader) -> pd.DataFrame | None:
    if not columns:
        return None
    import pandas as pd

    return pd.DataFrame(columns, index=pd.Index(header.genes, name="gene"))


def stored(name: str, tensor: torch.Tensor, dtype: str) -> NDArray[Any]:
    """Return a weight as it is stored; ``dtype`` is that of matrices.

    Raises
    ------
    BundleError
        It isn't finite, or too large for float16.
    """
    array: NDArray[Any] = tensor.detach().cpu().numpy()
    if array.dtype.kind != "f":
        return array.astype(np.int64)
    small = dtype == "float16" and array.ndim >= 2
    with np.errstate(over="ignore"):
        result = array.astype(np.float16 if small else np.float32)
    if not np.isfinite(result).all():
        raise BundleError(
            f"the weight {name} is not finite" + (" as float16" if small else ""),
            found=f"values up to {np.abs(array).max():g}",
        )
    return result


def canonical(data: Mapping[str, Any]) -> str:
    """Return JSON that is the same for the same data."""
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def content_digest(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the header's canonical JSON and every array's name, type, shape and bytes."""
    digest = hashlib.sha256(canonical(header).encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.require(array.reshape(-1), requirements="C").view(np.uint8).data)
    return digest.hexdigest()
