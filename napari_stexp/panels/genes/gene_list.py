"""Search box and list of genes; the arrow keys step through it from either."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QModelIndex, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.genes.gene_model import GENE, MEAN, SCORE, GeneTableModel
from napari_stexp.panels.text import count

__all__ = ["GeneList"]

_STEPS = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}


class GeneList(QWidget):
    """Searchable, sortable list of genes with one current gene."""

    gene_requested = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search a gene …  (↑ ↓ step through the list)")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip(
            "Type a part of a gene's name. Arrow keys step through the genes, Enter takes the "
            "first one."
        )
        self.model = GeneTableModel(self)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setToolTip("Click a gene to see it on the slide; ↑ ↓ step to the next one.")
        self.line = QLabel()
        self.line.setWordWrap(True)
        self.line.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._set_up_table()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.search)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.line)
        self.search.installEventFilter(self)
        self.search.textChanged.connect(self._on_search)
        self.table.selectionModel().currentChanged.connect(self._on_current)
        self._gene: str | None = None

    def _set_up_table(self) -> None:
        table = self.table
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setWordWrap(False)
        table.setMinimumHeight(150)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(20)
        header = table.horizontalHeader()
        header.setSectionResizeMode(GENE, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(MEAN, QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(SCORE, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(MEAN, 74)
        header.resizeSection(SCORE, 84)
        header.setHighlightSections(False)
        table.setSortingEnabled(True)
        table.sortByColumn(GENE, Qt.SortOrder.AscendingOrder)

    # ---- content -------------------------------------------------------------------------

    def set_genes(self, genes: list[str]) -> None:
        """List these genes."""
        self.table.selectionModel().blockSignals(True)
        self.model.set_genes(genes)
        self.table.selectionModel().blockSignals(False)
        self._show_line()
        self.show_gene(self._gene)

    def show_gene(self, gene: str | None) -> None:
        """Mark a gene as the current one, without asking for it."""
        self._gene = gene
        row = self.model.row(gene)
        selection = self.table.selectionModel()
        selection.blockSignals(True)
        if row < 0:
            self.table.clearSelection()
            self.table.setCurrentIndex(QModelIndex())
        else:
            self.table.selectRow(row)
        selection.blockSignals(False)
        if row >= 0:
            self.table.scrollTo(self.model.index(row, GENE))
        self.table.viewport().update()

    def show_numbers(self, means: object, scores: object) -> None:
        """Show the genes' means and held-out scores; the score's column only if any is known."""
        self.model.set_numbers(means, scores)
        self.table.setColumnHidden(SCORE, not self.model.has_scores)
        self._show_line()

    def _show_line(self) -> None:
        shown, total = self.model.rowCount(), self.model.total
        self.table.setColumnHidden(SCORE, not self.model.has_scores)
        if not total:
            self.line.setText("")
        elif shown == total:
            self.line.setText(count(total, "gene"))
        elif shown:
            self.line.setText(f"{shown:,} of {count(total, 'gene')}")
        else:
            self.line.setText(
                f"None of the {total:,} genes is called that. Clear the box to see all."
            )

    # ---- stepping ------------------------------------------------------------------------

    def step(self, steps: int) -> None:
        """Go ``steps`` genes down the list (up if negative), from the current one."""
        rows = self.model.rowCount()
        if not rows:
            return
        row = self.table.currentIndex().row()
        target = (0 if steps > 0 else rows - 1) if row < 0 else row + steps
        self.table.selectRow(min(max(target, 0), rows - 1))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Step through the list from the search box."""
        if watched is self.search and event.type() == QEvent.Type.KeyPress:
            if event.key() in _STEPS:
                self.step(_STEPS[event.key()])
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.model.rowCount():
                self.table.selectRow(0)
                return True
        return super().eventFilter(watched, event)

    def _on_search(self, text: str) -> None:
        selection = self.table.selectionModel()
        selection.blockSignals(True)
        self.model.set_filter(text)
        selection.blockSignals(False)
        self._show_line()
        self.show_gene(self._gene)

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        gene = self.model.gene(current.row()) if current.isValid() else None
        if gene is not None and gene != self._gene:
            self._gene = gene
            self.gene_requested.emit(gene)
