"""Regions to pixels and back, exactly: a pixel belongs to what holds its centre."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon

__all__ = ["fill_region", "outline_mask"]


def fill_region(geometry: Polygon | MultiPolygon, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which pixels' centres a region holds.

    Parameters
    ----------
    geometry : Polygon or MultiPolygon
        (x, y); pixel (row, column) covers [column, column + 1) by [row, row + 1).
    shape : (int, int)
        Rows and columns of the picture.

    Returns
    -------
    (rows, columns) bool array
    """
    import shapely

    rows, columns = shape
    toggled = np.zeros((rows, columns + 1), np.int32)
    for ring in shapely.get_rings(shapely.get_parts(geometry)):
        xy = shapely.get_coordinates(ring)
        (x0, y0), (x1, y1) = xy[:-1].T, xy[1:].T
        # rows whose centre line the edge crosses: the upper end counts, the lower one doesn't
        first = np.clip(np.ceil(np.minimum(y0, y1) - 0.5), 0, rows).astype(np.intp)
        stop = np.clip(np.ceil(np.maximum(y0, y1) - 0.5), 0, rows).astype(np.intp)
        n = stop - first
        edge = np.repeat(np.arange(len(n)), n)
        row = np.repeat(first, n) + np.arange(n.sum()) - np.repeat(np.cumsum(n) - n, n)
        x = x0[edge] + (row + 0.5 - y0[edge]) * ((x1 - x0)[edge] / (y1 - y0)[edge])
        column = np.clip(np.ceil(x - 0.5), 0, columns).astype(np.intp)
        np.add.at(toggled, (row, column), 1)
    return np.cumsum(toggled, axis=1)[:, :-1] % 2 == 1


def outline_mask(mask: NDArray[np.bool_]) -> Polygon | MultiPolygon | None:
    """Return the area of a mask's pixels, with holes; None if there are none.

    Pixels that touch at a corner only are parts of their own. The outline follows the
    pixels' borders, in the frame of `fill_region`, which gives the mask back.
    """
    import shapely

    if not mask.any():
        return None
    padded = np.pad(mask, 1).astype(np.int8)
    across = _runs(np.diff(padded, axis=0)[:, 1:-1])  # borders between rows
    down = _runs(np.diff(padded, axis=1)[1:-1].T)  # and between columns
    lines = np.concatenate([across, down[..., ::-1]])
    faces = shapely.get_parts(shapely.polygonize(list(shapely.linestrings(lines))))
    inner = shapely.get_coordinates(shapely.point_on_surface(faces)).astype(np.intp)
    parts = faces[mask[inner[:, 1], inner[:, 0]]]
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(list(parts))


def _runs(steps: NDArray[np.int8]) -> NDArray[np.float64]:
    """Return straight lines (n, 2 ends, (x, y)) along the rows of steps.

    A run ends where the step changes its sign: there, two pixels touch at a corner, and
    lines that cross would not be joined.
    """
    edges = np.pad(steps, ((0, 0), (1, 1)))
    y, x = np.nonzero(edges[:, 1:] != edges[:, :-1])
    # Each change ends a run, begins one, or both.
    starts = edges[:, 1:][y, x] != 0
    stops = edges[:, :-1][y, x] != 0
    begin = np.column_stack([x[starts], y[starts]])
    end = np.column_stack([x[stops], y[stops]])
    return np.stack([begin, end], axis=1).astype(np.float64)
