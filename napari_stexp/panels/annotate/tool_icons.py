"""Icons of the drawing tools, drawn in the theme's own colour."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPainterPath, QPen, QPixmap, QPolygonF

__all__ = ["draw_swatch", "draw_tool"]

_SIDE = 20  # the drawings' own units
_SCALE = 3  # drawn finer than shown, for screens of high density


def draw_tool(name: str, color: QColor) -> QIcon:
    """Return a tool's icon.

    Parameters
    ----------
    name : str
        One of the tools, 'undo', 'redo' or 'lock'.
    color : QColor
        Of its lines.
    """
    pixmap = QPixmap(_SIDE * _SCALE, _SIDE * _SCALE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.scale(_SCALE, _SCALE)
    pen = QPen(color, 1.6)
    pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
    pen.setCapStyle(Qt.PenCapStyle.RoundCap)
    painter.setPen(pen)
    _DRAWINGS[name](painter, color)
    painter.end()
    return QIcon(pixmap)


def draw_swatch(rgb: tuple[int, int, int], side: int = 14) -> QPixmap:
    """Return a filled square of a class's colour, with an edge that is seen on dark and light."""
    pixmap = QPixmap(side, side)
    pixmap.fill(QColor(*rgb))
    painter = QPainter(pixmap)
    painter.setPen(QPen(QColor(128, 128, 128), 1))
    painter.drawRect(0, 0, side - 1, side - 1)
    painter.end()
    return pixmap


def _points(*pairs: tuple[float, float]) -> QPolygonF:
    return QPolygonF([QPointF(x, y) for x, y in pairs])


def _pan(painter: QPainter, _color: QColor) -> None:
    painter.drawLine(QPointF(10, 2.5), QPointF(10, 17.5))
    painter.drawLine(QPointF(2.5, 10), QPointF(17.5, 10))
    for points in (
        ((7.5, 5), (10, 2.5), (12.5, 5)),
        ((7.5, 15), (10, 17.5), (12.5, 15)),
        ((5, 7.5), (2.5, 10), (5, 12.5)),
        ((15, 7.5), (17.5, 10), (15, 12.5)),
    ):
        painter.drawPolyline(_points(*points))


def _pick(painter: QPainter, color: QColor) -> None:
    painter.setBrush(color)
    painter.drawPolygon(
        _points((5, 2.5), (5, 15), (8.2, 12), (10.6, 17), (12.8, 16), (10.4, 11.2), (14.6, 11))
    )


def _polygon(painter: QPainter, color: QColor) -> None:
    corners = ((4, 6), (11, 3), (17, 9), (13, 17), (5, 15))
    painter.drawPolygon(_points(*corners))
    painter.setBrush(color)
    for x, y in corners:
        painter.drawEllipse(QPointF(x, y), 1.3, 1.3)


def _lasso(painter: QPainter, _color: QColor) -> None:
    path = QPainterPath(QPointF(7, 13))
    path.cubicTo(1, 11, 2, 3, 10, 3)
    path.cubicTo(19, 3, 19, 12, 11, 13)
    path.cubicTo(8, 13.4, 5, 14, 7, 17.5)
    painter.drawPath(path)
    painter.drawEllipse(QPointF(7.4, 13.2), 1.6, 1.6)


def _brush(painter: QPainter, color: QColor) -> None:
    painter.drawLine(QPointF(17, 3), QPointF(10, 10.5))
    path = QPainterPath(QPointF(10.5, 10))
    path.cubicTo(13, 13, 9, 18, 3, 16.5)
    path.cubicTo(5.5, 15, 4.5, 11, 7.5, 10)
    path.cubicTo(8.5, 9.6, 9.7, 9.5, 10.5, 10)
    painter.setBrush(color)
    painter.drawPath(path)


def _eraser(painter: QPainter, color: QColor) -> None:
    painter.drawPolygon(_points((3, 12.5), (11, 4), (16.5, 9), (8.5, 17), (6, 17)))
    painter.setBrush(color)
    painter.drawPolygon(_points((11, 4), (16.5, 9), (12.2, 13.3), (6.9, 8.4)))


def _select(painter: QPainter, color: QColor) -> None:
    pen = QPen(painter.pen())
    pen.setStyle(Qt.PenStyle.DotLine)
    painter.setPen(pen)
    painter.drawEllipse(QRectF(2.5, 2.5, 15, 15))
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    for x, y in ((7, 8), (12.5, 7), (10, 12.5)):
        painter.drawEllipse(QPointF(x, y), 1.9, 1.9)


def _undo(painter: QPainter, _color: QColor) -> None:
    path = QPainterPath(QPointF(4, 8))
    path.cubicTo(9, 4.5, 17, 6.5, 16, 15)
    painter.drawPath(path)
    painter.drawPolyline(_points((4.6, 3.4), (4, 8), (8.6, 8.9)))


def _redo(painter: QPainter, color: QColor) -> None:
    painter.translate(_SIDE, 0)
    painter.scale(-1, 1)
    _undo(painter, color)


def _lock(painter: QPainter, color: QColor) -> None:
    painter.drawArc(QRectF(6, 2.5, 8, 10), 0, 180 * 16)
    painter.drawLine(QPointF(6, 7.5), QPointF(6, 9))
    painter.drawLine(QPointF(14, 7.5), QPointF(14, 9))
    painter.setBrush(color)
    painter.drawRoundedRect(QRectF(4, 9, 12, 8), 1.5, 1.5)


_DRAWINGS: dict[str, Callable[[QPainter, QColor], None]] = {
    "none": _pan,
    "pick": _pick,
    "polygon": _polygon,
    "lasso": _lasso,
    "brush": _brush,
    "eraser": _eraser,
    "select": _select,
    "undo": _undo,
    "redo": _redo,
    "lock": _lock,
}
