"""The structure of TIFF slides.

tifffile parses the file once; afterwards only byte ranges are read, so that
no lock is needed and the parser's own file handle is closed again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.facts import SlideFacts
from napari_stexp.slide.formats import bif, ndpi, ome, philips, scn
from napari_stexp.slide.formats.level import TileLevel
from napari_stexp.slide.formats.tiff.associated import named_pictures, picture_reader
from napari_stexp.slide.formats.tiff.chosen import Chosen, choose_largest
from napari_stexp.slide.formats.tiff.levels import plan_levels
from napari_stexp.slide.formats.tiff.pages import LevelPlan, Sources
from napari_stexp.slide.formats.tiff.parsing import check_chain, open_tiff_file
from napari_stexp.slide.location import Location
from napari_stexp.slide.metadata.tiff import read_tiff_facts

if TYPE_CHECKING:
    import tifffile

__all__ = ["TiffStructure", "parse_tiff"]


@dataclass(frozen=True)
class TiffStructure:
    """A TIFF's levels, finest first, and what it says about itself.

    Attributes
    ----------
    levels : tuple of LevelPlan
    facts : SlideFacts
    tiled : bool
        False for a striped file: its only level's "tiles" are strips, and it is
        converted before it is shown.
    associated : mapping of str to callable
        Pictures of the glass by name, each decoded to (h, w, 3) uint8 when called.
    """

    levels: tuple[LevelPlan, ...]
    facts: SlideFacts
    tiled: bool
    associated: Mapping[str, Callable[[], NDArray[np.uint8]]] = field(default_factory=dict)

    def open(self, sources: Sources | None = None) -> tuple[TileLevel, ...]:
        """Open the levels; they share their files.

        Parameters
        ----------
        sources : Sources, optional
            Opens the files in a way of its own.

        Raises
        ------
        SlideError
            A file can't be opened.
        """
        sources = sources or Sources()
        try:
            return tuple(plan.open(sources) for plan in self.levels)
        except BaseException:
            sources.close()
            raise


def parse_tiff(path: Location, base: tuple[int, int] | None = None) -> TiffStructure:
    """Read the structure of a TIFF slide.

    Parameters
    ----------
    path : Path or RemotePath
    base : (int, int), optional
        Height and width of level 0, where this file holds coarser levels of another.

    Raises
    ------
    SlideError
        It is damaged, cut off, or no picture in colours.
    """
    described = ome.first_file(path)
    file, xml = (path, None) if described is None else described
    with open_tiff_file(file, xml) as tif:
        xml = ome.companion_of(tif, file) if described is None else None
        if xml is None:
            return _parse(tif, file, base)
    with open_tiff_file(file, xml) as tif:
        return _parse(tif, file, base)


def _parse(tif: tifffile.TiffFile, path: Location, base: tuple[int, int] | None) -> TiffStructure:
    check_chain(tif, path)
    _check_not_empty(tif, path)
    chosen = _choose(tif, path)
    first = chosen.levels[0][0].keyframe
    if first.imagewidth * first.imagelength == 0:
        raise SlideError("is a damaged TIFF", path=path, expected="pixels", found="an empty image")
    tiled = bool(first.is_tiled)
    if tif.is_ndpi:
        plans, tiled = ndpi.plan_levels(chosen, path), True
    elif chosen.places:
        plans = scn.plan_mosaic(chosen, path)
    else:
        plans = plan_levels(chosen, path, base)
    facts = read_tiff_facts(tif, first, tiled=tiled)
    if chosen.notes:
        facts = replace(facts, notes=facts.notes + chosen.notes)
    named = named_pictures(tif) if isinstance(path, Path) else {}
    pages = {**named, **chosen.associated}
    pictures = {name: picture_reader(page, name, path) for name, page in pages.items()}
    if tif.is_philips:
        pictures = {**philips.embedded_pictures(tif.philips_metadata or "", path), **pictures}
    return TiffStructure(tuple(plans), facts, tiled, pictures)


def _choose(tif: tifffile.TiffFile, path: Location) -> Chosen:
    if tif.is_ndpi:
        return ndpi.choose(tif, path)
    if tif.is_scn:
        return scn.choose(tif, path)
    if tif.is_bif:
        return bif.choose(tif, path)
    return ome.choose(tif, path) if tif.is_ome else choose_largest(tif, path)


def _check_not_empty(tif: tifffile.TiffFile, path: Location) -> None:
    # The first page is asked itself: newer tifffile leaves empty pages out of its series.
    page = tif.pages.first
    if 0 in (page.imagewidth, page.imagelength):
        raise SlideError("is a damaged TIFF", path=path, expected="pixels", found="an empty image")
