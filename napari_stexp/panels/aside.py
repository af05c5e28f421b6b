"""Does the layers' work in a thread of its own, and hands results to the window's."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal, Slot

from napari_stexp.panels.precedence import step_back
from napari_stexp.viewer.garbage import without_collecting

__all__ = ["WindowAside"]

_LOG = logging.getLogger(__name__)
_LATER_MS = 10  # without any, Qt would do it before it looks at the mouse


class WindowAside(QObject):
    """Short work in one thread, in order; tasks that a user may cancel are no matter for it.

    Parameters
    ----------
    parent : QObject, optional
        Owner, in whose thread results are delivered.
    """

    at_once = False

    _done = Signal(object, object)  # then, result

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool: ThreadPoolExecutor | None = None
        self._closed = False
        self._done.connect(self._deliver)

    def run(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do some work, as `napari_stexp.viewer.aside.Aside` says.

        An error goes to the log, and nothing follows.
        """
        if self._closed:
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "stexp-aside", initializer=step_back)
        self._pool.submit(self._work, work, then)

    def _work(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        try:
            with without_collecting():  # of 100,000 outlines it takes half a second
                result = work()
        except Exception:  # noqa: BLE001 - the thread must go on
            _LOG.exception("work beside the window failed")
            return
        if not self._closed:
            self._done.emit(then, result)

    @Slot(object, object)
    def _deliver(self, then: Callable[[Any], None], result: Any) -> None:
        if not self._closed:
            then(result)

    def later(self, then: Callable[[], None]) -> None:
        """Do something in a later turn of the event loop, when what waits has been drawn."""
        QTimer.singleShot(_LATER_MS, lambda: None if self._closed else then())

    def close(self) -> None:
        """Drop what waits, and deliver nothing any more."""
        self._closed = True
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
