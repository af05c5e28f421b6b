"""What lies behind the spots in every cell: the slide, and the regions on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.annotation_tiles import FINEST

if TYPE_CHECKING:
    from napari_stexp.slide import Slide
    from napari_stexp.viewer.annotation_tiles import RegionTiles
    from napari_stexp.viewer.views.frame import Frame

__all__ = ["Picture", "cut_detail", "cut_overview", "cut_regions"]

_OVERVIEW_PX = 1600  # of the longer side; enough for four cells on a small screen
_MARGIN = 0.25  # of the cell, around a detail: so far it may be moved before it is cut again
_Bounds = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and where it lies.

    Attributes
    ----------
    pixels : (h, w, 3 or 4) uint8 array
        RGB, or RGBA that isn't multiplied by alpha.
    extent : (x0, y0, x1, y1)
        Outer edges of its pixels, level-0 px.
    """

    pixels: NDArray[np.uint8]
    extent: _Bounds


def cut_overview(slide: Slide) -> Picture:
    """Return the whole slide, small."""
    height, width = slide.shape
    return Picture(*slide.picture((0, 0, width, height), _OVERVIEW_PX))


def cut_detail(slide: Slide, frame: Frame) -> Picture | None:
    """Return what a cell shows, as sharp as the screen; None beside the slide.

    Of an overview too: Qt leaves pixels out when it makes a picture much smaller.
    """
    bounds = _widen(frame.bounds)
    longest = max(bounds[2] - bounds[0], bounds[3] - bounds[1]) * frame.zoom
    pixels, extent = slide.picture(bounds, max(round(longest), 1))
    return Picture(pixels, extent) if pixels.size else None


def cut_regions(tiles: RegionTiles, frame: Frame) -> Picture | None:
    """Return the outlines in what a cell shows; None where there are none."""
    if not tiles.regions:
        return None
    finest = len(tiles.shapes) - 1
    level = min(max(math.floor(math.log2(FINEST / frame.zoom)), 0), finest)
    step = 2.0**level / FINEST  # level-0 px per px of the level
    x, y = tiles.origin
    x0, y0, x1, y1 = _widen(frame.bounds)
    height, width = tiles.shapes[level]
    left, right = max(math.floor((x0 - x) / step), 0), min(math.ceil((x1 - x) / step), width)
    top, bottom = max(math.floor((y0 - y) / step), 0), min(math.ceil((y1 - y) / step), height)
    if left >= right or top >= bottom:
        return None
    pixels = tiles.levels()[level][top:bottom, left:right]
    extent = (x + left * step, y + top * step, x + right * step, y + bottom * step)
    return Picture(np.ascontiguousarray(pixels), extent)


def _widen(bounds: _Bounds) -> _Bounds:
    x0, y0, x1, y1 = bounds
    across, down = (x1 - x0) * _MARGIN, (y1 - y0) * _MARGIN
    return x0 - across, y0 - down, x1 + across, y1 + down
