"""GeoJSON geometries to valid polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon
    from shapely.geometry.base import BaseGeometry

__all__ = ["parse_polygons"]

# No slide is larger, and GEOS computes nonsense from 1e300.
_FARTHEST_PX = 1e9


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
