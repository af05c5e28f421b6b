"""The table of signatures: which there are, and how many of their genes are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from qtpy.QtCore import QModelIndex, Qt
from qtpy.QtGui import QFont

from napari_stexp.gene import GeneMatch, GeneSet
from napari_stexp.panels.titled_model import TitledModel

__all__ = ["GENES", "NAME", "SignatureModel", "SignatureRow"]

NAME, GENES = range(2)


@dataclass(frozen=True)
class SignatureRow:
    """One signature as the table shows it.

    Attributes
    ----------
    signature : GeneSet
    match : GeneMatch
        Which of its genes are known in what is shown.
    built_in : bool
        Whether it comes with the program.
    """

    signature: GeneSet
    match: GeneMatch
    built_in: bool


class SignatureModel(TitledModel):
    """Signatures in rows."""

    titles = ("Signature", "Known genes")
    tooltips = (
        "Click a signature to see its score on the slide.",
        "How many of its genes are among those that are shown. Click a number to list them.",
    )

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self._all: list[SignatureRow] = []
        self.rows: list[SignatureRow] = []
        self._filter = ""
        self._shown: str | None = None

    def set_rows(self, rows: Sequence[SignatureRow]) -> None:
        """List these signatures."""
        self._all = list(rows)
        self._refilter()

    def set_filter(self, text: str) -> None:
        """List only signatures with a text in their name, or that have a gene of this name."""
        self._filter = text.strip()
        self._refilter()

    def _refilter(self) -> None:
        wanted = self._filter.casefold()
        gene = self._filter.upper()
        self.beginResetModel()
        self.rows = [
            row
            for row in self._all
            if wanted in row.signature.name.casefold() or gene in row.signature.genes
        ]
        self.endResetModel()

    def mark(self, name: str | None) -> None:
        """Mark the signature whose score is shown."""
        self._shown = name
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, GENES))

    def find(self, name: str | None) -> int:
        """Return a signature's row, -1 where it isn't listed."""
        return next((i for i, row in enumerate(self.rows) if row.signature.name == name), -1)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many are listed."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(self.titles)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says, and how it looks."""
        row = self.rows[index.row()]
        known, total = len(row.match.known), len(row.signature.genes)
        if role == Qt.ItemDataRole.DisplayRole:
            return row.signature.name if index.column() == NAME else f"{known} of {total}"
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == GENES:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            score = "Click to see its score." if known else "None of its genes is known here."
            return f"{row.signature.name}: {score}\n{row.signature.source}"
        if role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setBold(row.signature.name == self._shown)
            font.setItalic(not known)
            return font
        return None
