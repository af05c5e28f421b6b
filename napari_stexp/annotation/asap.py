"""ASAP's XML (Automated Slide Analysis Platform).

``<Annotation>`` has a ``Name``, a ``Type`` (Polygon, Spline, Rectangle, Dot, PointSet,
…), a ``Color`` and the group it is ``PartOfGroup`` of, and ``<Coordinate>`` with an
``Order``, ``X`` and ``Y`` in level-0 pixels. ``<AnnotationGroups>`` follow, with their
colours. There are no holes: an area to leave out is a group of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.annotation.region import Region
from napari_stexp.annotation.xml_file import iterate_elements, points_of
from napari_stexp.annotation.xml_regions import (
    Outline,
    box_of,
    color_of_hex,
    log_left_out,
    outline_areas,
    refuse_region,
    stable_ids,
)

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["parse_asap"]

#: A spline is read as the polygon through its points.
_AREAS = {"polygon", "spline", "rectangle"}
_NO_GROUP = {"", "none"}


def parse_asap(data: bytes, path: Path) -> list[Region]:
    """Return the regions in ASAP's XML; dots and point sets are left out.

    A region's class is its group, its colour that of the group.

    Raises
    ------
    AnnotationError
        The file is no XML or cut off, or a region has no usable outline.
    """
    outlines: list[Outline] = []
    left_out = 0
    colors: dict[str, tuple[int, int, int] | None] = {}
    for element in iterate_elements(data, path):
        if element.tag == "Annotation":
            outline = _outline_of(element, len(outlines), path)
            if outline.shell is not None:
                outlines.append(outline)
            else:
                left_out += 1
            element.clear()
        elif element.tag == "Group":
            colors[element.get("Name", "").strip()] = color_of_hex(element.get("Color"))
    log_left_out(left_out, path)
    regions = []
    areas = outline_areas(outlines, path)
    for outline, area, own_id in zip(outlines, areas, stable_ids(areas), strict=True):
        group = outline.attributes.get("PartOfGroup", "").strip()
        group = "" if group.lower() in _NO_GROUP else group
        own = color_of_hex(outline.attributes.get("Color"))
        regions.append(
            Region(
                geometry=area,
                class_name=group or None,
                name=outline.attributes.get("Name", "").strip() or None,
                color=colors.get(group) or own,
                id=own_id,
            )
        )
    return regions


def _outline_of(annotation: Element, number: int, path: Path) -> Outline:
    kind = annotation.get("Type", "Polygon").strip().lower()
    if kind not in _AREAS:
        return Outline(dict(annotation.attrib), None)
    try:
        points = list(annotation.iter("Coordinate"))
        order = np.array([float(point.get("Order", index)) for index, point in enumerate(points)])
        shell = points_of(points)[np.argsort(order, kind="stable")]
    except ValueError as error:
        raise refuse_region(annotation.get("Name") or number + 1, error, path) from error
    if kind == "rectangle" and len(shell) == 2:
        shell = box_of(shell)
    return Outline(dict(annotation.attrib), shell)
