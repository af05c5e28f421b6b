"""Laying spots on the slide: what is tried out and applied, and what the tissue says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_stexp.errors import AlignmentError
from napari_stexp.session.part import Told
from napari_stexp.session.placing.draft import Draft, Pair
from napari_stexp.session.placing.pairing import Pairing
from napari_stexp.spots.alignment import (
    ORIENTATIONS,
    Alignment,
    Transform,
    apply_alignment,
    orientation_transform,
    read_alignment,
    remove_alignment,
)

if TYPE_CHECKING:
    from napari_stexp.session.state import Session

__all__ = ["MOVE", "TOOLS", "Aligning"]

#: What the mouse does on the slide: nothing of this, sets points of pairs, or moves the spots.
TOOLS = ("none", "pair", "move")
MOVE = "Move the spots"  # the step, for the menu of undo


class Aligning(Pairing):
    """Tries out where the session's spots belong, and lays them there.

    Attributes
    ----------
    changed : Signal
        Another draft: where the spots are shown, or the pairs.
    checked : Signal
        Whether the spots lie on tissue is known, or no longer known.
    tool_changed : Signal of str
        The mouse does something else on the slide.
    """

    changed = Signal()
    checked = Signal()
    tool_changed = Signal(str)
    tool = Told("none", "What the mouse does on the slide: one of `TOOLS`.")

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._check: Any = None
        self._of: tuple[Any, Any] = (None, None)
        session.spots_changed.connect(self._on_other)
        session.slide_changed.connect(self._on_other)

    def _on_other(self, _: Any = None) -> None:
        """Begin anew with other spots; pairs that they were aligned by come with them."""
        self._check = None
        spots, slide = self._session.spots, self._session.slide
        of = (spots, None if slide is None else slide.path)
        if of[0] is self._of[0] and of[1] == self._of[1]:  # another scale of the same slide
            self.checked.emit()
            return
        self._of = of
        self.tool = "none"
        known = None if spots is None else _read(spots)
        pairs: tuple[Pair, ...] = ()
        if known is not None:
            both = zip(known.pairs_own.tolist(), known.pairs_slide.tolist(), strict=True)
            pairs = tuple(Pair(tuple(a), tuple(b)) for a, b in both)
        kind = known.kind if known is not None and known.kind else "similarity"
        self.restore(Draft(pairs=pairs, kind=kind))
        self.checked.emit()

    # ---- what is tried out ---------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """What is tried out."""
        return self._draft

    def restore(self, draft: Draft) -> None:
        """Try something out that was tried before."""
        if draft is not self._draft:
            self._draft = draft
            self.changed.emit()

    @property
    def moved(self) -> bool:
        """Whether the spots are shown elsewhere than they lie."""
        return not self._draft.move.same(Transform.identity(), tolerance=1e-3)

    @property
    def present(self) -> Alignment | None:
        """How the spots were aligned, as they lie now."""
        spots = self._session.spots
        return None if spots is None else _read(spots)

    @property
    def total(self) -> Transform:
        """From the positions in the spots' file to where they are shown."""
        present = self.present
        before = Transform.identity() if present is None else present.transform
        return before.then(self._draft.move)

    @property
    def centre(self) -> NDArray[np.float64]:
        """Middle of the spots as they are shown, (x, y) level-0 px."""
        xy = np.asarray(self._need_spots().obsm["spatial"], dtype=np.float64)
        return self._draft.move([(xy.min(axis=0) + xy.max(axis=0)) / 2])[0]

    def shift(self, x: float, y: float, step: str = MOVE) -> None:
        """Move the spots by so many level-0 px; ``step`` is what undo calls it."""
        self._add(Transform.shift(x, y), "moved by hand", step)

    def turn(self, degrees: float) -> None:
        """Turn the spots clockwise about their middle."""
        self._add(Transform.turn(degrees, self.centre), "turned by hand", "Turn the spots")

    def scale(self, factor: float) -> None:
        """Make the spots' pattern larger about its middle."""
        if not np.isfinite(factor) or factor <= 0:
            raise AlignmentError("spots can't be scaled by this", found=factor)
        self._add(Transform.scaling(factor, self.centre), "scaled by hand", "Scale the spots")

    def orient(self, name: str, about: str = "spots") -> None:
        """Mirror, swap or turn the spots by right angles.

        Parameters
        ----------
        name : str
            One of `napari_stexp.spots.alignment.ORIENTATIONS`.
        about : {'spots', 'slide'}
            Whether the middle of the spots or the slide's frame stays in its place.
        """
        slide = self._session.slide
        if about == "slide" and slide is not None:
            turned = orientation_transform(name, slide.shape)
        else:
            turned = Transform.about(np.array(ORIENTATIONS[name], float), self.centre)
        self._add(turned, name, name[0].upper() + name[1:])

    def transform_by(self, transform: Transform, words: str) -> None:
        """Move the spots by any transform of level-0 px."""
        self._add(transform, words, words[0].upper() + words[1:])

    def reset(self) -> None:
        """Show the spots where they lie; pairs stay."""
        with self._session.undoing.step("Show the spots where they lie"):
            self.restore(replace(self._draft, move=Transform.identity(), steps=()))

    def _add(self, transform: Transform, words: str, step: str) -> None:
        self._need_spots()
        steps = self._draft.steps
        with self._session.undoing.step(step):
            move = self._draft.move.then(transform)
            self.restore(
                replace(
                    self._draft,
                    move=move,
                    steps=steps if steps and steps[-1] == words else (*steps, words),
                )
            )

    # ---- applying ------------------------------------------------------------------------

    def record(self) -> Alignment:
        """Return what is tried out as the alignment that it would be."""
        session, draft = self._session, self._draft
        present = self.present
        before = (present.method,) if present is not None else ()
        fitted = bool(draft.steps) and "pairs of points" in draft.steps[0]
        method = "; ".join(draft.steps if fitted else (*before, *draft.steps)) or "as in the file"
        slide = session.slide
        facts: dict[str, Any] = {"transform": self.total, "method": method}
        if slide is not None:
            facts |= {"slide": slide.name, "fingerprint": slide.fingerprint()}
        fit, _ = self.fit()
        mpp = None if slide is None else slide.mpp
        if fit is None:
            return Alignment(mpp=mpp, **facts)
        own, on_slide = self._draft.whole
        away = np.linalg.norm(self.total(own) - on_slide, axis=1)  # nudged since, perhaps
        record = Alignment.of_pairs(fit, own, on_slide, mpp, **facts)
        return replace(record, residuals_um=away * (mpp or 1.0))

    def apply(self) -> None:
        """Lay the spots where they are shown; predictions are marked as of another place.

        Raises
        ------
        SpotsError, ScaleError
            They would lie outside the slide, or contradict its scale; nothing changed.
        """
        spots = self._need_spots()
        with self._session.undoing.step("Align the spots"):
            self._session.move_spots(apply_alignment(spots, self.record()))

    def apply_to(self, spots: Any, transform: Transform, words: str) -> None:
        """Lay spots elsewhere that are those of the session, or were refused as they are."""
        present = _read(spots)
        before = Transform.identity() if present is None else present.transform
        slide = self._session.slide
        record = Alignment(
            before.then(transform),
            "; ".join([*([present.method] if present else []), words]),
            slide="" if slide is None else slide.name,
            fingerprint="" if slide is None else slide.fingerprint(),
            mpp=None if slide is None else slide.mpp,
        )
        with self._session.undoing.step("Align the spots"):
            self._session.move_spots(apply_alignment(spots, record))

    def take_back(self) -> None:
        """Lay the spots where their file had them."""
        with self._session.undoing.step("Lay the spots as in their file"):
            self._session.move_spots(remove_alignment(self._need_spots()))

    def _need_spots(self) -> Any:
        if self._session.spots is None:
            raise AlignmentError("there are no spots to align", hint="Load spots first.")
        return self._session.spots

    # ---- what the tissue says ------------------------------------------------------------

    @property
    def check(self) -> Any:
        """What is known of how the spots lie on the tissue (`PlacementCheck`), or None."""
        return self._check

    @check.setter
    def check(self, check: Any) -> None:
        self._check = check
        self.checked.emit()


def _read(spots: Any) -> Alignment | None:
    try:
        return read_alignment(spots)
    except AlignmentError:
        return None  # a damaged record of another program's is as good as none
