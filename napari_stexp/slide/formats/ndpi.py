"""Hamamatsu NDPI: each level is one JPEG, the large ones with restart markers."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import OutputError, SlideError
from napari_stexp.files import atomic_path
from napari_stexp.progress import Progress, exhaust
from napari_stexp.slide.formats.restarts import (
    JpegHead,
    RestartLevel,
    TileLayout,
    read_head,
    scan_restarts,
    tile_layout,
)
from napari_stexp.slide.formats.tiff.chosen import Chosen
from napari_stexp.slide.identify import fingerprint
from napari_stexp.slide.levels import Level, stored_downsample
from napari_stexp.slide.location import Location
from napari_stexp.slide.store import stored_path

if TYPE_CHECKING:
    import tifffile

    from napari_stexp.slide.formats.level import TileLevel
    from napari_stexp.slide.formats.tiff.pages import LevelPlan, Sources

__all__ = ["RestartPlan", "choose", "plan_levels"]

_LENS, _FOCUS, _CAPTURE = 65421, 65424, 65441
_MCU_STARTS, _MCU_STARTS_HIGH = 65426, 65432
_FLUORESCENCE = 6  # CaptureMode from here on
_MACRO, _MAP = -1.0, -2.0  # SourceLens of the pictures of the glass
_MOST_HEAD = 2**18
#: A level without restart markers is decoded as a whole, up to this many pixels.
_MOST_WHOLE = 2**24


def choose(tif: tifffile.TiffFile, path: Location) -> Chosen:
    """Choose the plane in focus of each size.

    Raises
    ------
    SlideError
        A fluorescence scan, or a file without a picture of tissue.
    """
    if float(tif.pages.first.tags.valueof(_CAPTURE, default=0) or 0) >= _FLUORESCENCE:
        raise SlideError(
            "is no H&E image", path=path, expected="a bright-field scan", found="fluorescence"
        )
    best: dict[tuple[int, int], tuple[float, tifffile.TiffPage]] = {}
    associated: dict[str, tifffile.TiffPage] = {}
    for page in tif.pages:
        lens = float(page.tags.valueof(_LENS, default=0) or 0)
        if lens in (_MACRO, _MAP):
            associated.setdefault("macro" if lens == _MACRO else "map", page)
            continue
        off = abs(float(page.tags.valueof(_FOCUS, default=0) or 0))
        size = (page.imagelength, page.imagewidth)
        if lens > 0 and (size not in best or off < best[size][0]):
            best[size] = (off, page)
    if not best:
        raise SlideError("is a damaged NDPI", path=path, expected="a scan of tissue", found="none")
    pages = [page for _, page in sorted(best.values(), key=lambda found: -found[1].imagewidth)]
    planes = sum(float(page.tags.valueof(_LENS, default=0) or 0) > 0 for page in tif.pages)
    notes = (f"{planes - len(pages)} other focal planes aren't shown",) * (planes > len(pages))
    return Chosen([[page] for page in pages], associated=associated, notes=notes)


def plan_levels(chosen: Chosen, path: Location) -> list[LevelPlan]:
    """Return the levels that can be read in parts, or are small.

    Raises
    ------
    SlideError
        The finest level can't.
    """
    base = chosen.levels[0][0].keyframe
    shape = (int(base.imagelength), int(base.imagewidth))
    plans: list[LevelPlan] = []
    for n, (page,) in enumerate(chosen.levels):
        plan = _plan(page.keyframe, shape, path, n)
        if plan is not None:
            if not plans or _is_smaller(plan, plans[-1]):
                plans.append(plan)
        elif n == 0:
            raise SlideError(
                "holds one huge JPEG that can't be read in parts", path=path,
                expected="restart markers that divide its rows evenly",
                hint="Export it as an OME-TIFF, with NDP.convert, QuPath or bioformats2raw.",
            )  # fmt: skip
    return plans


def _is_smaller(plan: LevelPlan, last: LevelPlan) -> bool:
    pairs = zip(plan.level.shape, last.level.shape, strict=True)
    return all(mine < before for mine, before in pairs)


def _plan(
    page: tifffile.TiffPage, base: tuple[int, int], path: Location, index: int
) -> LevelPlan | None:
    from napari_stexp.slide.formats.tiff.kinds import pixel_kind

    pixel_kind(page, path)
    shape = (int(page.imagelength), int(page.imagewidth))
    downsample = stored_downsample(base, shape)
    start, count = (int(np.ravel(page.tags.valueof(code))[0]) for code in (273, 279))
    handle = page.parent.filehandle
    if start + count > handle.size:
        raise SlideError(
            "is cut off", path=path, expected=f"at least {start + count} bytes",
            found=handle.size, hint="Copy or download it again.",
        )  # fmt: skip
    handle.seek(start)
    head = read_head(handle.read(min(count, _MOST_HEAD)))
    layout = None if head is None or page.compression != 7 else tile_layout(head, shape)
    if head is None or layout is None:
        return _whole_level(page, path, shape, downsample)
    level = Level(shape, downsample, layout.tile)
    expected = layout.grid[0] * layout.grid[1]
    starts = _table(page, expected, start, count, len(head.head))
    begin = start + len(head.head)
    return RestartPlan(
        path, index, level, head, layout, (begin, start + count), starts,
        ycbcr=int(page.photometric) == 6,
    )  # fmt: skip


def _whole_level(
    page: tifffile.TiffPage, path: Location, shape: tuple[int, int], downsample: float
) -> LevelPlan | None:
    """Return a level that is decoded at once, None where it is too large for that."""
    from dataclasses import replace

    from napari_stexp.slide.formats.tiff.kinds import pixel_kind
    from napari_stexp.slide.formats.tiff.pages import PagePlan, plan_page

    if shape[0] * shape[1] > _MOST_WHOLE or page.is_tiled or len(page.dataoffsets) != 1:
        return None
    stored = plan_page(page, pixel_kind(page, path), shape, path, downsample)
    return PagePlan([replace(stored, level=Level(shape, downsample, shape))])


def _table(
    page: tifffile.TiffPage, expected: int, start: int, count: int, header: int
) -> NDArray[np.int64] | None:
    """Return where the intervals begin, from the file's own table; None where it has none."""
    low = page.tags.valueof(_MCU_STARTS)
    if low is None:
        return None
    starts = np.ravel(low).astype(np.uint32).astype(np.int64)
    high = page.tags.valueof(_MCU_STARTS_HIGH)
    if high is not None and np.size(high) == len(starts):
        starts += np.ravel(high).astype(np.int64) << 32
    rising = len(starts) == expected and (np.diff(starts) > 0).all()
    if not rising or starts[0] != header or starts[-1] >= count:
        return None
    return np.append(starts, count) + start


class RestartPlan:
    """A level of restart intervals, not open yet."""

    def __init__(
        self,
        path: Location,
        index: int,
        level: Level,
        head: JpegHead,
        layout: TileLayout,
        extent: tuple[int, int],
        starts: NDArray[np.int64] | None,
        *,
        ycbcr: bool,
    ) -> None:
        self.path, self.level = path, level
        self._index, self._head, self._layout, self._extent = index, head, layout, extent
        self._starts, self._ycbcr = starts, ycbcr

    @property
    def needs_scan(self) -> bool:
        """Whether the file has no table of its restart markers, and none is kept."""
        return self._starts is None and self._kept() is None

    def scan(self) -> Generator[Progress, None, None]:
        """Find the restart markers by reading the level once, and keep the places.

        Raises
        ------
        SlideError
            The markers are damaged.
        """
        count = self._layout.grid[0] * self._layout.grid[1]
        starts = yield from scan_restarts(self.path, *self._extent, count)
        self._starts = starts
        try:
            with atomic_path(self._place()) as temporary, temporary.open("wb") as file:
                np.save(file, starts)
        except OutputError:
            pass  # without a cache folder it is done anew next time

    def _place(self) -> Path:
        return stored_path(fingerprint(self.path), f"restarts{self._index}", ".npy")

    def _kept(self) -> NDArray[np.int64] | None:
        """Return the places found earlier; None where they aren't kept or don't fit the file."""
        try:
            starts = np.load(self._place())
        except (OSError, ValueError, EOFError, OutputError):
            return None
        count = self._layout.grid[0] * self._layout.grid[1]
        fits = starts.dtype == np.int64 and starts.shape == (count + 1,)
        if not fits or (starts[0], starts[-1]) != self._extent or (np.diff(starts) < 0).any():
            return None
        return np.asarray(starts)

    def open(self, sources: Sources) -> TileLevel:
        """Open it, looking for the restart markers first where that wasn't done."""
        if self._starts is None:
            self._starts = self._kept()
        if self._starts is None:
            exhaust(self.scan())
        assert self._starts is not None
        return RestartLevel(
            self.level, self._head, self._layout, self._starts, sources.get(self.path),
            ycbcr=self._ycbcr,
        )  # fmt: skip
