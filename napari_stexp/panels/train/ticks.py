"""Ticks in a table that are seen on a dark theme, too, and hit anywhere in their cell."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QAbstractItemModel, QEvent, QModelIndex, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPen
from qtpy.QtWidgets import QStyledItemDelegate, QStyleOptionViewItem

__all__ = ["TickDelegate"]

_SIDE = 13
_CHECKED, _UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


class TickDelegate(QStyledItemDelegate):
    """Draws a cell's check state as a box in its middle; a cell that can't be ticked is empty."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw the box, and the tick in it."""
        if not index.flags() & Qt.ItemFlag.ItemIsEnabled:
            return
        color = QColor(self.parent().palette().color(self.parent().foregroundRole()))
        if not index.flags() & Qt.ItemFlag.ItemIsUserCheckable:  # for now
            color.setAlpha(110)
        box = QRectF(0, 0, _SIDE, _SIDE)
        box.moveCenter(QPointF(option.rect.center()) + QPointF(0.5, 0.5))
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        outline = QColor(color)
        outline.setAlpha(color.alpha() // 2)
        painter.setPen(QPen(outline, 1))
        painter.drawRoundedRect(box, 2, 2)
        if is_checked(index):
            painter.setPen(QPen(color, 2))
            x, y = box.left(), box.top()
            painter.drawPolyline([QPointF(x + 3, y + 7), QPointF(x + 5.5, y + 10)])
            painter.drawPolyline([QPointF(x + 5.5, y + 10), QPointF(x + 10.5, y + 3.5)])
        painter.restore()

    def editorEvent(  # noqa: N802 - Qt's name
        self, event: QEvent, model: QAbstractItemModel, option: Any, index: QModelIndex
    ) -> bool:
        """Turn the tick on or off when the cell is clicked, or Space is pressed on it."""
        if not index.flags() & Qt.ItemFlag.ItemIsUserCheckable:
            return False
        clicked = (
            event.type() == QEvent.Type.MouseButtonRelease
            and event.button() == Qt.MouseButton.LeftButton
            and option.rect.contains(event.position().toPoint())
        )
        pressed = event.type() == QEvent.Type.KeyPress and event.key() == Qt.Key.Key_Space
        if not (clicked or pressed):
            return event.type() == QEvent.Type.MouseButtonDblClick
        state = _UNCHECKED if is_checked(index) else _CHECKED
        return bool(model.setData(index, state, Qt.ItemDataRole.CheckStateRole))


def is_checked(index: QModelIndex) -> bool:
    """Whether a cell is ticked."""
    state = index.data(Qt.ItemDataRole.CheckStateRole)
    return state is not None and Qt.CheckState(state) == _CHECKED
