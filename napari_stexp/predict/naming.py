"""What to call a prediction: its model, and what was chosen otherwise than the model has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_stexp.model.metric import softmax_temperature
from napari_stexp.predict.params import PredictParams

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle

__all__ = ["describe_metric", "suggest_name"]


def describe_metric(metric: str) -> str:
    """Return what weighs the retrieved spots: 'L1', 'softmax, T = 0.2'."""
    temperature = softmax_temperature(metric)
    return metric.upper() if temperature is None else f"softmax, T = {temperature:g}"


def suggest_name(bundle: ModelBundle, params: PredictParams) -> str:
    """Return 'her2st', or 'her2st, k 50, L2' where settings aren't the model's own.

    Raises
    ------
    PredictionError
        A setting is impossible.
    """
    own, now = bundle.header.retrieval, params.resolve(bundle)
    parts = [bundle.name]
    if now.k != own.k:
        parts.append(f"k {now.k}")
    if now.metric != own.metric:
        parts.append(describe_metric(str(now.metric)))
    if now.scale != own.scale:
        parts.append(f"per {now.scale}")
    left_out = [*now.exclude_patients, *now.exclude_sections]
    if left_out:
        parts.append(f"without {', '.join(left_out)}")
    return ", ".join(parts)
