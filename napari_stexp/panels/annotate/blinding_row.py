"""Annotating blinded: what it means, the running clock, lock and unlock."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer, Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_stexp.panels.annotate.question import Question
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import Notice, make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.session import Blinding

__all__ = ["BlindingRow"]

_EXPLANATION = (
    "Blinded: every expression value stays hidden, in all panels and on the slide, until you "
    "lock your annotation. How long you took is recorded, and so is every later change."
)
_SEEN = (
    " Expression has been shown on this slide already: the record says so, and the annotation "
    "is not blind in the strict sense."
)
_TICK_MS = 1000


class BlindingRow(QWidget):
    """Starts, times, locks and unlocks a blinded annotation; each button asks."""

    start_requested = Signal()
    lock_requested = Signal()
    unlock_requested = Signal()
    stop_requested = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._blinding: Blinding | None = None
        self._seen = False
        self.notice = Notice("hint")
        self.start_button = make_button(
            "Annotate blinded…",
            "Annotate first, see the prediction later: expression is hidden until you lock your "
            "annotation.",
            self._explain,
        )
        self.question = Question(
            {
                "Begin": ("Hide all expression and start the clock.", self.start_requested.emit),
                "Not now": ("Go on as before.", self.start_button.show),
            },
            "hint",
        )
        self.lock_button = make_button(
            "Lock and reveal",
            "The annotation is finished: lock it, stop the clock and show expression.",
            self.lock_requested.emit,
        )
        self.lock_button.setStyleSheet("QPushButton { font-weight: 700; }")
        self.unlock_button = make_button(
            "Unlock (recorded)",
            "Allow edits again. The record keeps that they were made after expression was seen.",
            self.unlock_requested.emit,
        )
        self.stop_button = make_button(
            "Give up",
            "Stop annotating blinded: the regions stay, the record of it goes.",
            self.stop_requested.emit,
        )
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.notice)
        layout.addWidget(self.question)
        layout.addLayout(
            make_row(self.start_button, self.lock_button, self.unlock_button, self.stop_button)
        )
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)

    def _explain(self) -> None:
        self.start_button.hide()
        self.question.ask(_EXPLANATION + (_SEEN if self._seen else ""))

    def show_blinding(self, blinding: Blinding, *, there: bool, seen: bool) -> None:
        """Show how far a blinded annotation is.

        Parameters
        ----------
        blinding : Blinding
            The record.
        there : bool
            Whether there is a slide.
        seen : bool
            Whether expression has been shown on it.
        """
        self._blinding, self._seen = blinding, seen
        state = blinding.state
        if state != "off" or not there:
            self.question.ask("")
        self.start_button.setVisible(state == "off" and self.question.isHidden())
        self.start_button.setEnabled(there)
        self.lock_button.setVisible(state in ("annotating", "unlocked"))
        self.lock_button.setText("Lock and reveal" if state == "annotating" else "Lock again")
        self.unlock_button.setVisible(state == "locked")
        self.stop_button.setVisible(state == "annotating")
        if state == "annotating":
            self._timer.start()
        else:
            self._timer.stop()
        self._tick()

    def _tick(self) -> None:
        blinding = self._blinding
        if blinding is None or blinding.state == "off":
            self.notice.say("hint", "")
            return
        after = " Expression had been shown before it began." if blinding.seen_before else ""
        clock = write_duration(blinding.elapsed())
        if blinding.state == "annotating":
            self.notice.say("warning", f"Blinded, {clock}: expression is hidden.{after}")
            return
        edits = ""
        if blinding.n_unlocks:
            edits = f" Unlocked {count(blinding.n_unlocks, 'time')} since."
        at = write_moment(blinding.locked_at)
        regions = count(blinding.n_regions, "region")
        if blinding.state == "locked":
            self.notice.say(
                "done", f"Locked {at}: {regions} annotated blinded in {clock}.{after}{edits}"
            )
        else:
            self.notice.say(
                "warning",
                f"Unlocked: edits from now on are made knowing the expression. First locked {at}, "
                f"{regions} in {clock}.{after}{edits}",
            )


def write_duration(seconds: float) -> str:
    """Return '0:42', '12:05', '1:02:03'."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def write_moment(iso: str | None) -> str:
    """Return an ISO time as date and time here, without what is the same today."""
    if iso is None:
        return ""
    moment = datetime.fromisoformat(iso).astimezone()
    same_day = moment.date() == datetime.now(moment.tzinfo).date()
    return f"{moment:%H:%M}" if same_day else f"{moment:%Y-%m-%d %H:%M}"
