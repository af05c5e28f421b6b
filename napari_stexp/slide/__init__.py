"""Slides: lazy pyramids, µm per pixel, patches, tissue mask."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.slide.convert import prepare_slide
    from napari_stexp.slide.levels import Level
    from napari_stexp.slide.opening import open_slide
    from napari_stexp.slide.patches import PatchBatch, PatchReader
    from napari_stexp.slide.slide import Slide
    from napari_stexp.slide.tissue import tissue_mask

_EXPORTS = {
    "Level": "napari_stexp.slide.levels",
    "PatchBatch": "napari_stexp.slide.patches",
    "PatchReader": "napari_stexp.slide.patches",
    "Slide": "napari_stexp.slide.slide",
    "open_slide": "napari_stexp.slide.opening",
    "prepare_slide": "napari_stexp.slide.convert",
    "tissue_mask": "napari_stexp.slide.tissue",
}

__all__ = [
    "Level",
    "PatchBatch",
    "PatchReader",
    "Slide",
    "open_slide",
    "prepare_slide",
    "tissue_mask",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
