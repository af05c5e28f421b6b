"""Training mclSTExp, building its reference bank, importing released checkpoints.

Names load their module when first used, because most of them need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.train.banking import embed_bank
    from napari_stexp.train.importing import import_released

_EXPORTS = {
    "embed_bank": "banking",
    "import_released": "importing",
}

__all__ = ["embed_bank", "import_released"]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
