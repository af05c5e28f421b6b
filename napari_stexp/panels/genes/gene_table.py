"""The view of the list of genes: stars to click, keys, a menu for the right button."""

from __future__ import annotations

from qtpy.QtCore import QModelIndex, QPoint, Qt, QTimer, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QMouseEvent, QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView

from napari_stexp.panels.genes.gene_model import (
    GENE,
    MEAN,
    MORAN,
    NUMBERS,
    SCORE,
    STAR,
    VARIANCE,
    GeneTableModel,
)

__all__ = ["GeneTable"]

_WIDTHS = {STAR: 24, MEAN: 54, VARIANCE: 68, MORAN: 74, SCORE: 80}
_NARROW = {MEAN: 44, VARIANCE: 56, MORAN: 58, SCORE: 60}  # where the others wouldn't fit
_NARROWEST_NAME = 64  # px


class GeneTable(QTableView):
    """Shows a `GeneTableModel`; one gene is current, several may be selected."""

    star_clicked = Signal(str)
    typed = Signal(str)  # letters, which are for the search box
    menu_requested = Signal(object)  # QMenu, to add to before it is shown

    def __init__(self, model: GeneTableModel) -> None:
        super().__init__()
        self.genes = model
        self._revealer = QTimer(self)
        self._revealer.setSingleShot(True)
        self._revealer.setInterval(0)
        self._revealer.timeout.connect(self._reveal)
        self.setModel(model)
        self.setToolTip(
            "Click a gene to see it on the slide; ↑ ↓ step to the next one. Ctrl or Shift and a "
            "click select several. Space gives a star. Right click for more."
        )
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.setMinimumHeight(150)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        rows = self.verticalHeader()
        rows.hide()
        rows.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        rows.setDefaultSectionSize(20)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        header.setMinimumSectionSize(20)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.sortIndicatorChanged.connect(self._show_top)
        for column, width in _WIDTHS.items():
            header.resizeSection(column, width)
        self.setSortingEnabled(True)
        self.sortByColumn(GENE, Qt.SortOrder.AscendingOrder)

    # ---- columns -------------------------------------------------------------------------

    def show_columns(self, columns: set[int]) -> None:
        """Show these columns of numbers and no other."""
        for column in NUMBERS:
            self.setColumnHidden(column, column not in columns)
        self._fit_names()

    def shown_columns(self) -> set[int]:
        """Return the columns of numbers that are shown."""
        return {column for column in NUMBERS if not self.isColumnHidden(column)}

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Give the names what the numbers leave."""
        super().resizeEvent(event)
        self._fit_names()

    def _fit_names(self) -> None:
        shown = sorted(self.shown_columns())
        room = self.viewport().width() - _WIDTHS[STAR]
        fits = sum(_WIDTHS[column] for column in shown) + 80 <= room
        for column in shown:
            wanted = (_WIDTHS if fits else _NARROW)[column]
            if wanted != self.columnWidth(column):
                self.setColumnWidth(column, wanted)
        width = max(_NARROWEST_NAME, room - sum(self.columnWidth(column) for column in shown))
        if width != self.columnWidth(GENE):
            self.setColumnWidth(GENE, width)

    # ---- selection -----------------------------------------------------------------------

    def selected_genes(self) -> list[str]:
        """Return the selected genes, in the order of the list."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [gene for row in rows if (gene := self.genes.gene(row)) is not None]

    def mark(self, row: int) -> None:
        """Make a row the current one and the only one selected, without telling; -1 for none."""
        if row >= 0 and row == self.currentIndex().row() and self._is_selected(row):
            return  # several may be selected, this one among them
        selection = self.selectionModel()
        selection.blockSignals(True)
        if row < 0:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        else:
            self.selectRow(row)
        selection.blockSignals(False)
        self.reveal()
        self.viewport().update()

    def reveal(self) -> None:
        """Bring the current row into view, once the table has its place."""
        self._revealer.start()

    def _show_top(self) -> None:
        """Show the first genes of a new order, wherever the current one is."""
        self._revealer.stop()
        self.scrollToTop()

    def _reveal(self) -> None:
        if self.currentIndex().isValid():
            self.scrollTo(self.genes.index(self.currentIndex().row(), STAR))

    def _is_selected(self, row: int) -> bool:
        return self.selectionModel().isRowSelected(row, QModelIndex())

    # ---- mouse and keys ------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Give or take a star without showing the gene."""
        index = self.indexAt(event.position().toPoint())
        if event.button() == Qt.MouseButton.LeftButton and index.column() == STAR:
            self._star([index.row()])
            event.accept()
            return
        if event.button() == Qt.MouseButton.RightButton and self._is_selected(index.row()):
            return  # the menu is for all that is selected
        super().mousePressEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Copy names, give stars, and let Qt do the rest."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_names()
        elif event.key() == Qt.Key.Key_Space:
            self._star([self.currentIndex().row()])
        else:
            super().keyPressEvent(event)

    def keyboardSearch(self, search: str) -> None:  # noqa: N802 - Qt's name
        """Let the search box have the letters: Qt would ask for every name, one by one."""
        self.typed.emit(search)

    def copy_names(self) -> None:
        """Copy the selected genes' names, one a line."""
        QGuiApplication.clipboard().setText("\n".join(self.selected_genes()))

    def _star(self, rows: list[int]) -> None:
        for row in rows:
            if (gene := self.genes.gene(row)) is not None:
                self.star_clicked.emit(gene)

    def _show_menu(self, place: QPoint) -> None:
        if not self.selected_genes():
            return
        menu = self.make_menu()
        menu.exec(self.viewport().mapToGlobal(place))
        menu.deleteLater()

    def make_menu(self) -> QMenu:
        """Return the menu of the right button, for the selected genes."""
        menu = QMenu(self)
        self.menu_requested.emit(menu)
        copy = menu.addAction("Copy names" if len(self.selected_genes()) > 1 else "Copy name")
        copy.setShortcut(QKeySequence.StandardKey.Copy)
        copy.triggered.connect(self.copy_names)
        return menu
