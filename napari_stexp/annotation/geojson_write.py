"""QuPath's GeoJSON out: what QuPath itself would write for the same objects."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_stexp.annotation.region import Region
from napari_stexp.errors import AnnotationError
from napari_stexp.files import atomic_path

__all__ = ["write_geojson"]

#: Properties that are written beside `properties`, or inside the geometry.
_ELSEWHERE = {"nucleusGeometry", "isEllipse"}
_ELLIPSE_TOLERANCE = 0.05  # a polygon of 24 corners has 1.1 % less area than its ellipse
_HEAD, _TAIL = '{"type": "FeatureCollection", "features": [\n', "\n]}\n"


def write_geojson(
    regions: Sequence[Region], path: str | Path, *, detections: Iterable[Region] | None = None
) -> Path:
    """Write regions as QuPath reads them (a FeatureCollection), whole or not at all.

    Measurements are written as an object of numbers; what is no finite number is left
    out, which is how QuPath reads a missing one.

    Parameters
    ----------
    regions : sequence of Region
        Written as annotations, except those that were read as something else
        (``properties['objectType']``).
    path : path-like
        Such as ``regions.geojson``.
    detections : iterable of Region, optional
        Written after them as detections: QuPath keeps those in the tens of thousands,
        and shows their measurements as a colour map.

    Raises
    ------
    AnnotationError
        A property of a region can't be stored as JSON.
    OutputError
        The file can't be written there.
    """
    path = Path(path)
    try:
        lines = [_line_of(region, "annotation") for region in regions]
        lines += [_line_of(region, "detection") for region in detections or ()]
        content = (_HEAD + ",\n".join(lines) + _TAIL).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise AnnotationError(
            "a region's properties can't be stored as JSON", path=path, found=str(error)
        ) from error
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    return path


def _line_of(region: Region, kind: str) -> str:
    return json.dumps(_feature_of(region, kind), allow_nan=False, ensure_ascii=False)


def _feature_of(region: Region, kind: str) -> dict[str, Any]:
    kept = {key: value for key, value in region.properties.items() if key not in _ELSEWHERE}
    properties: dict[str, Any] = {"objectType": str(kept.pop("objectType", kind))}
    if region.name is not None:
        properties["name"] = region.name
    if region.class_name is not None:
        properties["classification"] = _classification_of(region)
    elif region.color is not None:
        properties["color"] = list(region.color)
    if region.locked:
        properties["isLocked"] = True
    properties |= {key: value for key, value in kept.items() if key not in properties}
    if "measurements" in properties:
        properties["measurements"] = _plain_measurements(properties["measurements"])
    feature: dict[str, Any] = {"type": "Feature", "id": region.id, "geometry": _geometry_of(region)}
    if "nucleusGeometry" in region.properties:
        feature["nucleusGeometry"] = region.properties["nucleusGeometry"]
    return feature | {"properties": properties}


def _classification_of(region: Region) -> Any:
    """Return the class as QuPath writes it; its name alone where it has no colour.

    QuPath refuses an object without a colour, and takes a text.
    """
    name = str(region.class_name)
    if region.color is None:
        return name
    parts = name.split(": ")
    derived = len(parts) > 1 and all(part and part == part.strip() for part in parts)
    return ({"names": parts} if derived else {"name": name}) | {"color": list(region.color)}


def _plain_measurements(found: Any) -> Any:
    """Return measurements as name -> number, also those in the list that old files have."""
    if isinstance(found, Sequence) and not isinstance(found, str):
        try:
            found = {str(entry["name"]): entry["value"] for entry in found}
        except (TypeError, KeyError):
            return found
    if not isinstance(found, Mapping):
        return found
    return {name: value for name, value in found.items() if _is_finite(value)}


def _is_finite(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _geometry_of(region: Region) -> dict[str, Any]:
    shape = region.geometry
    if shape.geom_type == "MultiPolygon":
        coordinates = [_rings_of(polygon) for polygon in shape.geoms]
    else:
        coordinates = _rings_of(shape)
    geometry = {"type": shape.geom_type, "coordinates": coordinates}
    if region.properties.get("isEllipse") and _is_ellipse(shape):
        geometry["isEllipse"] = True
    return geometry


def _rings_of(polygon: Any) -> list[Any]:
    import shapely

    if not polygon.interiors:
        return [shapely.get_coordinates(polygon).tolist()]
    return [
        shapely.get_coordinates(ring).tolist() for ring in (polygon.exterior, *polygon.interiors)
    ]


def _is_ellipse(shape: Any) -> bool:
    """Whether a shape is still the ellipse in its box: QuPath would make it one again."""
    import shapely

    left, top, right, bottom = shape.bounds
    x, y = shapely.get_coordinates(shape).T
    radii = (right - left) / 2, (bottom - top) / 2
    where = ((x - (left + right) / 2) / radii[0]) ** 2 + ((y - (top + bottom) / 2) / radii[1]) ** 2
    filled = shape.area / (math.pi * radii[0] * radii[1])
    return bool(abs(where - 1).max() < _ELLIPSE_TOLERANCE and filled > 1 - _ELLIPSE_TOLERANCE)
