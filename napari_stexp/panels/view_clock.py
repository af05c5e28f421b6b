"""Draws the slide's tiles as they come, a few times a second."""

from __future__ import annotations

import time

from qtpy.QtCore import QObject, QTimer, Signal, Slot

from napari_stexp.panels.precedence import step_back
from napari_stexp.viewer.live_slide import LiveSlide

__all__ = ["ViewClock"]

_EVERY_MS = 60
#: At most a third of the time goes into drawing tiles.
_REST = 2.0


class ViewClock(QObject):
    """The clock of a `LiveSlide`; it runs while tiles are to come.

    Parameters
    ----------
    parent : QObject
        It ends with it.
    """

    _asked = Signal()  # in any thread: napari may be told to slice in one of its own

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.live = LiveSlide(self._asked.emit, step_back)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._draw)
        self._asked.connect(self._start)

    @Slot()
    def _start(self) -> None:
        if not self._timer.isActive():
            self._timer.start(_EVERY_MS)

    @Slot()
    def _draw(self) -> None:
        begun = time.perf_counter()
        if self.live.draw_news():
            spent = 1e3 * (time.perf_counter() - begun)
            self._timer.start(round(max(_EVERY_MS, _REST * spent)))
