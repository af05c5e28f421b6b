"""The legend: gene, how its values are spread, their colours and numbers, and what they count."""

from __future__ import annotations

import numpy as np
from napari.utils.colormaps import ensure_colormap
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QIcon, QImage, QMouseEvent, QPainter, QPaintEvent, QPen, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_stexp.panels.genes.value_bins import ValueBins, bin_values
from napari_stexp.panels.text import short_number

__all__ = ["ColorBar", "draw_gradient", "make_icon"]

_HISTOGRAM_PX = 46
_BAR_PX = 14
_SIDE_PX = 5  # so that a handle at the end isn't cut off
_TICKS = 3
_GRIP_PX = 7  # how far from a handle it is taken
_DRAG_MS = 40
_TOOLTIP = (
    "How many spots have which value (bars; their heights are square roots), and what the "
    "colours mean. Drag the two handles to say which values get the first and the last colour; "
    "a double click takes the usual limits again. Values beyond the ends have the end's colour."
)


def draw_gradient(colormap: str, width: int, height: int) -> QImage:
    """Return an image of a colour map, low values on the left."""
    return _draw_row(ensure_colormap(colormap).map(np.linspace(0, 1, width)), height)


def make_icon(colormap: str, width: int = 48, height: int = 14) -> QIcon:
    """Return a colour map's preview for a list."""
    return QIcon(QPixmap.fromImage(draw_gradient(colormap, width, height)))


def _draw_row(colors: NDArray[np.floating], height: int = 1) -> QImage:
    """Return an image of (n, 4) colours in a row."""
    width = len(colors)
    row = np.ascontiguousarray(np.round(colors * 255).astype(np.uint8))
    pixels = np.ascontiguousarray(np.broadcast_to(row, (height, width, 4)))
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return image.copy()  # the array goes out of scope


class ColorBar(QWidget):
    """A histogram over a colour bar, with the gene's name, three numbers and the unit.

    The ends of the colour scale can be dragged, and the threshold where there is one.
    """

    limits_dragged = Signal(float, float)
    threshold_dragged = Signal(float)
    usual_limits_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip(_TOOLTIP)
        self.setMouseTracking(True)
        self.gene = ""
        self.unit = ""
        self.colormap = "viridis"
        self.limits = (0.0, 1.0)
        self.threshold: float | None = None
        self.bins: ValueBins = bin_values(None, self.limits)
        self._held: str | None = None  # 'low', 'high' or 'threshold', while it is dragged
        self._dragged: float | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_DRAG_MS)
        self._timer.timeout.connect(self._tell)

    def show_scale(
        self,
        gene: str,
        colormap: str,
        limits: tuple[float, float],
        unit: str,
        values: NDArray[np.float32] | None = None,
        threshold: float | None = None,
    ) -> None:
        """Show a gene's colour scale.

        Parameters
        ----------
        gene, colormap, unit : str
            Title, colours and what the numbers count.
        limits : (float, float)
            Values of the first and the last colour.
        values : (N,) float array, optional
            The spots' values, for the histogram.
        threshold : float, optional
            Values below it have no colour.
        """
        self.gene, self.colormap, self.limits, self.unit = gene, colormap, limits, unit
        self.threshold = threshold
        if self._held is None:  # else the axis would move away under the hand
            self.bins = bin_values(values, limits, threshold)
        self.setAccessibleDescription(f"{gene}: {' to '.join(self.ticks())}, {unit}")
        self.updateGeometry()
        self.update()

    def ticks(self) -> list[str]:
        """Return the numbers under the bar, from left to right."""
        return [short_number(float(value)) for value in np.linspace(*self.limits, _TICKS)]

    # ---- places --------------------------------------------------------------------------

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be as tall as the name, the histogram, the bar, the numbers and the unit."""
        return QSize(200, self.fontMetrics().height() * 3 + _HISTOGRAM_PX + _BAR_PX + 12)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Never be less tall than that."""
        return self.sizeHint()

    def _axis(self) -> QRectF:
        """Return the rectangle of the bar."""
        top = self.fontMetrics().height() + 3 + _HISTOGRAM_PX
        return QRectF(_SIDE_PX, top, max(self.width() - 2 * _SIDE_PX, 2), _BAR_PX)

    def x_of(self, value: float) -> float:
        """Return where a value is drawn, px from the left."""
        axis = self._axis()
        return float(axis.left() + self.bins.place(value) * axis.width())

    def _handles(self) -> dict[str, float]:
        handles = {"low": self.x_of(self.limits[0]), "high": self.x_of(self.limits[1])}
        if self.threshold is not None:
            handles["threshold"] = self.x_of(self.threshold)
        return handles

    def _handle_at(self, place: QPointF) -> str | None:
        """Return the handle under the mouse; of two in one place that which can move there."""
        distances = {name: abs(x - place.x()) for name, x in self._handles().items()}
        near = [name for name, distance in distances.items() if distance <= _GRIP_PX]
        if "low" in near and "high" in near and distances["low"] == distances["high"]:
            return "low" if place.x() <= self._handles()["low"] else "high"
        return min(near, key=distances.__getitem__, default=None)

    # ---- drawing -------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Draw name, histogram, bar, numbers and unit from top to bottom."""
        painter = QPainter(self)
        ink = self.palette().color(self.foregroundRole())
        painter.setPen(ink)
        line, axis = self.fontMetrics().height(), self._axis()
        bold = self.font()
        bold.setBold(True)
        painter.setFont(bold)
        name = painter.fontMetrics().elidedText(
            self.gene, Qt.TextElideMode.ElideRight, int(axis.width())
        )
        painter.drawText(QRectF(axis.left(), 0, axis.width(), line), 0, name)
        painter.setFont(self.font())
        self._draw_bars(painter, axis)
        places = self.bins.low + (np.arange(int(axis.width())) + 0.5) / int(axis.width()) * (
            self.bins.high - self.bins.low
        )
        painter.drawImage(axis, _draw_row(self._colors(places)))
        painter.drawRect(axis)
        self._draw_handles(painter, axis, ink)
        self._draw_numbers(painter, axis, line)
        unit = self.fontMetrics().elidedText(
            self.unit, Qt.TextElideMode.ElideRight, int(axis.width())
        )
        below = QRectF(axis.left(), axis.bottom() + 3 + line, axis.width(), line)
        painter.drawText(below, Qt.AlignmentFlag.AlignHCenter, unit)
        painter.end()

    def _colors(self, values: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return (n, 4) colours of values, clear below the threshold."""
        low, high = self.limits
        colors = np.array(
            ensure_colormap(self.colormap).map(np.clip((values - low) / (high - low), 0, 1)),
            dtype=np.float64,
        )
        if self.threshold is not None:
            colors[values < self.threshold, 3] = 0.0
        return colors

    def _draw_bars(self, painter: QPainter, axis: QRectF) -> None:
        """Draw the histogram; each bar has the colour of its values on the slide."""
        heights, colors = self.bins.heights(), self._colors(self.bins.centers())
        grey = QColor(128, 128, 128, 150)
        width = axis.width() / max(len(heights), 1)
        for i, (height, color) in enumerate(zip(heights, colors, strict=True)):
            if height > 0:
                fill = QColor.fromRgbF(*map(float, color)) if color[3] > 0 else grey
                tall = max(height * (_HISTOGRAM_PX - 3), 1.0)
                bar = QRectF(axis.left() + i * width, axis.top() - tall, width + 0.3, tall)
                painter.fillRect(bar, fill)
        painter.fillRect(QRectF(axis.left(), axis.top() - 1, axis.width(), 1), grey)

    def _draw_handles(self, painter: QPainter, axis: QRectF, ink: QColor) -> None:
        paper = self.palette().color(self.backgroundRole())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for name, x in self._handles().items():
            dashed = name == "threshold"
            style = Qt.PenStyle.DashLine if dashed else Qt.PenStyle.SolidLine
            painter.setPen(QPen(ink, 1.2, style))
            top = axis.top() - _HISTOGRAM_PX
            painter.drawLine(QPointF(x, top), QPointF(x, axis.bottom()))
            if not dashed:
                painter.setPen(QPen(ink, 1.2))
                painter.setBrush(paper)
                painter.drawRoundedRect(QRectF(x - 3.5, axis.top() - 2, 7, _BAR_PX + 4), 2.5, 2.5)
                painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        painter.setPen(ink)

    def _draw_numbers(self, painter: QPainter, axis: QRectF, line: int) -> None:
        """Write the limits below their handles, and the middle where there is room for it."""
        metrics = self.fontMetrics()
        taken: list[tuple[float, float]] = []
        texts = self.ticks()
        values = np.linspace(*self.limits, _TICKS)
        for i in (0, len(texts) - 1, *range(1, len(texts) - 1)):
            width = metrics.horizontalAdvance(texts[i]) + 1
            left = min(max(self.x_of(float(values[i])) - width / 2, 0), self.width() - width)
            if i == len(texts) - 1 and taken and left < taken[0][1] + 6:
                left = min(taken[0][1] + 6, self.width() - width)
            elif any(left < end + 6 and left + width > start - 6 for start, end in taken):
                continue
            taken.append((left, left + width))
            painter.drawText(QRectF(left, axis.bottom() + 2, width, line), 0, texts[i])

    # ---- dragging ------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Take a handle."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = self._handle_at(event.position())
            self._dragged = None

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Move the handle, or show that there is one."""
        if self._held is None:
            near = self._handle_at(event.position()) is not None
            self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)
            return
        axis = self._axis()
        self._dragged = self.bins.value((event.position().x() - axis.left()) / axis.width())
        if not self._timer.isActive():
            self._timer.start()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Let the handle go."""
        if self._held is not None:
            self._tell()
            self._held = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Ask for the usual limits."""
        self._held = None
        self.usual_limits_wanted.emit()

    def _tell(self) -> None:
        """Tell where the handle is now, unless the ends would meet."""
        self._timer.stop()
        value, self._dragged = self._dragged, None
        if value is None:
            return
        low, high = self.limits
        nearest = (self.bins.high - self.bins.low) / 200
        if self._held == "threshold":
            self.threshold_dragged.emit(value)
        elif self._held == "low":
            self.limits_dragged.emit(min(value, high - nearest), high)
        elif self._held == "high":
            self.limits_dragged.emit(low, max(value, low + nearest))
