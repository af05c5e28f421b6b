"""Opening a slide, whatever it is stored as."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal

from napari_stexp.errors import OutputError, SlideError
from napari_stexp.progress import exhaust
from napari_stexp.slide import store
from napari_stexp.slide.colour import check_colour
from napari_stexp.slide.convert import (
    coarse_levels_path,
    converted_path,
    lacks_coarse_levels,
    prepare_slide,
)
from napari_stexp.slide.flat import read_flat_facts
from napari_stexp.slide.formats.level import TileLevel
from napari_stexp.slide.formats.opened import LeftToOpenSlideError, OpenedFile
from napari_stexp.slide.formats.tiff.pages import Sources
from napari_stexp.slide.formats.tiff.structure import TiffStructure, parse_tiff
from napari_stexp.slide.identify import find_slide, identify, unknown_kind
from napari_stexp.slide.location import Location, RemotePath, local_only
from napari_stexp.slide.pyramid import Pyramid
from napari_stexp.slide.scale_review import SettledFinding
from napari_stexp.slide.slide import Slide, check_mpp
from napari_stexp.slide.source import ByteSource

__all__ = ["BACKENDS", "Backend", "open_slide", "reopen_slide"]

Backend = Literal["auto", "own", "openslide"]
BACKENDS: tuple[Backend, ...] = ("auto", "own", "openslide")

logger = logging.getLogger(__name__)


def open_slide(
    path: str | Path | RemotePath,
    *,
    mpp: float | None = None,
    colour: str = "stored",
    backend: Backend = "auto",
) -> Slide:
    """Open a slide.

    Tiled TIFF of all makers and OME-Zarr are read as they are, MIRAX, DICOM and other
    scanners' formats through OpenSlide. JPEG, PNG and striped TIFF are converted first unless
    the cache has them; call `prepare_slide` before to see the progress of that.

    Parameters
    ----------
    path : path-like
        A file; of a slide of several, any of them or their folder. Or an address
        (``https://``, ``s3://``) of a tiled TIFF or an OME-Zarr, which is read by range.
    mpp : float, optional
        µm per level-0 pixel, in place of what the file says.
    colour : {'stored', 'sRGB'}
        The colours that reading gives: the numbers of the file, as the released models saw
        them, or converted to sRGB by the slide's ICC profile (relative colorimetric). Where
        the profile is missing or damaged they stay as stored, with a warning in the log, and
        `Slide.colour` says so.
    backend : {'auto', 'own', 'openslide'}
        Who reads it: by itself the package's own readers, and OpenSlide what they don't know.

    Returns
    -------
    Slide

    Raises
    ------
    SlideError
        The file is missing, damaged, cut off, or no 8-bit RGB image.
    ScaleError
        ``mpp`` is no scale of a slide.
    OutputError
        A converted copy is needed and the cache folder can't be written.
    """
    place, colour = find_slide(path), check_colour(colour)
    if mpp is not None:
        mpp = check_mpp(mpp, place)
    opened = _open(place, backend)
    facts = opened.facts
    scale = facts.mpp_xy if mpp is None else (mpp, mpp)
    said = "user" if mpp is not None else "metadata" if facts.mpp_xy is not None else "unknown"
    slide = Slide(
        place, scale, said, facts, opened.backend, Pyramid(opened.levels),
        _associated=opened.associated,
    )  # fmt: skip
    return slide if colour == "stored" else _in_colours(slide, colour)


def _in_colours(slide: Slide, colour: str) -> Slide:
    """Return the slide in other colours; as it is, with a warning, where that can't be."""
    try:
        converted = slide.with_colour(colour)
    except SlideError as error:
        logger.warning("%s The colours stay as they are stored.", error.message)
        return slide
    slide.close()
    return converted


def _open(path: Location, backend: Backend = "auto") -> OpenedFile:
    """Choose the format by content, and who reads it, and open it."""
    if backend not in BACKENDS:
        raise SlideError("is no backend", path=path, expected=" or ".join(BACKENDS), found=backend)
    if backend == "openslide":
        return _open_with_openslide(path)
    try:
        return _open_ourselves(path)
    except LeftToOpenSlideError as error:
        if backend == "own":
            raise
        return _open_with_openslide(path, error)


def _open_with_openslide(path: Location, otherwise: SlideError | None = None) -> OpenedFile:
    """Open a slide with OpenSlide; ``otherwise`` is raised where it doesn't know it either."""
    from napari_stexp.slide.formats.dicom_folder import file_to_open
    from napari_stexp.slide.formats.openslide import open_with_openslide, openslide_knows

    local = local_only(path, "is of a kind that OpenSlide reads, from this machine only")
    if otherwise is not None and not local.is_dir() and not openslide_knows(local):
        raise otherwise
    if local.is_dir() and identify(local) != "DICOM":
        raise SlideError("is a folder", path=local, expected="a file that OpenSlide reads")
    try:
        return open_with_openslide(file_to_open(local))
    except SlideError as error:
        if otherwise is None or identify(local) != "TIFF":
            raise
        raise _neither(otherwise, error) from error


def _neither(ours: SlideError, theirs: SlideError) -> SlideError:
    """Say why we don't read a file, and that OpenSlide, which should, doesn't either."""
    found = " and ".join(str(one.found) for one in (ours, theirs) if one.found is not None)
    return SlideError(
        f"{ours.what}, and OpenSlide doesn't read it either", path=ours.path,
        expected=ours.expected, found=found or None,
        hint="It may be damaged. If not, turn it into OME-TIFF with QuPath or bioformats2raw.",
    )  # fmt: skip


def _open_ourselves(path: Location) -> OpenedFile:
    kind = identify(path)
    if kind == "OME-Zarr":
        from napari_stexp.slide.formats.zarr.opening import open_zarr

        return open_zarr(path)
    if kind == "DICOM":
        raise LeftToOpenSlideError("is DICOM, which is read through OpenSlide", path=path)
    if kind == "other":
        raise unknown_kind(path)
    structure = parse_tiff(path) if kind == "TIFF" else None
    if structure is not None and structure.tiled:
        return OpenedFile(
            _tiled_levels(path, structure), structure.facts, associated=structure.associated
        )
    local = local_only(path, "is an image without tiles, which could only be read whole")
    facts = read_flat_facts(local, kind)
    return OpenedFile(_converted_levels(local), facts)


def _tiled_levels(path: Location, structure: TiffStructure) -> tuple[TileLevel, ...]:
    """Levels of a tiled TIFF, with the coarse ones from the cache where they are."""
    lacking = lacks_coarse_levels(structure)
    if lacking:
        path = local_only(path, "has no overview, for which it would have to be read whole")
    stored = structure.open()
    return stored + (_coarse_levels(path, structure) if isinstance(path, Path) and lacking else ())


def _coarse_levels(path: Path, structure: TiffStructure) -> tuple[TileLevel, ...]:
    """Levels of the file that `prepare_slide` made; none where it is missing or damaged.

    The slide can be read without them: that is no reason to fail.
    """
    try:
        made = coarse_levels_path(path)
        base = structure.levels[0].level.shape
        return parse_tiff(made, base).open(Sources(CachedSource)) if made.exists() else ()
    except (SlideError, OutputError):
        return ()


class CachedSource(ByteSource):
    """A file of the cache: not to be deleted while it is open."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        store.mark_used(path)
        self._made = path
        self._marked = True

    def close(self) -> None:
        if self._marked:
            self._marked = False
            store.release(self._made)
        super().close()


def _converted_levels(path: Path) -> tuple[TileLevel, ...]:
    """Open the converted copy, making it first where the cache lacks it."""
    for _ in range(3):  # another process may clean the cache between making and opening
        exhaust(prepare_slide(path))
        target = converted_path(path)
        try:
            return parse_tiff(target).open(Sources(CachedSource))
        except SlideError:
            continue
    raise SlideError(
        "its converted copy disappears from the cache",
        path=path,
        hint="Raise STEXP_CACHE_LIMIT_GB, or set STEXP_CACHE_DIR to another folder.",
    )


def reopen_slide(
    path: Location,
    mpp: float | None,
    source: str,
    colour: str = "stored",
    settled: tuple[SettledFinding, ...] = (),
    backend: Backend = "auto",
) -> Slide:
    """Open a slide that another process had open, at the scale and in the colours it had."""
    slide = open_slide(path, colour=colour, backend=backend)
    if mpp is None or (slide.mpp == mpp and not settled):
        return slide
    with slide:
        return slide.with_mpp(mpp, source, settled)
