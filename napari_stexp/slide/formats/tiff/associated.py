"""Pictures of the glass that a TIFF holds beside the tissue: label, macro, thumbnail."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.cache import TileCache
from napari_stexp.slide.formats.tiff.kinds import pixel_kind
from napari_stexp.slide.formats.tiff.pages import PagePlan, Sources, plan_page
from napari_stexp.slide.location import Location

if TYPE_CHECKING:
    import tifffile

__all__ = ["picture_reader"]

#: Pictures of the glass are small; one that claims more pixels isn't decoded.
_MOST_PIXELS = 100_000_000


def picture_reader(page: tifffile.TiffPage, path: Location) -> Callable[[], NDArray[np.uint8]]:
    """Return what decodes a page to (h, w, 3) uint8, when it is called.

    A picture that can't be read fails when it is asked for, not when the slide is opened.
    """
    try:
        plan = _plan(page, path)
    except SlideError as error:
        failure = error

        def refuse() -> NDArray[np.uint8]:
            raise failure

        return refuse
    return lambda: _read(plan)


def _plan(page: tifffile.TiffPage, path: Location) -> PagePlan:
    shape = (int(page.imagelength), int(page.imagewidth))
    if shape[0] * shape[1] > _MOST_PIXELS:
        raise SlideError("holds a picture of the glass that is too large", path=path, found=shape)
    return PagePlan([plan_page(page, pixel_kind(page, path), shape, path, 1.0)])


def _read(plan: PagePlan) -> NDArray[np.uint8]:
    from napari_stexp.slide.gather import gather_windows

    sources = Sources()
    try:
        level = plan.open(sources)
        cache = TileCache(0)
        found = gather_windows(
            lambda row, col: cache.get((row, col), lambda: level.read(row, col)),
            level.level,
            np.zeros((1, 2), np.int64),
            level.level.shape,
        )
    finally:
        sources.close()
    if found.errors:
        raise found.errors[0]
    return found.pixels[0]
