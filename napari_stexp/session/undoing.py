"""One history for the whole window: Ctrl+Z takes back what was done last, whatever it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from psygnal import Signal

from napari_stexp.errors import StexpError

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction
    from napari_stexp.session.annotation.label_source import LabelSource
    from napari_stexp.session.genes.display import DisplaySettings
    from napari_stexp.session.genes.signatures import Signature
    from napari_stexp.session.placing.alignment import Draft
    from napari_stexp.session.state import Session
    from napari_stexp.slide import TissueMask

__all__ = ["Undoing"]

_LONGEST = 100
_TOGETHER = 1.0  # seconds: a slider that is dragged is one step


@dataclass(frozen=True, eq=False)
class _State:
    """What can be brought back, by reference: spots, predictions and how they are shown."""

    spots: Any
    predictions: dict[str, Prediction]
    active: str | None
    signatures: tuple[Signature, ...]
    source: str
    gene: str | None
    composite: tuple[str, ...]
    display: DisplaySettings
    labels: tuple[LabelSource, ...]  # tables and domains
    label_key: str | None
    draft: Draft  # of the alignment
    tissue: TissueMask | None

    def same(self, other: _State) -> bool:
        """Whether nothing is to be done between the two."""
        return (
            self.spots is other.spots
            and list(self.predictions.items()) == list(other.predictions.items())
            and (self.active, self.signatures, self.source, self.gene)
            == (other.active, other.signatures, other.source, other.gene)
            and (self.composite, self.display) == (other.composite, other.display)
            and self.same_labels(other)
            and self.draft is other.draft
            and self.tissue is other.tissue
        )

    def same_things(self, other: _State) -> bool:
        """Whether what is there is the same, and only how it is shown or laid may differ."""
        return (
            self.spots is other.spots
            and self.tissue is other.tissue
            and self.predictions == other.predictions
            and self.same_labels(other)
        )

    def same_labels(self, other: _State) -> bool:
        """Whether the labels, and which are in use, are the same."""
        return (self.labels, self.label_key) == (other.labels, other.label_key)


class _Step(NamedTuple):
    text: str
    before: _State | None  # None: an edit of the regions, which have a history of their own
    after: _State | None
    when: float
    back: Callable[[], None] | None = None  # what takes it back in a way of its own


class Undoing:
    """Takes back and does again, over the regions' edits and all else that was noted.

    What is noted is kept by reference, so that a discarded prediction comes back as it
    was. Another slide begins a new history.

    Parameters
    ----------
    session : Session
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        self._kept = ref(session)  # which owns this
        self._past: list[_Step] = []
        self._future: list[_Step] = []
        self._depth = 0  # of the regions' own history
        self._slide: Any = None
        self._busy = False
        session.regions.history_changed.connect(self._on_regions)
        session.slide_changed.connect(self._on_slide)

    @property
    def _session(self) -> Session:
        session = self._kept()
        assert session is not None
        return session

    @property
    def undo_text(self) -> str:
        """What `undo` would take back; empty if there is nothing."""
        return self._past[-1].text if self._past else ""

    @property
    def redo_text(self) -> str:
        """What `redo` would do again; empty if there is nothing."""
        return self._future[-1].text if self._future else ""

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Note what is changed within as one step.

        Steps of the same text within a second are one, unless spots, predictions, labels or
        tissue came or went; so is what is noted within another step. An error within is
        raised, and what was changed until then is noted.

        Parameters
        ----------
        text : str
            What is done, for a menu: 'Discard the prediction'.
        """
        if self._busy:
            yield
            return
        before, self._busy = self._state(), True
        try:
            yield
        finally:
            self._busy = False
            after = self._state()
            if not after.same(before):
                self._note(text, before, after)

    def _note(self, text: str, before: _State, after: _State) -> None:
        now = time.monotonic()
        last = self._past[-1] if self._past else None
        start = last.before if last and now - last.when < _TOGETHER else None
        if last and start and last.text == text and before.same_things(after):
            self._past.pop()
            before = start
        self._push(_Step(text, before, after, now))

    def _push(self, step: _Step) -> None:
        self._past.append(step)
        del self._past[:-_LONGEST]
        self._future.clear()
        self.changed.emit()

    def offer(self, text: str, back: Callable[[], None]) -> None:
        """Note what was done and can be taken back by a call, but not be done again.

        Parameters
        ----------
        text : str
            What was done, for a menu: 'Close the slide'.
        back : callable
            Takes it back, now or in a while; called once.
        """
        self._push(_Step(text, None, None, time.monotonic(), back))

    def undo(self) -> None:
        """Take the last step back.

        Raises
        ------
        AnnotationError
            It is an edit of regions that are locked.
        """
        self._move(self._past, self._future, lambda step: step.before, "undo")

    def redo(self) -> None:
        """Do again what was taken back last.

        Raises
        ------
        AnnotationError
            It is an edit of regions that are locked.
        """
        self._move(self._future, self._past, lambda step: step.after, "redo")

    def _move(
        self,
        source: list[_Step],
        target: list[_Step],
        aim: Callable[[_Step], _State | None],
        name: str,
    ) -> None:
        if not source:
            return
        step = source[-1]
        if step.back is not None:
            source.pop()
            self.changed.emit()
            step.back()
            return
        state = aim(step)
        self._busy = True
        try:
            if state is None:
                getattr(self._session.regions, name)()
                self._depth = self._session.regions.history_depth
            else:
                self._restore(state)
                if step.before and step.after and not step.before.same_labels(step.after):
                    self._restore_labels(state)
        finally:
            self._busy = False
        target.append(source.pop())
        self.changed.emit()

    # ---- the regions' own history --------------------------------------------------------

    def _on_regions(self) -> None:
        """Follow edits of the regions, also those that were taken back elsewhere."""
        regions = self._session.regions
        depth, self._depth = self._depth, regions.history_depth
        if self._busy:
            return
        if not regions.undo_text and not regions.redo_text:
            self._forget_regions()
        elif self._depth > depth and not regions.redo_text:
            self._push(_Step(regions.undo_text, None, None, time.monotonic()))
        elif self._depth < depth:
            self._shift(self._past, self._future)
        elif self._depth > depth:
            self._shift(self._future, self._past)

    def _forget_regions(self) -> None:
        """Take no edits back of regions that gave way to those of a file."""
        kept = [step for step in self._past if step.before is not None or step.back]
        self._future = [step for step in self._future if step.before is not None]
        if len(kept) != len(self._past):
            self._past = kept
            self.changed.emit()

    def _shift(self, source: list[_Step], target: list[_Step]) -> None:
        """Move the last step of the regions from one list to the other."""
        for position in reversed(range(len(source))):
            if source[position].before is None and source[position].back is None:
                target.append(source.pop(position))
                self.changed.emit()
                return

    def _on_slide(self, slide: Any) -> None:
        path = getattr(slide, "path", None)
        if path != self._slide:
            self._slide = path
            self._past.clear()
            self._future.clear()
            self.changed.emit()

    # ---- states --------------------------------------------------------------------------

    def _state(self) -> _State:
        session = self._session
        return _State(
            spots=session.spots,
            predictions={name: session.predictions[name] for name in session.predictions},
            active=session.predictions.active,
            signatures=session.signatures.items,
            source=session.source,
            gene=session.gene,
            composite=session.composite,
            display=session.display,
            labels=session.labelling.added,
            label_key=session.labelling.active,
            draft=session.aligning.draft,
            tissue=session.tissue.mask,
        )

    def _restore(self, state: _State) -> None:
        session = self._session
        if session.spots is not state.spots:
            session.set_spots(state.spots)
        for name in session.predictions:
            if session.predictions[name] is not state.predictions.get(name):
                session.drop_prediction(name)
        for name, prediction in state.predictions.items():
            if name not in session.predictions:
                session.set_prediction(prediction, name)
        if state.active is not None:
            session.show_model(state.active)
        self._restore_signatures(state.signatures)
        session.aligning.restore(state.draft)
        session.tissue.restore(state.tissue)
        session.display = state.display
        with suppress(StexpError):  # a source or gene that is not there now
            session.source = state.source
            if state.gene is not None:
                session.gene = state.gene
            session.composite = state.composite

    def _restore_labels(self, state: _State) -> None:
        labelling = self._session.labelling
        for one in labelling.added:
            if one not in state.labels:
                labelling.remove(one.key)
        for one in state.labels:
            if one not in labelling.added:
                labelling.put(one)
        if state.label_key is None or state.label_key in labelling.keys:
            labelling.active = state.label_key

    def _restore_signatures(self, wanted: tuple[Signature, ...]) -> None:
        signatures = self._session.signatures
        if signatures.items == wanted:
            return
        signatures.remove([name for name in signatures])
        for one in wanted:
            signatures.add(one)
