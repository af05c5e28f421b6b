"""Compute devices: which there are, which one to take, how much memory is free on it.

torch is imported inside the functions, because asking for this module (the
panel lists devices) must not load it before it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from napari_stexp.errors import DeviceError

if TYPE_CHECKING:
    import torch

__all__ = [
    "DeviceInfo",
    "available_devices",
    "choose_device",
    "describe_device",
    "free_memory",
    "full_float32",
    "is_out_of_memory",
]

GIB = 1024**3
_UNKNOWN_MEMORY = 2 * GIB  # assumed free where the system doesn't say


@dataclass(frozen=True)
class DeviceInfo:
    """A device that can be asked for.

    Attributes
    ----------
    name : str
        What `choose_device` takes: ``cpu``, ``cuda:0``, ``mps``.
    label : str
        What a person reads: ``NVIDIA H200 (139 GiB)``.
    """

    name: str
    label: str


def available_devices() -> list[DeviceInfo]:
    """List the devices of this machine that compute, best first; ``cpu`` is always last."""
    import torch

    candidates = [torch.device("cuda", i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        candidates.append(torch.device("mps"))
    devices = [d for d in candidates if _computes(d)] + [torch.device("cpu")]
    return [DeviceInfo(str(device), describe_device(device)) for device in devices]


def choose_device(name: str = "auto") -> torch.device:
    """Turn a device's name into a device that is there and computes.

    Parameters
    ----------
    name : str
        ``auto`` (the CUDA GPU with most free memory, else Apple's GPU, else the
        CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises
    ------
    DeviceError
        The device is not there, doesn't compute, or the name is none of these.
    """
    import torch

    name = str(name).strip().lower()
    devices = [torch.device(info.name) for info in available_devices()]
    of_kind = {kind: [d for d in devices if d.type == kind] for kind in ("cuda", "mps", "cpu")}
    if name == "auto":
        best = of_kind["cuda"] or of_kind["mps"] or of_kind["cpu"]
        return max(best, key=free_memory) if len(best) > 1 else best[0]
    if name == "cuda" and of_kind["cuda"]:
        return max(of_kind["cuda"], key=free_memory)
    for device in devices:
        if name == str(device):
            return device
    raise DeviceError(
        f"the device {name!r} is not available",
        expected="auto or one of " + ", ".join(str(device) for device in devices),
        found=name,
        hint="Choose one of these, or 'auto'.",
    )


def describe_device(device: torch.device) -> str:
    """Say in words what a device is."""
    import torch

    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return f"{properties.name} ({properties.total_memory / GIB:.0f} GiB)"
    if device.type == "mps":
        return "Apple GPU"
    threads = torch.get_num_threads()
    return f"CPU ({threads} thread{'s' if threads != 1 else ''})"


def free_memory(device: torch.device) -> int:
    """Bytes that can still be allocated on a device (an estimate except on CUDA)."""
    import torch

    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + cached
    if device.type == "mps":
        limit = torch.mps.recommended_max_memory()
        return max(0, int(limit) - int(torch.mps.driver_allocated_memory()))
    try:
        import psutil
    except ImportError:
        return _UNKNOWN_MEMORY
    return int(psutil.virtual_memory().available)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception means that a device (or the machine) ran out of memory.

    CUDA raises ``torch.OutOfMemoryError``; MPS and the CPU allocator raise a
    plain ``RuntimeError`` whose text is all there is to go by.
    """
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    words = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
    return isinstance(error, RuntimeError) and any(word in text for word in words)


@contextmanager
def full_float32() -> Iterator[None]:
    """Compute float32 as float32 on CUDA, whatever the process allows elsewhere.

    cuDNN's convolutions use TF32 (10 bits of mantissa) unless told otherwise,
    and embeddings then differ from the CPU's in the third decimal. The setting
    is the process's: threads that are in here at the same time share it, and
    the last one puts it back.
    """
    with _float32_lock:
        _float32_users.append(None)
        if len(_float32_users) == 1:
            _float32_before[:] = _swap_tf32([False, False])
    try:
        yield
    finally:
        with _float32_lock:
            _float32_users.pop()
            if not _float32_users:
                _swap_tf32(_float32_before)


_float32_lock = Lock()
_float32_users: list[None] = []
_float32_before: list[bool] = []


def _swap_tf32(allowed: list[bool]) -> list[bool]:
    """Allow TF32 in matrix products and in convolutions; return what was allowed before."""
    import torch

    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    try:
        before = [matmul.allow_tf32, cudnn.allow_tf32]
        if allowed:
            matmul.allow_tf32, cudnn.allow_tf32 = allowed
    except RuntimeError:  # somebody set a precision by torch's newer interface: leave it
        return []
    return before


def _computes(device: torch.device) -> bool:
    """Run one operation: an unsupported GPU is listed by the driver, yet fails here."""
    import torch

    try:
        return float(torch.ones(2, device=device).sum()) == 2.0
    except (RuntimeError, AssertionError):
        return False
