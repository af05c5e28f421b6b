"""Mistakes in a slide's scale that its own metadata gives away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from napari_stexp.errors import ScaleError
from napari_stexp.slide.facts import MPP_RANGE, ScaleClaim, is_plausible

if TYPE_CHECKING:
    from napari_stexp.slide.slide import Slide

__all__ = [
    "ScaleFinding",
    "SettledFinding",
    "check_settled",
    "describe_ratio",
    "expected_mpp",
    "is_square",
    "review_metadata",
]

#: µm per pixel at 1x: 20x scanners have about 0.5, 40x about 0.25.
_MPP_TIMES_OBJECTIVE = 10.0
#: Cameras and adapters differ (20x is 0.22 on some scanners, 0.55 on others): within the
#: inner range nothing is said, within the outer one it is mentioned, beyond it is asked.
_USUAL = (0.67, 1.5)
_POSSIBLE = (0.3, 2.6)
#: Two sides of a pixel, or two places of a file, may differ by this much.
_SQUARE = 0.02
_SAME = 0.05
#: Powers of ten within this factor of the ratio are called a slipped decimal point.
_NEAR = 1.35

_PLACES = {1: "one place", 2: "two places", 3: "three places"}

Severity = Literal["question", "note"]


@dataclass(frozen=True)
class ScaleFinding:
    """Something about a slide's scale that a person should know.

    Attributes
    ----------
    kind : str
        ``'missing'``, ``'implausible'``, ``'objective'``, ``'anisotropic'``, ``'sources'``,
        ``'pitch'``, ``'pixel_size'`` or ``'extent'``.
    severity : {'question', 'note'}
        A question has to be settled before anything is predicted; a note is for reading.
    title : str
        In a few words.
    explanation : str
        In plain sentences: what it probably is, and what it would do.
    evidence : tuple of (str, str)
        The numbers, by name.
    """

    kind: str
    severity: Severity
    title: str
    explanation: str
    evidence: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """Kind and numbers: another finding of the same kind has another key."""
        return " | ".join([self.kind, *(f"{name}: {value}" for name, value in self.evidence)])

    @property
    def sentence(self) -> str:
        """Title and numbers on one line."""
        numbers = "; ".join(f"{name} {value}" for name, value in self.evidence)
        return f"{self.title} ({numbers})" if numbers else self.title

    def settled(self) -> SettledFinding:
        """Return what is kept of it once a person has decided."""
        return SettledFinding(self.key, self.sentence)


@dataclass(frozen=True)
class SettledFinding:
    """A finding that a person has read and decided about.

    Attributes
    ----------
    key : str
        `ScaleFinding.key`.
    sentence : str
        `ScaleFinding.sentence`.
    """

    key: str
    sentence: str


def expected_mpp(objective: float | None) -> float | None:
    """µm/px that a scanner of this magnification usually has; None where it is unknown."""
    return _MPP_TIMES_OBJECTIVE / objective if objective and objective > 0 else None


def describe_ratio(ratio: float) -> str:
    """Say what a scale that is ``ratio`` times too large probably comes from; may be empty."""
    factor = max(ratio, 1 / ratio)
    for power in (10.0, 100.0, 1000.0):
        if power / _NEAR <= factor <= power * _NEAR:
            places = len(str(int(power))) - 1
            return (
                f"That is about {power:g} times too {'large' if ratio > 1 else 'small'}: probably "
                f"a decimal point that slipped by {_PLACES[places]}."
            )
    for power in (2.0, 4.0, 8.0, 16.0, 32.0):
        if power / 1.12 <= factor <= power * 1.12:
            return (
                f"That is about {power:g} times too {'large' if ratio > 1 else 'small'}: probably "
                "the scale of another level of the pyramid, or of a copy that was made "
                f"{power:g} times smaller."
            )
    return ""


def review_metadata(slide: Slide) -> list[ScaleFinding]:
    """Look for mistakes in a slide's scale; spots aren't looked at.

    Parameters
    ----------
    slide : Slide
        With the scale in use, whoever it is from.

    Returns
    -------
    list of ScaleFinding
        Questions first; also those that were settled already (`Slide.settled`).
    """
    found = [*_missing(slide), *_anisotropic(slide), *_objective(slide), *_sources(slide)]
    return sorted(found, key=lambda finding: finding.severity != "question")


def _missing(slide: Slide) -> Iterator[ScaleFinding]:
    if slide.mpp is not None:
        return
    if not (odd := [claim for claim in slide.facts.claims if not claim.plausible]):
        yield ScaleFinding(
            "missing",
            "question",
            "The size of a pixel is unknown",
            "The file doesn't say how many µm a pixel is wide. Without it nothing can be "
            "measured in µm, and a model can't tell how large a patch of tissue is.",
        )
        return
    for claim in odd:
        guess = _slipped(claim, slide.objective)
        yield ScaleFinding(
            "implausible",
            "question",
            "No slide has pixels of the size that the file states",
            f"Slides have {MPP_RANGE[0]:g} to {MPP_RANGE[1]:g} µm per pixel. "
            + (
                f"{guess:.4g} would be usual: probably a decimal point that slipped."
                if guess
                else "The number may be in another unit."
            ),
            ((claim.source, f"{claim.mpp:.4g} µm/px"), *_objective_words(slide)),
        )


def _slipped(claim: ScaleClaim, objective: float | None) -> float | None:
    """Return an implausible claim with its decimal point where it makes a slide's scale."""
    nominal = expected_mpp(objective) or 0.35  # between 20x and 40x
    for power in (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001):
        moved = claim.mpp * power
        if is_plausible(moved) and _POSSIBLE[0] <= moved / nominal <= _POSSIBLE[1]:
            return moved
    return None


def is_square(mpp_xy: tuple[float, float]) -> bool:
    """Whether a pixel's width and height agree within 2 %: then their mean is used."""
    return max(mpp_xy) / min(mpp_xy) - 1 <= _SQUARE


def _anisotropic(slide: Slide) -> Iterator[ScaleFinding]:
    if slide.mpp_xy is None:
        return
    x, y = slide.mpp_xy
    if not is_square(slide.mpp_xy):
        yield ScaleFinding(
            "anisotropic",
            "question",
            "The pixels are said not to be square",
            "Width and height of a pixel differ. Scanners make square pixels, so one of the two "
            "numbers is probably wrong: say which. Should they really not be square, resample "
            "the slide first, because patches would come out stretched.",
            (("width", f"{x:.4g} µm"), ("height", f"{y:.4g} µm")),
        )


def _objective(slide: Slide) -> Iterator[ScaleFinding]:
    usual = expected_mpp(slide.objective)
    if usual is None or slide.mpp is None:
        return
    ratio = slide.mpp / usual
    if _USUAL[0] <= ratio <= _USUAL[1]:
        return
    possible = _POSSIBLE[0] <= ratio <= _POSSIBLE[1]
    why = describe_ratio(ratio)
    yield ScaleFinding(
        "objective",
        "note" if possible else "question",
        "The size of a pixel doesn't suit the objective",
        (f"{why} " if why else "")
        + (
            "Some cameras and adapters do have such pixels, so it may be right."
            if possible
            else "No camera explains that much. A copy that was made smaller would, where its "
            "pixel size was adjusted and its objective wasn't."
        ),
        (("in use", f"{slide.mpp:.4g} µm/px"), *_objective_words(slide)),
    )


def _objective_words(slide: Slide) -> tuple[tuple[str, str], ...]:
    usual = expected_mpp(slide.objective)
    return ((f"objective {slide.objective:g}x", f"about {usual:.2g} µm/px"),) if usual else ()


def _sources(slide: Slide) -> Iterator[ScaleFinding]:
    plausible = [claim for claim in slide.facts.claims if claim.plausible]
    if len(plausible) < 2 or slide.mpp_source not in ("metadata", "unknown"):
        return
    first, others = plausible[0], plausible[1:]
    for other in others:
        ratio = max(first.mpp, other.mpp) / min(first.mpp, other.mpp)
        if ratio - 1 <= _SAME:
            continue
        usual = expected_mpp(slide.objective)
        suits = [usual is not None and _USUAL[0] <= one.mpp / usual <= _USUAL[1]
                 for one in (first, other)]  # fmt: skip
        yield ScaleFinding(
            "sources",
            "note" if suits == [True, False] else "question",
            "Two places of the file state different pixel sizes",
            describe_ratio(other.mpp / first.mpp).replace("That", f"{other.source}")
            + (" The objective agrees with the one in use." if suits == [True, False] else ""),
            tuple((one.source, f"{one.mpp:.4g} µm/px") for one in (first, other)),
        )


def check_settled(slide: Slide, model_mpp: float | None = None) -> None:
    """Raise while a question about a slide's scale is open.

    A scale that is merely missing passes: spots may tell it. Pixels that aren't square are
    settled only by one size for both sides: patches would be stretched.

    Parameters
    ----------
    slide : Slide
    model_mpp : float, optional
        µm/px of the model's patches; None for one that takes pixels as they are, to which
        no scale matters.

    Raises
    ------
    ScaleError
    """
    if model_mpp is None:
        return
    known = {one.key for one in slide.settled}
    for finding in review_metadata(slide):
        if (
            finding.severity == "question"
            and finding.kind not in ("missing", "implausible")
            and (finding.key not in known or finding.kind == "anisotropic")
        ):
            raise ScaleError(
                f"{finding.title[0].lower()}{finding.title[1:]}",
                path=slide.path,
                found="; ".join(f"{name} {value}" for name, value in finding.evidence),
                hint=f"{finding.explanation} Settle it with --mpp or --mpp-from "
                "(spots, objective, metadata), or with 'Scale…' in the panel 'Slide & spots'.",
            )
