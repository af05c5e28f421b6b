"""Aperio ImageScope's XML.

``<Annotations>`` holds layers (``<Annotation>``, with a name and a colour), layers hold
``<Region>`` with ``<Vertices>`` in level-0 pixels. ``Type`` is 0 freehand, 1 rectangle,
2 ellipse, 3 arrow, 4 ruler; an ellipse has the corners of its box. ``LineColor`` is
blue · 65536 + green · 256 + red. A region drawn with the negative pen
(``NegativeROA="1"``) is cut out of the others of its layer.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.annotation.region import Region
from napari_stexp.annotation.xml_file import iterate_elements, points_of
from napari_stexp.annotation.xml_regions import (
    Outline,
    box_of,
    ellipse_of,
    log_left_out,
    outline_areas,
    refuse_region,
    stable_ids,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["parse_aperio"]

_FREEHAND, _RECTANGLE, _ELLIPSE = "0", "1", "2"


def parse_aperio(data: bytes, path: Path) -> list[Region]:
    """Return the regions in ImageScope's XML; arrows and rulers are left out.

    A region's class is the name of its layer; where that has none, the region's own
    text, else ``'Layer 1'``, as ImageScope shows it.

    Raises
    ------
    AnnotationError
        The file is no XML or cut off, or a region has no usable outline.
    """
    regions: list[Region] = []
    outlines: list[Outline] = []
    left_out = 0
    for element in iterate_elements(data, path):
        if element.tag == "Region":
            outlines.append(_outline_of(element, len(outlines), path))
        elif element.tag == "Annotation":
            regions += _regions_of(element, outlines, path, len(regions))
            left_out += sum(outline.shell is None for outline in outlines)
            outlines = []
            element.clear()
    log_left_out(left_out, path)
    return regions


def _outline_of(region: Element, number: int, path: Path) -> Outline:
    """Return a region's attributes and outline; what held its vertices is emptied."""
    vertices = region.find("Vertices")
    try:
        points = points_of([] if vertices is None else vertices.findall("Vertex"))
        shell = _shell_of(region.get("Type", _FREEHAND), points)
    except ValueError as error:
        raise refuse_region(region.get("Id") or number + 1, error, path) from error
    if vertices is not None:
        vertices.clear()
    return Outline(dict(region.attrib), shell, _attributes_of(region))


def _shell_of(kind: str, points: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return the outline (n, 2), None for what has no area."""
    if kind == _ELLIPSE and len(points) >= 2:
        return ellipse_of(points)
    if kind == _RECTANGLE and len(points) == 2:
        return box_of(points)
    return points if kind in (_FREEHAND, _RECTANGLE, _ELLIPSE) else None


def _attributes_of(element: Element) -> dict[str, str]:
    """Return what is said under ``<Attributes>``, names to values that are not empty."""
    found = element.find("Attributes")
    entries = [] if found is None else found.findall("Attribute")
    pairs = ((entry.get("Name", ""), entry.get("Value", "")) for entry in entries)
    return {name: value for name, value in pairs if name and value}


def _regions_of(layer: Element, outlines: list[Outline], path: Path, start: int) -> list[Region]:
    drawn = [outline for outline in outlines if outline.shell is not None]
    areas = outline_areas(drawn, path)
    negative = np.array([_is_negative(outline) for outline in drawn], dtype=bool)
    every = np.array(areas, dtype=object)
    kept = [outline for outline, cut in zip(drawn, negative.tolist(), strict=True) if not cut]
    left = _cut_out(every[~negative], every[negative])
    pairs = [(outline, area) for outline, area in zip(kept, left, strict=True) if area is not None]
    ids = stable_ids([area for _, area in pairs], start)
    return [
        _region_of(layer, outline, area, own_id)
        for (outline, area), own_id in zip(pairs, ids, strict=True)
    ]


def _is_negative(outline: Outline) -> bool:
    return outline.attributes.get("NegativeROA", "0").strip().lower() in ("1", "true")


def _cut_out(areas: NDArray[np.object_], negative: NDArray[np.object_]) -> list[Any]:
    """Return what is left of each area without the negative ones, None for nothing.

    An area inside a negative one is an island in the hole: it was drawn to be there.
    """
    import shapely

    left = areas.tolist()
    if not len(negative):
        return left
    found = shapely.STRtree(negative).query(areas, predicate="intersects")
    area_of, hole_of = found[:, np.argsort(found[0], kind="stable")]
    cuts = ~shapely.covers(negative[hole_of], areas[area_of])
    area_of, hole_of = area_of[cuts], hole_of[cuts]
    for index in np.unique(area_of).tolist():
        first, last = np.searchsorted(area_of, [index, index + 1])
        holes = negative[hole_of[first:last]]
        rest = shapely.difference(areas[index], shapely.union_all(holes))
        parts = [part for part in shapely.get_parts(rest) if part.geom_type == "Polygon"]
        whole = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
        left[index] = whole if parts else None
    return left


def _region_of(layer: Element, outline: Outline, area: Any, own_id: str) -> Region:
    own = outline.attributes.get("Text", "").strip()
    class_name = layer.get("Name", "").strip() or own or f"Layer {layer.get('Id') or 1}"
    said = {**_attributes_of(layer), **outline.said}
    return Region(
        geometry=area,
        class_name=class_name,
        name=own or None,
        color=_color_of(layer.get("LineColor")),
        id=own_id,
        locked=layer.get("ReadOnly", "0") == "1",
        properties={"metadata": said} if said else {},
    )


def _color_of(text: str | None) -> tuple[int, int, int] | None:
    """Return (r, g, b) of a Windows colour, whose lowest byte is red."""
    try:
        value = int(text or "")
    except ValueError:
        return None
    return value & 255, (value >> 8) & 255, (value >> 16) & 255
