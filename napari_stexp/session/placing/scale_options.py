"""What a slide's scale may be: by its file, its objective, or the spots on it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import ScaleError
from napari_stexp.slide.facts import MPP_RANGE, is_plausible
from napari_stexp.slide.scale_review import expected_mpp, is_square

if TYPE_CHECKING:
    from napari_stexp.slide import Slide

__all__ = ["ScaleOption", "choose_option", "estimate_scale", "list_options"]

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
    options = list(_options(slide, spots, estimate_scale(spots)))
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


def list_options(slide: Slide, spots: Any, estimate: float | None) -> tuple[ScaleOption, ...]:
    """Return what the scale may be, the most likely first; what no slide can have, last.

    Parameters
    ----------
    slide : Slide
    spots : AnnData or None
    estimate : float or None
        Of `estimate_scale`.
    """
    return (*_distinct(_options(slide, spots, estimate)), *_impossible(slide))


def estimate_scale(spots: Any) -> float | None:
    """Return the µm/px that the spots' known distance implies; None where it isn't known."""
    if spots is None:
        return None
    from napari_stexp.spots.scale import estimate_mpp

    return estimate_mpp(spots)


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
