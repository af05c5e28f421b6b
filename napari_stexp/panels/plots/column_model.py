"""The model of a table of numbers by column: searched and sorted in arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from napari_stexp.panels.text import short_number

__all__ = ["Column", "ColumnModel", "decimals", "p_value", "significant"]


@dataclass(frozen=True)
class Column:
    """What a column is called, what it means and how its cells are written.

    Attributes
    ----------
    key : str
        Under which its values are given.
    title, tooltip : str
        Of its header.
    write : callable
        Makes a cell's text of its value; None for what is text already.
    width : int
        In px; 0 for the one that takes what is left.
    falling : bool
        Whether the first click on its title puts the highest on top.
    """

    key: str
    title: str
    tooltip: str
    write: Callable[[float], str] | None = None
    width: int = 0
    falling: bool = False


def decimals(digits: int, *, signed: bool = False) -> Callable[[float], str]:
    """Return what writes a number with so many decimals, '-' if it is none."""
    pattern = f"{{:{'+' if signed else ''}.{digits}f}}"
    return lambda value: pattern.format(value) if np.isfinite(value) else "-"


def significant(value: float) -> str:
    """Write a number with three significant digits, '-' if it is none."""
    return short_number(value) if np.isfinite(value) else "-"


def p_value(value: float) -> str:
    """Write a p value: '0.031', '2e-14', '<1e-300' where it is too small for a float."""
    if not np.isfinite(value):
        return "-"
    if value == 0:
        return "<1e-300"
    return f"{value:.3f}" if value >= 0.001 else f"{value:.0e}"


class ColumnModel(QAbstractTableModel):
    """Rows given as one array per column.

    Filtering and sorting work on arrays, so that 20,000 rows answer at once; a
    proxy model would ask Python for every cell.

    Parameters
    ----------
    columns : sequence of Column
        The first one is what a filter's text is looked for in.
    parent : QObject, optional
        Owner.
    """

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._values: dict[str, NDArray[Any]] = {}
        self._folded: list[str] = []
        self._rows: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._place: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._text = ""
        self._sorting: tuple[int, Qt.SortOrder] | None = None

    # ---- content -------------------------------------------------------------------------

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show these columns, each (n,), in their own order until a title is clicked."""
        self.beginResetModel()
        self._values = {column.key: np.asarray(values[column.key]) for column in self.columns}
        first = self._values[self.columns[0].key]
        self._folded = [str(value).casefold() for value in first]
        self._arrange()
        self.endResetModel()

    def set_filter(self, text: str) -> None:
        """Show the rows whose first cell holds ``text``, whatever its case."""
        self._text = text.strip().casefold()
        self._rearrange()

    @property
    def total(self) -> int:
        """How many rows there are without the filter."""
        return len(self._folded)

    def item(self, row: int) -> int:
        """Return which of the given rows a row of the view is, -1 for none."""
        return int(self._rows[row]) if 0 <= row < len(self._rows) else -1

    def row(self, item: int) -> int:
        """Return the row of the view that shows one of the given rows, -1 if filtered out."""
        return int(self._place[item]) if 0 <= item < len(self._place) else -1

    def as_text(self, rows: Sequence[int] | None = None) -> str:
        """Return rows of the view, all by default, with titles, parted by tabs.

        Numbers have all their digits, for a spreadsheet.
        """
        lines = ["\t".join(column.title for column in self.columns)]
        for row in range(self.rowCount()) if rows is None else rows:
            item = self._rows[row]
            cells = (self._values[column.key][item] for column in self.columns)
            lines.append("\t".join(
                str(cell) if column.write is None else f"{float(cell):.9g}"
                for column, cell in zip(self.columns, cells, strict=True)
            ))  # fmt: skip
        return "\n".join(lines) + "\n"

    # ---- order ---------------------------------------------------------------------------

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; rows without a number come last either way. -1: as given."""
        self._sorting = None if column < 0 else (column, order)
        self._rearrange()

    def _rearrange(self) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        items = [self.item(index.row()) for index in before]
        self._arrange()
        after = [
            self.index(row, index.column()) if (row := self.row(item)) >= 0 else QModelIndex()
            for index, item in zip(before, items, strict=True)
        ]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _arrange(self) -> None:
        kept = np.arange(self.total)
        if self._text:
            kept = np.array([i for i in kept if self._text in self._folded[i]], dtype=np.intp)
        if self._sorting is not None and self._values:
            kept = kept[self._order(kept)]
        self._rows = kept
        self._place = np.full(self.total, -1, dtype=np.intp)
        self._place[kept] = np.arange(len(kept))

    def _order(self, kept: NDArray[np.intp]) -> NDArray[np.intp]:
        assert self._sorting is not None
        column, order = self._sorting
        descending = order == Qt.SortOrder.DescendingOrder
        values = self._values[self.columns[column].key][kept]
        if values.dtype.kind not in "fiub":
            keys = [str(value).casefold() for value in values]
            by_text = sorted(range(len(keys)), key=keys.__getitem__, reverse=descending)
            return np.array(by_text, dtype=np.intp)
        numbers = values.astype(np.float64)
        key = np.where(np.isnan(numbers), np.inf, -numbers if descending else numbers)
        return np.argsort(key, kind="stable")

    # ---- Qt ------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many rows pass the filter."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text, or its alignment."""
        if not index.isValid():
            return None
        column = self.columns[index.column()]
        if role == Qt.ItemDataRole.TextAlignmentRole and column.write is not None:
            return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        value = self._values[column.key][self._rows[index.row()]]
        if role == Qt.ItemDataRole.ToolTipRole:
            return str(value) if column.write is None else f"{column.title}: {float(value):.6g}"
        return str(value) if column.write is None else column.write(float(value))

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's title, tooltip, or which end its first click puts on top."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.title
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{column.tooltip} Click to sort."
        if role == Qt.ItemDataRole.InitialSortOrderRole:
            falling = Qt.SortOrder.DescendingOrder, Qt.SortOrder.AscendingOrder
            return falling[0] if column.falling else falling[1]
        return None
