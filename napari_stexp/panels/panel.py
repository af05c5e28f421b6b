"""What the panels share: their viewer's session and controller, and how they come and go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from qtpy.QtCore import QEvent, QSize
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from napari_stexp.errors import StexpError
from napari_stexp.panels.habits.undo_keys import bind_undo
from napari_stexp.panels.registry import end_with, get_controller
from napari_stexp.panels.widgets import PANEL_WIDTH, Notice, ScrollBody, TaskRow
from napari_stexp.panels.workers import TaskHandle

__all__ = ["Panel"]


class Panel(QWidget):
    """A dock's content: reads the session, asks the controller, changes nothing itself.

    A panel may be closed and opened again at any time, also during a task:
    it shows what the session holds and what the controller runs.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer whose session it shows.
    """

    fills: ClassVar[bool] = False  # whether something in it takes the height that is left

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.controller = get_controller(napari_viewer)
        self.session = self.controller.session
        self._watched: list[tuple[Any, Callable[..., Any]]] = []
        watched = self._watched
        # Not through self: when this is called, only Python's half of it is left.
        self.destroyed.connect(lambda: _disconnect(watched))
        self._rows: dict[str, TaskRow] = {}
        self._notices: dict[str, Notice] = {}
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        body = ScrollBody(self.fills)
        outer.addWidget(body)
        self.column = body.column
        self.setMinimumWidth(260)
        bind_undo(self, self.controller)
        self.controller.task_started.connect(self._on_task_started)
        self.controller.task_ended.connect(self._on_task_ended)
        self.controller.failed.connect(self._on_failed)
        self.controller.succeeded.connect(self._on_succeeded)
        self.controller.cleared.connect(self._on_cleared)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """End with the window: it is known from the moment that the panel is docked in it."""
        super().showEvent(event)
        end_with(self.window(), self.controller)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for a quarter of a small screen's width."""
        return QSize(PANEL_WIDTH, 600)

    # ---- session -------------------------------------------------------------------------

    def watch(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a session's signal to a slot for as long as the panel lives."""
        signal.connect(slot)
        self._watched.append((signal, slot))

    def event(self, event: QEvent) -> bool:
        """Let go of the session when the dock is closed for good."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None and self._watched:
            self.let_go()
            self.deleteLater()
        return super().event(event)

    def let_go(self) -> None:
        """Stop listening to the session."""
        _disconnect(self._watched)

    # ---- tasks ---------------------------------------------------------------------------

    def add_area(self, area: str, what: str, column: QVBoxLayout | None = None) -> None:
        """Add the task row and the notice of an area of the controller."""
        column = self.column if column is None else column
        row = TaskRow(lambda: self.controller.cancel(area), what)
        notice = Notice("hint")
        self._rows[area], self._notices[area] = row, notice
        column.addWidget(row)
        column.addWidget(notice)
        if handle := self.controller.tasks.get(area):
            row.follow(handle)

    def row(self, area: str) -> TaskRow:
        """Return an area's task row."""
        return self._rows[area]

    def notice(self, area: str) -> Notice:
        """Return an area's notice."""
        return self._notices[area]

    def refresh(self) -> None:
        """Show the present state; called when a task of one of the panel's areas ends."""

    def _on_task_started(self, area: str, handle: TaskHandle) -> None:
        if area in self._rows:
            self._rows[area].follow(handle)
            self.refresh()

    def _on_task_ended(self, area: str) -> None:
        if area in self._rows:
            self.refresh()

    def _on_failed(self, area: str, error: StexpError) -> None:
        if area in self._notices:
            self._notices[area].fail(error)

    def _on_succeeded(self, area: str, text: str) -> None:
        if area in self._notices:
            self._notices[area].say("done", text)

    def _on_cleared(self, area: str) -> None:
        if area in self._notices:
            self._notices[area].say("hint", "")

    # ---- files ---------------------------------------------------------------------------

    def ask_file(self, title: str, patterns: str) -> Path | None:
        """Let the user choose a file to open."""
        name, _ = QFileDialog.getOpenFileName(self, title, str(self.controller.folder), patterns)
        return Path(name) if name else None

    def ask_save(self, title: str, name: str, patterns: str) -> Path | None:
        """Let the user choose a name to save under."""
        start = str(self.controller.folder / name)
        chosen, _ = QFileDialog.getSaveFileName(self, title, start, patterns)
        return Path(chosen) if chosen else None

    def ask_folder(self, title: str) -> Path | None:
        """Let the user choose a folder."""
        name = QFileDialog.getExistingDirectory(self, title, str(self.controller.folder))
        return Path(name) if name else None


def _disconnect(watched: list[tuple[Any, Callable[..., Any]]]) -> None:
    for signal, slot in watched:
        signal.disconnect(slot, missing_ok=True)
    watched.clear()
