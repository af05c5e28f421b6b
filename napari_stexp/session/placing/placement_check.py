"""Whether spots lie on the slide's tissue, and what would put them there."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.progress import Progress
from napari_stexp.spots.alignment import (
    FULL,
    Alignment,
    OrientationCheck,
    Transform,
    apply_alignment,
    find_frame,
    scale_between,
)
from napari_stexp.spots.alignment.orientation import orientation_steps

if TYPE_CHECKING:
    from napari_stexp.slide import Slide, TissueMask

__all__ = ["PlacementCheck", "check_placement_steps", "lay_in_the_middle"]

_MASK_PX = 1000
_OTHER_SCALE = 0.2  # factors nearer to 1 are jitter
_CLEARLY_MORE = 0.1  # of the spots on tissue


@dataclass(frozen=True, eq=False)
class PlacementCheck:
    """What the tissue says of where spots lie.

    Attributes
    ----------
    spots : AnnData
        Of which this is said.
    orientation : OrientationCheck
        As they lie now.
    fix : Transform or None
        From the present positions, level-0 px: what is clearly better.
    words : str
        What the fix does, in a phrase.
    on_tissue_after : float
        Share of the spots on tissue with the fix.
    """

    spots: Any
    orientation: OrientationCheck
    fix: Transform | None = None
    words: str = ""
    on_tissue_after: float = 0.0


def check_placement_steps(
    slide: Slide, spots: Any, tissue: TissueMask | None = None
) -> Generator[Progress, None, PlacementCheck]:
    """Compare spots with the tissue of a slide; returns a `PlacementCheck`.

    Where the table has scale factors, positions in pixels of a reduced image are told; then
    the eight orientations are compared.

    Parameters
    ----------
    slide : Slide
    spots : AnnData
        They may lie anywhere, also outside the slide.
    tissue : TissueMask, optional
        Where the tissue is; found when not given.
    """
    yield Progress(0, 0, "finding the tissue")
    from napari_stexp.slide import tissue_mask

    if tissue is None:
        picture, downsample = slide.thumbnail(_MASK_PX)
        yield Progress(0, 0, "finding the tissue")
        mask = tissue_mask(picture)
    else:
        mask, downsample = tissue.pixels, tissue.downsample
    present = yield from orientation_steps(spots, mask, downsample, slide.shape)
    frames = find_frame(spots, slide.shape, slide.mpp)
    if frames is not None:
        transform = scale_between(*frames)
        if abs(np.log(transform.scale)) > _OTHER_SCALE:
            scaled = apply_alignment(spots, Alignment(transform, ""))
            after = yield from orientation_steps(scaled, mask, downsample, slide.shape)
            words = f"scale by {transform.scale:.4g}: positions are pixels of the {frames[0].name}"
            words += " image" if frames[0].name != FULL else " image, not of this slide"
            best = after.present
            if after.fix is not None:
                best = after.fix
                transform, words = transform.then(best.transform), f"{words}; {best.words}"
            if best.on_tissue > present.present.on_tissue + _CLEARLY_MORE:
                return PlacementCheck(spots, present, transform, words, best.on_tissue)
    if present.fix is None:
        return PlacementCheck(spots, present)
    fix = present.fix
    return PlacementCheck(spots, present, fix.transform, fix.words, fix.on_tissue)


def lay_in_the_middle(spots: Any, slide: Slide) -> Transform:
    """Return a transform that lays spots in the middle of a slide, so that they can be moved.

    Their pitch becomes what it should be where pitch and scale are known; else they cover
    four fifths of the slide.
    """
    from napari_stexp.spots import estimate_mpp

    xy = np.asarray(spots.obsm["spatial"], dtype=np.float64)
    low, high = xy.min(axis=0), xy.max(axis=0)
    size = np.array(slide.shape[::-1], dtype=np.float64)
    mpp = estimate_mpp(spots)
    if mpp and slide.mpp:
        factor = mpp / slide.mpp
    else:
        factor = 0.8 * float((size / np.maximum(high - low, 1)).min())
    middle = Transform.shift(*(-(low + high) / 2))
    return middle.then(Transform.scaling(factor)).then(Transform.shift(*(size / 2)))
