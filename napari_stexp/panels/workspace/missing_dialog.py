"""Asks where a workspace's slide or model is now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QDialog, QFileDialog, QGridLayout, QLabel, QVBoxLayout, QWidget

from napari_stexp.panels.widgets import make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.session.workspace.places import FileReference

__all__ = ["PATTERNS", "MissingDialog"]

PATTERNS = {
    "slide": "Slides (*.svs *.tif *.tiff *.btf *.jpg *.jpeg *.png *.ndpi *.scn);;All files (*)",
    "model": "Models (*.safetensors);;All files (*)",
}
_WORDS = {"slide": "Slide", "model": "Model"}


class MissingDialog(QDialog):
    """One line for each file that wasn't found; nothing is lost by opening without.

    Parameters
    ----------
    missing : dict of str to FileReference
        'slide', 'model'.
    folder : Path
        Where to begin to look.
    parent : QWidget
        The window.
    """

    answered = Signal(object)  # dict of str to Path; None for not opening at all

    def __init__(
        self, missing: dict[str, FileReference], folder: Path, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Files not found")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(480)
        self._missing, self._folder = missing, folder
        self.chosen: dict[str, Path] = {}
        self._lines: dict[str, QLabel] = {}
        layout = QVBoxLayout(self)
        head = QLabel(
            "These files of the workspace are neither where they were, nor beside it, nor in "
            "the folders you used last. Show where they are now, or open the work without them: "
            "spots, predictions and regions are in the workspace itself."
        )
        head.setWordWrap(True)
        layout.addWidget(head)
        layout.addWidget(self._build_grid())
        self.open_button = make_button("Open without", "Open the rest of the work.", self._open)
        self.cancel_button = make_button("Cancel", "Open nothing.", self.reject)
        layout.addLayout(make_row(self.open_button, self.cancel_button))
        self.rejected.connect(lambda: self.answered.emit(None))

    def _build_grid(self) -> QWidget:
        grid = QWidget()
        layout = QGridLayout(grid)
        layout.setColumnStretch(0, 1)
        self.find_buttons = {}
        for row, (kind, file) in enumerate(self._missing.items()):
            line = QLabel(f"{_WORDS[kind]} {file.name}\nwas {file.path}")
            line.setWordWrap(True)
            line.setTextFormat(Qt.TextFormat.PlainText)
            button = make_button(
                "Find…", f"Show where {file.name} is now.", lambda kind=kind: self._find(kind)
            )
            layout.addWidget(line, row, 0)
            layout.addWidget(button, row, 1)
            self._lines[kind], self.find_buttons[kind] = line, button
        return grid

    def _find(self, kind: str) -> None:
        start = str(self._folder / self._missing[kind].name)
        name, _ = QFileDialog.getOpenFileName(
            self, f"Where is {self._missing[kind].name}?", start, PATTERNS[kind]
        )
        if name:
            self.chosen[kind] = Path(name)
            self._folder = Path(name).parent
            self._lines[kind].setText(f"{_WORDS[kind]} {self._missing[kind].name}\nis {name}")
            whole = len(self.chosen) == len(self._missing)
            self.open_button.setText("Open" if whole else "Open without the other")

    def _open(self) -> None:
        self.accept()
        self.answered.emit(dict(self.chosen))
