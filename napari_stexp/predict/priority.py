"""Which spots are predicted first: those in view, from its middle outwards."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Bounds", "Priority", "points_in"]

#: A rectangle (x0, y0, x1, y1) in level-0 pixels.
Bounds = tuple[float, float, float, float]


class Priority:
    """The view that a prediction follows; may be set at any time, from any thread.

    What is read and encoded together (a batch) stays together, because its patches share
    tiles, and because the numbers then don't depend on the order. Batches with a spot in
    view come first, the one with the spot nearest to the middle of the view before all;
    the others follow in the usual order.

    Parameters
    ----------
    bounds : (float, float, float, float), optional
        (x0, y0, x1, y1) of the view in level-0 pixels; None for no preference.
    """

    def __init__(self, bounds: ArrayLike | None = None) -> None:
        self._bounds: Bounds | None = None  # replaced as a whole, never changed: needs no lock
        self.bounds = bounds

    @property
    def bounds(self) -> Bounds | None:
        """The view, (x0, y0, x1, y1) in level-0 pixels, or None."""
        return self._bounds

    @bounds.setter
    def bounds(self, bounds: ArrayLike | None) -> None:
        self._bounds = None if bounds is None else _check(bounds)

    def arrange(
        self, batches: Sequence[NDArray[np.intp]], points: NDArray[np.float64]
    ) -> Generator[NDArray[np.intp], None, None]:
        """Yield batches in the order of the view at the moment when each is asked for.

        Parameters
        ----------
        batches : sequence of (n,) int arrays
            Rows of ``points``, in the usual order.
        points : (N, 2) float
            (x, y) in level-0 pixels.
        """
        batches = [batch for batch in batches if len(batch)]
        if not batches:
            return
        joined = np.concatenate(batches)  # once: of many spots this takes a while
        starts = np.cumsum([0, *map(len, batches[:-1])])
        left = np.arange(len(batches))
        while len(left):
            now = self.bounds
            left = np.sort(left)
            if now is not None:
                nearest = np.minimum.reduceat(_distance(points, now)[joined], starts)
                left = left[np.argsort(nearest[left], kind="stable")]
            while len(left) and self.bounds == now:
                first, left = left[0], left[1:]
                yield batches[first]


def points_in(points: NDArray[np.float64], bounds: ArrayLike) -> NDArray[np.bool_]:
    """Return for each of (N, 2) points (x, y) whether it lies in (x0, y0, x1, y1)."""
    x0, y0, x1, y1 = _check(bounds)
    x, y = points[:, 0], points[:, 1]
    return np.asarray((x >= x0) & (x <= x1) & (y >= y0) & (y <= y1), dtype=np.bool_)


def _distance(points: NDArray[np.float64], bounds: Bounds) -> NDArray[np.float64]:
    """Return (N,) squared distances from the middle of the view, infinite beyond its edges."""
    middle = np.array([bounds[0] + bounds[2], bounds[1] + bounds[3]]) / 2
    squares = ((points - middle) ** 2).sum(axis=1)
    return np.where(points_in(points, bounds), squares, np.inf)


def _check(bounds: Any) -> Bounds:
    x0, y0, x1, y1 = map(float, bounds)
    return min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)
