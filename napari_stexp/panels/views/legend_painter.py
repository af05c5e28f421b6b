"""Draws the legend of classes and of mixed genes to the right of the cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from qtpy.QtCore import QRect, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QPainter

if TYPE_CHECKING:
    from napari_stexp.viewer.views.legend import LegendLine

__all__ = ["draw_legend", "legend_width"]

_MARK_PX = 10
_GAP_PX = 6
_MOST_PX = 190
_LEAST_PX = 96  # the limits of a mixed gene fit in
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def legend_width(lines: Sequence[LegendLine], font: QFont) -> int:
    """Return the width that a legend needs, px; 0 for none."""
    if not lines:
        return 0
    bold = QFont(font)
    bold.setBold(True)
    widest = max(
        QFontMetrics(bold if line.is_title else font).horizontalAdvance(line.text) + _indent(line)
        for line in lines
    )
    return min(max(widest + 2 * _GAP_PX, _LEAST_PX), _MOST_PX)


def _indent(line: LegendLine) -> int:
    return _MARK_PX + _GAP_PX if line.color is not None else 0


def draw_legend(painter: QPainter, place: QRect, lines: Sequence[LegendLine]) -> None:
    """Draw as many lines as there is room for, from the top.

    Parameters
    ----------
    painter : QPainter
        Its pen has the colour of text.
    place : QRect
    lines : sequence of LegendLine
    """
    painter.save()
    usual = QFont(painter.font())
    high = painter.fontMetrics().height() + 2
    ink = QColor(painter.pen().color())
    left, top = place.left() + _GAP_PX, place.top()
    for number, line in enumerate(lines):
        top += high // 2 if line.is_title and number else 0
        if top + high > place.bottom():
            break
        indent = _indent(line)
        if line.color is not None:
            mark = QRect(left, top + (high - _MARK_PX) // 2, _MARK_PX, _MARK_PX)
            painter.fillRect(mark, QColor.fromRgbF(*line.color[:3]))
            painter.setPen(QColor(128, 128, 128))
            painter.drawRect(mark)
            painter.setPen(ink)
        font = QFont(usual)
        font.setBold(line.is_title)
        font.setItalic(line.is_gene)
        room = QRect(left + indent, top, place.right() - left - indent, high)
        _write(painter, room, line.text, font)
        top += high
        if line.note:
            _write(painter, room.translated(0, high), line.note, usual)
            top += high
    painter.restore()


def _write(painter: QPainter, room: QRect, text: str, font: QFont) -> None:
    painter.setFont(font)
    shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width())
    painter.drawText(room, _LEFT, shown)
