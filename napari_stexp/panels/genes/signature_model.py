"""The table of signatures: which there are, and how many of their genes are known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from qtpy.QtCore import QModelIndex, QObject, Qt
from qtpy.QtGui import QFont

from napari_stexp.gene import GeneMatch, GeneSet
from napari_stexp.panels.titled_model import TitledModel

__all__ = ["GENES", "NAME", "SignatureModel"]

NAME, GENES = range(2)


class SignatureModel(TitledModel):
    """Signatures in rows; which genes are known is found for the rows that are seen.

    Parameters
    ----------
    match : callable
        Takes names of genes and returns which of them are known.
    """

    titles = ("Signature", "Known genes")
    tooltips = (
        "Click a signature to see its score on the slide.",
        "How many of its genes are among those that are shown. Click a number to list them.",
    )

    def __init__(
        self, match: Callable[[tuple[str, ...]], GeneMatch], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._match = match
        self._matches: dict[str, GeneMatch] = {}
        self._all: list[GeneSet] = []
        self.rows: list[GeneSet] = []
        self._filter = ""
        self._shown: str | None = None

    def set_rows(self, rows: Iterable[GeneSet]) -> None:
        """List these signatures."""
        self._all = list(rows)
        self._matches.clear()
        self._refilter()

    def set_filter(self, text: str) -> None:
        """List only signatures with a text in their name, or that have a gene of this name."""
        self._filter = text.strip()
        self._refilter()

    def _refilter(self) -> None:
        wanted, gene = self._filter.casefold(), self._filter.upper()
        self.beginResetModel()
        self.rows = [row for row in self._all if wanted in row.name.casefold() or gene in row.genes]
        self.endResetModel()

    def mark(self, name: str | None) -> None:
        """Mark the signature whose score is shown."""
        self._shown = name
        if self.rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.rows) - 1, GENES))

    def match(self, row: GeneSet) -> GeneMatch:
        """Return which genes of a listed signature are known."""
        found = self._matches.get(row.name)
        if found is None:
            found = self._matches[row.name] = self._match(row.genes)
        return found

    def find(self, name: str | None) -> int:
        """Return a signature's row, -1 where it isn't listed."""
        return next((i for i, row in enumerate(self.rows) if row.name == name), -1)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many are listed."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many columns there are."""
        return 0 if parent is not None and parent.isValid() else len(self.titles)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a cell says, and how it looks."""
        row = self.rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            if index.column() == NAME:
                return row.name
            return f"{len(self.match(row).known):,} of {len(row.genes):,}"
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() == GENES:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.ToolTipRole:
            known = self.match(row).known
            hint = "Click to see its score." if known else "None of its genes is known here."
            return f"{row.name}: {hint}\n{row.source}"
        if role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setBold(row.name == self._shown)
            font.setItalic(not self.match(row).known)
            return font
        return None
