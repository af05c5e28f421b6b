"""What the work does to napari's window: title, keys, File menu, drops, and closing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtGui import QAction, QKeySequence
from qtpy.QtWidgets import QFileDialog, QMainWindow, QMessageBox

from napari_stexp.panels.workspace.drop_catcher import DropCatcher
from napari_stexp.panels.workspace.layout_memory import (
    recall_display,
    recall_layout,
    remember_display,
    remember_layout,
)
from napari_stexp.panels.workspace.taken_keys import TakenKeys
from napari_stexp.panels.workspace.window_state import read_state, show_state
from napari_stexp.panels.workspace.workspace_row import OPEN_PATTERNS, SAVE_PATTERN

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller

__all__ = ["WindowHabits"]


class WindowHabits(QObject):
    """Belongs to one window of napari's, in which our panels are docked.

    Parameters
    ----------
    controller : Controller
    window : QMainWindow
        napari's.
    """

    def __init__(self, controller: Controller, window: QMainWindow) -> None:
        super().__init__(controller)
        self._controller, self._control = controller, controller.workspace
        self._window = ref(window)
        self._titles: list[str] = []
        viewer = self._control.viewer
        self._base = "napari" if viewer is None else str(viewer.title)
        self.catcher = DropCatcher(window, self._control.drops.open)
        self.box: QMessageBox | None = None
        self._closing = False
        self.actions = self._add_actions(window)
        window.installEventFilter(self)
        self._control.changed.connect(self.show_title)
        if controller.watcher is not None:
            controller.watcher.closing.connect(self._remember)
            controller.watcher.closed.connect(self._keys.give_back)
        recall_display(controller.session)
        self.show_title()

    def begin(self, titles: list[str]) -> None:
        """Put the docks of these titles where they were last; look for unsaved work."""
        window = self._window()
        self._titles = titles
        if window is not None:
            recall_layout(window, titles)
        self._control.keeper.look()

    def _remember(self) -> None:
        window = self._window()
        if window is None:
            return
        remember_display(self._controller.session)
        if self._titles:
            remember_layout(window, self._titles)

    def state(self) -> dict[str, Any]:
        """Return which tab is in front, what is unfolded, and what is typed into the forms."""
        window = self._window()
        return {} if window is None else read_state(window)

    def show_state(self, state: Mapping[str, Any]) -> None:
        """Let tabs, folds and forms look as they did."""
        window, viewer = self._window(), self._control.viewer
        if window is not None and viewer is not None:
            show_state(window, viewer, state)

    # ---- title ---------------------------------------------------------------------------

    def show_title(self) -> None:
        """Name the work, with a star while something is unsaved."""
        viewer = self._control.viewer
        if viewer is None:
            return
        name = self._control.name
        star = "*" if self._control.unsaved.modified else ""
        title = f"{name}{star} – {self._base}" if name else self._base  # noqa: RUF001
        if viewer.title != title:
            viewer.title = title

    # ---- keys and menu -------------------------------------------------------------------

    def _add_actions(self, window: QMainWindow) -> dict[str, QAction]:
        wanted: dict[str, tuple[str, str, Callable[[], None]]] = {
            "open": ("Open Slide, Spots, Workspace…", "Ctrl+O", self.ask_open),
            "save": ("Save Workspace", "Ctrl+S", self.save),
            "save as": ("Save Workspace As…", "Ctrl+Shift+S", self.ask_save),
        }
        self._keys = TakenKeys(window, [keys for _, keys, _ in wanted.values()])
        menu = next(
            (a.menu() for a in window.menuBar().actions() if "File" in a.text().replace("&", "")),
            None,
        )
        first = menu.actions()[0] if menu is not None and menu.actions() else None
        made = {}
        for name, (text, keys, slot) in wanted.items():
            action = QAction(text, self)
            action.setShortcut(QKeySequence(keys))
            action.triggered.connect(lambda _on=False, slot=slot: slot())
            window.addAction(action)
            if menu is not None:
                menu.insertAction(first, action)
            made[name] = action
        if menu is not None and first is not None:
            menu.insertSeparator(first)
        return made

    def ask_open(self) -> None:
        """Let the user choose files of any kind, and open them."""
        names, _ = QFileDialog.getOpenFileNames(
            self._window(), "Open", str(self._controller.folder), f"All files (*);;{OPEN_PATTERNS}"
        )
        self._control.drops.open([Path(name) for name in names])

    def save(self) -> None:
        """Save under the present name; ask for one where there is none."""
        if self._control.path is None:
            self.ask_save()
        else:
            self._control.save()

    def ask_save(self, then: Callable[[], None] | None = None) -> None:
        """Let the user choose a name, and save under it."""
        if not self._control.unsaved.is_work:
            return
        name, _ = QFileDialog.getSaveFileName(
            self._window(), "Save workspace", str(self._control.default_path), SAVE_PATTERN
        )
        if name:
            self._control.save(Path(name), then)

    # ---- closing -------------------------------------------------------------------------

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Ask before the window closes over work that is in no file."""
        if event.type() == QEvent.Type.Close and watched is self._window() and self._has_to_ask():
            event.ignore()
            self._ask()
            return True
        return False

    def _has_to_ask(self) -> bool:
        viewer, unsaved = self._control.viewer, self._control.unsaved
        if self._closing or viewer is None or not len(viewer.layers):
            return False  # a script that closes the viewer has taken its layers away
        return bool(unsaved.words) or (self._control.path is not None and unsaved.modified)

    def _ask(self) -> None:
        if self.box is not None:
            return
        names = self._control.unsaved.predictions
        box = QMessageBox(self._window())
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Save the work?")
        box.setText(f"Save the changes to {self._control.name} before closing?")
        if names:
            box.setInformativeText(
                f"In no file yet: {', '.join(names[:5])}. What isn't saved is lost."
            )
        elif self._control.unsaved.draft:
            box.setInformativeText(
                "The spots are shown elsewhere than they lie, and that hasn't been applied in the "
                "tab Align."
            )
        box.setStandardButtons(
            QMessageBox.StandardButton.Save
            | QMessageBox.StandardButton.Discard
            | QMessageBox.StandardButton.Cancel
        )
        box.setDefaultButton(QMessageBox.StandardButton.Save)
        box.finished.connect(self._on_answer)
        self.box = box
        box.open()

    def _on_answer(self, answer: int) -> None:
        box, self.box = self.box, None
        if box is not None:
            box.deleteLater()
        if answer == QMessageBox.StandardButton.Discard:
            self._close()
        elif answer == QMessageBox.StandardButton.Save:
            if self._control.path is None:
                self.ask_save(self._close)
            else:
                self._control.save(then=self._close)

    def _close(self) -> None:
        window = self._window()
        if window is not None:
            self._closing = True
            window.close()
            self._closing = not window.isVisible()
