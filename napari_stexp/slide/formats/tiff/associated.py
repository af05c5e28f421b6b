"""Pictures of the glass that a TIFF holds beside the tissue: label, macro, thumbnail."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.formats.tiff.kinds import pixel_kind
from napari_stexp.slide.formats.tiff.pages import PagePlan, Sources, plan_page
from napari_stexp.slide.gather import gather_windows
from napari_stexp.slide.location import Location

if TYPE_CHECKING:
    import tifffile

__all__ = ["named_pictures", "picture_reader"]

#: Pictures of the glass are small; one that claims more pixels isn't decoded.
_MOST_PIXELS = 100_000_000
#: Words of a page's description or series' name, and what is meant.
_WORDS = (
    ("thumbnail", re.compile(r"\bthumbnail\b", re.IGNORECASE)),
    ("label", re.compile(r"(^|[\W_])label", re.IGNORECASE)),
    ("macro", re.compile(r"(^|[\W_])(macro|overview)", re.IGNORECASE)),
)


def named_pictures(tif: tifffile.TiffFile) -> dict[str, tifffile.TiffPage]:
    """Return the pages that call themselves pictures of the glass, by name; nothing is decoded.

    In NDPI it isn't words that tell them but the lens: `ndpi.choose` finds them.
    """
    found: dict[str, tifffile.TiffPage] = {}
    if not tif.is_ndpi:
        for name, page in _named_pages(tif):
            found.setdefault(name, page)
    return found


def _named_pages(tif: tifffile.TiffFile) -> Iterator[tuple[str, tifffile.TiffPage]]:
    names = {id(series.keyframe): series.name for series in tif.series if len(tif.series) > 1}
    for page in tif.pages:
        if not hasattr(page, "tags"):  # a frame of a stack is no picture of its own
            continue
        name = _name_of(tif, page, names.get(id(page), ""))
        if name and page.imagelength * page.imagewidth <= _MOST_PIXELS:
            yield name, page


def _name_of(tif: tifffile.TiffFile, page: tifffile.TiffPage, series: str) -> str:
    # an Aperio description goes on with words of the scan, which name other things
    first = page.description.strip()[:200].splitlines()[-1:] if tif.is_svs else []
    text = first[0].split("|")[0] if first else page.description[:64]
    if page.is_tiled and page.index == 0:
        return ""
    if tif.is_svs and not page.is_tiled and page.index == 1:
        series = "thumbnail"  # by its place, unless it says what it is
    return next((name for t in (text, series) for name, word in _WORDS if word.search(t)), "")


def picture_reader(
    page: tifffile.TiffPage, name: str, path: Location
) -> Callable[[], NDArray[np.uint8]]:
    """Return what decodes a page to (h, w, 3) uint8, when it is called.

    A picture that can't be read fails with a `SlideError` when it is asked for, not when
    the slide is opened.

    Parameters
    ----------
    page : TiffPage
        Of a file that may be closed afterwards.
    name : str
        What the page shows, for messages.
    path : Path or RemotePath
        Of the file.
    """
    try:
        plan = _plan(page, path)
    except Exception as error:  # noqa: BLE001  damaged files fail in many ways in the parser
        failure = _unreadable(name, path, error)

        def refuse() -> NDArray[np.uint8]:
            raise failure

        return refuse

    def read() -> NDArray[np.uint8]:
        try:
            return _read(plan)
        except SlideError as error:
            raise _unreadable(name, path, error) from error

    return read


def _unreadable(name: str, path: Location, error: Exception) -> SlideError:
    what = error.what if isinstance(error, SlideError) else str(error)
    found = getattr(error, "found", None)
    return SlideError(
        f"its {name} image can't be read", path=path,
        found=what if found is None else f"{what} ({found})",
    )  # fmt: skip


def _plan(page: tifffile.TiffPage, path: Location) -> PagePlan:
    shape = (int(page.imagelength), int(page.imagewidth))
    if not 0 < shape[0] * shape[1] <= _MOST_PIXELS:
        raise SlideError("its size is none of a picture of the glass", path=path, found=shape)
    return PagePlan([plan_page(page, pixel_kind(page, path), shape, path, 1.0)])


def _read(plan: PagePlan) -> NDArray[np.uint8]:
    sources = Sources()
    try:
        level = plan.open(sources)
        corner = np.zeros((1, 2), np.int64)
        found = gather_windows(level.read, level.level, corner, level.level.shape)
    finally:
        sources.close()
    if found.errors:
        raise found.errors[0]
    return found.pixels[0]
