"""The list of keyboard shortcuts."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QLineEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.habits.shortcuts import SHORTCUTS, Shortcut

__all__ = ["ShortcutsDialog"]


class ShortcutsDialog(QDialog):
    """Lists all shortcuts, by what they are for; may stay open beside the slide.

    Parameters
    ----------
    parent : QWidget
        napari's window.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Keys and mouse")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search a key, or what you want to do …")
        self.search.setToolTip("Type a part of a key's name or of what it does.")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.rows: list[tuple[Shortcut, QLabel, QLabel]] = []
        self._heads: dict[str, QLabel] = {}
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(self._build_rows())
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        close.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addWidget(self.search)
        layout.addWidget(area, 1)
        layout.addWidget(
            QLabel("Keys of napari itself: Help → Show key bindings, or Ctrl+Alt+/"),
        )
        layout.addWidget(close)
        self.resize(520, 640)

    def _build_rows(self) -> QWidget:
        body = QWidget()
        grid = QGridLayout(body)
        grid.setColumnStretch(1, 1)
        grid.setVerticalSpacing(4)
        grid.setHorizontalSpacing(18)
        row = 0
        for shortcut in SHORTCUTS:
            if shortcut.section not in self._heads:
                head = QLabel(f"<b>{shortcut.section}</b>")
                self._heads[shortcut.section] = head
                grid.addWidget(head, row, 0, 1, 2)
                row += 1
            keys = QLabel("   ".join(_show(key) for key in shortcut.keys))
            text = QLabel(shortcut.text)
            text.setWordWrap(True)
            grid.addWidget(keys, row, 0)
            grid.addWidget(text, row, 1)
            self.rows.append((shortcut, keys, text))
            row += 1
        grid.setRowStretch(row, 1)
        return body

    def _filter(self, wanted: str) -> None:
        wanted = wanted.strip().casefold()
        kept = set()
        for shortcut, keys, text in self.rows:
            words = f"{shortcut.section} {' '.join(shortcut.keys)} {shortcut.text}".casefold()
            found = wanted in words
            keys.setVisible(found)
            text.setVisible(found)
            if found:
                kept.add(shortcut.section)
        for section, head in self._heads.items():
            head.setVisible(section in kept)


def _show(key: str) -> str:
    native = QKeySequence(key).toString(QKeySequence.SequenceFormat.NativeText)
    return native if native and not key.startswith("…") else key
