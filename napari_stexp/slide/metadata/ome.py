"""OME-XML: of OME-TIFF, and beside other files."""

from __future__ import annotations

from xml.etree import ElementTree

from napari_stexp.slide.facts import ScaleClaim, make_claim, parse_date, parse_number
from napari_stexp.slide.metadata.words import Words, parse_xml

__all__ = ["read_ome"]

#: µm per OME length unit (OME schema 2016-06, UnitsLength); others are no lengths on a slide.
_OME_UNITS = {
    "m": 1e6, "dm": 1e5, "cm": 1e4, "mm": 1e3, "µm": 1.0, "μm": 1.0, "um": 1.0,
    "nm": 1e-3, "pm": 1e-6, "Å": 1e-4, "in": 25400.0,
}  # fmt: skip


def read_ome(xml: str, size: tuple[int, int], name: str = "OME-TIFF") -> Words:
    """Facts of the ``Image`` of a size.

    Parameters
    ----------
    xml : str
        OME-XML of any version; what is none says nothing.
    size : (int, int)
        Width and height of level 0.
    name : str
        What the format is called.
    """
    root = parse_xml(xml)
    if root is None:
        return Words(name)
    image = _image_of(root, size)
    objective = _objective(root, image)
    return Words(
        name,
        "" if objective is None else objective.get("Manufacturer", ""),
        _claim(image),
        None if objective is None else parse_number(objective.get("NominalMagnification")),
        "" if image is None else parse_date(_date_of(image)),
    )


def _image_of(root: ElementTree.Element, size: tuple[int, int]) -> ElementTree.Element | None:
    for image in root.iter("Image"):
        pixels = image.find("Pixels")
        if pixels is not None and (pixels.get("SizeX"), pixels.get("SizeY")) == (
            str(size[0]),
            str(size[1]),
        ):
            return image
    return None


def _date_of(image: ElementTree.Element) -> str:
    # an attribute up to 2011, an element since (older ones called it CreationDate)
    return (
        image.findtext("AcquisitionDate")
        or image.get("AcquiredDate")
        or image.findtext("CreationDate")
        or ""
    )


def _claim(image: ElementTree.Element | None) -> tuple[ScaleClaim, ...]:
    pixels = None if image is None else image.find("Pixels")
    if pixels is None:
        return ()
    return make_claim("OME-XML", _length(pixels, "X"), _length(pixels, "Y"))


def _length(pixels: ElementTree.Element, axis: str) -> float | None:
    unit = _OME_UNITS.get(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
    value = parse_number(pixels.get(f"PhysicalSize{axis}"))
    return None if unit is None or value is None else unit * value


def _objective(
    root: ElementTree.Element, image: ElementTree.Element | None
) -> ElementTree.Element | None:
    """Return the Objective that the image refers to; the only one where it refers to none."""
    objectives = list(root.iter("Objective"))
    settings = image.find("ObjectiveSettings") if image is not None else None
    if settings is not None:
        named = [o for o in objectives if o.get("ID") == settings.get("ID")]
        return named[0] if named else None
    return objectives[0] if len(objectives) == 1 else None
