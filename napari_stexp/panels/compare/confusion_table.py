"""How many spots of each class lie in each domain; a click on a number chooses them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QBrush, QColor
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

if TYPE_CHECKING:
    from napari_stexp.compare import Agreement

__all__ = ["ConfusionTable"]

_SHADE = (70, 130, 210)
_ROW_PX = 20
_NAME_PX = 98
_FONT_PX = 11
_MOST_ROWS = 10


class ConfusionTable(QTableWidget):
    """Classes in rows, domains in columns; the darker, the larger the part of the class."""

    cell_chosen = Signal(str, int)  # class, domain

    def __init__(self) -> None:
        super().__init__()
        self._labels: list[str] = []
        self._domains: list[int] = []
        self.setToolTip("Click a number to select its spots on the slide.")
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setStyleSheet("QTableWidget::item { padding: 0; }")
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)
        self.verticalHeader().setMinimumWidth(_NAME_PX)
        self.verticalHeader().setMaximumWidth(_NAME_PX)
        self.verticalHeader().setDefaultAlignment(
            Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        )
        self.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.horizontalHeader().setMinimumSectionSize(27)
        self.cellClicked.connect(self._on_clicked)
        self.hide()

    def show_agreement(self, agreement: Agreement | None) -> None:
        """Show an agreement's numbers; hidden without one."""
        self.setVisible(agreement is not None)
        if agreement is None:
            return
        table = agreement.confusion
        self._labels = [str(label) for label in table.index]
        self._domains = [int(domain) for domain in table.columns]
        self.clear()
        self.setRowCount(len(self._labels))
        self.setColumnCount(len(self._domains))
        for column, domain in enumerate(self._domains):
            matched = agreement.matches.get(domain)
            item = QTableWidgetItem(f"{domain + 1}")
            item.setToolTip(
                f"Domain {domain + 1}"
                + (f", matched to “{matched}”." if matched else ", matched to no class.")
            )
            self.setHorizontalHeaderItem(column, item)
        counts = table.to_numpy()
        for row, label in enumerate(self._labels):
            name = QTableWidgetItem(_shorten(label))
            name.setToolTip(f"{label}: {int(counts[row].sum()):,} spots")
            self.setVerticalHeaderItem(row, name)
            for column, domain in enumerate(self._domains):
                part = counts[row, column] / max(counts[row].sum(), 1)
                matched = agreement.matches.get(domain) == label
                self.setItem(row, column, _make_cell(int(counts[row, column]), part, matched))
        title = self.horizontalHeader().sizeHint().height()
        self.setFixedHeight(title + min(len(self._labels), _MOST_ROWS) * _ROW_PX + 6)

    def _on_clicked(self, row: int, column: int) -> None:
        self.cell_chosen.emit(self._labels[row], self._domains[column])


def _make_cell(number: int, part: float, matched: bool) -> QTableWidgetItem:
    item = QTableWidgetItem(f"{number:,}" if number else "·")
    item.setTextAlignment(int(Qt.AlignmentFlag.AlignCenter))
    item.setBackground(QBrush(QColor(*_SHADE, round(200 * part))))
    words = f"{number:,} spots, {part:.0%} of the class"
    item.setToolTip(f"{words}; this domain is matched to it." if matched else f"{words}.")
    font: Any = item.font()
    font.setPixelSize(_FONT_PX)
    font.setBold(matched)
    item.setFont(font)
    return item


def _shorten(name: str, length: int = 14) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
