"""Prediction: patches of a slide, their embeddings, the reference spots nearest to them.

Names load their module when first used, because most of them need torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.predict.agreement import Agreement
    from napari_stexp.predict.devices import DeviceInfo, available_devices, choose_device
    from napari_stexp.predict.encoding import PatchEncoder
    from napari_stexp.predict.engine import SpotPredictor, predict_spots, start_prediction
    from napari_stexp.predict.neighbours import Neighbours, average_expression
    from napari_stexp.predict.output import (
        check_output,
        prediction_table,
        read_prediction,
        write_prediction,
    )
    from napari_stexp.predict.params import PredictParams
    from napari_stexp.predict.plan import Plan, make_plan
    from napari_stexp.predict.prediction import STATUSES, Prediction, SpotBatch
    from napari_stexp.predict.retrieval import Retriever, retrieve

_EXPORTS = {
    "Agreement": "agreement",
    "DeviceInfo": "devices",
    "Neighbours": "neighbours",
    "PatchEncoder": "encoding",
    "Plan": "plan",
    "PredictParams": "params",
    "Prediction": "prediction",
    "Retriever": "retrieval",
    "STATUSES": "prediction",
    "SpotBatch": "prediction",
    "SpotPredictor": "engine",
    "available_devices": "devices",
    "average_expression": "neighbours",
    "check_output": "output",
    "choose_device": "devices",
    "make_plan": "plan",
    "predict_spots": "engine",
    "prediction_table": "output",
    "read_prediction": "output",
    "retrieve": "retrieval",
    "start_prediction": "engine",
    "write_prediction": "output",
}

__all__ = [
    "STATUSES",
    "Agreement",
    "DeviceInfo",
    "Neighbours",
    "PatchEncoder",
    "Plan",
    "PredictParams",
    "Prediction",
    "Retriever",
    "SpotBatch",
    "SpotPredictor",
    "available_devices",
    "average_expression",
    "check_output",
    "choose_device",
    "make_plan",
    "predict_spots",
    "prediction_table",
    "read_prediction",
    "retrieve",
    "start_prediction",
    "write_prediction",
]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        return getattr(importlib.import_module(f"{__name__}.{_EXPORTS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
