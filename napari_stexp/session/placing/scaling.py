"""The scale and the colours of the open slide: set, reviewed, settled, brought back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_stexp.errors import SlideError
from napari_stexp.session.placing.scale_options import choose_option
from napari_stexp.session.placing.scale_review import ScaleReview, review_scale, settle_scale

if TYPE_CHECKING:
    from typing import Self

    from napari_stexp.predict import Prediction
    from napari_stexp.session.undoing import Undoing
    from napari_stexp.slide import Slide
    from napari_stexp.slide.scale_review import SettledFinding

__all__ = ["SETTLE", "Scale", "Scaling", "describe_rescaling"]

SETTLE = "Settle the slide's scale"  # the step, for the menu of undo


class Scale(NamedTuple):
    """What is held for a slide's scale.

    Attributes
    ----------
    mpp : float or None
        µm per level-0 pixel; None where unknown.
    source : str
        Who says so; see `Slide.mpp_source`.
    settled : tuple of SettledFinding
        What a person has decided about.
    """

    mpp: float | None
    source: str
    settled: tuple[SettledFinding, ...] = ()

    @classmethod
    def of(cls, slide: Slide) -> Self:
        """Return what is held for a slide."""
        return cls(slide.mpp, slide.mpp_source, slide.settled)


class Scaling(ABC):
    """The part of `Session` that knows how large things are.

    Setting and settling the scale is each one step of undo.
    """

    _slide: Slide | None
    _spots: Any
    _prediction: Prediction | None
    undoing: Undoing

    @abstractmethod
    def set_slide(self, slide: Slide | None) -> None:
        """See `Session`."""

    def set_mpp(self, mpp: float, source: str = "user") -> Slide:
        """Give the open slide another scale.

        Parameters
        ----------
        mpp : float
            µm per level-0 pixel.
        source : str
            Where it comes from: 'user', 'spots', 'objective' or 'metadata'.

        Raises
        ------
        SlideError
            No slide is open.
        ScaleError
            Implausible, or contradicting the spots.
        """
        slide = self._need_slide("to set the scale of").with_mpp(mpp, source=source)
        with self.undoing.step("Set the slide's scale"):
            self.set_slide(slide)
        return slide

    def review_scale(self, spots: Any = None) -> ScaleReview | None:
        """Look for mistakes in the open slide's scale; None without a slide.

        Parameters
        ----------
        spots : AnnData, optional
            About to be loaded; those that are loaded already when not given.
        """
        if self._slide is None:
            return None
        return review_scale(self._slide, self._spots if spots is None else spots)

    def settle_scale(
        self, mpp: float | None = None, source: str = "user", spots: Any = None
    ) -> Slide:
        """Decide what the slide's scale is, knowing what contradicts it.

        Parameters
        ----------
        mpp : float, optional
            µm per level-0 pixel; what ``source`` says when not given.
        source : {'metadata', 'spots', 'objective', 'user'}
            Who says so from now on.
        spots : AnnData, optional
            About to be loaded; those that are loaded already when not given.

        Raises
        ------
        SlideError
            No slide is open.
        ScaleError
            Implausible, or the source says nothing.
        """
        old = self._need_slide("to set the scale of")
        spots = self._spots if spots is None else spots
        if mpp is None:
            mpp = choose_option(old, spots, source).mpp
        slide = settle_scale(old, spots, mpp, source)
        with self.undoing.step(SETTLE):
            self.set_slide(slide)
        return slide

    def set_colour(self, colour: str) -> Slide:
        """Show the open slide in its stored colours or in sRGB; see `slide.open_slide`.

        Raises
        ------
        SlideError
            No slide is open, or its ICC profile is missing or damaged.
        """
        slide = self._need_slide("to convert the colours of").with_colour(colour)
        self.set_slide(slide)
        return slide

    def restore_scale(self, scale: Scale) -> None:
        """Bring back a scale that the open slide had, without a step of undo.

        Raises
        ------
        SlideError
            No slide is open.
        ScaleError
            It contradicts the spots, and nobody has settled that.
        """
        slide = self._need_slide("to set the scale of")
        if Scale.of(slide) != scale:
            self.set_slide(slide.with_mpp(*scale))

    @property
    def world_mpp(self) -> float | None:
        """µm per level-0 pixel of what is shown, None where nobody knows.

        The slide's own where one is open; else what the prediction says of its slide, or
        what the pitch of the spots implies.
        """
        if self._slide is not None:
            return self._slide.mpp
        if self._prediction is not None:
            made_on = self._prediction.adata.uns.get("stexp", {}).get("slide", {})
            if made_on.get("mpp"):
                return float(made_on["mpp"])
        return self.suggested_mpp

    @property
    def suggested_mpp(self) -> float | None:
        """µm/px that the spots' pitch implies, for a slide whose own is unknown."""
        if self._spots is None:
            return None
        from napari_stexp.spots import estimate_mpp

        return estimate_mpp(self._spots)

    def _need_slide(self, what_for: str) -> Slide:
        if self._slide is None:
            raise SlideError(f"there is no slide {what_for}")
        return self._slide


def describe_rescaling(old: Slide, new: Slide, prediction: Prediction | None) -> list[str]:
    """Say what another scale or other colours of a slide mean for the prediction shown."""
    notices: list[str] = []
    if prediction is None:
        return notices
    if new.colour != old.colour:
        notices.append(
            "The slide's colours are now others than those the prediction shown was made "
            "with. Predict again."
        )
    made_on = prediction.adata.uns.get("stexp", {}).get("slide", {})
    if new.mpp not in (old.mpp, made_on.get("mpp")):
        scale = "unknown" if new.mpp is None else f"{new.mpp:.4g} µm/px"
        notices.append(
            f"The slide's scale is now {scale}; the prediction shown was made at another "
            "one. Predict again."
        )
    return notices
