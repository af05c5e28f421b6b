"""The table of genes behind the list: searched and sorted in arrays, drawn row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QModelIndex, QObject, Qt

from napari_stexp.panels.text import short_number
from napari_stexp.panels.titled_model import TitledModel

__all__ = ["GeneTableModel"]

GENE, MEAN, SCORE = range(3)
_TITLES = ("Gene", "Mean", "Held-out r")
_TOOLTIPS = (
    "Click to sort by name.",
    "Mean of the shown values over the spots that have one. Click to sort.",
    "How well this gene was predicted on sections that the model had not seen: Pearson "
    "correlation with the measurement, where the model's maker tested it. Click to sort.",
)


class GeneTableModel(TitledModel):
    """Genes with mean and held-out score.

    Filtering and sorting work on arrays, so that 40,000 genes answer at once;
    a proxy model would ask Python for every cell.
    """

    titles, tooltips = _TITLES, _TOOLTIPS

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._genes: NDArray[Any] = np.empty(0, dtype=object)
        self._folded: NDArray[Any] = np.empty(0, dtype=object)
        self._columns: dict[int, NDArray[np.float64]] = {}
        self._rows: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._row_of: dict[str, int] = {}
        self._text = ""
        self._sorting = (GENE, Qt.SortOrder.AscendingOrder)

    # ---- content -------------------------------------------------------------------------

    def set_genes(self, genes: list[str]) -> None:
        """Show these genes, of which nothing else is known yet."""
        self.beginResetModel()
        self._genes = np.array(genes, dtype=object)
        self._folded = np.array([gene.casefold() for gene in genes], dtype=object)
        unknown = np.full(len(genes), np.nan)
        self._columns = {MEAN: unknown, SCORE: unknown.copy()}
        self._arrange()
        self.endResetModel()

    def set_numbers(self, means: NDArray[np.float64], scores: NDArray[np.float64] | None) -> None:
        """Set the genes' means and scores; the order of rows follows only if it must."""
        self._columns[MEAN] = np.asarray(means, dtype=np.float64)
        if scores is not None:
            self._columns[SCORE] = np.asarray(scores, dtype=np.float64)
        if not len(self._rows):
            return
        if self._sorting[0] == GENE:
            last = self.index(max(0, self.rowCount() - 1), SCORE)
            self.dataChanged.emit(self.index(0, MEAN), last)
        else:
            self._rearrange()

    def set_filter(self, text: str) -> None:
        """Show the genes whose name holds ``text``, whatever its case."""
        self._text = text.strip().casefold()
        self._rearrange()

    def gene(self, row: int) -> str | None:
        """Return the gene in a row of the view."""
        return str(self._genes[self._rows[row]]) if 0 <= row < len(self._rows) else None

    def row(self, gene: str | None) -> int:
        """Return the row that shows a gene, -1 if it is filtered out."""
        return self._row_of.get(gene, -1) if gene is not None else -1

    @property
    def total(self) -> int:
        """How many genes there are without the filter."""
        return len(self._genes)

    @property
    def has_scores(self) -> bool:
        """Whether any gene has a held-out score."""
        return bool(np.isfinite(self._columns.get(SCORE, np.empty(0))).any())

    # ---- order ---------------------------------------------------------------------------

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; genes without a number come last either way."""
        self._sorting = (column, order)
        self._rearrange()

    def _rearrange(self) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        genes = [self.gene(index.row()) for index in before]
        self._arrange()
        after = [
            self.index(row, index.column()) if (row := self.row(gene)) >= 0 else QModelIndex()
            for index, gene in zip(before, genes, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        text = self._text
        kept = np.arange(len(self._genes))
        if text:
            kept = np.array([i for i, name in enumerate(self._folded) if text in name], np.intp)
        column, order = self._sorting
        descending = order == Qt.SortOrder.DescendingOrder
        if column == GENE:
            names = self._folded[kept]
            by_name = sorted(range(len(kept)), key=names.__getitem__, reverse=descending)
            kept = kept[np.array(by_name, dtype=np.intp)]
            if text:  # ERBB2 before SERBB20 when looking for ERBB2
                rank = np.array(
                    [(name != text) + (not name.startswith(text)) for name in self._folded[kept]],
                    dtype=np.intp,
                )
                kept = kept[np.argsort(rank, kind="stable")]
        else:
            numbers = self._columns[column][kept]
            key = np.where(np.isnan(numbers), np.inf, -numbers if descending else numbers)
            kept = kept[np.argsort(key, kind="stable")]
        self._rows = kept
        self._row_of = {str(self._genes[i]): row for row, i in enumerate(kept)}

    # ---- Qt ------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many genes pass the filter."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(_TITLES)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text, or its alignment."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole and index.column() != GENE:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role != Qt.ItemDataRole.DisplayRole:
            return None
        gene = self._rows[index.row()]
        if index.column() == GENE:
            return str(self._genes[gene])
        value = float(self._columns[index.column()][gene])
        if np.isnan(value):
            return "-"
        return short_number(value) if index.column() == MEAN else f"{value:.2f}"
