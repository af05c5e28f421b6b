"""Writing the levels that a slide lacks, once, into the cache folder."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.files import atomic_path, sha256
from napari_stexp.progress import Progress
from napari_stexp.slide.cache import TileCache
from napari_stexp.slide.flat import FlatImage, open_flat, read_flat_facts
from napari_stexp.slide.formats.ndpi import RestartPlan
from napari_stexp.slide.formats.opened import LeftToOpenSlideError
from napari_stexp.slide.formats.tiff.structure import TiffStructure, parse_tiff
from napari_stexp.slide.identify import (
    OPENED_AS_THEY_ARE,
    find_slide,
    fingerprint,
    identify,
    unknown_kind,
)
from napari_stexp.slide.levels import COARSEST_PX
from napari_stexp.slide.location import Location, RemotePath
from napari_stexp.slide.pyramid import Pyramid
from napari_stexp.slide.store import enforce_limit, stored_path
from napari_stexp.slide.writing import count_workers, write_steps

__all__ = [
    "coarse_levels_path",
    "converted_path",
    "lacks_coarse_levels",
    "prepare_slide",
]

#: Coarse levels are computed while looking as long as that reads no more than this (px).
SYNTHESIS_LIMIT_PX = 64_000_000
#: Stored coarse levels start this many halvings below the coarsest level of the file:
#: the ones between are computed while looking, at four times fewer bytes on disk each.
_SKIPPED_HALVINGS = 2
_BUILD_CACHE = 96_000_000  # bytes: each tile is needed once, in the order of the rows


def prepare_slide(path: str | Path | RemotePath) -> Generator[Progress, None, Location]:
    """Make what is needed to show a slide at once, where anything is.

    JPEG, PNG and striped TIFF are converted to a tiled pyramid, losslessly; a
    huge tiled TIFF without coarse levels gets those. Both are kept in the
    cache folder under the content's hash, so that the second call returns at
    once. Closing the generator leaves nothing behind.

    Parameters
    ----------
    path : path-like
        Or an address; what would have to be read whole for it is left to `open_slide` to
        refuse.

    Yields
    ------
    Progress
        In tiles.

    Returns
    -------
    Path or RemotePath
        What to give to `open_slide`: ``path`` itself, which finds the cache.

    Raises
    ------
    SlideError
        The file is missing, damaged, no 8-bit RGB, or too large.
    OutputError
        The cache folder can't be written.
    """
    path = find_slide(path)
    kind = identify(path)
    if isinstance(path, RemotePath):
        return path
    if kind in OPENED_AS_THEY_ARE:
        if kind == "other":
            _leave_to_openslide(path)
        return path
    try:
        structure = parse_tiff(path) if kind == "TIFF" else None
    except LeftToOpenSlideError as error:
        _leave_to_openslide(path, error)
        return path
    if structure is None or not structure.tiled:
        read_flat_facts(path, kind)  # refuse before hashing and decoding
        target = converted_path(path)
        if not _is_whole(target):
            yield Progress(0, 1, "decoding the image")
            with open_flat(path, kind) as flat:
                yield from _write(target, flat)
        return path
    for plan in structure.levels:
        if isinstance(plan, RestartPlan) and plan.needs_scan:
            yield from plan.scan()
    if lacks_coarse_levels(structure):
        target = coarse_levels_path(path)
        if not _is_whole(target):
            with _open_coarse(structure) as flat:
                yield from _write(target, flat)
    return path


def _leave_to_openslide(path: Path, otherwise: SlideError | None = None) -> None:
    """Raise ``otherwise`` where OpenSlide doesn't know what we don't read: nobody does."""
    from napari_stexp.slide.formats.openslide import openslide_knows

    if not openslide_knows(path):
        raise otherwise or unknown_kind(path)


def converted_path(path: Path) -> Path:
    """Where the pyramid made from a flat image is kept."""
    return stored_path(sha256(path), "pyramid")


def coarse_levels_path(path: Path) -> Path:
    """Where the coarse levels made for a tiled TIFF are kept."""
    return stored_path(fingerprint(path), "coarse")


def lacks_coarse_levels(structure: TiffStructure) -> bool:
    """Whether computing the coarsest level would read too much to do it while looking."""
    shape = structure.levels[-1].level.shape
    return max(shape) > COARSEST_PX and shape[0] * shape[1] > SYNTHESIS_LIMIT_PX


def _is_whole(target: Path) -> bool:
    """Whether the cache has a readable file of this name; a damaged one is removed."""
    if not target.exists():
        return False
    try:
        parse_tiff(target)
    except SlideError:
        target.unlink(missing_ok=True)
        return False
    return True


@contextmanager
def _open_coarse(structure: TiffStructure) -> Iterator[FlatImage]:
    """Give the rows of a level below the coarsest stored one, computed by several threads."""
    pyramid = Pyramid(structure.open(), TileCache(_BUILD_CACHE))
    index = len(structure.levels) - 1 + _SKIPPED_HALVINGS
    height, width = pyramid.levels[index].shape
    with ThreadPoolExecutor(count_workers()) as pool:

        def read_rows(start: int, stop: int) -> NDArray[np.uint8]:
            corner = np.array([[0, start]])
            return pyramid.gather(index, corner, (stop - start, width), pool=pool).pixels[0]

        try:
            yield FlatImage((height, width), read_rows)
        finally:
            pyramid.release()


def _write(target: Path, flat: FlatImage) -> Generator[Progress, None, None]:
    with atomic_path(target) as temporary:
        yield from write_steps(temporary, flat.shape, flat.read_rows)
    enforce_limit(keep=target)
