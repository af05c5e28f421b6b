"""Rectangles of a slide as small pictures, for print."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_stexp.slide.pyramid import Pyramid

__all__ = ["cut_picture"]

Bounds = tuple[float, float, float, float]


def cut_picture(pyramid: Pyramid, bounds: Bounds, max_px: int) -> tuple[NDArray[np.uint8], Bounds]:
    """Read a rectangle from the coarsest level that is fine enough, and shrink it.

    Parameters
    ----------
    pyramid : Pyramid
    bounds, max_px
        As of `Slide.picture`.

    Returns
    -------
    image, extent
        As of `Slide.picture`; the image has no pixel where the rectangle lies outside.
    """
    from PIL import Image

    height, width = pyramid.levels[0].shape
    x0, y0 = max(bounds[0], 0.0), max(bounds[1], 0.0)
    x1, y1 = min(bounds[2], float(width)), min(bounds[3], float(height))
    if x1 <= x0 or y1 <= y0:
        return np.zeros((0, 0, 3), np.uint8), (x0, y0, x0, y0)
    wanted = max(bounds[2] - bounds[0], bounds[3] - bounds[1]) / max_px
    fine = [n for n, level in enumerate(pyramid.levels) if level.downsample <= wanted]
    at = fine[-1] if fine else 0
    level, scale = pyramid.levels[at], pyramid.levels[at].downsample
    left, top = math.floor(x0 / scale), math.floor(y0 / scale)
    right = min(math.ceil(x1 / scale), level.shape[1])
    bottom = min(math.ceil(y1 / scale), level.shape[0])
    pixels = pyramid.show_region(left, top, max(right - left, 1), max(bottom - top, 1), at)
    extent = (left * scale, top * scale, right * scale, bottom * scale)
    if wanted <= scale:
        return pixels, extent
    size = [max(1, round(side * scale / wanted)) for side in (pixels.shape[1], pixels.shape[0])]
    small = Image.fromarray(pixels).resize((size[0], size[1]), Image.Resampling.BOX)
    return np.asarray(small), extent
