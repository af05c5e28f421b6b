"""Spots that were turned or mirrored on their way, told by the tissue that they lie on.

Spots are printed everywhere and kept where there is tissue, so those that are kept show the
outline of the section. Of the eight ways to lay a rectangle on itself, about the frame of the
slide and about the middle of the spots, the one is looked for in which they lie on tissue, and
the gaps between them don't.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.progress import Progress, exhaust
from napari_stexp.spots.alignment.tissue_fit import TissueFit
from napari_stexp.spots.alignment.transform import Transform

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = [
    "ORIENTATIONS",
    "OrientationCheck",
    "ScoredOrientation",
    "check_orientation",
    "orientation_steps",
    "orientation_transform",
]

#: What is done to the positions, in words, and the linear map on (x, y), y down.
ORIENTATIONS: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "as they are": ((1, 0), (0, 1)),
    "swap x and y": ((0, 1), (1, 0)),
    "mirror left to right": ((-1, 0), (0, 1)),
    "mirror top to bottom": ((1, 0), (0, -1)),
    "turn by 90° clockwise": ((0, -1), (1, 0)),
    "turn by 90° counter-clockwise": ((0, 1), (-1, 0)),
    "turn by 180°": ((-1, 0), (0, -1)),
    "swap x and y, turn by 180°": ((0, -1), (-1, 0)),
}
AS_THEY_ARE = next(iter(ORIENTATIONS))
#: About what: the middle of the slide's frame, or that of the spots.
FRAMES = ("slide", "spots")

# A fix is offered where all of these hold; measured on eight real sections, whose right
# placement has 99 % of the spots on tissue and whose others have up to 94 %.
_LEAST_ON_TISSUE = 0.85
_LEAST_GAIN = 0.03  # of the spots
_MOST_LEFT = 0.5  # of the spots off tissue
_LEAST_OVERLAP_GAIN = 0.04
_LEAD = (2.0, 0.02)  # the next best other one has so many times as many off tissue, and more
_FITTING = 0.75  # of the spots on tissue; with fewer, they are said not to fit


@dataclass(frozen=True, eq=False)
class ScoredOrientation:
    """One way to lay the spots.

    Attributes
    ----------
    name : str
        One of `ORIENTATIONS`.
    about : {'slide', 'spots'}
        What stays in its place: the slide's frame, or the middle of the spots.
    transform : Transform
        From the present positions, level-0 px.
    on_tissue : float
        Share of the spots that lie on tissue.
    overlap : float
        Within the array: the area that is both covered by spots and tissue, as a share of
        that which is either (Jaccard's index).
    """

    name: str
    about: str
    transform: Transform
    on_tissue: float
    overlap: float

    @property
    def words(self) -> str:
        """What is done, in a phrase."""
        where = " in their own frame" if self.about == "spots" and self.name != AS_THEY_ARE else ""
        return f"{self.name}{where}"


@dataclass(frozen=True, eq=False)
class OrientationCheck:
    """How well spots lie on tissue in each orientation.

    Attributes
    ----------
    present : ScoredOrientation
    candidates : tuple of ScoredOrientation
        All, the best first; the present one among them.
    fix : ScoredOrientation or None
        The one that is clearly better than the present and all others.
    has_tissue : bool
        Whether any tissue was found to compare with.
    """

    present: ScoredOrientation
    candidates: tuple[ScoredOrientation, ...]
    fix: ScoredOrientation | None
    has_tissue: bool = True

    @property
    def fits(self) -> bool:
        """Whether most spots lie on tissue as they are (or nothing is known of the tissue)."""
        return not self.has_tissue or self.present.on_tissue >= _FITTING

    def describe(self) -> dict[str, Any]:
        """Return the scores as plain values, the best first."""
        return {
            "on_tissue": self.present.on_tissue,
            "fix": None if self.fix is None else self.fix.words,
            "orientations": [
                {"orientation": c.words, "on_tissue": c.on_tissue, "overlap": c.overlap}
                for c in self.candidates
            ],
        }


def orientation_transform(
    name: str, shape: tuple[int, int] | None = None, xy: ArrayLike | None = None
) -> Transform:
    """Return an orientation as a transform of positions.

    Parameters
    ----------
    name : str
        One of `ORIENTATIONS`.
    shape : (int, int), optional
        Level-0 (height, width) of the slide: its frame stays in its place.
    xy : (N, 2) array, optional
        Positions, where no shape is given: the middle of their bounding box stays.
    """
    linear = np.asarray(ORIENTATIONS[name], dtype=np.float64)
    if shape is None:
        places = np.asarray(xy, dtype=np.float64)
        return Transform.about(linear, (places.min(axis=0) + places.max(axis=0)) / 2)
    size = np.array(shape[::-1], dtype=np.float64)
    before = size if linear[0, 0] else size[::-1]  # of an image that was turned with its spots
    corner = np.minimum(linear @ before, 0)  # of its box after the turn; the other one is at 0
    return Transform.of(linear, -corner)


def check_orientation(
    adata: AnnData,
    mask: NDArray[np.bool_],
    downsample: float,
    shape: tuple[int, int],
) -> OrientationCheck:
    """Compare the spots' positions with the tissue, in all orientations.

    Parameters
    ----------
    adata : AnnData
        Spots; where ``obs['in_tissue']`` says so, only those in tissue count.
    mask : (h, w) bool array
        Tissue, on a thumbnail of the slide (`napari_stexp.slide.tissue_mask`).
    downsample : float
        Level-0 px per pixel of the mask.
    shape : (int, int)
        Level-0 (height, width).
    """
    return exhaust(orientation_steps(adata, mask, downsample, shape))


def orientation_steps(
    adata: AnnData,
    mask: NDArray[np.bool_],
    downsample: float,
    shape: tuple[int, int],
) -> Generator[Progress, None, OrientationCheck]:
    """Do what `check_orientation` does, with progress."""
    yield Progress(0, 0, "comparing spots with tissue")
    fit = TissueFit.of(adata, mask, downsample)
    ways = [(name, about) for about in FRAMES for name in ORIENTATIONS]
    ways.remove((AS_THEY_ARE, "spots"))
    scored = []
    for done, (name, about) in enumerate(ways):
        yield Progress(done, len(ways), "comparing spots with tissue")
        frame = shape if about == "slide" else None
        transform = orientation_transform(name, frame, fit.xy)
        scored.append(ScoredOrientation(name, about, transform, *fit.score(transform)))
    present = scored[0]
    ranked = tuple(sorted(scored, key=lambda one: (-one.on_tissue, -one.overlap)))
    has_tissue = bool(mask.any())
    fix = _find_fix(present, ranked, fit) if has_tissue else None
    return OrientationCheck(present, ranked, fix, has_tissue)


def _find_fix(
    present: ScoredOrientation, ranked: tuple[ScoredOrientation, ...], fit: TissueFit
) -> ScoredOrientation | None:
    """Return the best one where it is clearly better than the present and than all others."""
    best = max(ranked, key=lambda one: one.on_tissue + one.overlap)
    gain = best.on_tissue - present.on_tissue
    convincing = (
        best.on_tissue >= _LEAST_ON_TISSUE
        and gain >= _LEAST_GAIN
        and 1 - best.on_tissue <= _MOST_LEFT * (1 - present.on_tissue)
        and best.overlap - present.overlap >= _LEAST_OVERLAP_GAIN
    )
    if not convincing:
        return None
    others = [one for one in ranked if not fit.alike(one.transform, best.transform)]
    ahead = all(
        1 - one.on_tissue >= _LEAD[0] * (1 - best.on_tissue) + _LEAD[1]
        and one.overlap < best.overlap
        for one in others
    )
    return best if ahead else None
