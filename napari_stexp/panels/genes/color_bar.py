"""The legend: gene, colours, their numbers and what they count."""

from __future__ import annotations

import numpy as np
from napari.utils.colormaps import ensure_colormap
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QIcon, QImage, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_stexp.panels.text import short_number

__all__ = ["ColorBar", "draw_gradient", "make_icon"]

_BAR_PX = 14
_TICKS = 3


def draw_gradient(colormap: str, width: int, height: int) -> QImage:
    """Return an image of a colour map, low values on the left."""
    colors = ensure_colormap(colormap).map(np.linspace(0, 1, width))
    row = np.ascontiguousarray(np.round(colors * 255).astype(np.uint8))
    pixels = np.ascontiguousarray(np.broadcast_to(row, (height, width, 4)))
    image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_RGBA8888)
    return image.copy()  # the array goes out of scope


def make_icon(colormap: str, width: int = 48, height: int = 14) -> QIcon:
    """Return a colour map's preview for a list."""
    return QIcon(QPixmap.fromImage(draw_gradient(colormap, width, height)))


class ColorBar(QWidget):
    """A horizontal colour bar with the gene's name, three numbers and the unit."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setToolTip("What the colours mean. Values beyond the ends have the end's colour.")
        self.gene = ""
        self.unit = ""
        self.colormap = "viridis"
        self.limits = (0.0, 1.0)

    def show_scale(self, gene: str, colormap: str, limits: tuple[float, float], unit: str) -> None:
        """Show a gene's colour scale."""
        self.gene, self.colormap, self.limits, self.unit = gene, colormap, limits, unit
        self.setAccessibleDescription(f"{gene}: {' to '.join(self.ticks())}, {unit}")
        self.updateGeometry()
        self.update()

    def ticks(self) -> list[str]:
        """Return the numbers under the bar, from left to right."""
        return [short_number(float(value)) for value in np.linspace(*self.limits, _TICKS)]

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be as tall as the gene's name, the bar, the numbers and the unit."""
        return QSize(200, self.fontMetrics().height() * 3 + _BAR_PX + 10)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Never be less tall than that."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Draw name, bar, numbers and unit from top to bottom."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        line = self.fontMetrics().height()
        width = self.width() - 2
        bold = self.font()
        bold.setBold(True)
        painter.setFont(bold)
        metrics = painter.fontMetrics()
        name = metrics.elidedText(self.gene, Qt.TextElideMode.ElideRight, width)
        painter.drawText(QRectF(1, 0, width, line), Qt.AlignmentFlag.AlignLeft, name)
        painter.setFont(self.font())
        top = line + 3
        painter.drawImage(
            QRectF(1, top, width, _BAR_PX), draw_gradient(self.colormap, max(width, 2), 1)
        )
        painter.drawRect(QRectF(1, top, width - 1, _BAR_PX))
        aligns = (
            Qt.AlignmentFlag.AlignLeft,
            Qt.AlignmentFlag.AlignHCenter,
            Qt.AlignmentFlag.AlignRight,
        )
        for text, align in zip(self.ticks(), aligns, strict=True):
            painter.drawText(QRectF(1, top + _BAR_PX + 2, width, line), align, text)
        unit = self.fontMetrics().elidedText(self.unit, Qt.TextElideMode.ElideRight, width)
        painter.drawText(
            QRectF(1, top + _BAR_PX + 3 + line, width, line), Qt.AlignmentFlag.AlignHCenter, unit
        )
        painter.end()
