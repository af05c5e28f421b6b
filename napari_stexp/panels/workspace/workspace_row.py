"""The top of *Slide & spots*: the work as a file, what was open last, what a crash has left."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMenu, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_stexp.panels.annotate.blinding_row import write_moment
from napari_stexp.panels.annotate.question import Question
from napari_stexp.panels.text import count
from napari_stexp.panels.widgets import make_button, make_heading, make_row
from napari_stexp.panels.workspace.missing_dialog import PATTERNS, MissingDialog
from napari_stexp.slide.identify import is_there

if TYPE_CHECKING:
    from napari_stexp.panels.slide.slide_panel import SlidePanel

__all__ = ["OPEN_PATTERNS", "SAVE_PATTERN", "WorkspaceRow"]

SAVE_PATTERN = "Workspaces (*.stexp)"
OPEN_PATTERNS = f"{SAVE_PATTERN};;All files (*)"
_HEADINGS = {"workspace": "Workspaces", "slide": "Slides", "model": "Models"}


class WorkspaceRow(QWidget):
    """Buttons that open and save the work, and the questions that belong to it.

    Parameters
    ----------
    panel : SlidePanel
        Whose part it is.
    """

    def __init__(self, panel: SlidePanel) -> None:
        super().__init__()
        self._panel, self._controller = panel, panel.controller
        self.control = panel.controller.workspace
        self.open_button = make_button(
            "Open…",
            "Open a saved workspace (.stexp): slide, spots, predictions, annotations and view.",
            self.ask_open,
        )
        self.save_button = make_button(
            "Save",
            "Save the whole work as one file: predictions, annotations and what is shown. Slide "
            "and model are referred to, and found again when they were moved (Ctrl+S).",
            self.save,
        )
        self.save_as_button = make_button(
            "Save as…", "Save the work under another name (Ctrl+Shift+S).", self.ask_save
        )
        self.recent_button = make_button(
            "Recent", "Workspaces, slides and models that were open last."
        )
        self.menu = QMenu(self.recent_button)
        self.menu.setToolTipsVisible(True)
        self.menu.aboutToShow.connect(self.fill_menu)
        self.recent_button.setMenu(self.menu)
        self.line = QElidingLabel()
        self.line.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(5)
        self._build_questions(column)
        column.addWidget(make_heading("Workspace"))
        column.addLayout(
            make_row(self.open_button, self.save_button, self.save_as_button, self.recent_button)
        )
        column.addWidget(self.line)
        panel.add_area("workspace", "opening or saving the workspace", column)
        self._connect()
        self.refresh()

    def _build_questions(self, column: QVBoxLayout) -> None:
        leaving = self.control.leaving
        self.recovery = Question(
            {
                "Recover": ("Go on with it.", self._recover),
                "Discard": ("Remove it for good.", self._discard),
            }
        )
        self.before = Question(
            {
                "Save first": ("Save the work, then go on.", self._save_first),
                "Go on": ("Go on; what is in no file is lost.", lambda: leaving.answer("go on")),
                "Leave it": ("Leave everything as it is.", lambda: leaving.answer("leave")),
            }
        )
        self.lost = Question(
            {
                "Find…": ("Show where it is now.", self._find),
                "Leave it": ("Work on without it.", lambda: None),
            }
        )
        for question in (self.recovery, self.before, self.lost):
            column.addWidget(question)

    def _connect(self) -> None:
        control, panel = self.control, self._panel
        connections = (
            (control.changed, self.refresh),
            (control.missing_found, self._ask_missing),
            (control.leaving.asked, self._show_question),
            (control.keeper.found_changed, self._show_recovery),
        )
        for signal, slot in connections:
            signal.connect(slot)
        panel.controller.task_ended.connect(self._on_task)
        panel.controller.task_started.connect(self._on_task)
        self._show_recovery()
        self._show_question()

    # ---- showing -------------------------------------------------------------------------

    def _on_task(self, area: str, _handle: object = None) -> None:
        if area == "workspace":
            self.refresh()

    def refresh(self) -> None:
        """Show what the work is called, and whether it is saved."""
        control = self.control
        busy = self._controller.busy("workspace")
        self.open_button.setEnabled(not busy)
        self.save_button.setEnabled(control.unsaved.is_work and not busy)
        self.save_as_button.setEnabled(control.unsaved.is_work and not busy)
        if control.path is not None:
            state = "unsaved changes" if control.unsaved.modified else "saved"
            self.line.setText(f"{control.path.name}: {state}")
            self.line.setToolTip(str(control.path))
        else:
            self.line.setText("Not saved as a workspace yet." if control.unsaved.is_work else "")
            self.line.setToolTip("")
        self.line.setVisible(bool(self.line.text()))
        missing = control.missing.get("slide") or control.missing.get("model")
        self.lost.ask(
            "" if missing is None else f"{missing.name} wasn't found; the rest of the work is here."
        )

    def _show_recovery(self) -> None:
        found = self.control.keeper.found
        if not found:
            self.recovery.ask("")
            return
        newest = found[0]
        what = count(newest.n_predictions, "prediction") if newest.n_predictions else "regions"
        more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
        when = write_moment(newest.saved.isoformat())
        self.recovery.ask(
            f"napari ended unexpectedly. Work on {newest.name} was kept, {when}: {what}{more}."
        )

    def _show_question(self) -> None:
        question = self.control.leaving.question
        self.before.ask("" if question is None else question[0])

    def _ask_missing(self) -> None:
        pending = self.control.pending
        if pending is None:
            return
        dialog = MissingDialog(pending.missing, self._controller.folder, self._panel.window())
        dialog.answered.connect(self.control.answer_missing)
        dialog.open()

    # ---- asking --------------------------------------------------------------------------

    def ask_open(self) -> None:
        """Let the user choose a workspace to open."""
        if path := self._panel.ask_file("Open workspace", OPEN_PATTERNS):
            self.control.open(path)

    def save(self) -> None:
        """Save under the present name; ask for one where there is none."""
        if not self.control.unsaved.is_work:
            return
        if self.control.path is None:
            self.ask_save()
        else:
            self.control.save()

    def ask_save(self) -> None:
        """Let the user choose a name, and save under it."""
        if path := self._ask_name():
            self.control.save(path)

    def _ask_name(self) -> Path | None:
        suggested = self.control.default_path
        self._controller.folder = suggested.parent
        return self._panel.ask_save("Save workspace", suggested.name, SAVE_PATTERN)

    def _save_first(self) -> None:
        path = self.control.path or self._ask_name()
        if path is None:
            self._show_question()
        else:
            self.control.save(path, then=lambda: self.control.leaving.answer("go on"))

    def _recover(self) -> None:
        if self.control.keeper.found:
            self.control.recover(self.control.keeper.found[0])

    def _discard(self) -> None:
        if self.control.keeper.found:
            self.control.keeper.discard(self.control.keeper.found[0])

    def _find(self) -> None:
        for kind, file in self.control.missing.items():
            if path := self._panel.ask_file(f"Where is {file.name}?", PATTERNS[kind]):
                self.control.find_missing(kind, path)
            else:
                self.refresh()
            return

    # ---- recent files --------------------------------------------------------------------

    def fill_menu(self) -> None:
        """List what was open last; what isn't there any more is grey."""
        self.menu.clear()
        recent, control = self.control.recent, self.control
        openers = {
            "workspace": control.open,
            "slide": control.leaving.open_slide,
            "model": self._controller.load_bundle,
        }
        for kind, heading in _HEADINGS.items():
            items = recent.of(kind)
            if items:
                self.menu.addSection(heading)
            for item in items:
                action = self.menu.addAction(item.path.name)
                action.setToolTip(str(item.path))
                action.setEnabled(is_there(item.path))
                action.triggered.connect(
                    lambda _on=False, path=item.path, opener=openers[kind]: opener(path)
                )
        if self.menu.isEmpty():
            self.menu.addAction("Nothing yet").setEnabled(False)
            return
        self.menu.addSeparator()
        clear = self.menu.addAction("Forget these files")
        clear.setToolTip("Empties this list; the files stay.")
        clear.triggered.connect(lambda _on=False: recent.clear())
