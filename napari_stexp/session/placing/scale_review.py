"""Whether a slide's scale can be true: what contradicts it, and what it may be instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.session.placing.scale_options import (
    ScaleOption,
    estimate_scale,
    list_options,
)
from napari_stexp.slide.scale_review import (
    ScaleFinding,
    SettledFinding,
    describe_ratio,
    review_metadata,
)

if TYPE_CHECKING:
    from napari_stexp.slide import Slide
    from napari_stexp.spots.checks import ScaleComparison

__all__ = [
    "ScaleReview",
    "describe_findings",
    "review_scale",
    "settle_scale",
]

#: Below this share of the slide's sides, spots may be in the pixels of a smaller copy.
_SMALL = 0.4
_HIRES_PX = 2500


@dataclass(frozen=True)
class ScaleReview:
    """What was found about a slide's scale.

    Attributes
    ----------
    mpp, source : float or None, str
        The scale in use, and who says so.
    findings : tuple of ScaleFinding
        Questions first.
    options : tuple of ScaleOption
        The most likely first.
    settled : tuple of SettledFinding
        What was decided before.
    """

    mpp: float | None
    source: str
    findings: tuple[ScaleFinding, ...]
    options: tuple[ScaleOption, ...]
    settled: tuple[SettledFinding, ...] = ()

    @property
    def questions(self) -> tuple[ScaleFinding, ...]:
        """Findings that have to be settled and aren't."""
        known = {one.key for one in self.settled}
        return tuple(
            one for one in self.findings if one.severity == "question" and one.key not in known
        )

    @property
    def contradictions(self) -> tuple[ScaleFinding, ...]:
        """Questions other than a scale that is merely missing."""
        return tuple(one for one in self.questions if one.kind != "missing")


def review_scale(slide: Slide, spots: Any = None) -> ScaleReview:
    """Look for mistakes in the scale of a slide, with its spots where there are any.

    Parameters
    ----------
    slide : Slide
    spots : AnnData, optional
        Laid on it, or about to be.

    Returns
    -------
    ScaleReview
    """
    findings = review_metadata(slide)
    estimate = estimate_scale(spots)
    if spots is not None:
        compared = _compare(slide, spots, estimate)
        if compared and all(one.agrees() for one in compared):  # measured on the glass itself
            findings = [one for one in findings if one.kind not in ("objective", "sources")]
        findings = [*findings, *_contradict(compared), *_extent(slide, spots)]
    findings.sort(key=lambda one: one.severity != "question")
    options = list_options(slide, spots, estimate)
    return ScaleReview(slide.mpp, slide.mpp_source, tuple(findings), options, slide.settled)


def settle_scale(slide: Slide, spots: Any, mpp: float, source: str) -> Slide:
    """Return the slide at the scale that a person has decided for, knowing what was found.

    What contradicted the old scale, and what still contradicts the new one, is kept as
    settled: it is said in the provenance, and asked no more.

    Parameters
    ----------
    slide : Slide
    spots : AnnData or None
    mpp : float
        µm per level-0 pixel.
    source : {'metadata', 'spots', 'objective', 'user'}

    Raises
    ------
    ScaleError
        No slide has such pixels.
    """
    before = review_scale(slide, spots)
    with slide.with_mpp(mpp, source) as trial:
        after = review_scale(trial, spots)
    settled = {one.key: one for one in slide.settled}
    for finding in (*before.findings, *after.findings):
        if finding.severity == "question":
            settled[finding.key] = finding.settled()
    return slide.with_mpp(mpp, source, tuple(settled.values()))


def _compare(slide: Slide, spots: Any, estimate: float | None) -> list[ScaleComparison]:
    from napari_stexp.spots.checks import compare_scale

    return compare_scale(spots, slide.mpp, estimate)


def _contradict(compared: list[ScaleComparison]) -> Iterator[ScaleFinding]:
    for one in compared:
        if one.agrees():
            continue
        why = describe_ratio(one.ratio)
        pitch = one.kind == "pitch"
        yield ScaleFinding(
            one.kind,
            "question",
            "The spots' distance contradicts the size of a pixel"
            if pitch
            else "The spots' own file states another size of a pixel",
            (why.replace("That", "The size in use") + " " if why else "")
            + (
                "How far apart the spots lie is known from how the array was made; so either the "
                "size of a pixel is wrong, or the spots belong to another picture or technology."
                if pitch
                else "Space Ranger measured it on the picture that the spots were placed on; so "
                "either the size in use is wrong, or this is another copy of that picture."
            ),
            one.evidence,
        )


def _extent(slide: Slide, spots: Any) -> Iterator[ScaleFinding]:
    """Spots that fill only a corner may be in the pixels of a smaller copy."""
    xy = np.asarray(spots.obsm.get("spatial", ()), np.float64)
    if xy.ndim != 2 or len(xy) < 20 or "stexp_spots" not in spots.uns:
        return
    known = xy[np.isfinite(xy).all(axis=1)]
    height, width = slide.shape
    if not len(known) or min(height, width) < 2 * _HIRES_PX:
        return
    right, bottom = known.max(axis=0)
    if right < _SMALL * width and bottom < _SMALL * height and max(right, bottom) <= _HIRES_PX:
        yield ScaleFinding(
            "extent",
            "note",
            "The spots fill only a corner of the slide",
            "They may be given in the pixels of a smaller copy (Space Ranger's 'hires' or "
            "'lowres' picture). Place them with 'Align…'.",
            (("spots", f"up to {right:.0f}, {bottom:.0f} px"), ("slide", f"{width} x {height} px")),
        )


def describe_findings(findings: Sequence[ScaleFinding]) -> str:
    """Return findings as sentences, for a terminal."""
    return "\n".join(f"{one.sentence}. {one.explanation}" for one in findings)
