"""Takes files that are dropped anywhere on napari's window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_stexp.session.opening.dropped import may_be_ours
from napari_stexp.slide.location import as_location, is_address

__all__ = ["DropCatcher", "local_paths"]

_NAPARIS_OWN = Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.AltModifier


def local_paths(mime: Any) -> list[Any]:
    """Return the files, folders and web addresses that a drag holds."""
    if mime is None or not mime.hasUrls():
        return []
    return [
        Path(url.toLocalFile()) if url.isLocalFile() else as_location(_address(url))
        for url in mime.urls()
        if url.isLocalFile() or is_address(_address(url))
    ]


def _address(url: Any) -> str:
    return bytes(url.toEncoded()).decode()  # toString would decode blanks


class DropCatcher(QObject):
    """Passes dropped files on, before napari asks which reader shall open them.

    With Shift or Alt held, and for files of which none may be for us, napari does what it
    does without us.

    Parameters
    ----------
    window : QMainWindow
        napari's.
    open_paths : callable
        Takes the paths.
    """

    def __init__(self, window: QMainWindow, open_paths: Callable[[Sequence[Path]], None]) -> None:
        super().__init__(window)
        self._open = open_paths
        window.setAcceptDrops(True)  # for docks, which pass on what they don't take
        window.installEventFilter(self)
        for widget in window.findChildren(QWidget):
            if widget.acceptDrops() and type(widget).__name__ == "QtViewer":
                widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """See drags come, and take drops."""
        kind = event.type()
        if kind not in (QEvent.Type.DragEnter, QEvent.Type.DragMove, QEvent.Type.Drop):
            return False
        paths = local_paths(event.mimeData())  # type: ignore[attr-defined]
        on_window = isinstance(watched, QMainWindow)
        if not paths or (event.modifiers() & _NAPARIS_OWN and not on_window):  # type: ignore[attr-defined]
            return False
        if not on_window and not any(map(may_be_ours, paths)):
            return False
        event.acceptProposedAction()  # type: ignore[attr-defined]
        if kind == QEvent.Type.Drop:
            self._open(paths)
        return True
