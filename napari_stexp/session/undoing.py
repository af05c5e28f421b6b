"""One history for the whole window: Ctrl+Z takes back what was done last, whatever it was."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from psygnal import Signal

from napari_stexp.session.part import SessionPart
from napari_stexp.session.undo_state import State

if TYPE_CHECKING:
    from napari_stexp.session.state import Session

__all__ = ["Undoing"]

_LONGEST = 100
_TOGETHER = 1.0  # seconds: a slider that is dragged is one step


class _Step(NamedTuple):
    text: str
    before: State | None  # None: an edit of the regions, which have a history of their own
    after: State | None
    when: float
    back: Callable[[], None] | None = None  # what takes it back in a way of its own


class Undoing(SessionPart):
    """Takes back and does again, over the regions' edits and all else that was noted.

    What is noted is kept by reference, so that a discarded prediction comes back as it
    was. Another slide begins a new history.

    Parameters
    ----------
    session : Session
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._past: list[_Step] = []
        self._future: list[_Step] = []
        self._depth = 0  # of the regions' own history
        self._slide: Any = None
        self._busy = False
        session.regions.history_changed.connect(self._on_regions)
        session.slide_changed.connect(self._on_slide)

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
        before, self._busy = State.take(self._session), True
        try:
            yield
        finally:
            self._busy = False
            after = State.take(self._session)
            if not after.same(before):
                self._note(text, before, after)

    def _note(self, text: str, before: State, after: State) -> None:
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
        aim: Callable[[_Step], State | None],
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
                assert step.before is not None
                assert step.after is not None
                state.restore(self._session, step.before, step.after)
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
