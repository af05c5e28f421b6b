"""Leica SCN: several scanned areas of one slide, and an overview of its glass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_stexp.errors import SlideError
from napari_stexp.slide.formats.mosaic import MosaicPlan
from napari_stexp.slide.formats.tiff.chosen import Chosen, Place
from napari_stexp.slide.formats.tiff.levels import plan_levels
from napari_stexp.slide.location import Location

if TYPE_CHECKING:
    import tifffile

    from napari_stexp.slide.formats.tiff.pages import LevelPlan

__all__ = ["choose", "plan_mosaic"]

#: Scans count as of one scale within this share.
_SAME_SCALE = 0.005


@dataclass(frozen=True)
class _Image:
    """An ``image`` of the XML: where it lies (nm), and its pages, finest first."""

    box: tuple[float, float, float, float]
    pages: Sequence[tifffile.TiffPage]
    fluorescent: bool

    @property
    def nm_per_px(self) -> float:
        return self.box[2] / float(self.pages[0].imagewidth)


def choose(tif: tifffile.TiffFile, path: Location) -> Chosen:
    """Choose the scans of tissue: all of the finest scale, which may be several areas.

    The image as large as the whole glass is the overview (``'macro'``).

    Raises
    ------
    SlideError
        The XML is damaged, or all scans are fluorescence.
    """
    collection, images = _read(tif, path)
    macro = [image for image in images if _covers(image, collection)]
    scans = [image for image in images if image not in macro and not image.fluorescent]
    if not scans:
        raise SlideError(
            "is no H&E image", path=path, expected="a bright-field scan",
            found="fluorescence" if any(i.fluorescent for i in images) else "no scan of tissue",
        )  # fmt: skip
    finest = min(scan.nm_per_px for scan in scans)
    chosen = [scan for scan in scans if scan.nm_per_px < finest * (1 + _SAME_SCALE)]
    chosen.sort(key=lambda scan: -scan.pages[0].imagewidth * scan.pages[0].imagelength)
    associated = {"macro": macro[0].pages[0]} if macro else {}
    left, top = (min(scan.box[axis] for scan in chosen) for axis in (0, 1))
    notes = [f"its corner lies {left / 1000:.0f}, {top / 1000:.0f} µm from that of the glass"]
    if len(scans) > len(chosen):
        notes.append(f"{len(scans) - len(chosen)} scans at a coarser scale aren't shown")
    places: list[Place] = []
    if len(chosen) > 1:
        notes.append(f"{len(chosen)} scanned areas side by side")
        places = [
            Place(round((s.box[0] - left) / finest), round((s.box[1] - top) / finest), s.pages)
            for s in chosen
        ]
    levels = [[page] for page in chosen[0].pages]
    return Chosen(levels, associated=associated, notes=tuple(notes), places=places)


def _covers(image: _Image, collection: tuple[float, float]) -> bool:
    x, y, width, height = image.box
    return x == 0 and y == 0 and (width, height) == collection


def _read(tif: tifffile.TiffFile, path: Location) -> tuple[tuple[float, float], list[_Image]]:
    """Return the collection's size in nm, and its images."""
    try:
        root = ElementTree.fromstring(tif.pages.first.description)
    except ElementTree.ParseError as error:
        raise SlideError("is a damaged SCN", path=path, expected="XML", found=error) from error
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    collection = root.find("collection")
    try:
        if collection is None:
            raise KeyError("collection")
        size = float(collection.attrib["sizeX"]), float(collection.attrib["sizeY"])
        images = [_image(node, tif.pages) for node in collection.findall("image")]
    except (KeyError, ValueError, IndexError, ZeroDivisionError) as error:
        raise SlideError(
            "is a damaged SCN", path=path, expected="a collection of images", found=error
        ) from error
    return size, [image for image in images if image.pages]


def _image(node: ElementTree.Element, pages: tifffile.TiffPages) -> _Image:
    view, pixels = node.find("view"), node.find("pixels")
    if view is None or pixels is None:
        raise KeyError("view, pixels")
    names = ("offsetX", "offsetY", "sizeX", "sizeY")
    x, y, width, height = (float(view.attrib.get(name, 0)) for name in names)
    dimensions = pixels.findall("dimension")
    channels = {int(d.attrib.get("c", 0)) for d in dimensions}
    found = [pages[int(d.attrib["ifd"])] for d in dimensions if int(d.attrib.get("z", 0)) == 0]
    found.sort(key=lambda page: -page.imagewidth)
    light = node.findtext(".//illuminationSource", "").strip().lower()
    return _Image((x, y, width, height), found, light == "fluorescence" or len(channels) > 1)


def plan_mosaic(chosen: Chosen, path: Location) -> list[LevelPlan]:
    """Return levels of all scanned areas together, each at its place on white.

    As many as all areas have, at the same factors.
    """
    parts = [plan_levels(Chosen([[p] for p in place.levels]), path) for place in chosen.places]
    width, height = (
        max(getattr(place, axis) + plans[0].level.shape[n] for place, plans in
            zip(chosen.places, parts, strict=True))
        for axis, n in (("x", 1), ("y", 0))
    )  # fmt: skip
    plans: list[LevelPlan] = []
    for group in zip(*parts, strict=False):
        factor = group[0].level.downsample
        if any(abs(p.level.downsample / factor - 1) > _SAME_SCALE for p in group):
            break
        corners = [(round(place.x / factor), round(place.y / factor)) for place in chosen.places]
        shape = (-(-height // factor), -(-width // factor))
        plans.append(MosaicPlan((int(shape[0]), int(shape[1])), factor, group, corners))
    return plans
