"""OME-TIFF: companion files, images in several files, colours as planes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from napari_stexp.errors import SlideError
from napari_stexp.slide.formats.tiff.chosen import (
    Chosen,
    glass_name,
    level_pages,
)
from napari_stexp.slide.location import Location, RemotePath

if TYPE_CHECKING:
    import tifffile

__all__ = ["choose", "companion_of", "first_file"]

_MOST_XML = 64 * 2**20
_COLOUR_NAMES = ("red", "green", "blue")
#: Names that say nothing, as converters give them: "Channel 0", "Channel:0:1", "2".
_NO_NAME = re.compile(r"(channel)?[\s:_]*\d*([\s:_]\d+)*", re.IGNORECASE)
_FLUORESCENCE = ("EmissionWavelength", "ExcitationWavelength", "Fluor")


def companion_of(tif: tifffile.TiffFile, path: Location) -> str | None:
    """Return the OME-XML of a file that only refers to it (``BinaryOnly``), else None.

    Raises
    ------
    SlideError
        The file that it refers to is missing, or all of them lie behind an address.
    """
    if not tif.is_ome:
        return None
    node = _parse(tif.ome_metadata or "").find("BinaryOnly")
    if node is None:
        return None
    if isinstance(path, RemotePath):
        raise _only_from_here(path)
    name = Path(node.get("MetadataFile", "")).name
    companion = path.with_name(name) if name else None
    if companion is None or not companion.is_file():
        raise SlideError(
            "is one file of an image in several", path=path,
            expected=f"the file that describes it, {name}", found="none beside it",
        )  # fmt: skip
    xml = _read_companion(companion)
    if xml is None:  # the description is in another OME-TIFF
        from napari_stexp.slide.formats.tiff.parsing import open_tiff_file

        with open_tiff_file(companion) as other:
            xml = other.ome_metadata
    return xml


def first_file(path: Location) -> tuple[Path, str] | None:
    """Return the first pixel file that a ``.companion.ome`` names, and its XML; else None.

    Raises
    ------
    SlideError
        There are none beside it, or it lies behind an address.
    """
    if isinstance(path, RemotePath):
        if path.name.endswith(".companion.ome"):
            raise _only_from_here(path)
        return None
    xml = _read_companion(path)
    if xml is None:
        return None
    for node in _parse(xml).iter("UUID"):
        file = path.with_name(Path(node.get("FileName", "")).name)
        if file.is_file():
            return file, xml
    raise SlideError(
        "describes an image in other files", path=path,
        expected="those files beside it", found="none of them",
    )  # fmt: skip


def _only_from_here(path: RemotePath) -> SlideError:
    """Say that one address isn't enough: the parser knows a folder's other files, no server's."""
    return SlideError(
        "belongs to an image in several files, which is read from this machine only", path=path,
        hint="Download all of its files into one folder and open the copy.",
    )  # fmt: skip


def _read_companion(path: Path) -> str | None:
    """Return a file's text if it is XML, else None."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
            if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<"):
                return None
            data = head + file.read(_MOST_XML)
    except OSError as error:
        raise SlideError("can't be read", path=path, found=error.strerror) from error
    return data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()


def choose(tif: tifffile.TiffFile, path: Location) -> Chosen:
    """Choose the largest image that isn't a picture of the glass.

    Three planes count as its colours where they are called red, green and blue, or
    have names that say nothing and no wavelengths: converters write bright-field
    slides so.

    Raises
    ------
    SlideError
        Stacks of channels, planes or time points; pixels in a file that is missing.
    """
    candidates = [s for s in tif.series if glass_name(s.name) is None] or list(tif.series)
    if not candidates:
        raise SlideError(
            "is a damaged OME-TIFF", path=path, expected="an image", found="none",
            hint="Are all of its files in one folder?",
        )  # fmt: skip
    series = max(candidates, key=lambda s: s.keyframe.imagelength * s.keyframe.imagewidth)
    pixels = _pixels_of(_parse(tif.ome_metadata or ""), series.keyframe)
    if isinstance(path, RemotePath) and len(_files_of(pixels)) > 1:
        raise _only_from_here(path)
    _check_files(series, path)
    count = len(series.levels[0].pages)
    if count != 1 and not (count == 3 and _is_colour(series, pixels)):
        raise SlideError(
            "is no H&E image", path=path, expected="one plane in colours",
            found=f"{count} planes (axes {series.axes})",
            hint="Was it converted from a colour slide? raw2ometiff has --rgb for those.",
        )  # fmt: skip
    bits = pixels.get("SignificantBits", "") if pixels is not None else ""
    return Chosen(
        level_pages(series),
        significant=int(bits) if bits.isdigit() else None,
    )


def _check_files(series: tifffile.TiffPageSeries, path: Location) -> None:
    if any(page is None for page in series.levels[0].pages):
        raise SlideError(
            "keeps pixels in a file that is missing", path=path,
            expected="all files of the image in one folder",
        )  # fmt: skip


def _parse(xml: str) -> ElementTree.Element:
    """Return the tree without namespaces; an empty one where the XML is damaged."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return ElementTree.Element("OME")
    for node in root.iter():
        node.tag = node.tag.rpartition("}")[2]
    return root


def _pixels_of(root: ElementTree.Element, page: tifffile.TiffPage) -> ElementTree.Element | None:
    size = (str(page.imagewidth), str(page.imagelength))
    for pixels in root.iter("Pixels"):
        if (pixels.get("SizeX"), pixels.get("SizeY")) == size:
            return pixels
    return None


def _files_of(pixels: ElementTree.Element | None) -> set[str]:
    """Return the identities of the files that hold an image's planes, where they are told."""
    return set() if pixels is None else {node.text or "" for node in pixels.iter("UUID")}


def _is_colour(series: tifffile.TiffPageSeries, pixels: ElementTree.Element | None) -> bool:
    """Whether three planes are red, green and blue."""
    if pixels is None or pixels.get("SizeC") != "3" or series.keyframe.samplesperpixel != 1:
        return False
    channels = pixels.findall("Channel")
    if any(channel.get(word) for channel in channels for word in _FLUORESCENCE):
        return False
    names = [channel.get("Name", "").strip().lower() for channel in channels]
    said = all(
        name.startswith(colour) or name == colour[0]
        for name, colour in zip(names, _COLOUR_NAMES, strict=False)
    )
    unnamed = all(_NO_NAME.fullmatch(name) for name in names)
    return len(names) in (0, 3) and (said or (unnamed and series.keyframe.bitspersample == 8))
