"""Changing the scale that values are shown on, and what was set by hand along with it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.session.genes.display import DisplaySettings

if TYPE_CHECKING:
    from napari_stexp.session.state import Session

__all__ = ["convert_value", "find_difference_limit", "find_percentile", "with_transform"]


def with_transform(session: Session, transform: str) -> DisplaySettings:
    """Return the session's display on another scale, where all looks as it does now.

    Limits by hand and the threshold are converted by the active gene's values, so that the
    same spots stay in colour.

    Parameters
    ----------
    session : Session
        Whose `display` is changed; itself it stays as it is.
    transform : {'log', 'linear', 'z'}
        As in `DisplaySettings`.
    """
    display, gene = session.display, session.gene
    before = display.transform
    values = session.values()
    if gene in session.signatures:  # a score has no counts
        before, after = (("log" if name == "linear" else name) for name in (before, transform))
    else:
        after = transform

    def convert(value: float) -> float:
        return convert_value(value, values, before, after)

    low, high = map(convert, display.manual_limits)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        low, high = DisplaySettings().manual_limits
    threshold = None if display.threshold is None else convert(display.threshold)
    if threshold is not None and not math.isfinite(threshold):
        threshold = None
    return replace(display, transform=transform, manual_limits=(low, high), threshold=threshold)


def convert_value(
    value: float, values: NDArray[np.float32] | None, before: str, after: str
) -> float:
    """Return a value of one scale on another; NaN where it has none there.

    Parameters
    ----------
    value : float
        On the scale ``before``.
    values : (N,) float array or None
        The gene's log values, of which 'z' takes mean and standard deviation.
    before, after : {'log', 'linear', 'z'}
        As in `DisplaySettings.transform`.
    """
    if before == after:
        return value
    finite = np.empty(0) if values is None else values[np.isfinite(values)].astype(np.float64)
    mean, spread = (float(finite.mean()), float(finite.std())) if finite.size else (0.0, 0.0)
    if before == "linear":
        value = math.log10(1 + value) if value > -1 else math.nan
    elif before == "z":
        value = mean + value * spread
    if after == "linear":
        return math.nan if value > 300 else 10.0**value - 1  # else it is beyond a float
    if after == "z":
        return (value - mean) / spread if spread > 0 else math.nan
    return value


def find_percentile(values: NDArray[np.float32], value: float) -> float:
    """Return the percentile that a value is at, 0 to 100: the inverse of `numpy.percentile`.

    Parameters
    ----------
    values : (N,) float array
        Those that aren't finite don't count.
    value : float
        Below all values it is at 0, above all at 100.
    """
    ordered = np.sort(values[np.isfinite(values)].astype(np.float64))
    if len(ordered) < 2:
        return 0.0
    return float(np.interp(value, ordered, np.linspace(0, 100, len(ordered))))


def find_difference_limit(values: NDArray[np.float32], percentile: float) -> float:
    """Return the size of a difference at which its colours end, on both sides of zero.

    Parameters
    ----------
    values : (N,) float array
        Predicted minus measured; NaN where there is none.
    percentile : float
        Of the sizes that are taken for it, 0 to 100.

    Returns
    -------
    float
        Never zero.
    """
    size = np.abs(values[np.isfinite(values)]).astype(np.float64)
    if not size.size:
        return 1.0
    return float(np.percentile(size, percentile)) or float(size.max()) or 1.0
