"""Pairs of points: the same place in the spots' own image and on the slide."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import AlignmentError
from napari_stexp.session.part import SessionPart
from napari_stexp.session.placing.draft import Draft, Pair, Place
from napari_stexp.spots.alignment import Alignment, Transform, fit_pairs

if TYPE_CHECKING:
    from napari_stexp.session.state import Session
    from napari_stexp.spots.alignment import PairFit

__all__ = ["Pairing"]

_PAIRS = "Set pairs of points"  # the step, for the menu of undo


class Pairing(SessionPart):
    """The pairs of `Aligning`'s draft, and what is fitted to them."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._draft = Draft()
        self._fit: tuple[Any, PairFit | None, str] = (None, None, "")

    @property
    @abstractmethod
    def present(self) -> Alignment | None:
        """How the spots were aligned, as they lie now."""

    @abstractmethod
    def restore(self, draft: Draft) -> None:
        """Try something out that was tried before."""

    def set_point(self, *, own: Place | None = None, slide: Place | None = None) -> int:
        """Set a point in one of the images; return its pair's index.

        It completes the first pair that lacks a point there, else it begins a new pair.
        """
        pairs = list(self._draft.pairs)
        side = "own" if own is not None else "slide"
        place = own if own is not None else slide
        index = next((i for i, p in enumerate(pairs) if getattr(p, side) is None), len(pairs))
        if index == len(pairs):
            pairs.append(Pair())
        pairs[index] = replace(pairs[index], **{side: place})
        self._set_pairs(pairs)
        return index

    def move_point(
        self, index: int, *, own: Place | None = None, slide: Place | None = None
    ) -> None:
        """Move a point of a pair."""
        pairs = list(self._draft.pairs)
        moved = {"own": own} if own is not None else {"slide": slide}
        pairs[index] = replace(pairs[index], **moved)
        self._set_pairs(pairs)

    def remove_pair(self, index: int) -> None:
        """Remove a pair; those behind it move up."""
        self._set_pairs([p for i, p in enumerate(self._draft.pairs) if i != index])

    def set_pairs(self, own: Any, slide: Any) -> None:
        """Set all pairs at once, (N, 2) each."""
        both = zip(np.asarray(own).tolist(), np.asarray(slide).tolist(), strict=True)
        self._set_pairs([Pair(tuple(a), tuple(b)) for a, b in both])

    def set_kind(self, kind: str) -> None:
        """Fit a similarity, or an affine transform."""
        if kind != self._draft.kind:
            with self._session.undoing.step(_PAIRS):
                self.restore(replace(self._draft, kind=kind))

    def _set_pairs(self, pairs: list[Pair]) -> None:
        with self._session.undoing.step(_PAIRS):
            self.restore(replace(self._draft, pairs=tuple(pairs)))

    def fit(self) -> tuple[PairFit | None, str]:
        """Return the fit to the pairs that are whole, or why there is none."""
        draft = self._draft
        if self._fit[0] is not draft:
            try:
                self._fit = (draft, fit_pairs(*draft.whole, draft.kind), "")
            except AlignmentError as error:
                self._fit = (draft, None, error.message)
        return self._fit[1], self._fit[2]

    def show_fit(self) -> PairFit:
        """Show the spots where the pairs put them.

        Raises
        ------
        AlignmentError
            The pairs are too few, or lie on one line.
        """
        fit = fit_pairs(*self._draft.whole, self._draft.kind)
        present = self.present
        back = Transform.identity() if present is None else present.transform.inverse()
        words = f"{len(fit.residuals)} pairs of points ({fit.kind})"
        with self._session.undoing.step("Place the spots by the pairs"):
            self.restore(replace(self._draft, move=back.then(fit.transform), steps=(words,)))
        return fit
