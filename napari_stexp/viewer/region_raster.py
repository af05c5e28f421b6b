"""Rings of regions drawn into square pictures, with Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.region_style import HALO, RegionStyles

__all__ = ["SIDE", "Rings", "draw_rings"]

SIDE = 512  # of a picture, px
_LINE_PX = 2.5
_DOT_PX = 2.0  # what is no larger is drawn as a dot
_FILL = 0.22  # opacity inside selected regions
_MOST_HALOS = 200  # of a picture: among more outlines white lines would hide the tissue
_HALO_INK = tuple(round(255 * part) for part in HALO)
_HALO_PX = 2


class Rings:
    """All rings of some regions, found by box."""

    def __init__(self, regions: Sequence[Any]) -> None:
        import shapely

        shapes = np.array([region.geometry for region in regions], dtype=object)
        # Most regions are one ring, which need not be taken out of them.
        whole = (shapely.get_type_id(shapes) == 3) & (shapely.get_num_interior_rings(shapes) == 0)
        parts, of_shape = shapely.get_parts(shapes[~whole], return_index=True)
        rings, of_part = shapely.get_rings(parts, return_index=True)
        of_region = np.r_[np.flatnonzero(whole), np.flatnonzero(~whole)[of_shape[of_part]]]
        order = np.argsort(of_region, kind="stable")
        self.of_region = of_region[order]
        # A part's first ring is its outline, the others are holes.
        n_whole = int(whole.sum())
        self.is_hole = np.r_[np.zeros(n_whole, bool), np.diff(of_part, prepend=-1) == 0][order]
        rings = np.r_[shapes[whole], rings][order]
        self.xy, of_ring = shapely.get_coordinates(rings, return_index=True)
        self.start = np.searchsorted(of_ring, np.arange(len(rings) + 1))
        self.bounds = shapely.bounds(rings).reshape(-1, 4)
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

    bounds = (rings.bounds[chosen] - (*corner, *corner)) / step
    color = np.rint(styles.color * 255).astype(np.uint8)[rings.of_region[chosen]]
    is_dot = (bounds[:, 2:] - bounds[:, :2]).max(axis=1) < _DOT_PX
    picture = Image.new("RGBA", (SIDE, SIDE))
    lines = chosen[~is_dot]
    if len(lines):
        points, stops, lengths = _thin_out(rings, lines, corner, step)
        of_region, ink = rings.of_region[lines], color[~is_dot]
        selected = styles.selected[of_region]
        if selected.any():
            _fill(picture, points, stops, lengths, ink, selected, rings.is_hole[lines])
        width = np.maximum(np.rint(styles.width[of_region] * _LINE_PX), 1).astype(int).tolist()
        inks = [(*rgb, 255) for rgb in ink.tolist()]
        pen = ImageDraw.Draw(picture)
        order = np.argsort(selected, kind="stable").tolist()
        outlines = [
            points[end - n : end].ravel().tolist() for end, n in zip(stops, lengths, strict=True)
        ]
        if len(lines) <= _MOST_HALOS:
            for line in order:
                pen.line(outlines[line], fill=_HALO_INK, width=width[line] + _HALO_PX)
        for line in order:
            pen.line(outlines[line], fill=inks[line], width=width[line])
    drawn = np.array(picture)
    _draw_dots(drawn, (bounds[is_dot, :2] + bounds[is_dot, 2:]) / 2 - 0.5, color[is_dot])
    return drawn


def _thin_out(
    rings: Rings, chosen: NDArray[np.intp], corner: tuple[float, float], step: float
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    """Return the vertices of rings in a picture's px, where each ring stops, and its length.

    Where several vertices in turn fall on one pixel, one of them is enough.
    """
    lengths = rings.start[chosen + 1] - rings.start[chosen]
    first = np.cumsum(lengths) - lengths
    at = np.repeat(rings.start[chosen] - first, lengths) + np.arange(lengths.sum())
    points = np.rint((rings.xy[at] - corner) / step - 0.5)
    fresh = np.r_[True, (points[1:] != points[:-1]).any(axis=1)]
    fresh[first] = True
    left = np.add.reduceat(fresh, first, dtype=np.intp)
    return points[fresh], np.cumsum(left), left


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
