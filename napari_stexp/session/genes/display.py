"""How values are shown: colour map, limits, size and opacity of the spots."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["COLORMAPS", "TRANSFORMS", "DisplaySettings", "effective_limits", "transform_values"]

#: Log10 as it comes, counts per 10,000, standard deviations from the mean.
TRANSFORMS = ("log", "linear", "z")

# Perceptually uniform, ordered in lightness, and legible to colour-blind eyes;
# `cividis` was made for them (Nuñez, Anderton & Renslow, PLoS ONE 2018).
COLORMAPS: tuple[str, ...] = ("viridis", "magma", "inferno", "plasma", "cividis", "gray")


@dataclass(frozen=True)
class DisplaySettings:
    """How the active gene is drawn.

    Attributes
    ----------
    colormap : str
        One of `COLORMAPS`.
    limits_mode : {'percentile', 'manual', 'shared'}
        Where the ends of the colour scale come from; 'shared' takes the
        percentiles over all that is shown side by side, or could be, of the
        gene: every prediction and the measurement.
    percentiles : (float, float)
        Low and high percentile of the shown values, 0 ≤ low < high ≤ 100.
    manual_limits : (float, float)
        The ends by hand, in the values' own unit, low < high.
    size_factor : float
        Drawn diameter over true diameter, 0.1 to 5.
    opacity : float
        0 (clear) to 1.
    visible : bool
        Whether spots are drawn at all.
    shape : {'disc', 'square'}
        What a spot looks like.
    transform : {'log', 'linear', 'z'}
        Values as they are (log10), as counts per 10,000 (10**value - 1), or in
        standard deviations from the mean over the shown spots.
    threshold : float or None
        Values below it, on the transformed scale, get no colour.
    mode : {'spots', 'heat map'}
        Spots of their true size, or a smooth picture between them.

    Raises
    ------
    ValueError
        A setting is outside its range.
    """

    colormap: str = "viridis"
    limits_mode: str = "percentile"
    percentiles: tuple[float, float] = (1.0, 99.0)
    manual_limits: tuple[float, float] = (0.0, 1.0)
    size_factor: float = 1.0
    opacity: float = 0.85
    visible: bool = True
    shape: str = "disc"
    transform: str = "log"
    threshold: float | None = None
    mode: str = "spots"

    def __post_init__(self) -> None:
        low, high = self.percentiles
        problems = {
            f"no such colour map: {self.colormap!r}": self.colormap in COLORMAPS,
            f"no such kind of limits: {self.limits_mode!r}": self.limits_mode
            in ("percentile", "manual", "shared"),
            f"percentiles must rise within 0 … 100: {self.percentiles}": 0 <= low < high <= 100,
            f"limits must be finite and rise: {self.manual_limits}": _rise(self.manual_limits),
            f"size factor must be within 0.1 … 5: {self.size_factor}": 0.1 <= self.size_factor <= 5,
            f"opacity must be within 0 … 1: {self.opacity}": 0 <= self.opacity <= 1,
            f"no such shape: {self.shape!r}": self.shape in ("disc", "square"),
            f"no such transform: {self.transform!r}": self.transform in TRANSFORMS,
            f"a threshold must be finite: {self.threshold}": self.threshold is None
            or math.isfinite(self.threshold),
            f"no such way of drawing: {self.mode!r}": self.mode in ("spots", "heat map"),
        }
        for problem, fine in problems.items():
            if not fine:
                raise ValueError(problem)


def _rise(pair: tuple[float, float]) -> bool:
    low, high = pair
    return math.isfinite(low) and math.isfinite(high) and low < high


def effective_limits(
    values: NDArray[np.float32] | None, settings: DisplaySettings
) -> tuple[float, float]:
    """Return the ends of the colour scale, always finite and low < high.

    Parameters
    ----------
    values : (N,) float array or None
        The shown values; those that are not finite don't count.
    settings : DisplaySettings
        Manual limits are returned as they are; percentiles are taken of the
        finite values. Where they coincide (a constant gene, or one that is
        zero in nearly all spots) the full range is taken, and where that is
        empty too, one unit above the value.
    """
    if settings.limits_mode == "manual":
        return settings.manual_limits
    finite = values[np.isfinite(values)] if values is not None else np.empty(0, np.float32)
    if not finite.size:
        return (0.0, 1.0)
    low, high = (float(v) for v in np.percentile(finite.astype(np.float64), settings.percentiles))
    if high - low <= _resolution(low, high):
        low, high = float(finite.min()), float(finite.max())
    if high - low <= _resolution(low, high):
        high = low + 1.0
    return (low, high)


def transform_values(values: NDArray[np.float32], transform: str) -> NDArray[np.float32]:
    """Return values on another scale.

    Parameters
    ----------
    values : (N,) float array
        log10(1 + x); NaN stays NaN.
    transform : {'log', 'linear', 'z'}
        'linear' is 10**value - 1 = x; 'z' is (value - mean) / population standard deviation
        of the finite values, 0 where they are all equal.
    """
    if transform == "linear":
        return (np.power(10.0, values, dtype=np.float32) - 1).astype(np.float32)
    if transform == "z":
        finite = values[np.isfinite(values)].astype(np.float64)
        mean, spread = (finite.mean(), finite.std()) if finite.size else (0.0, 0.0)
        if spread <= _resolution(mean, mean):
            return np.where(np.isfinite(values), np.float32(0), np.float32(np.nan))
        return ((values - mean) / spread).astype(np.float32)
    return values


def _resolution(low: float, high: float) -> float:
    """Return the difference below which float32 values can't be told apart on a colour scale."""
    return 16 * float(np.finfo(np.float32).eps) * max(abs(low), abs(high))
