"""From where the mouse went to shapes: outlines and strokes, in level-0 px."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon
    from shapely.geometry.base import BaseGeometry

__all__ = ["areas_of", "close_outline", "join_rings", "make_stroke", "thin_out"]

_SMALLEST_AREA = 1.0  # px²; less is a slip of the mouse
_ROUND = 12  # vertices in a quarter of a brush's circle


def close_outline(points: ArrayLike, tolerance: float = 0.0) -> Polygon | MultiPolygon | None:
    """Return what a drawn line encloses once its ends are joined.

    Where the line crosses itself, everything that it encloses belongs to the shape: an
    outline that overshoots its beginning has no hole there.

    Parameters
    ----------
    points : (n, 2) array
        (x, y) of the line.
    tolerance : float
        How far the outline may stray from the line, px, to be made of fewer points.

    Returns
    -------
    Polygon or MultiPolygon, valid; None if nothing is enclosed.
    """
    import shapely

    line = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(np.unique(line, axis=0)) < 3:
        return None
    ring = shapely.LineString(np.vstack([line, line[:1]]))
    if tolerance > 0:
        ring = shapely.simplify(ring, tolerance, preserve_topology=False)
    outline = shapely.Polygon(ring.coords) if len(ring.coords) > 3 else None
    if outline is not None and outline.is_valid:
        return areas_of(outline)
    faces = shapely.get_parts(shapely.polygonize([shapely.node(ring)]))
    return areas_of(shapely.union_all(faces)) if len(faces) else None


def make_stroke(points: ArrayLike, diameter: float) -> Polygon | MultiPolygon:
    """Return what a round brush covers on its way.

    Parameters
    ----------
    points : (n, 2) array
        (x, y) of its centre, n ≥ 1.
    diameter : float
        Of the brush, px.
    """
    import shapely

    line = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(np.unique(line, axis=0)) < 2:
        return shapely.buffer(shapely.Point(line[0]), diameter / 2, quad_segs=_ROUND)
    line = thin_out(line, diameter / 100)
    # Piece by piece: of a line that runs over itself GEOS's buffer may lack parts or holes.
    pieces = shapely.linestrings(np.stack([line[:-1], line[1:]], axis=1))
    return shapely.union_all(shapely.buffer(pieces, diameter / 2, quad_segs=_ROUND))


def join_rings(rings: list[np.ndarray]) -> Polygon | MultiPolygon | None:
    """Return the area of outlines and holes: what an odd number of rings encloses.

    Parameters
    ----------
    rings : list of (n, 2) array
        (x, y); closed or not, in any order.
    """
    from functools import reduce

    import shapely

    areas = [area for ring in rings if (area := close_outline(ring)) is not None]
    return areas_of(reduce(shapely.symmetric_difference, areas)) if areas else None


def thin_out(points: ArrayLike, tolerance: float) -> NDArray[np.float64]:
    """Return a line through fewer points that strays no more than so many px."""
    import shapely

    line = shapely.simplify(shapely.LineString(points), tolerance, preserve_topology=False)
    return shapely.get_coordinates(line)


def areas_of(shape: BaseGeometry) -> Polygon | MultiPolygon | None:
    """Return the polygons of a geometry that have an area worth the name; None without any."""
    import shapely

    parts = [
        part for part in shapely.get_parts(shape)
        if part.geom_type == "Polygon" and part.area >= _SMALLEST_AREA
    ]  # fmt: skip
    if not parts:
        return None
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
