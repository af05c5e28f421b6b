"""A task's progress in napari's activity dock."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

from napari.utils import progress
from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from napari_stexp.panels.reports import TaskReport

__all__ = ["ActivityMirror"]

_FIRST_MS = 1500  # the panels show it at once; to make a bar takes napari 0.1 to 0.3 s
_EVERY_MS = 500  # each change paints the window


class ActivityMirror(QObject):
    """Shows a task in the activity dock, a few times a second, until it is told to stop.

    napari's progress bars process all waiting events whenever they change. So
    they are changed from a timer only, never from within a slot of ours: else
    a task's later report would overtake the one being handled. A task that is
    over before the first tick doesn't show at all.

    Parameters
    ----------
    read : callable
        Returns the present report.
    parent : QObject
        Owner.
    """

    def __init__(self, read: Callable[[], TaskReport], parent: QObject) -> None:
        super().__init__(parent)
        self._read = read
        self._bar: progress | None = None
        self._changing = False
        self._over = False
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._tick)
        self._timer.start(_FIRST_MS)

    def stop(self) -> None:
        """Take the bar away."""
        self._over = True
        self._timer.stop()
        if not self._changing:
            self._close()

    def _tick(self) -> None:
        if self._changing or self._over:
            return
        self._changing = True
        self._timer.setInterval(_EVERY_MS)
        try:
            self._show(self._read())
        finally:
            self._changing = False
        if self._over:
            self._close()

    def _show(self, report: TaskReport) -> None:
        state = report.progress
        if self._bar is None:
            # tqdm prints to the terminal where there is no window; nobody reads it there.
            self._bar = progress(total=state.total, desc=state.stage, file=io.StringIO())
            return
        bar = self._bar
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
