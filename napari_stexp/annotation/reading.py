"""Regions from a file of any kind that is read, told apart by what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from napari_stexp.annotation.aperio import parse_aperio
from napari_stexp.annotation.asap import parse_asap
from napari_stexp.annotation.content import (
    collection_paused,
    looks_like_json,
    looks_like_xml,
    read_content,
)
from napari_stexp.annotation.geojson import parse_geojson
from napari_stexp.annotation.ndpa import parse_ndpa
from napari_stexp.annotation.region import Region
from napari_stexp.annotation.xml_file import root_of
from napari_stexp.errors import AnnotationError

__all__ = ["SUFFIXES", "is_regions_file", "read_regions"]

#: Names that files of regions usually end in, for a file dialog.
SUFFIXES = (".geojson", ".json", ".geojson.gz", ".zip", ".xml", ".ndpa")

_KINDS = "GeoJSON (QuPath), XML of Aperio ImageScope or ASAP, NDPA (Hamamatsu)"
_PEEK = 4096


def is_regions_file(path: str | Path) -> bool:
    """Whether a file is to be read as regions: it begins as JSON or XML does.

    False for anything else, such as a table of labels, and for a file that can't be read.
    """
    path = Path(path)
    try:
        start = read_content(path, at_most=_PEEK)
    except AnnotationError:
        return path.name.lower().endswith(SUFFIXES) and path.is_file()
    return looks_like_json(start) or looks_like_xml(start)


def read_regions(path: str | Path, slide: Any = None, *, detections: bool = False) -> list[Region]:
    """Read regions from GeoJSON, ImageScope's or ASAP's XML, or NDPA.

    What a file is, its content says, not its name.

    Parameters
    ----------
    path : path-like
    slide : Slide, optional
        The slide that the regions were drawn on. Needed for NDPA only, whose
        coordinates are relative to the glass.
    detections : bool
        Whether what a program made (QuPath's detections, cells and tiles) is read, too;
        where a file holds nothing else, it is in any case.

    Returns
    -------
    list of Region
        In the file's order; coordinates (x, y), level-0 pixels. At least one.

    Raises
    ------
    AnnotationError
        The file is missing, damaged, cut off, of another kind, or holds no region.
    """
    path = Path(path)
    data = read_content(path)
    if looks_like_json(data):
        return parse_geojson(data, path, detections=detections)
    if looks_like_xml(data):
        with collection_paused():
            return _parse_xml(data, path, slide)
    raise AnnotationError(
        "not a kind of annotation that is read",
        path=path,
        expected=_KINDS,
        found=_describe(data),
    )


def _parse_xml(data: bytes, path: Path, slide: Any) -> list[Region]:
    root = root_of(data, path)
    if root == "Annotations":
        regions = parse_aperio(data, path)
    elif root == "ASAP_Annotations":
        regions = parse_asap(data, path)
    elif root == "annotations":
        regions = parse_ndpa(data, path, slide)
    else:
        raise AnnotationError(
            "not a kind of XML that is read", path=path, expected=_KINDS, found=f"<{root}>"
        )
    if not regions:
        raise AnnotationError(
            "no regions in this file", path=path, expected="outlines with an area", found="none"
        )
    return regions


def _describe(data: bytes) -> str:
    if not data.strip():
        return "an empty file"
    start = data[:12]
    return repr(start.decode()) if start.isascii() else f"bytes {start.hex(' ')}"
