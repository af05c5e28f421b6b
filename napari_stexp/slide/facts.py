"""What a file says about itself: µm per pixel, objective, vendor.

Nothing is guessed: a µm/px that is missing or implausible stays unknown, and
the objective's magnification is reported but never turned into a scale.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    import tifffile

__all__ = ["MPP_RANGE", "SlideFacts", "is_plausible", "read_tiff_facts", "scale_from_dpi"]

#: µm per pixel that a picture of tissue can have. Print resolutions (72, 96, 300,
#: 600, 1200 dpi: 353 to 21 µm/px) lie outside, so they are never taken for a scale.
MPP_RANGE = (0.05, 20.0)

_UM_PER_INCH = 25400.0
#: µm per TIFF ResolutionUnit: inch, centimetre.
_TIFF_UNITS = {2: _UM_PER_INCH, 3: 10000.0}
#: µm per OME length unit (OME schema 2016-06, UnitsLength); others are no lengths on a slide.
_OME_UNITS = {
    "m": 1e6, "dm": 1e5, "cm": 1e4, "mm": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0,
    "nm": 1e-3, "pm": 1e-6, "Å": 1e-4, "in": _UM_PER_INCH,
}  # fmt: skip


@dataclass(frozen=True)
class SlideFacts:
    """Facts from a slide's own metadata.

    Attributes
    ----------
    format, vendor : str
        For people, e.g. ``'Aperio SVS'`` and ``'Aperio'``; vendor may be empty.
    mpp_xy : (float, float) or None
        µm per level-0 pixel in x and y; None where unknown.
    objective : float or None
        Nominal magnification, e.g. 20.0.
    scan_date : str
        ISO 8601, as exact as the file has it; empty where unknown.
    icc : bytes or None
        ICC profile of the pixels.
    notes : tuple of str
        What a reader of the file should know, e.g. an implausible scale that was left out.
    """

    format: str
    vendor: str = ""
    mpp_xy: tuple[float, float] | None = None
    objective: float | None = None
    scan_date: str = ""
    icc: bytes | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()


def is_plausible(mpp: float) -> bool:
    """Whether a µm/px can be that of a slide (`MPP_RANGE`)."""
    return math.isfinite(mpp) and MPP_RANGE[0] <= mpp <= MPP_RANGE[1]


def _plausible_pair(x: float | None, y: float | None) -> tuple[float, float] | None:
    """Return the pair if both can be; a missing one is taken from the other."""
    x, y = (y if x is None else x), (x if y is None else y)
    if x is None or y is None or not (is_plausible(x) and is_plausible(y)):
        return None
    return float(x), float(y)


def scale_from_dpi(dpi: object) -> tuple[float, float] | None:
    """Return µm/px in x and y from PIL's ``info['dpi']``, None where it is no scale."""
    try:
        x, y = (float(value) for value in dpi)  # type: ignore[attr-defined]
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return _plausible_pair(_UM_PER_INCH / x, _UM_PER_INCH / y) if x > 0 and y > 0 else None


def read_tiff_facts(tif: tifffile.TiffFile, page: tifffile.TiffPage, *, tiled: bool) -> SlideFacts:
    """Facts of the image whose full-resolution page is ``page``."""
    from_tags = _scale_from_tags(page)
    if tif.is_svs:
        words = _aperio_words(page.description)
        mpp = _number(words.get("MPP"))
        return SlideFacts(
            "Aperio SVS", "Aperio", _plausible_pair(mpp, None) or from_tags,
            _number(words.get("AppMag")),
        )  # fmt: skip
    if tif.is_ome:
        scale, objective, vendor = _read_ome(tif.ome_metadata or "", page)
        return SlideFacts("OME-TIFF", vendor, scale or from_tags, objective)
    name = "tiled TIFF" if tiled else "TIFF"
    return SlideFacts(name, _vendor_from_tags(page), from_tags)


def _aperio_words(description: str) -> Mapping[str, str]:
    """Return the ``key = value`` pairs that an Aperio description separates by bars."""
    pairs = (part.split("=", 1) for part in description.split("|")[1:] if "=" in part)
    return {key.strip(): value.strip() for key, value in pairs}


def _number(text: str | None) -> float | None:
    """Return the number that ``text`` starts with (some write a comma), None without one."""
    found = re.match(r"\s*\+?(\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?)", text or "")
    return float(found[1].replace(",", ".")) if found else None


def _scale_from_tags(page: tifffile.TiffPage) -> tuple[float, float] | None:
    unit = _TIFF_UNITS.get(int(page.tags.valueof(296, default=2)))
    if unit is None:
        return None
    scale = []
    for code in (282, 283):  # XResolution, YResolution: pixels per unit, as a fraction
        value = page.tags.valueof(code)
        if not isinstance(value, tuple) or len(value) != 2 or not all(value):
            return None
        scale.append(unit * value[1] / value[0])
    return _plausible_pair(*scale)


def _vendor_from_tags(page: tifffile.TiffPage) -> str:
    value = page.tags.valueof(271)  # Make
    return value.strip() if isinstance(value, str) else ""


def _read_ome(
    xml: str, page: tifffile.TiffPage
) -> tuple[tuple[float, float] | None, float | None, str]:
    """Return scale, magnification and maker from OME-XML, as far as it says them."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return None, None, ""
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]  # schema versions differ in their namespace only
    image = _ome_image_of(root, page)
    pixels = image.find("Pixels") if image is not None else None
    scale = None
    if pixels is not None:
        scale = _plausible_pair(_ome_length(pixels, "X"), _ome_length(pixels, "Y"))
    objective = _ome_objective(root, image)
    if objective is None:
        return scale, None, ""
    return scale, _number(objective.get("NominalMagnification")), objective.get("Manufacturer", "")


def _ome_image_of(root: ElementTree.Element, page: tifffile.TiffPage) -> ElementTree.Element | None:
    """Return the Image element whose size is that of ``page``."""
    size = (str(page.imagewidth), str(page.imagelength))
    for image in root.iter("Image"):
        pixels = image.find("Pixels")
        if pixels is not None and (pixels.get("SizeX"), pixels.get("SizeY")) == size:
            return image
    return None


def _ome_length(pixels: ElementTree.Element, axis: str) -> float | None:
    unit = _OME_UNITS.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    value = _number(pixels.get(f"PhysicalSize{axis}"))
    return None if unit is None or value is None else unit * value


def _ome_objective(
    root: ElementTree.Element, image: ElementTree.Element | None
) -> ElementTree.Element | None:
    """Return the Objective that the image refers to; the only one where it refers to none."""
    objectives = list(root.iter("Objective"))
    settings = image.find("ObjectiveSettings") if image is not None else None
    if settings is not None:
        named = [o for o in objectives if o.get("ID") == settings.get("ID")]
        return named[0] if named else None
    return objectives[0] if len(objectives) == 1 else None
