"""A field of the slide under each scale that it may have, for an eye to judge."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.slide import Slide

__all__ = ["BAR_UM", "FIELD_UM", "NUCLEUS_UM", "cut_fields", "find_cells"]

#: Side of the fields, the bar in them, and the width of a small lymphocyte's nucleus, µm.
FIELD_UM = 130.0
BAR_UM = 100.0
NUCLEUS_UM = 7.0

_OVERVIEW_PX = 600
_OUTSIDE = 225
_GLASS_COSTS = 40.0  # as much blueness as half of a nucleus has

Fields = dict[float, NDArray[np.uint8]]


def find_cells(slide: Slide) -> tuple[float, float]:
    """Return a place rich in nuclei, (x, y) in level-0 pixels; the middle where none shows.

    Nuclei are blue, eosin is red: the place is where the overview's blue outweighs its red
    most over a 24th of its longer side, with little glass and no black padding.
    """
    from scipy.ndimage import uniform_filter

    image, downsample = slide.thumbnail(_OVERVIEW_PX)
    colours = image.astype(np.float32)
    red, green, blue = (colours[:, :, i] for i in range(3))
    stained = (red > green) & (blue > red) & (colours.max(axis=2) > 60)  # ink is greener
    worth = np.where(stained, blue - red, 0) - _GLASS_COSTS * (colours.min(axis=2) > 210)
    score = uniform_filter(worth, max(image.shape[:2]) // 24 or 1)
    if not stained.any():
        return slide.shape[1] / 2, slide.shape[0] / 2
    row, col = np.unravel_index(int(score.argmax()), score.shape)
    return (float(col) + 0.5) * downsample, (float(row) + 0.5) * downsample


def cut_fields(
    slide: Slide, scales: Sequence[float], side_px: int
) -> Generator[Progress, None, Fields]:
    """Cut the same place as a square of `FIELD_UM` under each scale.

    Parameters
    ----------
    slide : Slide
    scales : sequence of float
        µm per level-0 pixel.
    side_px : int
        Side of the pictures.

    Returns
    -------
    dict of float to (side_px, side_px, 3) uint8
        By scale; grey beyond the border of the slide.
    """
    yield Progress(0, len(scales), "looking for cells")
    x, y = find_cells(slide)
    fields: Fields = {}
    for scale in scales:
        fields[scale] = _cut(slide, (x, y), FIELD_UM / scale, side_px)
        yield Progress(len(fields), len(scales), "cutting out a field")
    return fields


def _cut(slide: Slide, center: tuple[float, float], side: float, side_px: int) -> NDArray[np.uint8]:
    """Cut a square of ``side`` level-0 pixels, moved into the slide where it fits."""
    from PIL import Image

    height, width = slide.shape
    corner = [
        min(max(0.0, middle - side / 2), extent - side) if side <= extent else (extent - side) / 2
        for middle, extent in zip(center, (width, height), strict=True)
    ]
    bounds = (corner[0], corner[1], corner[0] + side, corner[1] + side)
    image, (x0, y0, x1, y1) = slide.picture(bounds, max(side_px, 8))
    zoom = side_px / side
    size = max(1, round((x1 - x0) * zoom)), max(1, round((y1 - y0) * zoom))
    field = Image.new("RGB", (side_px, side_px), (_OUTSIDE, _OUTSIDE, _OUTSIDE))
    part = Image.fromarray(image).resize(size, Image.Resampling.BICUBIC)
    field.paste(part, (round((x0 - corner[0]) * zoom), round((y0 - corner[1]) * zoom)))
    return np.array(field)
