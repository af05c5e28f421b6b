"""Training mclSTExp, building its reference bank, importing released checkpoints.

Names load their module when first used, because most of them need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.train.banking import embed_bank
    from napari_stexp.train.contrastive import contrastive_loss
    from napari_stexp.train.importing import import_released
    from napari_stexp.train.references import Reference, prepare_reference
    from napari_stexp.train.simple import TrainSettings, train_simple

_EXPORTS = {
    "Reference": "references",
    "TrainSettings": "simple",
    "contrastive_loss": "contrastive",
    "embed_bank": "banking",
    "import_released": "importing",
    "prepare_reference": "references",
    "train_simple": "simple",
}

__all__ = [
    "Reference",
    "TrainSettings",
    "contrastive_loss",
    "embed_bank",
    "import_released",
    "prepare_reference",
    "train_simple",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
