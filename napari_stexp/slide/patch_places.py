"""Where patches lie: their centres as numbers, and an order of visiting them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.slide.levels import Level

__all__ = ["as_points", "classify_squares", "visiting_order", "whole_pixels"]

#: Beyond this, a coordinate is as far outside as any other: keeps integers in range.
_FAR = 2**40


def as_points(centers: Any) -> NDArray[np.float64]:
    """Return centres as an (N, 2) array, or raise `ValueError` where they are of another shape."""
    points = np.asarray(centers, np.float64)
    if points.size == 0:
        return points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"centres of shape {points.shape}, not (N, 2)")
    return points


def whole_pixels(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return floor of the coordinates; what is no number lies far outside."""
    far = np.nan_to_num(np.floor(points), nan=-_FAR, posinf=_FAR, neginf=-_FAR)
    return np.clip(far, -_FAR, _FAR).astype(np.int64)


def classify_squares(
    start: NDArray[np.float64], side: float, shape: tuple[int, int]
) -> NDArray[np.str_]:
    """Say where squares lie on an image.

    Parameters
    ----------
    start : (N, 2) array
        (x, y) of their upper left corners, level-0 px.
    side : float
        Level-0 px.
    shape : (int, int)
        Height and width of the image.

    Returns
    -------
    (N,) array of str
        ``'ok'`` wholly inside, ``'border'`` partly, ``'outside'`` not at all.
    """
    end = start + side
    limit = np.array(shape[::-1], float)
    inside = ((start >= 0) & (end <= limit)).all(1)
    outside = ((end <= 0) | (start >= limit)).any(1)
    return np.where(inside, "ok", np.where(outside, "outside", "border"))


def visiting_order(points: NDArray[np.float64], level: Level) -> NDArray[np.intp]:
    """Return an order of visiting (N, 2) points, level-0 px, that reuses a level's tiles.

    Blocks of 8 x 8 tiles, row by row in alternating direction, and within
    a block tile by tile: a block and its rim fit any sensible cache.
    """
    side = np.array(level.tile[::-1], float) * level.downsample
    tile = np.floor_divide(whole_pixels(points), side).astype(np.int64)
    block = tile // 8
    block_x = np.where(block[:, 1] % 2 == 0, block[:, 0], -block[:, 0])
    return np.lexsort((tile[:, 0], tile[:, 1], block_x, block[:, 1]))
