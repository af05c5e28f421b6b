"""GeoJSON geometries to valid polygons, one by one or a hundred thousand at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon
    from shapely.geometry.base import BaseGeometry

__all__ = ["make_area", "parse_all_polygons", "parse_polygons"]

# No slide is larger, and GEOS computes nonsense from 1e300.
_FARTHEST_PX = 1e9


def parse_all_polygons(geometries: Sequence[Any]) -> list[Any]:
    """Return the area of each of many GeoJSON geometries.

    The plain ones (a valid polygon of finite numbers) are made at once, which is twenty
    times as fast; each of the others goes through `parse_polygons`.

    Returns
    -------
    list
        For each geometry a Polygon or MultiPolygon, None if its kind has no area, or the
        ValueError that says why it can't be used.
    """
    areas: list[Any] = [None] * len(geometries)
    plain = [
        index
        for index, geometry in enumerate(geometries)
        if isinstance(geometry, dict)
        and geometry.get("type") == "Polygon"
        and geometry.get("coordinates")
    ]
    try:
        made = _polygons_at_once([geometries[index]["coordinates"] for index in plain])
    except (TypeError, ValueError, OverflowError):
        made = np.full(len(plain), None)
    for index, polygon in zip(plain, made.tolist(), strict=True):
        areas[index] = polygon
    for index, geometry in enumerate(geometries):
        if areas[index] is None:
            try:
                areas[index] = parse_polygons(geometry)
            except (TypeError, ValueError) as error:
                areas[index] = error
            except RecursionError:
                areas[index] = ValueError("geometries nested too deeply")
    return areas


def _polygons_at_once(outlines: list[Any]) -> NDArray[np.object_]:
    """Return the polygons of many lists of rings, None for those that need a closer look.

    Raises
    ------
    TypeError, ValueError, OverflowError
        Something among them is not what GeoJSON has there.
    """
    import shapely

    rings = list(chain.from_iterable(outlines))
    points = list(chain.from_iterable(rings))
    if set(map(len, points)) != {2}:
        points = [point[:2] for point in points]
    xy = np.fromiter(chain.from_iterable(points), np.float64).reshape(len(points), 2)
    outline_of_ring = np.repeat(np.arange(len(outlines)), [len(outline) for outline in outlines])
    ring_of_point = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    good = _plain_outlines(xy, ring_of_point, outline_of_ring, len(outlines))
    made = np.full(len(outlines), None)
    if not good.any():
        return made
    if not good.all():
        keep = good[outline_of_ring]
        chosen = keep[ring_of_point]
        xy, ring_of_point = xy[chosen], (np.cumsum(keep) - 1)[ring_of_point[chosen]]
        outline_of_ring = (np.cumsum(good) - 1)[outline_of_ring[keep]]
    linear_rings = shapely.linearrings(xy, indices=ring_of_point)
    polygons = shapely.polygons(linear_rings, indices=outline_of_ring)
    valid = shapely.is_valid(polygons) & (shapely.area(polygons) > 0)
    made[np.flatnonzero(good)[valid]] = polygons[valid]
    return made


def _plain_outlines(
    xy: NDArray[np.float64],
    ring_of_point: NDArray[np.intp],
    outline_of_ring: NDArray[np.intp],
    count: int,
) -> NDArray[np.bool_]:
    """Return which outlines have rings of three points or more, all of them finite."""
    good = np.ones(count, dtype=bool)
    lengths = np.bincount(ring_of_point, minlength=len(outline_of_ring))
    good[outline_of_ring[lengths < 3]] = False
    usable = np.abs(xy) <= _FARTHEST_PX  # false for what is not a number, too
    if not usable.all():
        good[outline_of_ring[ring_of_point[~usable.all(axis=1)]]] = False
    return good


def make_area(shell: ArrayLike) -> Polygon | MultiPolygon:
    """Return the valid area inside an outline, (n, 2) points (x, y), closed or not.

    Raises
    ------
    ValueError
        As for `parse_polygons`.
    """
    return parse_polygons({"type": "Polygon", "coordinates": [np.asarray(shell).tolist()]})


def parse_polygons(geometry: dict[str, Any]) -> Polygon | MultiPolygon | None:
    """Return a GeoJSON geometry's area, None if its kind has none.

    Outlines that cross or touch themselves (drawn by hand) are made valid; third
    coordinates are dropped.

    Parameters
    ----------
    geometry : dict
        Polygon, MultiPolygon or GeometryCollection, coordinates (x, y).

    Raises
    ------
    ValueError
        Coordinates that are no finite numbers, a ring of fewer than three points, an
        outline without area, or a kind that GeoJSON doesn't have.
    """
    import shapely

    if not isinstance(geometry, dict):
        raise ValueError("a geometry that is none")
    kind = geometry.get("type")
    if kind in ("Point", "MultiPoint", "LineString", "MultiLineString"):
        return None
    if kind == "GeometryCollection":
        members = geometry.get("geometries", [])
        parts = [part for member in members if (part := parse_polygons(member)) is not None]
        return _areas_of(shapely.union_all(parts)) if parts else None
    coordinates = geometry.get("coordinates")
    if kind not in ("Polygon", "MultiPolygon") or not isinstance(coordinates, list):
        raise ValueError(f"unknown geometry {kind!r}")
    outlines = [coordinates] if kind == "Polygon" else coordinates
    polygons = [_parse_polygon(rings) for rings in outlines]
    shape = polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
    return _areas_of(shape if shape.is_valid else shapely.make_valid(shape))


def _parse_polygon(rings: Any) -> Polygon:
    import shapely

    if not isinstance(rings, list) or not rings:
        raise ValueError("a polygon without an outline")
    shell, *holes = (_parse_ring(ring) for ring in rings)
    return shapely.Polygon(shell, holes)


def _parse_ring(ring: Any) -> np.ndarray:
    """Return a ring's (n, 2) points; it may be closed or not."""
    if isinstance(ring, list) and not ring:
        raise ValueError("an outline of 0 points")
    try:
        points = np.array([point[:2] for point in ring], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError("coordinates that are no numbers") from error
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise ValueError("coordinates that are no finite (x, y)")
    if np.abs(points).max() > _FARTHEST_PX:
        raise ValueError(f"coordinates up to {np.abs(points).max():g}, which are no pixels")
    if len(np.unique(points, axis=0)) < 3:
        raise ValueError(f"an outline of {len(points)} points")
    return points


def _areas_of(shape: BaseGeometry) -> Polygon | MultiPolygon:
    """Return the polygons of a geometry: making valid may leave lines beside them."""
    import shapely

    if shape.geom_type in ("Polygon", "MultiPolygon") and not shape.is_empty:
        return shape
    polygons = [
        polygon
        for part in getattr(shape, "geoms", [])
        for polygon in getattr(part, "geoms", [part])
        if polygon.geom_type == "Polygon" and not polygon.is_empty
    ]
    if not polygons:
        raise ValueError("an outline that encloses no area")
    return polygons[0] if len(polygons) == 1 else shapely.MultiPolygon(polygons)
