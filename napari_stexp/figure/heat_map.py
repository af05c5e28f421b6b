"""A smooth picture between the spots: each pixel is an average of the spots around it.

The weights are those of a Gaussian (Nadaraya 1964; Watson 1964), found for all pixels at once:
values and the spots' own weights are laid on a raster, blurred, and divided by each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HeatMap"]

_SIGMA = 0.42  # pitches: about four fifths of a pixel's weight at a spot are that spot's
_REACH = 0.75  # pitches from the nearest spot with a value; between four it is 0.71
_SOFT = (0.8, 1.25)  # weights, in parts of that at the reach, between which the edge fades
_PER_PITCH = 8  # pixels
_MOST_PIXELS = 1_500_000
_MARGIN = 1.0  # pitches around all spots


class HeatMap:
    """Averages values of N spots at the pixels of a raster.

    Parameters
    ----------
    xy : (N, 2) array
        Centres, level-0 px.
    pitch : float
        Between neighbours, level-0 px.
    most_pixels : int
        Of the raster; fewer where the spots are few.

    Attributes
    ----------
    shape : (int, int)
        Height and width, pixels.
    origin : (float, float)
        (x, y) of the top left corner, level-0 px.
    step : float
        Level-0 px per pixel.
    """

    def __init__(
        self, xy: NDArray[np.float64], pitch: float, most_pixels: int = _MOST_PIXELS
    ) -> None:
        placed = np.isfinite(xy).all(axis=1)
        margin = _MARGIN * pitch
        found = xy[placed] if placed.any() else np.zeros((1, 2))
        low, high = found.min(axis=0) - margin, found.max(axis=0) + margin
        area = float(np.prod(high - low))
        self.step = max(pitch / _PER_PITCH, (area / most_pixels) ** 0.5)
        width, height = np.ceil((high - low) / self.step).astype(int).tolist()
        self.shape = (max(height, 1), max(width, 1))
        self.origin = (float(low[0]), float(low[1]))
        self._sigma = _SIGMA * pitch / self.step
        self._least = float(np.exp(-0.5 * (_REACH / _SIGMA) ** 2) * self._peak())
        self._spots = np.flatnonzero(placed)
        self._corners, self._shares = self._share(xy[placed])
        self._weights: tuple[NDArray[np.bool_], NDArray[np.float32]] | None = None

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Outer edges of its pixels, (x0, y0, x1, y1), level-0 px."""
        (x, y), (height, width) = self.origin, self.shape
        return x, y, x + width * self.step, y + height * self.step

    def _peak(self) -> float:
        """Return the weight of a lone spot at its own place."""
        radius = int(4 * self._sigma + 0.5)
        line = np.exp(-0.5 * (np.arange(-radius, radius + 1) / self._sigma) ** 2)
        return float((1 / line.sum()) ** 2)

    def _share(self, xy: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the four pixels around each centre, (4, n), and its share in each."""
        height, width = self.shape
        at = (xy - self.origin) / self.step - 0.5  # in pixel centres
        at = np.clip(at, 0, np.maximum(np.array([width, height]) - 1.001, 0))
        first = np.floor(at).astype(np.int64)
        part = at - first
        corners, shares = [], []
        for dy in (0, 1):
            for dx in (0, 1):
                row = np.minimum(first[:, 1] + dy, height - 1)
                column = np.minimum(first[:, 0] + dx, width - 1)
                corners.append(row * width + column)
                across = part[:, 0] if dx else 1 - part[:, 0]
                shares.append(across * (part[:, 1] if dy else 1 - part[:, 1]))
        return np.array(corners), np.array(shares, dtype=np.float32)

    def _spread(self, values: NDArray[np.float32], chosen: Any) -> NDArray[np.float32]:
        """Lay values of some spots on the raster, and blur them."""
        from scipy.ndimage import gaussian_filter

        corners, shares = self._corners[:, chosen], self._shares[:, chosen]
        laid = np.bincount(
            corners.ravel(), (shares * values).ravel(), minlength=self.shape[0] * self.shape[1]
        )
        picture = laid.reshape(self.shape).astype(np.float32)
        return gaussian_filter(picture, self._sigma, mode="constant")

    def average(
        self, values: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the values between the spots, and where there are any.

        Parameters
        ----------
        values : (N,) or (N, C) float array
            NaN where there is none, which counts for nothing.

        Returns
        -------
        averages : (h, w) or (h, w, C) float32 array
            Finite a little beyond where they are to be shown.
        cover : (h, w) float32 array
            1 where spots with a value are near, 0 where none is, and a soft edge between.
        """
        values = np.asarray(values, dtype=np.float32)[self._spots]
        known = np.asarray(np.isfinite(values.reshape(len(values), -1)).all(axis=1), dtype=np.bool_)
        chosen: Any = slice(None) if known.all() else np.flatnonzero(known)
        if self._weights is None or not np.array_equal(self._weights[0], known):
            ones = np.ones(int(known.sum()), np.float32)
            self._weights = (known, self._spread(ones, chosen))
        _, weights = self._weights
        divisor = weights.copy()
        divisor[weights <= self._least / 50] = np.nan
        cover: NDArray[np.float32] = np.clip(
            (weights / self._least - _SOFT[0]) / (_SOFT[1] - _SOFT[0]), 0, 1
        )
        if values.ndim == 1:
            return self._spread(values[chosen], chosen) / divisor, cover
        channels = [
            self._spread(values[chosen, channel], chosen) / divisor
            for channel in range(values.shape[1])
        ]
        return np.stack(channels, axis=-1), cover
