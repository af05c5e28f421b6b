"""Name and genes of a new signature."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel, QLineEdit, QPlainTextEdit, QVBoxLayout, QWidget

from napari_stexp.gene import parse_genes
from napari_stexp.panels.fold import bring_into_view
from napari_stexp.panels.text import count, join_words
from napari_stexp.panels.widgets import make_button, make_row

if TYPE_CHECKING:
    from napari_stexp.gene import GeneMatch

__all__ = ["PasteForm"]


class PasteForm(QWidget):
    """A box to paste genes into; says at once which of them aren't known.

    Parameters
    ----------
    match : callable
        Takes names of genes and returns which of them are known.
    """

    add_requested = Signal(str, str)  # name, the text as it was pasted

    def __init__(self, match: Callable[[tuple[str, ...]], GeneMatch]) -> None:
        super().__init__()
        self._match = match
        self.name = QLineEdit()
        self.name.setPlaceholderText("Name of the signature")
        self.name.setToolTip("What the list of genes is called.")
        self.text = QPlainTextEdit()
        self.text.setPlaceholderText("Paste genes: ERBB2, GRB7, KRT8 …")
        self.text.setToolTip("Names between commas, blanks, semicolons or on lines of their own.")
        self.text.setTabChangesFocus(True)
        self.text.setFixedHeight(62)
        self.text.setStyleSheet("QPlainTextEdit { border: 1px solid rgba(128, 128, 128, 140); }")
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.add_button = make_button("Add", "Add the signature and show its score.", self._ask)
        self.cancel_button = make_button("Cancel", "Close without adding.", self.hide)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in (self.name, self.text, self.line):
            layout.addWidget(widget)
        layout.addLayout(make_row(self.add_button, self.cancel_button))
        self.text.textChanged.connect(self.check)
        self.name.returnPressed.connect(self.add_button.click)
        self.check()
        self.hide()

    def open(self) -> None:
        """Begin a new list."""
        self.name.clear()
        self.text.clear()
        self.show()
        self.text.setFocus()
        bring_into_view(self)

    def check(self) -> None:
        """Say how many genes there are, and name the unknown ones."""
        genes = parse_genes(self.text.toPlainText())
        self.add_button.setEnabled(bool(genes))
        match = self._match(genes)
        text = f"{len(match.known)} of {count(len(genes), 'gene')} known here."
        for name, taken in match.families.items():
            text += f" {name} stands for {join_words(taken, 8)}."
        if match.unknown:
            text += f" Not known: {join_words(match.unknown, 8)}."
        self.line.setText(text)
        self.line.setVisible(bool(genes))
        if self.isVisible():
            bring_into_view(self)

    def _ask(self) -> None:
        self.add_requested.emit(self.name.text(), self.text.toPlainText())
