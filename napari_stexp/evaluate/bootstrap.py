"""How sure a number is: bootstrap over spots, sections and patients.

Spots of a section are drawn with replacement. Every correlation of every resample is
computed from weighted moments, so that a thousand resamples are five matrix products.
Spots are taken as independent, which neighbours on tissue are not: intervals over spots
are too narrow rather than too wide, and say nothing about other sections or patients.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "CONFIDENCE",
    "SpotReplicates",
    "combine_sections",
    "correlate_resampled",
    "draw_weights",
    "find_interval",
    "resample_spots",
]

#: Of all intervals.
CONFIDENCE = 0.95

_VALUES_AT_ONCE = 4_000_000  # of the weights or correlations that are held at a time
#: Below this part of the mean square a resample's variance is rounding: the gene is constant.
_CONSTANT = 1e-12

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SpotReplicates:
    """What B resamples of one section's spots give.

    Attributes
    ----------
    metrics : mapping
        Method -> metric ('acg_pcc', 'heg_pcc', 'mse', 'mae') -> (B,).
    differences : mapping
        Other method -> (B,): mean correlation of the reference method minus the other's,
        over the genes where both are defined.
    """

    metrics: Mapping[str, Mapping[str, Floats]]
    differences: Mapping[str, Floats]


def draw_weights(
    n_spots: int, n_resamples: int, seed: int, name: str = "", at_once: int | None = None
) -> Iterator[Floats]:
    """Draw how often each spot is in each resample.

    Parameters
    ----------
    n_spots, n_resamples : int
        Spots to draw from (and as many to draw), and how often.
    seed : int
        Same seed and name, same weights.
    name : str
        Of the section, so that the sections' resamples are independent of each other and
        of the sections' order.
    at_once : int, optional
        Resamples per part; how many doesn't change what is drawn.

    Yields
    ------
    ndarray (b, N) float64
        Rows sum to N.
    """
    generator = np.random.default_rng([seed, crc32(name.encode())])
    at_once = at_once or max(1, _VALUES_AT_ONCE // n_spots)
    even = np.full(n_spots, 1 / n_spots)
    for start in range(0, n_resamples, at_once):
        size = min(at_once, n_resamples - start)
        yield generator.multinomial(n_spots, even, size=size).astype(np.float64)


def correlate_resampled(predicted: Floats, measured: Floats, weights: Floats) -> Floats:
    """Pearson correlation of each gene in each resample.

    Parameters
    ----------
    predicted, measured : (N, G)
        Finite.
    weights : (B, N)
        How often each spot is in each resample (`draw_weights`).

    Returns
    -------
    ndarray (B, G) float64
        NaN where either side is constant over the resample.
    """
    mine, theirs, share = _Side(predicted), _Side(measured), _to_shares(weights)
    return mine.correlate(theirs, theirs.moments(share), share)


def _to_shares(weights: Floats) -> Floats:
    return weights / weights.sum(axis=1, keepdims=True)


class _Side:
    """Standardised values of the prediction or of the measurement, and their squares.

    Correlation doesn't change with it, and moments of standardised values don't cancel.
    """

    def __init__(self, values: Floats) -> None:
        values = np.asarray(values, dtype=np.float64)
        varies = values.max(axis=0) > values.min(axis=0)
        spread = np.where(varies, values.std(axis=0), 1.0)
        spread[spread == 0] = 1.0  # differences so small that their squares vanish
        self.values = np.where(varies, (values - values.mean(axis=0)) / spread, 0.0)
        self.squares = self.values**2

    def correlate(self, other: _Side, moments: tuple[Floats, Floats], share: Floats) -> Floats:
        """Correlate with the other side, whose moments in these resamples are known."""
        (mine, my_spread), (theirs, their_spread) = self.moments(share), moments
        covariance = share @ (self.values * other.values) - mine * theirs
        norm = my_spread * their_spread
        pcc = np.divide(covariance, norm, out=np.full(norm.shape, np.nan), where=norm > 0)
        return np.clip(pcc, -1.0, 1.0)

    def moments(self, share: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation, 0 where only rounding is left of it."""
        mean, square = share @ self.values, share @ self.squares
        variance = square - mean**2
        return mean, np.sqrt(np.where(variance > _CONSTANT * square, variance, 0.0))


def resample_spots(
    predicted: Mapping[str, NDArray[np.floating]],
    measured: NDArray[np.floating],
    highest: NDArray[np.intp],
    reference: str | None = None,
    *,
    n_resamples: int = 1000,
    seed: int = 0,
    name: str = "",
) -> SpotReplicates:
    """Compute the metrics of every method over the same resampled spots.

    Parameters
    ----------
    predicted : mapping
        Method -> (N, G), finite.
    measured : (N, G)
        On the same scale.
    highest : int array
        The genes of HEG. They are chosen once, not again in each resample.
    reference : str, optional
        The method that the others are subtracted from.
    n_resamples, seed, name
        See `draw_weights`.
    """
    truth = np.asarray(measured, dtype=np.float64)
    truth_side = _Side(truth)
    sides = {method: _Side(np.asarray(values)) for method, values in predicted.items()}
    # Mean over the genes of each spot's error: its mean over spots is the metric.
    errors = {
        method: np.stack([(gap**2).mean(axis=1), np.abs(gap).mean(axis=1)], axis=1)
        for method, gap in ((method, values - truth) for method, values in predicted.items())
    }
    metrics: dict[str, list[Floats]] = {method: [np.empty((0, 4))] for method in predicted}
    others = [method for method in predicted if method != reference and reference in predicted]
    differences: dict[str, list[Floats]] = {method: [np.empty(0)] for method in others}
    at_once = max(1, _VALUES_AT_ONCE // max(truth.shape))
    for weights in draw_weights(len(truth), n_resamples, seed, name, at_once):
        share = _to_shares(weights)
        moments = truth_side.moments(share)
        pcc = {m: side.correlate(truth_side, moments, share) for m, side in sides.items()}
        for method, values in pcc.items():
            error = share @ errors[method]
            means = [_mean_defined(values), _mean_defined(values[:, highest])]
            metrics[method].append(np.column_stack([*means, error]))
        for method in others:
            differences[method].append(_mean_defined(pcc[str(reference)] - pcc[method]))
    names = ("acg_pcc", "heg_pcc", "mse", "mae")
    return SpotReplicates(
        {
            method: dict(zip(names, np.concatenate(parts).T, strict=True))
            for method, parts in metrics.items()
        },
        {method: np.concatenate(parts) for method, parts in differences.items()},
    )


def _mean_defined(values: Floats) -> Floats:
    """Mean of each row without NaN; NaN where there is nothing."""
    defined = np.isfinite(values)
    n, total = defined.sum(axis=1), np.where(defined, values, 0.0).sum(axis=1)
    return np.divide(total, n, out=np.full(len(values), np.nan), where=n > 0)


def find_interval(replicates: Floats) -> tuple[float, float]:
    """Percentile interval of replicates (B,), NaN where none is defined."""
    defined = replicates[np.isfinite(replicates)]
    if not len(defined):
        return float("nan"), float("nan")
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def combine_sections(
    values: Sequence[float], replicates: Sequence[Floats], units: Sequence[str], seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Mean over sections, with its interval.

    Units (patients or sections) are drawn with replacement, each with all of its sections
    as they are: strategy 1 of Davison and Hinkley (Bootstrap Methods and their
    Application, 1997, section 3.8), whose variance is the nearer one. With a single unit
    its sections' spots are drawn instead. Of a few units any bootstrap gives too narrow an
    interval.

    Parameters
    ----------
    values : sequence of float, S
        One per section; NaN where undefined, which doesn't count.
    replicates : sequence of (B,), S
        The same over resampled spots.
    units : sequence of str, S
        What each section belongs to.
    seed : int
        Same seed, same draw.

    Returns
    -------
    float
        The mean.
    (float, float)
        The percentile interval.
    """
    numbers = np.asarray(values, dtype=np.float64)
    mean = float(_mean_defined(numbers[None])[0])
    table = np.stack(replicates, axis=1)  # (B, S)
    names, unit = np.unique(np.asarray(units), return_inverse=True)
    if len(names) == 1:
        return mean, find_interval(_mean_defined(table))
    drawn = np.random.default_rng([seed, len(names)]).multinomial(
        len(names), np.full(len(names), 1 / len(names)), size=len(table)
    )
    weights = drawn[:, unit] * np.isfinite(numbers)
    total, n = weights @ np.nan_to_num(numbers), weights.sum(axis=1)
    return mean, find_interval(np.divide(total, n, out=np.full(len(n), np.nan), where=n > 0))
