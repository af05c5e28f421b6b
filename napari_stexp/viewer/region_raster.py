"""Rings of regions drawn into square pictures, with Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.region_style import RegionStyles

__all__ = ["SIDE", "Rings", "draw_rings"]

SIDE = 512  # of a picture, px
_LINE_PX = 2.0
_FILL = 0.22  # opacity inside selected regions


class Rings:
    """All rings of some regions, found by box."""

    def __init__(self, regions: Sequence[Any]) -> None:
        import shapely

        shapes = np.array([region.geometry for region in regions], dtype=object)
        parts, of_shape = shapely.get_parts(shapes, return_index=True)
        rings, of_part = shapely.get_rings(parts, return_index=True)
        self.of_region = of_shape[of_part]
        # A part's first ring is its outline, the others are holes.
        self.is_hole = (
            np.r_[False, of_part[1:] == of_part[:-1]] if len(rings) else np.zeros(0, bool)
        )
        self.xy, of_ring = shapely.get_coordinates(rings, return_index=True)
        self.start = np.searchsorted(of_ring, np.arange(len(rings) + 1))
        self._tree = shapely.STRtree(rings)

    def find(self, left: float, top: float, right: float, bottom: float) -> NDArray[np.intp]:
        """Return the rings whose boxes meet a box, in their own order."""
        import shapely

        return np.sort(self._tree.query(shapely.box(left, top, right, bottom)))


def draw_rings(
    rings: Rings,
    styles: RegionStyles,
    chosen: NDArray[np.intp],
    corner: tuple[float, float],
    step: float,
) -> NDArray[np.uint8]:
    """Return a picture of rings, (512, 512, 4) uint8, clear where there is none.

    Parameters
    ----------
    rings, styles
        Of all regions.
    chosen : (m,) int array
        Rings to be drawn, in this order.
    corner : (float, float)
        (x, y) of the picture's top left corner, level-0 px.
    step : float
        Level-0 px per pixel of the picture.
    """
    from PIL import Image, ImageDraw

    lengths = rings.start[chosen + 1] - rings.start[chosen]
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.repeat(rings.start[chosen], lengths) + np.arange(lengths.sum()) - first
    points = np.rint((rings.xy[at] - corner) / step - 0.5)
    # Where several vertices fall on one pixel, one of them is enough.
    fresh = np.r_[True, (points[1:] != points[:-1]).any(axis=1)]
    fresh[np.cumsum(lengths) - lengths] = True
    n_left = np.add.reduceat(fresh, np.cumsum(lengths) - lengths, dtype=np.intp)
    points = points[fresh]
    color = np.rint(styles.color * 255).astype(np.uint8)[rings.of_region[chosen]]
    width = styles.width[rings.of_region[chosen]] * _LINE_PX
    selected = styles.selected[rings.of_region[chosen]]
    picture = Image.new("RGBA", (SIDE, SIDE))
    stops = np.cumsum(n_left)
    if selected.any():
        _fill(picture, points, stops, n_left, color, selected, rings.is_hole[chosen])
    pen = ImageDraw.Draw(picture)
    lines = np.flatnonzero(n_left > 2)
    for line in lines[np.argsort(selected[lines], kind="stable")]:
        vertices = points[stops[line] - n_left[line] : stops[line]]
        ink = (*color[line].tolist(), 255)
        pen.line(vertices.ravel().tolist(), fill=ink, width=max(1, round(float(width[line]))))
    drawn = np.array(picture)
    _draw_dots(drawn, points[stops - n_left][n_left <= 2], color[n_left <= 2])
    return drawn


def _draw_dots(
    drawn: NDArray[np.uint8], points: NDArray[np.float64], color: NDArray[np.uint8]
) -> None:
    """Set two by two pixels for each region that is no larger."""
    for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):
        x, y = (points + shift).astype(np.intp).T
        inside = (x >= 0) & (y >= 0) & (x < SIDE) & (y < SIDE)
        drawn[y[inside], x[inside], :3] = color[inside]
        drawn[y[inside], x[inside], 3] = 255


def _fill(
    picture: Any,
    points: NDArray[np.float64],
    stops: NDArray[np.intp],
    lengths: NDArray[np.intp],
    color: NDArray[np.uint8],
    selected: NDArray[np.bool_],
    is_hole: NDArray[np.bool_],
) -> None:
    """Tint the inside of selected regions; a hole comes after its outline and takes it back."""
    from PIL import ImageDraw

    pen = ImageDraw.Draw(picture)
    for ring in np.flatnonzero(selected & (lengths > 2)):
        vertices = points[stops[ring] - lengths[ring] : stops[ring]].ravel().tolist()
        alpha = 0 if is_hole[ring] else round(255 * _FILL)
        pen.polygon(vertices, fill=(*color[ring].tolist(), alpha))
