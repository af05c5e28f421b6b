"""One scale that a slide may have, with a field of the slide under it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, Qt, Signal
from qtpy.QtGui import QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QPen
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QLabel,
    QRadioButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_stexp.panels.widgets import ignore_idle_wheel
from napari_stexp.session.placing.scale_options import ScaleOption
from napari_stexp.session.placing.scale_pictures import BAR_UM, FIELD_UM, NUCLEUS_UM

__all__ = ["FIELD_PX", "FieldPicture", "OptionCard", "TypedCard"]

FIELD_PX = 220
_WORDS_PX = 52  # three lines
_HALO, _INK = QColor(0, 0, 0, 210), QColor(255, 230, 0)


class FieldPicture(QWidget):
    """A square of the slide with a bar and a circle that are as large as they say."""

    clicked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(FIELD_PX, FIELD_PX)
        self.setToolTip(
            f"If this size of a pixel is right, the bar is {BAR_UM:g} µm long and the circles are "
            f"as wide as the nucleus of a small lymphocyte, about {NUCLEUS_UM:g} µm."
        )
        self._image: QImage | None = None

    def show_field(self, pixels: NDArray[np.uint8] | None) -> None:
        """Show a (n, n, 3) uint8 picture; None while it is still being read."""
        self._image = None
        if pixels is not None:
            height, width = pixels.shape[:2]
            data = np.ascontiguousarray(pixels)
            image = QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888)
            self._image = image.copy()  # of its own, not of the array's memory
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Choose this one."""
        self.clicked.emit()
        event.accept()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw the field, the circles and the bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._image is None:
            painter.fillRect(self.rect(), QColor(128, 128, 128, 60))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "reading …")
            return
        painter.drawImage(self.rect(), self._image)
        zoom = self.width() / FIELD_UM
        radius = NUCLEUS_UM / 2 * zoom
        for at in (0.5, 0.25, 0.75):
            self._ring(painter, QPointF(self.width() * at, self.height() * 0.46), radius)
        self._bar(painter, BAR_UM * zoom)

    def _ring(self, painter: QPainter, center: QPointF, radius: float) -> None:
        for color, width in ((_HALO, 3.6), (_INK, 1.6)):
            painter.setPen(QPen(color, width))
            painter.drawEllipse(center, radius, radius)

    def _bar(self, painter: QPainter, length: float) -> None:
        y, x = self.height() - 12.0, (self.width() - length) / 2
        for color, width in ((_HALO, 7.0), (_INK, 3.0)):
            pen = QPen(color, width)
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
            painter.setPen(pen)
            grow = 2.0 if color is _HALO else 0.0
            painter.drawLine(QPointF(x - grow, y), QPointF(x + length + grow, y))
        words = QRectF(self.width() / 2 - 36, y - 25, 72, 19)
        painter.fillRect(words, _HALO)
        painter.setPen(_INK)
        painter.drawText(words, Qt.AlignmentFlag.AlignCenter, f"{BAR_UM:g} µm")


class OptionCard(QWidget):
    """A scale to choose: its number, where it is from, its picture."""

    chosen = Signal()

    def __init__(self, option: ScaleOption, in_use: bool) -> None:
        super().__init__()
        self.option: ScaleOption | None = option
        self.button = QRadioButton(f"{option.mpp:.4g} µm per pixel")
        self.button.setToolTip("Choose this size of a pixel.")
        self.button.setStyleSheet("QRadioButton { font-weight: 600; }")
        self.picture = FieldPicture()
        self.words = QLabel(option.label + (" (now in use)" if in_use else ""))
        if not option.possible:
            self.button.setEnabled(False)
            self.button.setToolTip("No slide has pixels of this size: for comparison only.")
        self._lay_out()

    def _lay_out(self) -> None:
        self.words.setWordWrap(True)
        self.words.setFixedWidth(FIELD_PX)
        self.words.setFixedHeight(_WORDS_PX)
        self.words.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.button.toggled.connect(lambda on: self.chosen.emit() if on else None)
        self.picture.clicked.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        for widget in self._parts():
            layout.addWidget(widget)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    def _parts(self) -> tuple[QWidget, ...]:
        return (self.button, self.words, self.picture)

    def _choose(self) -> None:
        if self.button.isEnabled():
            self.button.setChecked(True)

    def clear(self) -> None:
        """Take the choice back."""
        self.button.setAutoExclusive(False)
        self.button.setChecked(False)
        self.button.setAutoExclusive(True)


class TypedCard(OptionCard):
    """A scale that is typed."""

    typed = Signal(float)

    def __init__(self, mpp: float | None) -> None:
        self.box = ignore_idle_wheel(QDoubleSpinBox())
        self.box.setDecimals(4)
        self.box.setRange(0.0, 20.0)
        self.box.setSingleStep(0.01)
        self.box.setKeyboardTracking(False)
        self.box.setSpecialValueText("type it")
        self.box.setSuffix(" µm")
        self.box.setFixedWidth(FIELD_PX)
        self.box.setToolTip("How many µm one pixel of the finest level is wide.")
        super().__init__(ScaleOption("user", mpp or 0.0, ""), in_use=False)
        self.option = None
        self.button.setText("Another size:")
        self.box.valueChanged.connect(self._on_typed)

    def _parts(self) -> tuple[QWidget, ...]:
        self.words.hide()
        self.box.setFixedHeight(_WORDS_PX)
        return (self.button, self.box, self.picture)

    def _on_typed(self, value: float) -> None:
        self.option = ScaleOption("user", value, "as it was typed") if value > 0 else None
        if value > 0:
            self.picture.show_field(None)
            self.button.setChecked(True)
            self.typed.emit(value)
