"""What is open now: one evented state that panels ask and layers follow."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.session.display import COLORMAPS, DisplaySettings
    from napari_stexp.session.state import Session
    from napari_stexp.session.statistics import GeneStatistics

_EXPORTS = {
    "COLORMAPS": "display",
    "DisplaySettings": "display",
    "GeneStatistics": "statistics",
    "Session": "state",
}

__all__ = ["COLORMAPS", "DisplaySettings", "GeneStatistics", "Session"]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
