"""Which pages of a TIFF are the slide, and which are pictures of its glass."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from napari_stexp.errors import SlideError
from napari_stexp.slide.location import Location

if TYPE_CHECKING:
    import tifffile

__all__ = [
    "Chosen",
    "Place",
    "choose_largest",
    "glass_name",
    "level_pages",
]

#: Images named so are pictures of the glass, never the tissue at full size.
_GLASS_NAME = re.compile(
    r"(^|[\W_])(label|macro|thumbnail|overview|map)([ _]image)?\W*$", re.IGNORECASE
)


@dataclass(frozen=True)
class Chosen:
    """The pages that a format's module chose.

    Attributes
    ----------
    levels : sequence of sequence of page
        Finest first; each one page, or three with a channel each.
    downsamples : sequence of float, optional
        Level-0 pixels per pixel, where the file says so; else from the sizes.
    associated : mapping of str to page
        Pictures of the glass: ``'label'``, ``'macro'``, ``'thumbnail'``, ``'map'``.
    significant : int, optional
        Number of significant bits per sample, where the metadata say so.
    notes : tuple of str
        What a reader of the file should know.
    places : sequence of Place
        Where several images lie side by side on the slide: all of them.
    """

    levels: Sequence[Sequence[tifffile.TiffPage | tifffile.TiffFrame]]
    downsamples: Sequence[float] | None = None
    associated: Mapping[str, tifffile.TiffPage] = field(default_factory=dict)
    significant: int | None = None
    notes: tuple[str, ...] = ()
    places: Sequence[Place] = ()


@dataclass(frozen=True)
class Place:
    """One of several images that lie on one slide.

    Attributes
    ----------
    x, y : int
        Its upper left corner, level-0 px of the whole.
    levels : sequence of page
        Finest first.
    """

    x: int
    y: int
    levels: Sequence[tifffile.TiffPage]


def glass_name(name: str) -> str | None:
    """Return which picture of the glass an image of this name is, None for the tissue itself."""
    found = _GLASS_NAME.search(name or "")
    if found is None:
        return None
    word = found[2].lower()
    return "macro" if word == "overview" else word


def level_pages(series: tifffile.TiffPageSeries) -> list[list[tifffile.TiffPage]]:
    """Return the pages of each level of a series, finest first; one page each, or as stored."""
    return [[page for page in level.pages if page is not None] for level in series.levels]


def choose_largest(tif: tifffile.TiffFile, path: Location) -> Chosen:
    """Choose the largest image that isn't a picture of the glass."""
    candidates = [s for s in tif.series if glass_name(s.name) is None]
    candidates = candidates or list(tif.series)  # people name whole slides so, too
    if not candidates:
        raise SlideError("is a damaged TIFF", path=path, expected="an image", found="none")
    series = max(candidates, key=lambda s: s.keyframe.imagelength * s.keyframe.imagewidth)
    pages = level_pages(series)
    if len(series.levels[0].pages) != 1:
        count = len(series.levels[0].pages)
        raise SlideError(
            "is no H&E image", path=path, expected="one plane in colours",
            found=f"{count} planes (axes {series.axes})",
        )  # fmt: skip
    return Chosen(pages)
