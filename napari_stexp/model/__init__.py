"""mclSTExp: its modules, encoders, reference bank, bundle file and released checkpoints.

Names load their module when first used, because most of them need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.model.encoders import ENCODERS, build_encoder
    from napari_stexp.model.mclstexp import MclSTExp

_EXPORTS = {
    "ENCODERS": "encoders",
    "MclSTExp": "mclstexp",
    "build_encoder": "encoders",
}

__all__ = ["ENCODERS", "MclSTExp", "build_encoder"]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
