"""What weighs retrieved reference spots: the inverse square of a distance, or a softmax.

Needs no torch.
"""

from __future__ import annotations

__all__ = ["METRICS", "is_metric", "softmax_temperature"]

#: Kinds of metric; T stands for a number.
METRICS = ("l1", "l2", "softmax:T")

_LOWEST, _HIGHEST = 1e-3, 1e3


def is_metric(metric: object) -> bool:
    """Tell whether this names a metric: ``l1``, ``l2``, or for instance ``softmax:0.2``."""
    return metric in METRICS[:2] or softmax_temperature(metric) is not None


def softmax_temperature(metric: object) -> float | None:
    """Return T of ``softmax:T`` (0.001 to 1000); None for anything else."""
    kind, _, given = str(metric).partition(":")
    if kind != "softmax":
        return None
    try:
        temperature = float(given)
    except ValueError:
        return None
    return temperature if _LOWEST <= temperature <= _HIGHEST else None
