"""Opening a slide, whatever it is stored as."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_stexp.errors import OutputError, SlideError
from napari_stexp.progress import exhaust
from napari_stexp.slide import store
from napari_stexp.slide.convert import (
    coarse_levels_path,
    converted_path,
    lacks_coarse_levels,
    prepare_slide,
)
from napari_stexp.slide.flat import read_flat_facts
from napari_stexp.slide.formats.level import FileLevel, TileLevel
from napari_stexp.slide.formats.opened import OpenedFile
from napari_stexp.slide.identify import identify
from napari_stexp.slide.levels import stored_downsample
from napari_stexp.slide.pyramid import Pyramid
from napari_stexp.slide.slide import Slide, check_mpp
from napari_stexp.slide.source import ByteSource
from napari_stexp.slide.tiff import TiffStructure, parse_tiff

__all__ = ["open_slide", "reopen_slide"]


def open_slide(path: str | Path, *, mpp: float | None = None) -> Slide:
    """Open a slide.

    Tiled TIFF (pyramidal or not), OME-TIFF and Aperio SVS are read as they
    are. JPEG, PNG and striped TIFF are converted first unless the cache has
    them; call `prepare_slide` before to see the progress of that.

    Parameters
    ----------
    path : path-like
    mpp : float, optional
        µm per level-0 pixel, in place of what the file says.

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
    path = Path(path)
    if mpp is not None:
        mpp = check_mpp(mpp, path)
    opened = _open(path)
    facts = opened.facts
    scale = facts.mpp_xy if mpp is None else (mpp, mpp)
    said = "user" if mpp is not None else "metadata" if facts.mpp_xy is not None else "unknown"
    return Slide(path, scale, said, facts, opened.backend, Pyramid(opened.levels))


def _open(path: Path) -> OpenedFile:
    """Choose the format by content, and open it."""
    kind = identify(path)
    structure = parse_tiff(path) if kind == "TIFF" else None
    if structure is not None and structure.tiled:
        return OpenedFile(_tiled_levels(path, structure), structure.facts)
    facts = read_flat_facts(path, kind)
    return OpenedFile(_converted_levels(path), facts)


def _tiled_levels(path: Path, structure: TiffStructure) -> tuple[TileLevel, ...]:
    """Levels of a tiled TIFF, with the coarse ones from the cache where they are."""
    source = ByteSource(path)
    stored = tuple(FileLevel(level, source) for level in structure.levels)
    return stored + (_coarse_levels(path, structure) if lacks_coarse_levels(structure) else ())


def _coarse_levels(path: Path, structure: TiffStructure) -> tuple[TileLevel, ...]:
    """Levels of the file that `prepare_slide` made; none where it is missing or damaged.

    The slide can be read without them: that is no reason to fail.
    """
    try:
        made = coarse_levels_path(path)
        levels = parse_tiff(made).levels if made.exists() else ()
        source = CachedSource(made) if levels else None
    except (SlideError, OutputError):
        return ()
    if source is None:
        return ()
    base = structure.levels[0].level.shape
    placed = [
        replace(v, level=replace(v.level, downsample=stored_downsample(base, v.level.shape)))
        for v in levels
    ]
    return tuple(FileLevel(level, source) for level in placed)


class CachedSource(ByteSource):
    """A file of the cache: not to be deleted while it is open."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        store.mark_used(path)
        self._marked = True

    def close(self) -> None:
        if self._marked:
            self._marked = False
            store.release(self.path)
        super().close()


def _converted_levels(path: Path) -> tuple[TileLevel, ...]:
    """Open the converted copy, making it first where the cache lacks it."""
    for _ in range(3):  # another process may clean the cache between making and opening
        exhaust(prepare_slide(path))
        target = converted_path(path)
        try:
            source = CachedSource(target)
        except SlideError:
            continue
        try:
            levels = parse_tiff(target).levels
        except SlideError:
            source.close()
            continue
        return tuple(FileLevel(level, source) for level in levels)
    raise SlideError(
        "its converted copy disappears from the cache",
        path=path,
        hint="Raise STEXP_CACHE_LIMIT_GB, or set STEXP_CACHE_DIR to another folder.",
    )


def reopen_slide(path: Path, mpp: float | None, source: str) -> Slide:
    """Open a slide that another process had open, at the scale that it had there."""
    slide = open_slide(path)
    if mpp is None or slide.mpp == mpp:
        return slide
    with slide:
        return slide.with_mpp(mpp, source)
