"""The table of sections: what each is, and a tick for what it is used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QModelIndex, QObject, Qt, Signal
from qtpy.QtGui import QBrush, QColor

from napari_stexp.panels.titled_model import TitledModel

if TYPE_CHECKING:
    from napari_stexp.session.training.sections import SectionRow, Use

__all__ = ["SectionTableModel"]

SECTION, PATIENT, SPOTS, TRAIN, VALIDATE, HOLD_OUT = range(6)
_TITLES = ("Section", "Patient", "Spots", "Train", "Check", "Test")
_USES: dict[int, Use] = {TRAIN: "train", VALIDATE: "validate", HOLD_OUT: "hold out"}
_TOOLTIPS = (
    "The section's name.",
    "Whose tissue it is. Sections of one patient look alike: a test on a section whose patient "
    "was trained on flatters the model.",
    "How many measured spots it has.",
    "Train: the model learns from this section, and predicts from its spots later on.",
    "Check: after each epoch the model is tried on this section, so that you see in the curve "
    "whether it still improves. Nothing is learned from it. Optional.",
    "Test: the section is kept away from the training; the finished model is measured on it, once.",
)
_CHECKED, _UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


class SectionTableModel(TitledModel):
    """Sections by row; a section is used for one thing at most.

    A click changes nothing by itself: it asks.
    """

    titles, tooltips = _TITLES, _TOOLTIPS

    use_requested = Signal(str, str)  # section, Use

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[SectionRow, ...] = ()
        self._uses: dict[str, Use] = {}
        self._locked = False

    # ---- content -------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[SectionRow]) -> None:
        """Show these sections."""
        names = [row.name for row in rows]
        if names == [row.name for row in self._rows]:
            self._rows = tuple(rows)
            self._tell_all()
            return
        self.beginResetModel()
        self._rows = tuple(rows)
        self.endResetModel()

    def set_uses(self, uses: Mapping[str, Use]) -> None:
        """Show what the sections are used for."""
        self._uses = dict(uses)
        self._tell_all()

    def set_locked(self, locked: bool) -> None:
        """Let ticks be changed, or not: a training that runs keeps its sections."""
        if locked != self._locked:
            self._locked = locked
            self._tell_all()

    def _tell_all(self) -> None:
        if self._rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._rows) - 1, HOLD_OUT))

    def row(self, name: str) -> int:
        """Return the row of a section."""
        return [row.name for row in self._rows].index(name)

    # ---- Qt ------------------------------------------------------------------------------

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return how many sections there are."""
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(_TITLES)

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Make ticks clickable where the section can be used."""
        flags = Qt.ItemFlag.ItemIsSelectable
        if not index.isValid() or not self._rows[index.row()].usable:
            return flags
        flags |= Qt.ItemFlag.ItemIsEnabled
        if index.column() in _USES and not self._locked:
            flags |= Qt.ItemFlag.ItemIsUserCheckable
        return flags

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a cell's text, tick, tooltip or alignment."""
        if not index.isValid():
            return None
        row, column = self._rows[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(row, column)
        if role == Qt.ItemDataRole.CheckStateRole and column in _USES:
            return _CHECKED if self._uses.get(row.name) == _USES[column] else _UNCHECKED
        if role == Qt.ItemDataRole.ToolTipRole:
            return row.problem or (row.name if column == SECTION else _TOOLTIPS[column])
        return _look(row, column, role)

    def _text(self, row: SectionRow, column: int) -> str | None:
        if column == SECTION:
            return f"⚠ {row.name}" if row.problem else row.name
        if column == PATIENT:
            return row.patient or "?"
        if column == SPOTS:
            return "…" if row.n_spots is None and row.usable else _number(row.n_spots)
        return None

    def setData(  # noqa: N802 - Qt's name
        self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole
    ) -> bool:
        """Ask for another use of the clicked section."""
        if role != Qt.ItemDataRole.CheckStateRole or index.column() not in _USES or self._locked:
            return False
        checked = Qt.CheckState(value) == _CHECKED
        use = _USES[index.column()] if checked else "leave out"
        self.use_requested.emit(self._rows[index.row()].name, use)
        return True


def _look(row: SectionRow, column: int, role: int) -> Any:
    if role == Qt.ItemDataRole.TextAlignmentRole and column == SPOTS:
        return int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    if role == Qt.ItemDataRole.ForegroundRole and row.problem:
        return QBrush(QColor(128, 128, 128))
    return None


def _number(value: int | None) -> str:
    return "" if value is None else f"{value:,}"
