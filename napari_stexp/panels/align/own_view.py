"""The spots' own image in a dock: zoom, pan, and a click sets a point."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import (
    QBrush,
    QColor,
    QFont,
    QImage,
    QMouseEvent,
    QPainter,
    QPen,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QGraphicsScene, QGraphicsView

from napari_stexp.viewer.alignment_view import pair_colour

__all__ = ["OwnView"]

_SLIP = 4  # px: less is a click, more a drag
_REACH = 12
_MOST_SPOTS = 5000
_MARK = 17


class OwnView(QGraphicsView):
    """Shows an image, the spots in it and the points of pairs; without one, the spots alone."""

    clicked = Signal(float, float)  # x, y in pixels of the spots' positions
    moved = Signal(int, float, float)  # a pair's index, and where its point is now

    def __init__(self) -> None:
        super().__init__()
        self._scene = QGraphicsScene(self)
        self.setScene(self._scene)
        self.setFixedHeight(260)
        self.setBackgroundBrush(QBrush(QColor(128, 128, 128)))
        self.setTransformationAnchor(QGraphicsView.ViewportAnchor.AnchorUnderMouse)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self.viewport().setCursor(Qt.CursorShape.CrossCursor)
        self.setToolTip(
            "The spots' own image. Click a place that you can also tell on the slide; drag to "
            "move the image, or a point; the wheel zooms."
        )
        self._points: list[tuple[int, QPointF]] = []
        self._extent = QRectF(0, 0, 100, 100)
        self._touched = False  # whether the user has zoomed or moved it
        self._press: Any = None
        self._held: int | None = None
        self._dragged = False

    def show_image(self, image: Any, px: float, spots: Any, diameter: float) -> None:
        """Show an image and the spots in it.

        Parameters
        ----------
        image : (h, w, 3) uint8 array or None
        px : float
            Pixels of the spots' positions per pixel of the image.
        spots : (N, 2) array or None
            Positions as in the spots' file.
        diameter : float
            Of a spot, in the same pixels.
        """
        self._scene.clear()
        boxes = []
        if image is not None:
            picture = np.ascontiguousarray(image)
            height, width = picture.shape[:2]
            shown = QImage(picture.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            item = self._scene.addPixmap(QPixmap.fromImage(shown))
            item.setScale(px)
            item.setTransformationMode(Qt.TransformationMode.SmoothTransformation)
            boxes.append(QRectF(0, 0, width * px, height * px))
        if spots is not None and len(spots):
            pen = QPen(QColor(0, 90, 200, 200), 0)
            for x, y in np.asarray(spots)[:: -(-len(spots) // _MOST_SPOTS)].tolist():
                box = QRectF(x - diameter / 2, y - diameter / 2, diameter, diameter)
                self._scene.addEllipse(box, pen)
            low, high = np.min(spots, axis=0) - diameter, np.max(spots, axis=0) + diameter
            if image is None:
                boxes.append(QRectF(QPointF(*low.tolist()), QPointF(*high.tolist())))
        self._extent = boxes[0] if boxes else QRectF(0, 0, 100, 100)
        grown = self._extent.adjusted(
            -self._extent.width(), -self._extent.height(), self._extent.width(),
            self._extent.height(),
        )  # fmt: skip
        self._scene.setSceneRect(grown)
        self._points = []
        self._touched = False
        self.fit()

    def show_points(self, points: list[tuple[int, tuple[float, float]]]) -> None:
        """Show the points of pairs: index and (x, y)."""
        self._points = [(index, QPointF(*xy)) for index, xy in points]
        self.viewport().update()

    def fit(self) -> None:
        """Show all of it."""
        self.fitInView(self._extent, Qt.AspectRatioMode.KeepAspectRatio)

    # ---- Qt ------------------------------------------------------------------------------

    def drawForeground(self, painter: QPainter, rect: QRectF) -> None:  # noqa: ARG002, N802
        """Draw the points at the screen's size, whatever the zoom."""
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        font = QFont(self.font())
        font.setPixelSize(11)
        font.setBold(True)
        painter.setFont(font)
        for index, place in self._points:
            at = QPointF(self.mapFromScene(place))
            box = QRectF(at.x() - _MARK / 2, at.y() - _MARK / 2, _MARK, _MARK)
            painter.setPen(QPen(QColor("white"), 2))
            painter.setBrush(QColor(pair_colour(index)))
            painter.drawEllipse(box)
            painter.setPen(QColor("black"))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, str(index + 1))
        painter.restore()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Keep showing all of it until the user zooms."""
        super().resizeEvent(event)
        if not self._touched:
            self.fit()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Zoom at the mouse."""
        self._touched = True
        factor = 1.0015 ** event.angleDelta().y()
        now = self.transform().m11() * factor
        fitted = min(
            self.viewport().width() / self._extent.width(),
            self.viewport().height() / self._extent.height(),
        )
        if fitted / 2 < now < fitted * 100:
            self.scale(factor, factor)
        event.accept()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin a click, or a drag."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._press, self._dragged = event.position(), False
            self._held = next(
                (
                    index
                    for index, place in self._points
                    if (self.mapFromScene(place) - event.position().toPoint()).manhattanLength()
                    < _REACH
                ),
                None,
            )

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Move the image, or the point that is held."""
        if self._press is None:
            return
        away = event.position() - self._press
        self._dragged = self._dragged or away.manhattanLength() > _SLIP
        if not self._dragged:
            return
        if self._held is not None:
            at = self.mapToScene(event.position().toPoint())
            self.moved.emit(self._held, at.x(), at.y())
            return
        self._touched = True
        for bar, far in (
            (self.horizontalScrollBar(), away.x()),
            (self.verticalScrollBar(), away.y()),
        ):
            bar.setValue(bar.value() - round(far))
        self._press = event.position()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """End a click: it sets a point."""
        if self._press is not None and not self._dragged and self._held is None:
            at = self.mapToScene(event.position().toPoint())
            self.clicked.emit(at.x(), at.y())
        self._press = self._held = None
