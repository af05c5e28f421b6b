"""QuPath's GeoJSON: all variants in, the present one out.

QuPath writes a FeatureCollection, a single Feature or a bare array; ``objectType`` was
``object_type``; a class's colour is ``[r, g, b]``, or a packed signed 32-bit integer
under ``color`` or ``colorRGB``; ids are UUIDs, or in old files the name of a Java class.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_stexp.annotation.polygons import parse_polygons
from napari_stexp.annotation.region import Region
from napari_stexp.errors import AnnotationError
from napari_stexp.files import atomic_path

__all__ = ["read_geojson", "read_regions", "write_geojson"]

#: Kinds of QuPath objects that are no annotation by a person.
_NOT_REGIONS = {"detection", "cell", "tile", "root"}
#: Properties that become attributes of a Region.
_READ = {"name", "classification", "isLocked", "objectType", "object_type"}
_SUFFIXES = (".geojson", ".json")

logger = logging.getLogger(__name__)


def read_regions(path: str | Path) -> list[Region]:
    """Read regions from a file, by its suffix: GeoJSON is what is read now.

    Raises
    ------
    AnnotationError
        Another kind of file, or one that can't be used (:func:`read_geojson`).
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise AnnotationError(
            "not a kind of annotation that is read",
            path=path,
            expected="GeoJSON (.geojson, .json), as QuPath exports it",
            found=path.suffix or "no suffix",
        )
    return read_geojson(path)


def read_geojson(path: str | Path) -> list[Region]:
    """Read annotated regions from GeoJSON in full-resolution pixels.

    Objects without an area (points, lines) and objects that a program made (detections,
    cells, tiles) are left out; how many is logged. Outlines that cross themselves are
    made valid. Ids that are missing, no UUID or used twice are replaced, always by the
    same ones for the same file.

    Parameters
    ----------
    path : path-like
        A FeatureCollection, a Feature, or an array of Features.

    Returns
    -------
    list of Region
        In the file's order; coordinates (x, y), level-0 pixels. At least one.

    Raises
    ------
    AnnotationError
        The file is missing, no JSON, no GeoJSON, holds a broken outline or no region.
    """
    path = Path(path)
    regions: list[Region] = []
    taken: set[str] = set()
    features = _features_of(_load(path), path)
    for index, feature in enumerate(features):
        region = _parse_feature(feature, index, path, taken)
        if region is not None:
            taken.add(region.id)
            regions.append(region)
    if not regions:
        raise AnnotationError(
            "no regions in this file",
            path=path,
            expected="annotations with an area (Polygon, MultiPolygon)",
            found=f"{len(features)} objects of other kinds" if features else "no objects",
            hint="In QuPath, export annotations as GeoJSON.",
        )
    if len(regions) < len(features):
        logger.info("%s: %d objects are no regions", path.name, len(features) - len(regions))
    return regions


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise AnnotationError(
            "the annotation can't be read", path=path, found=error.strerror
        ) from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError, JSONDecodeError
        raise AnnotationError(
            "the annotation is not JSON, or is cut off",
            path=path,
            expected="GeoJSON",
            found=str(error),
        ) from error


def _features_of(content: Any, path: Path) -> list[Any]:
    if isinstance(content, list):
        return content
    if isinstance(content, dict):
        if content.get("type") == "Feature":
            return [content]
        features = content.get("features")
        if content.get("type") == "FeatureCollection" and isinstance(features, list):
            return features
    kind = content.get("type") if isinstance(content, dict) else type(content).__name__
    raise AnnotationError(
        "this JSON is not GeoJSON with features",
        path=path,
        expected="a FeatureCollection, a Feature or an array of Features",
        found=kind,
    )


def _parse_feature(feature: Any, index: int, path: Path, taken: set[str]) -> Region | None:
    """Return the region of one feature, None if it is none."""
    if not isinstance(feature, dict) or not isinstance(feature.get("geometry"), dict):
        raise AnnotationError(
            f"object {index + 1} is no feature", path=path, expected="a Feature with a geometry"
        )
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise AnnotationError(f"object {index + 1} has no usable properties", path=path)
    kind = str(properties.get("objectType") or properties.get("object_type") or "annotation")
    if kind.lower() in _NOT_REGIONS:
        return None
    try:
        geometry = parse_polygons(feature["geometry"])
        class_name, color = _parse_class(properties)
    except (TypeError, ValueError) as error:
        raise AnnotationError(
            f"object {index + 1} can't be understood", path=path, found=str(error)
        ) from error
    if geometry is None:
        return None
    name = properties.get("name")
    return Region(
        geometry=geometry,
        class_name=class_name,
        name=str(name) if name else None,
        color=color,
        id=_own_id(feature.get("id"), index, geometry.wkb, taken),
        locked=bool(properties.get("isLocked", False)),
        properties={key: value for key, value in properties.items() if key not in _READ},
    )


def _parse_class(
    properties: Mapping[str, Any],
) -> tuple[str | None, tuple[int, int, int] | None]:
    """Return a feature's class and colour; the class's colour goes before its own."""
    found = properties.get("classification")
    if isinstance(found, str):
        found = {"name": found}
    classification = found if isinstance(found, dict) else {}
    names = classification.get("names")
    name = classification.get("name") or (": ".join(map(str, names)) if names else None)
    for color in (
        classification.get("color"),
        classification.get("colorRGB"),
        properties.get("color"),
    ):
        if color is not None:
            return (str(name) if name else None), _parse_color(color)
    return (str(name) if name else None), None


def _parse_color(value: Any) -> tuple[int, int, int]:
    """Return (r, g, b) of a list, or of an integer packed as 0xAARRGGBB, signed or not."""
    if isinstance(value, int) and not isinstance(value, bool) and -(2**31) <= value < 2**32:
        return (value >> 16) & 255, (value >> 8) & 255, value & 255
    if isinstance(value, list) and len(value) in (3, 4):
        red, green, blue = (int(part) for part in value[:3])
        if all(0 <= part <= 255 for part in (red, green, blue)):
            return red, green, blue
    raise ValueError(f"the colour is neither [r, g, b] nor a packed integer: {value!r}")


def _own_id(found: Any, index: int, content: bytes, taken: set[str]) -> str:
    """Return the feature's UUID, or one made of its place and outline."""
    try:
        own = str(uuid.UUID(found))
    except (ValueError, TypeError, AttributeError):
        own = ""
    if own and own not in taken:
        return own
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{index}:{content.hex()}"))


def write_geojson(regions: Sequence[Region], path: str | Path) -> Path:
    """Write regions as QuPath reads them (a FeatureCollection), whole or not at all.

    Raises
    ------
    AnnotationError
        A property of a region can't be stored as JSON.
    OutputError
        The file can't be written there.
    """
    path = Path(path)
    features = [_feature_of(region) for region in regions]
    collection = {"type": "FeatureCollection", "features": features}
    try:
        text = json.dumps(collection, allow_nan=False, ensure_ascii=False, indent=1)
    except (TypeError, ValueError) as error:
        raise AnnotationError(
            "a region's properties can't be stored as JSON", path=path, found=str(error)
        ) from error
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return path


def _feature_of(region: Region) -> dict[str, Any]:
    from shapely.geometry import mapping

    properties = dict(region.properties) | {"objectType": "annotation"}
    if region.name is not None:
        properties["name"] = region.name
    if region.class_name is not None:
        properties["classification"] = {"name": region.class_name}
        if region.color is not None:
            properties["classification"]["color"] = list(region.color)
    elif region.color is not None:
        properties["color"] = list(region.color)
    if region.locked:
        properties["isLocked"] = True
    return {
        "type": "Feature",
        "id": region.id,
        "geometry": mapping(region.geometry),
        "properties": properties,
    }
