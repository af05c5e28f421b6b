"""Tables of numbers by column: drawn row by row, chosen by a click, copied with Ctrl+C."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import QModelIndex, QSize, Qt, Signal
from qtpy.QtGui import QContextMenuEvent, QGuiApplication, QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QTableView

from napari_stexp.panels.plots.column_model import (
    Column,
    ColumnModel,
    decimals,
    p_value,
    significant,
)

__all__ = ["Column", "ColumnModel", "ColumnTable", "decimals", "p_value", "significant"]

_ROW_PX = 20


class ColumnTable(QTableView):
    """A view of such a model; one click, or an arrow key, chooses a row.

    Parameters
    ----------
    columns : sequence of Column
        What is shown.
    tooltip : str
        What a click does.
    """

    chosen = Signal(int)  # which of the given rows

    def __init__(self, columns: Sequence[Column], tooltip: str) -> None:
        super().__init__()
        self.model_ = ColumnModel(columns, self)
        self.setModel(self.model_)
        self.setToolTip(tooltip)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setShowGrid(False)
        self.setTabKeyNavigation(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setMinimumSectionSize(30)
        for number, column in enumerate(columns):
            if column.width:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Fixed)
                header.resizeSection(number, column.width)
            else:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSortingEnabled(True)
        self._quiet = False
        self.selectionModel().currentChanged.connect(self._on_current)
        self.clicked.connect(self._on_clicked)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for no more height than it needs at least; it takes what is left."""
        return QSize(super().sizeHint().width(), self.minimumHeight())

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show these columns, in their own order."""
        self._quiet = True
        self.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.model_.set_values(values)
        self._quiet = False
        self.scrollToTop()

    def search(self, text: str) -> None:
        """Show the rows whose first cell holds ``text``."""
        self._quiet = True
        self.model_.set_filter(text)
        self._quiet = False

    # ---- copying -------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Copy the table, as it is searched and sorted, with Ctrl+C."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def copy(self, rows: Sequence[int] | None = None) -> None:
        """Put rows of the view, all by default, into the clipboard."""
        QGuiApplication.clipboard().setText(self.model_.as_text(rows))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:  # noqa: N802 - Qt's name
        """Offer to copy the table, or the row under the cursor."""
        menu = QMenu(self)
        self.fill_menu(menu, self.indexAt(event.pos()).row())
        menu.exec(event.globalPos())
        menu.deleteLater()

    def fill_menu(self, menu: QMenu, row: int) -> None:
        """Add what can be done with the table, and with one of its rows, -1 for none."""
        menu.setToolTipsVisible(True)
        whole = menu.addAction("Copy the table\tCtrl+C", self.copy)
        whole.setToolTip("As it is searched and sorted, for a spreadsheet.")
        one = menu.addAction("Copy this row", lambda: self.copy([row]))
        one.setToolTip("With the titles of the columns.")
        one.setEnabled(row >= 0)

    # ---- marking -------------------------------------------------------------------------

    def mark(self, item: int, *, scroll: bool = True) -> None:
        """Mark one of the given rows as the current one, without asking for it.

        Parameters
        ----------
        item : int
            Of the given rows; below 0 for none.
        scroll : bool
            Whether it is brought into view: not where the top of a new table is to be seen.
        """
        row = self.model_.row(item)
        self._quiet = True
        if row < 0:
            self.clearSelection()
            self.setCurrentIndex(QModelIndex())
        elif row != self.currentIndex().row():
            self.selectRow(row)
            if scroll:
                self.scrollTo(self.model_.index(row, 0))
            else:
                self.scrollToTop()
        self._quiet = False

    def _on_current(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid() and not self._quiet:
            self.chosen.emit(self.model_.item(current.row()))

    def _on_clicked(self, index: QModelIndex) -> None:
        """Choose it again: one may have gone elsewhere since."""
        self.chosen.emit(self.model_.item(index.row()))
