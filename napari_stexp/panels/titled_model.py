"""A table's model whose columns have titles and tooltips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from qtpy.QtCore import QAbstractTableModel, Qt

__all__ = ["TitledModel"]


class TitledModel(QAbstractTableModel):
    """Names its columns.

    Attributes
    ----------
    titles, tooltips : sequence of str
        Of each column.
    """

    titles: ClassVar[Sequence[str]] = ()
    tooltips: ClassVar[Sequence[str]] = ()

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's title or tooltip."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.titles[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return self.tooltips[section]
        return None
