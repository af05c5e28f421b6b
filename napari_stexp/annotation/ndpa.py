"""Hamamatsu's NDPA, as NDP.view writes it beside a slide.

``<ndpviewstate>`` has a title, and an ``<annotation>`` of type freehand (closed or
not, also for rectangles) or circle, a colour, and points in nanometres from the centre
of the glass. Where the picture lies on the glass is written in the slide only
(``XOffsetFromSlideCenter``, nm), so the slide is needed:
x = (nm - offset) / (1000 · µm per pixel) + width / 2.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.annotation.region import Region
from napari_stexp.annotation.xml_file import iterate_elements, parse_number
from napari_stexp.annotation.xml_regions import (
    Outline,
    color_of_hex,
    ellipse_of,
    log_left_out,
    outline_areas,
    refuse_region,
    stable_ids,
)
from napari_stexp.errors import AnnotationError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

__all__ = ["parse_ndpa"]

#: nm per unit of ``<coordformat>``.
_UNITS = {"nanometer": 1.0, "micrometer": 1e3, "millimeter": 1e6, "centimeter": 1e7}
#: NDPI's own TIFF tags: offset of the picture's centre from that of the glass, nm.
_X_OFFSET, _Y_OFFSET = 65422, 65423


def parse_ndpa(data: bytes, path: Path, slide: Any) -> list[Region]:
    """Return the regions in an NDPA file; lines, pins and rulers are left out.

    A region's class is its title, its ``metadata`` the details.

    Parameters
    ----------
    data : bytes
    path : Path
        For messages.
    slide : Slide or None
        The slide that it was drawn on: its file says where the picture lies.

    Raises
    ------
    AnnotationError
        There is no slide, or its file doesn't say where the picture lies or how large
        its pixels are; the file is no XML or cut off; a region has no usable outline.
    """
    nm_per_px, origin = _frame_of(slide, path)
    outlines: list[Outline] = []
    left_out = 0
    for element in iterate_elements(data, path):
        if element.tag == "ndpviewstate":
            try:
                outline = _outline_of(element, nm_per_px, origin)
            except ValueError as error:
                raise refuse_region(element.get("id") or len(outlines) + 1, error, path) from error
            if outline.shell is not None:
                outlines.append(outline)
            else:
                left_out += 1
            element.clear()
    log_left_out(left_out, path)
    regions = []
    areas = outline_areas(outlines, path)
    for outline, area, own_id in zip(outlines, areas, stable_ids(areas), strict=True):
        regions.append(
            Region(
                geometry=area,
                class_name=outline.attributes["title"] or None,
                color=color_of_hex(outline.attributes["color"]),
                id=own_id,
                properties={"metadata": dict(outline.said)} if outline.said else {},
            )
        )
    return regions


def _outline_of(
    state: Element, nm_per_px: NDArray[np.float64], origin: NDArray[np.float64]
) -> Outline:
    """Return one annotation's outline in level-0 pixels."""
    annotation = state.find("annotation")
    facts = {
        "which": state.get("id", ""),
        "title": (state.findtext("title") or "").strip(),
        "color": "" if annotation is None else annotation.get("color", ""),
    }
    details = (state.findtext("details") or "").strip()
    said = {"details": details} if details else {}
    unit = (state.findtext("coordformat") or "nanometers").strip().lower()
    if annotation is None:
        return Outline(facts, None)
    if unit.removesuffix("s") not in _UNITS:
        raise ValueError(f"coordinates in {unit}, not in nanometers")
    shell = _shell_of(annotation)
    scale = _UNITS[unit.removesuffix("s")]
    in_pixels = None if shell is None else (shell * scale - origin) / nm_per_px
    return Outline(facts, in_pixels, said)


def _shell_of(annotation: Element) -> NDArray[np.float64] | None:
    kind = annotation.get("type", "").strip().lower()
    if kind == "circle":
        center = np.array([parse_number(annotation.findtext(name)) for name in ("x", "y")])
        radius = parse_number(annotation.findtext("radius"))
        return ellipse_of(np.array([center - radius, center + radius]))
    rectangle = (annotation.findtext("specialtype") or "").strip().lower().startswith("rectangle")
    closed = (annotation.findtext("closed") or "1").strip().lower() in ("1", "true")
    if kind != "freehand" or not (closed or rectangle):
        return None
    points = [
        (parse_number(point.findtext("x")), parse_number(point.findtext("y")))
        for point in annotation.iter("point")
    ]
    return np.array(points, dtype=np.float64).reshape(-1, 2)


def _frame_of(slide: Any, path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return nm per level-0 pixel, and where pixel (0, 0) begins in nm on the glass."""
    if slide is None:
        raise AnnotationError(
            "these regions are placed on the glass, not on the picture",
            path=path,
            expected="the slide that they were drawn on, to know where it lies on the glass",
            found="no slide",
            hint="Open the slide (.ndpi) first, then this file.",
        )
    mpp = getattr(slide, "mpp_xy", None) or slide.mpp
    if mpp is None:
        raise AnnotationError(
            "the regions are in nanometres, and the slide's scale is unknown",
            path=path,
            expected="µm per pixel of the slide",
            hint="Set the slide's scale first.",
        )
    nm_per_px = np.broadcast_to(np.asarray(mpp, dtype=np.float64), (2,)) * 1000
    height, width = slide.shape
    center = _offset_of(slide.path, path)
    return nm_per_px, center - np.array([width, height]) / 2 * nm_per_px


def _offset_of(slide: Path, path: Path) -> NDArray[np.float64]:
    """Return the centre of the picture in nm from the centre of the glass, (x, y)."""
    import tifffile

    if not isinstance(slide, Path):
        raise AnnotationError(
            "these regions need the slide's own file", path=path,
            expected="a Hamamatsu slide (.ndpi) on this machine", found="an address",
            hint="Download the slide and open the copy.",
        )  # fmt: skip
    found: list[Any] = []
    try:
        with tifffile.TiffFile(slide) as tif:
            tags = tif.pages.first.tags
            found = [tags.valueof(code) for code in (_X_OFFSET, _Y_OFFSET)]
    except Exception:  # noqa: BLE001 - damaged files fail in many ways inside the parser
        found = []
    if not found or not all(isinstance(value, int | float) for value in found):
        raise AnnotationError(
            "the slide doesn't say where it lies on the glass",
            path=path,
            expected="a Hamamatsu slide (.ndpi) with XOffsetFromSlideCenter",
            found=slide.name,
            hint="Open the .ndpi file that the regions were drawn on.",
        )
    return np.array(found, dtype=np.float64)
