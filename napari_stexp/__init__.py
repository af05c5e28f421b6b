"""Predict spatial gene expression from H&E slides with mclSTExp, and browse it in napari.

The names below load their room when first used: importing this package loads
neither torch, napari nor Qt.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from napari_stexp._version import __version__

if TYPE_CHECKING:
    from napari_stexp.errors import StexpError
    from napari_stexp.model import ModelBundle, load_bundle
    from napari_stexp.predict import PredictParams, predict_spots, write_prediction
    from napari_stexp.session import Session
    from napari_stexp.slide import Slide, open_slide
    from napari_stexp.spots import make_grid, read_spots

_EXPORTS = {
    "ModelBundle": "napari_stexp.model",
    "PredictParams": "napari_stexp.predict",
    "Session": "napari_stexp.session",
    "Slide": "napari_stexp.slide",
    "StexpError": "napari_stexp.errors",
    "load_bundle": "napari_stexp.model",
    "make_grid": "napari_stexp.spots",
    "open_slide": "napari_stexp.slide",
    "predict_spots": "napari_stexp.predict",
    "read_spots": "napari_stexp.spots",
    "write_prediction": "napari_stexp.predict",
}

__all__ = [
    "ModelBundle",
    "PredictParams",
    "Session",
    "Slide",
    "StexpError",
    "__version__",
    "load_bundle",
    "make_grid",
    "open_slide",
    "predict_spots",
    "read_spots",
    "write_prediction",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(_EXPORTS[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
