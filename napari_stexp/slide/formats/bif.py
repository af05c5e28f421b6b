"""Ventana (Roche) BIF: tiles as the camera took them, which may overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_stexp.errors import SlideError
from napari_stexp.slide.formats.opened import LeftToOpenSlideError
from napari_stexp.slide.formats.tiff.chosen import Chosen
from napari_stexp.slide.location import Location

if TYPE_CHECKING:
    import tifffile

__all__ = ["choose"]

_XMP = 700


def choose(tif: tifffile.TiffFile, path: Location) -> Chosen:
    """Choose the pages called ``level=…``.

    Raises
    ------
    SlideError
        Neighbouring tiles overlap: they have to be stitched, which OpenSlide does.
    """
    levels: list[list[tifffile.TiffPage]] = []
    associated: dict[str, tifffile.TiffPage] = {}
    for page in tif.pages:
        text = page.description.strip().lower()
        if text.startswith("level"):
            levels.append([page])
        elif text.startswith("label"):  # the whole glass, which the label is a part of
            associated.setdefault("macro", page)
        elif text.startswith("thumbnail"):
            associated.setdefault("thumbnail", page)
    if not levels:
        raise SlideError("is a damaged BIF", path=path, expected="a page called level=0")
    levels.sort(key=lambda pages: -pages[0].imagewidth)
    overlap = _largest_overlap(levels[0][0])
    if overlap:
        raise LeftToOpenSlideError(
            "has tiles that overlap", path=path,
            expected="tiles side by side", found=f"overlaps of up to {overlap} px",
            hint="Open it through OpenSlide, which stitches them.",
        )  # fmt: skip
    return Chosen(levels, associated=associated)


def _largest_overlap(page: tifffile.TiffPage) -> int:
    """Return the largest overlap (px) that the page's EncodeInfo lists, 0 where it lists none."""
    xml = page.tags.valueof(_XMP)
    if isinstance(xml, str):
        xml = xml.encode()
    try:
        root = ElementTree.fromstring(bytes(xml or b"").rstrip(b"\0 \r\n"))
    except ElementTree.ParseError:
        return 0
    most = 0
    for joint in root.iter("TileJointInfo"):
        for name in ("OverlapX", "OverlapY"):
            try:
                most = max(most, abs(int(float(joint.get(name, "0")))))
            except ValueError:
                continue
    return most
