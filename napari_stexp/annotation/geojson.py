"""QuPath's GeoJSON in, all variants of it.

QuPath writes a FeatureCollection, a single Feature or a bare array; ``objectType`` was
``object_type``, and before that the id named a Java class; a class's colour is
``[r, g, b]``, or a packed signed 32-bit integer under ``color`` or ``colorRGB``;
measurements are an object, or a list of names and values; a hierarchy nests its objects.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from napari_stexp.annotation.content import collection_paused, read_content
from napari_stexp.annotation.polygons import parse_all_polygons
from napari_stexp.annotation.region import Region
from napari_stexp.errors import AnnotationError

__all__ = ["parse_geojson", "read_geojson"]

#: Kinds of QuPath objects that a program made, and what old versions called them.
_DETECTIONS = {"detection", "cell", "tile"}
_OLD_KINDS = {
    "PathDetectionObject": "detection",
    "PathCellObject": "cell",
    "PathTileObject": "tile",
    "PathAnnotationObject": "annotation",
    "PathRootObject": "root",
    "TMACoreObject": "tmaCore",
}
#: Properties that become attributes of a Region.
_CHILDREN = {"childObjects", "children"}
_READ = {"name", "classification", "isLocked", "objectType", "object_type", *_CHILDREN}
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

logger = logging.getLogger(__name__)


def read_geojson(path: str | Path, *, detections: bool = False) -> list[Region]:
    """Read annotated regions from GeoJSON in full-resolution pixels.

    Objects without an area (points, lines) are left out, and so are objects that a
    program made (detections, cells, tiles) where there are annotations beside them; how
    many is logged. Outlines that cross themselves are made valid. Ids that are missing,
    no UUID or used twice are replaced, always by the same ones for the same file.

    Parameters
    ----------
    path : path-like
        A FeatureCollection, a Feature, or an array of Features; plain, gzipped, or alone
        in a zip file.
    detections : bool
        Whether detections, cells and tiles are read, too. A file that holds nothing else
        is read in any case. ``properties['objectType']`` says what they are.

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
    return parse_geojson(read_content(path), path, detections=detections)


def parse_geojson(data: bytes, path: Path, *, detections: bool = False) -> list[Region]:
    """Return the regions in a file's content; see `read_geojson`."""
    with collection_paused():
        return _parse(data, path, detections)


def _parse(data: bytes, path: Path, detections: bool) -> list[Region]:
    features = _flatten(_features_of(_load(data, path), path), path)
    kinds = [_kind_of(feature) for feature in features]
    made = _DETECTIONS | {"root"}
    wanted = [index for index, kind in enumerate(kinds) if kind not in made]
    if detections or not wanted:
        wanted = [index for index, kind in enumerate(kinds) if kind != "root"]
    areas = parse_all_polygons([features[index]["geometry"] for index in wanted])
    regions: list[Region] = []
    taken: set[str] = set()
    classes: dict[Any, Any] = {}
    for index, area in zip(wanted, areas, strict=True):
        if area is None:
            continue
        try:
            if isinstance(area, Exception):
                raise area
            region = _region_of(features[index], area, kinds[index], index, taken, classes)
        except (TypeError, ValueError, OverflowError) as error:
            raise AnnotationError(
                f"object {index + 1} can't be understood", path=path, found=str(error)
            ) from error
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


def _load(data: bytes, path: Path) -> Any:
    with suppress(ImportError, ValueError):  # QuPath writes NaN, which is no JSON
        # twice as fast as json, and not required
        return import_module("orjson").loads(data.removeprefix(b"\xef\xbb\xbf"))
    try:
        return json.loads(data.decode("utf-8-sig"))
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


def _flatten(features: list[Any], path: Path) -> list[dict[str, Any]]:
    """Return the features with those that are nested in them, each parent first."""
    flat: list[dict[str, Any]] = []
    waiting = features[::-1]
    while waiting:
        feature = waiting.pop()
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict) and _kind_of(feature) != "root":
            raise AnnotationError(
                f"object {len(flat) + 1} is no feature",
                path=path,
                expected="a Feature with a geometry",
            )
        flat.append(feature)
        properties = feature.get("properties")
        if properties and not isinstance(properties, dict):
            raise AnnotationError(f"object {len(flat)} has no usable properties", path=path)
        if properties and not _CHILDREN.isdisjoint(properties):
            for name in sorted(_CHILDREN):
                children = properties.get(name)
                if isinstance(children, list):
                    waiting += children[::-1]
    return flat


def _kind_of(feature: Any) -> str:
    """Return QuPath's word for a feature: annotation, detection, cell, tile, root."""
    if not isinstance(feature, dict):
        return ""
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        return ""
    kind = properties.get("objectType") or properties.get("object_type") or properties.get("type")
    if not kind:
        kind = feature.get("id") if isinstance(feature.get("id"), str) else None
        return _OLD_KINDS.get(kind or "", "annotation")
    return _OLD_KINDS.get(str(kind), str(kind).lower())


def _region_of(
    feature: Mapping[str, Any],
    area: Any,
    kind: str,
    index: int,
    taken: set[str],
    classes: dict[Any, tuple[str | None, tuple[int, int, int] | None]],
) -> Region:
    properties = feature.get("properties") or {}
    said = _key_of_class(properties)
    if said not in classes:  # thousands of cells share a few
        classes[said] = _parse_class(properties)
    class_name, color = classes[said]
    name = properties.get("name")
    kept = {key: value for key, value in properties.items() if key not in _READ}
    if kind in _DETECTIONS:
        kept["objectType"] = kind
    if "nucleusGeometry" in feature:
        kept["nucleusGeometry"] = feature["nucleusGeometry"]
    if feature["geometry"].get("isEllipse") is True:
        kept["isEllipse"] = True
    return Region.of_checked(  # areas and colours were, above
        geometry=area,
        class_name=class_name,
        name=str(name) if name else None,
        color=color,
        id=_own_id(feature.get("id"), index, area, taken),
        locked=bool(properties.get("isLocked", False)),
        properties=kept,
    )


def _key_of_class(properties: Mapping[str, Any]) -> Any:
    """Return what is the same for features of the same class and colour."""
    found = properties.get("classification")
    if type(found) is dict and len(found) == 2 and "color" not in properties:
        name, color = found.get("name"), found.get("color")
        if type(name) is str and type(color) is list and len(color) == 3:
            return name, *map(str, color)  # a third of the time of the next
    return f"{found!r} {properties.get('color')!r}"


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


def _own_id(found: Any, index: int, area: Any, taken: set[str]) -> str:
    """Return the feature's UUID, or one made of its place and outline."""
    if isinstance(found, str) and found not in taken and _UUID.fullmatch(found):
        return found
    try:
        own = str(uuid.UUID(found))
    except (ValueError, TypeError, AttributeError):
        own = ""
    if own and own not in taken:
        return own
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{index}:{area.wkb.hex()}"))
