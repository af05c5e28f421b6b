"""Makers who write XML into a TIFF: Leica SCN, Philips, Ventana."""

from __future__ import annotations

from xml.etree import ElementTree

from napari_stexp.slide.facts import (
    ScaleClaim,
    make_claim,
    parse_date,
    parse_number,
    private_words,
)
from napari_stexp.slide.metadata.words import Words, parse_xml

__all__ = ["read_leica", "read_philips", "read_ventana"]


def read_leica(xml: str, size: tuple[int, int]) -> Words:
    """Facts of an SCN from the ``image`` whose level 0 is ``size`` (width, height) px."""
    root = parse_xml(xml)
    if root is None:
        return Words("Leica SCN", "Leica")
    image = _leica_image(root, size)
    barcode = root.findtext(".//barcode") or ""
    private = {"barcode": barcode} if barcode.strip() else {}
    if image is None:
        return Words("Leica SCN", "Leica", private=private)
    device = image.find("device")
    model = "" if device is None else (device.get("model") or "").split(";")[0]
    return Words(
        "Leica SCN",
        model or "Leica",
        _leica_claim(image),
        parse_number(image.findtext(".//objective")),
        parse_date(image.findtext("creationDate")),
        private,
    )


def _leica_image(root: ElementTree.Element, size: tuple[int, int]) -> ElementTree.Element | None:
    wanted = (str(size[0]), str(size[1]))
    for image in root.iter("image"):
        for node in (*image.iter("pixels"), *image.iter("dimension")):
            if (node.get("sizeX"), node.get("sizeY")) == wanted:
                return image
    return None


def _leica_claim(image: ElementTree.Element) -> tuple[ScaleClaim, ...]:
    """Return the view's extent (nanometres) by its pixels."""
    view, pixels = image.find("view"), image.find("pixels")
    if view is None or pixels is None:
        return ()
    scale = []
    for name in ("sizeX", "sizeY"):
        extent, count = parse_number(view.get(name)), parse_number(pixels.get(name))
        if not extent or not count:
            return ()
        scale.append(extent / count / 1000.0)
    return make_claim("Leica XML", *scale)


def read_philips(xml: str) -> Words:
    """Facts of a Philips TIFF, whose XML speaks in DICOM's terms."""
    root = parse_xml(xml)
    if root is None:
        return Words("Philips TIFF", "Philips")
    words: dict[str, str] = {}
    for node in root.iter("Attribute"):
        name, text = node.get("Name") or "", (node.text or "").strip()
        if text:
            words.setdefault(name, text)
    spacing = [parse_number(part) for part in words.get("DICOM_PIXEL_SPACING", "").split('"')]
    numbers = [1000.0 * one for one in spacing if one]  # mm between rows, then columns
    claim = make_claim("Philips XML", numbers[1], numbers[0]) if len(numbers) == 2 else ()
    private = {
        name: text for name, text in private_words(words).items()
        if len(text) < 500  # else it is a picture
    }  # fmt: skip
    return Words(
        "Philips TIFF",
        "Philips",
        claim,
        parse_number(words.get("DICOM_OBJECTIVE_LENS_POWER")),
        parse_date(words.get("DICOM_ACQUISITION_DATETIME")),
        private,
    )


def read_ventana(xml: str) -> Words:
    """Facts of a BIF from the attributes of ``iScan``."""
    root = parse_xml(xml)
    scan = None if root is None else (root if root.tag == "iScan" else root.find(".//iScan"))
    if scan is None:
        return Words("Ventana BIF", "Ventana")
    words = dict(scan.attrib)
    return Words(
        "Ventana BIF",
        words.get("ScannerModel") or "Ventana",
        make_claim("Ventana ScanRes", parse_number(words.get("ScanRes"))),
        parse_number(words.get("Magnification")),
        parse_date(words.get("ScanDate") or words.get("ScanTime")),
        private_words(words),
    )
