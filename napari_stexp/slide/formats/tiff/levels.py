"""The levels of a pyramid from the pages that were chosen for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_stexp.slide.formats.tiff.chosen import Chosen
from napari_stexp.slide.formats.tiff.kinds import pixel_kind
from napari_stexp.slide.formats.tiff.pages import LevelPlan, PagePlan, plan_page
from napari_stexp.slide.location import Location

if TYPE_CHECKING:
    import tifffile

__all__ = ["plan_levels"]


def plan_levels(
    chosen: Chosen, path: Location, whole: tuple[int, int] | None = None
) -> list[LevelPlan]:
    """Return the levels of chosen pages: those that are coarser pictures of the first.

    ``whole`` is the shape of level 0, where that isn't the first of these.
    """
    base = chosen.levels[0][0].keyframe
    kind = pixel_kind(base, path, significant=chosen.significant)
    shape = whole or (int(base.imagelength), int(base.imagewidth))
    levels = chosen.levels if base.is_tiled else chosen.levels[:1]
    plans: list[PagePlan] = []
    for n, pages in enumerate(levels):
        if not _is_same_kind(pages[0].keyframe, base) or len(pages) != len(chosen.levels[0]):
            continue
        known = chosen.downsamples[n] if chosen.downsamples else None
        plan = PagePlan([plan_page(page, kind, shape, path, known) for page in pages])
        if not plans or _is_coarser(plan, plans[-1], shape):
            plans.append(plan)
    return list(plans)


def _is_same_kind(page: tifffile.TiffPage, base: tifffile.TiffPage) -> bool:
    """Whether a coarser page can be read as a level of ``base``."""
    same_pixels = (page.samplesperpixel, page.bitspersample) == (
        base.samplesperpixel,
        base.bitspersample,
    )
    return bool(page is base or (page.is_tiled and same_pixels and page.imagedepth == 1))


def _is_coarser(plan: LevelPlan, last: LevelPlan, base: tuple[int, int]) -> bool:
    """Whether a level is smaller than the one before, and of the first one's aspect."""
    shape, before, ratio = plan.level.shape, last.level.shape, plan.level.downsample
    fits = all(abs(b / ratio - s) <= 2 for b, s in zip(base, shape, strict=True))
    return shape[0] < before[0] and shape[1] < before[1] and fits
