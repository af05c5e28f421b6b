"""Notices that napari's window has been closed, before anything else happens in it."""

from __future__ import annotations

import contextlib
from weakref import ref

from qtpy.QtCore import QEvent, QObject, QTimer, Signal, Slot
from qtpy.QtWidgets import QMainWindow

__all__ = ["CloseWatcher"]


class CloseWatcher(QObject):
    """Watches a window's close events.

    A close event may be refused (napari asks before it ends a running task),
    so what came of it is looked at once it has been handled.

    Parameters
    ----------
    window : QMainWindow
        The window; no reference to it is kept.
    """

    closing = Signal()  # it was asked to close
    stayed = Signal()  # and has refused
    closed = Signal()  # and has done so

    def __init__(self, window: QMainWindow) -> None:
        super().__init__()
        self._window = ref(window)  # it is deleted as soon as napari lets go of it
        self._asked = False
        self._over = False
        window.installEventFilter(self)
        window.destroyed.connect(self._end)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """See a close event come, and let it pass."""
        if event.type() == QEvent.Type.Close and not self._asked:
            self._asked = True
            self.closing.emit()
            QTimer.singleShot(0, self._look)
        return super().eventFilter(watched, event)

    @Slot()
    def _look(self) -> None:
        window = self._window()
        with contextlib.suppress(RuntimeError):  # Qt's half of it is gone already
            if window is not None and window.isVisible() and not self._over:
                self._asked = False
                self.stayed.emit()
                return
        self._end()

    @Slot()
    def _end(self) -> None:
        if not self._over:
            self._over = True
            self.closed.emit()
