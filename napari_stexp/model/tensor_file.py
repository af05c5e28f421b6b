"""State dicts in files: ``.pt`` and ``.pth`` of PyTorch, ``.safetensors``.

Nothing in such a file is executed: a pickle is read with ``weights_only=True``,
and refused when it wants anything but tensors.
"""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from napari_stexp.errors import CheckpointError

__all__ = ["read_tensors"]

_WRAPPERS = ("state_dict", "model_state_dict", "model")


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """Read a state dict.

    Parameters
    ----------
    path : path-like
        ``.safetensors``, or a file of ``torch.save`` under any other name; the
        state dict may be the entry ``state_dict``, ``model_state_dict`` or
        ``model`` of a dictionary. Tensors are mapped from the file where its
        format allows: keep it in place while they are used.

    Returns
    -------
    dict of str to Tensor
        Dense, on the CPU.

    Raises
    ------
    CheckpointError
        The file is missing, damaged, holds something else, or wants to execute
        code.
    """
    path = Path(path)
    if path.suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    return _unwrap(_read(path), path)


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Tensor] = load_file(path)
    except FileNotFoundError as error:
        raise CheckpointError("the checkpoint is missing", path=path) from error
    except (OSError, SafetensorError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(
            "is no safetensors file, or damaged", path=path, found=error
        ) from error
    return _unwrap(tensors, path)


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
