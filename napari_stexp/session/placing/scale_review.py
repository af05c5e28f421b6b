"""Whether a slide's scale can be true: what contradicts it, and what it may be instead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import ScaleError
from napari_stexp.slide.facts import MPP_RANGE, is_plausible
from napari_stexp.slide.scale_review import (
    ScaleFinding,
    SettledFinding,
    describe_ratio,
    expected_mpp,
    is_square,
    review_metadata,
)

if TYPE_CHECKING:
    from napari_stexp.slide import Slide
    from napari_stexp.spots.checks import ScaleComparison

__all__ = [
    "ScaleOption",
    "ScaleReview",
    "choose_option",
    "describe_findings",
    "review_scale",
    "settle_scale",
]

#: Below this share of the slide's sides, spots may be in the pixels of a smaller copy.
_SMALL = 0.4
_HIRES_PX = 2500
_SAME, _USUAL = 0.01, 0.1  # options nearer than this are one; those of an objective are rough


@dataclass(frozen=True)
class ScaleOption:
    """One way to settle a scale.

    Attributes
    ----------
    source : {'metadata', 'spots', 'objective', 'user'}
        Who would say so from then on.
    mpp : float
        µm per level-0 pixel.
    label : str
        Where it is from, for people.
    possible : bool
        Whether a slide can have such pixels; others are shown, and can't be chosen.
    """

    source: str
    mpp: float
    label: str
    possible: bool = True


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
    estimate = _estimate(spots)
    if spots is not None:
        compared = _compare(slide, spots, estimate)
        if compared and all(one.agrees() for one in compared):  # measured on the glass itself
            findings = [one for one in findings if one.kind not in ("objective", "sources")]
        findings = [*findings, *_contradict(compared), *_extent(slide, spots)]
    findings.sort(key=lambda one: one.severity != "question")
    options = (*_distinct(_options(slide, spots, estimate)), *_impossible(slide))
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


def choose_option(slide: Slide, spots: Any, source: str) -> ScaleOption:
    """Return the option that a source stands for.

    Parameters
    ----------
    slide : Slide
    spots : AnnData or None
    source : {'spots', 'objective', 'metadata'}

    Raises
    ------
    ScaleError
        This source says nothing here.
    """
    options = list(_options(slide, spots, _estimate(spots)))
    for option in options:
        if option.source == source:
            return option
    words = {
        "spots": "spots whose distance in µm is known",
        "objective": "an objective's magnification in the file",
        "metadata": f"{MPP_RANGE[0]:g} to {MPP_RANGE[1]:g} µm per pixel in the file",
    }
    raise ScaleError(
        f"the scale can't be taken from the {source}",
        path=slide.path,
        expected=words[source],
        found=", ".join(sorted({one.source for one in options})) or "nothing",
        hint="State it with --mpp.",
    )


def _estimate(spots: Any) -> float | None:
    if spots is None:
        return None
    from napari_stexp.spots.scale import estimate_mpp

    return estimate_mpp(spots)


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


def _options(slide: Slide, spots: Any, estimate: float | None) -> Iterator[ScaleOption]:
    if spots is not None:
        from napari_stexp.spots.record import spots_record
        from napari_stexp.spots.scale import known_length

        if estimate is not None and is_plausible(estimate):
            yield ScaleOption("spots", estimate, "from the spots' distance")
        stated = known_length(spots_record(spots).get("microns_per_pixel"))
        if stated is not None and is_plausible(stated):
            yield ScaleOption("spots", stated, "from the spots' file")
    yield from _moved_points(slide, estimate)
    yield from _stated(slide)
    usual = expected_mpp(slide.objective)
    if usual is not None and is_plausible(usual):
        yield ScaleOption("objective", usual, f"usual for {slide.objective:g}x, not exact")
    if slide.mpp is None and usual is None:
        for objective in (40, 20, 10):
            label = f"usual, if it was scanned at {objective}x"
            yield ScaleOption("user", float(expected_mpp(objective) or 0), label)
    if slide.mpp is not None and slide.mpp_source == "user":
        yield ScaleOption("user", slide.mpp, "as it was typed")


def _stated(slide: Slide) -> Iterator[ScaleOption]:
    """Yield what the file says; of pixels that aren't square, one side for both."""
    places = [(claim.mpp_xy, f"from the file: {claim.source}") for claim in slide.facts.claims]
    if slide.facts.mpp_xy is not None:
        places.append((slide.facts.mpp_xy, "from the file"))
    for (x, y), label in places:
        if not (is_plausible(x) and is_plausible(y)):
            continue
        if is_square((x, y)):
            yield ScaleOption("metadata", (x + y) / 2, label)
        else:
            yield ScaleOption("user", x, "the pixels' width, for both")
            yield ScaleOption("user", y, "the pixels' height, for both")


def _moved_points(slide: Slide, estimate: float | None) -> Iterator[ScaleOption]:
    """Numbers of the file with the decimal point where objective or spots expect it."""
    expected = [(expected_mpp(slide.objective), 1.5), (estimate, 1.05)]
    for claim in slide.facts.claims:
        for power in (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001):
            moved = claim.mpp * power
            if is_plausible(moved) and any(
                one and max(one / moved, moved / one) <= near for one, near in expected
            ):
                where = f"{claim.mpp:.4g} of {claim.source}"
                yield ScaleOption("user", moved, f"{where}, decimal point moved")


def _impossible(slide: Slide) -> Iterator[ScaleOption]:
    for claim in slide.facts.claims:
        if not claim.plausible:
            label = f"from the file: {claim.source}; no slide has such pixels"
            yield ScaleOption("metadata", claim.mpp, label, possible=False)


def _distinct(options: Iterator[ScaleOption]) -> Iterator[ScaleOption]:
    """Leave out what a source says twice; the objective also where another is near."""
    kept: list[ScaleOption] = []
    for option in options:
        near = _USUAL if option.source == "objective" else _SAME
        if not any(
            abs(option.mpp / one.mpp - 1) < near and option.source in (one.source, "objective")
            for one in kept
        ):
            kept.append(option)
            yield option


def describe_findings(findings: Sequence[ScaleFinding]) -> str:
    """Return findings as sentences, for a terminal."""
    return "\n".join(f"{one.sentence}. {one.explanation}" for one in findings)
