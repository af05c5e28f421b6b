"""The orientations of spots, with how well each lies on tissue."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

__all__ = ["OrientationTable"]


class OrientationTable(QTableWidget):
    """Lists orientations; a double click shows the spots so."""

    wanted = Signal(object)  # ScoredOrientation

    def __init__(self) -> None:
        super().__init__(0, 2)
        self.setHorizontalHeaderLabels(["Orientation", "On tissue"])
        self.verticalHeader().hide()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self.setMinimumHeight(170)
        self.setToolTip(
            "Share of the spots that would lie on tissue. Double click a line to see the spots so."
        )
        self._candidates: tuple[Any, ...] = ()
        self.cellDoubleClicked.connect(lambda row, _: self.wanted.emit(self._candidates[row]))

    def show_check(self, check: Any) -> None:
        """Show the scores of a check, or none."""
        self._candidates = () if check is None else check.orientation.candidates
        self.setRowCount(len(self._candidates))
        for row, one in enumerate(self._candidates):
            for column, text in enumerate((one.words, f"{one.on_tissue:.1%}")):
                item = QTableWidgetItem(text)
                item.setToolTip(f"{one.words}: {one.on_tissue:.1%} of the spots on tissue")
                self.setItem(row, column, item)
