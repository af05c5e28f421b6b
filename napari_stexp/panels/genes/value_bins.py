"""How a gene's values are spread along the axis of its colour bar. Knows no Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["ValueBins", "bin_values"]

_BINS = 48
_MOST = 50_000  # values that are counted: the shape needs no more, and it keeps up with dragging


@dataclass(frozen=True)
class ValueBins:
    """Counts of values between the two ends of an axis.

    Attributes
    ----------
    low, high : float
        The axis' ends, low < high.
    counts : (n,) int array
        Values in bins of equal width.
    """

    low: float
    high: float
    counts: NDArray[np.intp]

    def place(self, value: float) -> float:
        """Return where a value is on the axis, 0 to 1."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def value(self, place: float) -> float:
        """Return the value at a place on the axis."""
        return self.low + min(max(place, 0.0), 1.0) * (self.high - self.low)

    def heights(self) -> NDArray[np.float64]:
        """Return the bars' heights, 0 to 1, as square roots: a tall bar of zeros hides none."""
        roots = np.sqrt(self.counts)
        return roots / max(float(roots.max(initial=0)), 1.0)

    def centers(self) -> NDArray[np.float64]:
        """Return the value in the middle of each bin."""
        edges = np.linspace(self.low, self.high, len(self.counts) + 1)
        return (edges[1:] + edges[:-1]) / 2


def bin_values(
    values: NDArray[np.float32] | None,
    limits: tuple[float, float],
    threshold: float | None = None,
) -> ValueBins:
    """Count values for a histogram whose axis holds all of them, the limits and the threshold.

    Parameters
    ----------
    values : (N,) float array or None
        Those that aren't finite don't count. Of very many every n-th is counted.
    limits : (float, float)
        The colour scale's ends, low < high.
    threshold : float, optional
        Where colours begin.
    """
    finite = np.empty(0, np.float32) if values is None else values[np.isfinite(values)]
    finite = finite[:: max(1, len(finite) // _MOST)]
    marks = [*limits, *(() if threshold is None else (threshold,))]
    if len(finite):
        marks += [float(finite.min()), float(finite.max())]
    low, high = min(marks), max(marks)
    counts, _ = np.histogram(finite.astype(np.float64), _BINS, (low, high))
    return ValueBins(low, high, counts)
