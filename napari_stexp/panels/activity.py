"""The progress of tasks in napari's activity dock."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from napari.utils import progress
from qtpy.QtCore import QCoreApplication, QObject, QTimer

if TYPE_CHECKING:
    from napari_stexp.panels.reports import TaskReport
    from napari_stexp.progress import Progress

__all__ = ["ActivityBoard", "ActivityEntry", "activity_board"]

_FIRST_S = 4.0  # the panels show it at once; to make a bar takes napari 0.1 to 0.3 s
_EVERY_MS = 500  # each change paints the window


class ActivityEntry:
    """A task in the activity dock, until it is told to stop.

    Parameters
    ----------
    read : callable
        Returns the present report.
    on_stop : callable
        Called when there is a bar to take away.
    """

    def __init__(self, read: Callable[[], TaskReport], on_stop: Callable[[], None]) -> None:
        self._read: Callable[[], TaskReport] | None = read
        self._on_stop = on_stop
        self._begun = time.monotonic()
        self._bar: progress | None = None
        self.over = False

    def stop(self) -> None:
        """Take the bar away, as soon as the event loop is idle; nothing is read any more."""
        self.over, self._read = True, None
        self._on_stop()

    def show(self) -> None:
        """Bring the bar up to date; a task that is over before the first time has none."""
        if self._read is None:
            self._close()
        elif self._bar is not None:
            self._update(self._bar, self._read().progress)
        elif time.monotonic() - self._begun >= _FIRST_S:
            state = self._read().progress
            # tqdm prints to the terminal where there is no window; nobody reads it there.
            self._bar = progress(total=state.total, desc=state.stage, file=io.StringIO())

    def _update(self, bar: progress, state: Progress) -> None:
        if bar.total != state.total:
            bar.total = state.total
        if bar.desc.removesuffix(": ") != state.stage:
            bar.set_description(state.stage)
        elif bar.n != state.done:  # one of them at a time: each paints
            bar.update(state.done - bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            bar, self._bar = self._bar, None
            bar.close()


class ActivityBoard(QObject):
    """Shows all tasks in the activity dock, a few times a second.

    napari's progress bars process all waiting events whenever they change. So
    they are changed from a timer only, never from within a slot of ours: else
    a task's later report would overtake the one being handled. The timer is one
    for all tasks, outlives them, and is never running while its slot is: PyQt
    crashes or hangs where a timer's slot is entered again from within itself
    and the timer is deleted there.
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._entries: list[ActivityEntry] = []
        self._changing = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._tick)

    def add(self, read: Callable[[], TaskReport]) -> ActivityEntry:
        """Show a task from now on, once it has lasted a while."""
        entry = ActivityEntry(read, self._on_stop)
        self._entries.append(entry)
        if not self._changing and not self._timer.isActive():
            self._timer.start(_EVERY_MS)
        return entry

    def _on_stop(self) -> None:
        if not self._changing:
            self._timer.start(0)

    def _tick(self) -> None:
        self._changing = True
        try:
            for entry in tuple(self._entries):
                over = entry.over
                entry.show()
                if over:
                    self._entries.remove(entry)
        finally:
            self._changing = False
            if self._entries:
                self._timer.start(0 if any(entry.over for entry in self._entries) else _EVERY_MS)


@cache
def activity_board() -> ActivityBoard:
    """Return the application's board."""
    return ActivityBoard(QCoreApplication.instance())
