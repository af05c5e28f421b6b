"""Draws titles, colour bars and the scale bar of the cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QPointF, QRect, QRectF, Qt
from qtpy.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPen

from napari_stexp.panels.text import short_number
from napari_stexp.viewer.colour import colour_table

if TYPE_CHECKING:
    from napari_stexp.viewer.spots_view import SpotsView
    from napari_stexp.viewer.views.backdrop import Picture
    from napari_stexp.viewer.views.frame import Frame

__all__ = [
    "ACCENT",
    "draw_colour_bar",
    "draw_picture",
    "draw_scale_bar",
    "draw_title",
    "draw_title_with_bar",
    "to_image",
]

#: Around the active gene's cell; it reads on dark and light, and is no colour of the maps.
ACCENT = QColor(0, 160, 230)
_BAR_PX = 10
_STRIP_PX = 5
_SMALLER = 0.85  # numbers beside a title
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


def to_image(picture: Picture) -> QImage:
    """Return a picture's pixels as an image of Qt's."""
    pixels = np.ascontiguousarray(picture.pixels)
    height, width, channels = pixels.shape
    form = QImage.Format.Format_RGB888 if channels == 3 else QImage.Format.Format_RGBA8888
    image = QImage(pixels.data, width, height, channels * width, form)
    ready = QImage.Format.Format_RGB32 if channels == 3 else (
        QImage.Format.Format_ARGB32_Premultiplied
    )  # fmt: skip
    return image.convertToFormat(ready)


def draw_picture(
    painter: QPainter, image: QImage, extent: tuple[float, float, float, float], frame: Frame
) -> None:
    """Draw a picture of the slide where a frame shows it, (0, 0) being the cell's corner."""
    (left, top), (right, bottom) = frame.to_screen([extent[:2], extent[2:]])
    painter.drawImage(QRectF(left, top, right - left, bottom - top), image)


def draw_title(
    painter: QPainter, place: QRect, title: tuple[str, str], *, bold: bool = False
) -> int:
    """Write a title, the gene in italics; cut off with '…' where it is too long.

    Returns
    -------
    int
        The x where it ends.
    """
    font = QFont(painter.font())
    font.setBold(bold)
    x, right = place.left() + 4, place.right()
    for words, italic in zip(title, (True, False), strict=True):
        if words:
            font.setItalic(italic)
            metrics = QFontMetrics(font)
            text = metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, max(right - x, 0))
            width = metrics.horizontalAdvance(text)
            painter.setFont(font)
            painter.drawText(QRect(x, place.top(), width + 4, place.height()), _LEFT, text)
            x += width + metrics.horizontalAdvance(" ")
    font.setBold(False)
    font.setItalic(False)
    painter.setFont(font)
    return x


def draw_title_with_bar(
    painter: QPainter, place: QRect, title: tuple[str, str], view: SpotsView, *, bold: bool = False
) -> None:
    """Write a title beside the numbers of its colours, which are a strip underneath."""
    low, high = view.limits
    numbers = f"{low:.2g} to {high:.2g}"
    font = QFont(painter.font())
    small = QFont(font)
    small.setPointSizeF(font.pointSizeF() * _SMALLER)
    painter.setFont(small)
    width = painter.fontMetrics().horizontalAdvance(numbers)
    line = place.adjusted(0, 0, -2, -_STRIP_PX - 2)
    right = QRect(line.right() - width, line.top(), width + 1, line.height())
    painter.drawText(right, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, numbers)
    painter.setFont(font)
    draw_title(painter, line.adjusted(0, 0, -width - 2, 0), title, bold=bold)
    strip = QRect(place.left(), place.bottom() - _STRIP_PX, place.width(), _STRIP_PX)
    painter.drawImage(strip, _gradient(view.colormap))


def _gradient(colormap: str) -> QImage:
    table = np.round(colour_table(colormap) * 255).astype(np.uint8)
    row = np.ascontiguousarray(table[None])
    image = QImage(row.data, len(table), 1, row.nbytes, QImage.Format.Format_RGBA8888)
    return image.copy()  # the array goes out of scope


def draw_colour_bar(painter: QPainter, place: QRect, view: SpotsView) -> None:
    """Draw a colour bar between the numbers of its ends; nothing where there is no room."""
    metrics = painter.fontMetrics()
    low, high = (short_number(value) for value in view.limits)
    before, behind = metrics.horizontalAdvance(low) + 4, metrics.horizontalAdvance(high) + 4
    width = place.width() - before - behind
    if width < 12:
        return
    top = place.center().y() - _BAR_PX // 2 + 1
    bar = QRect(place.left() + before, top, width, _BAR_PX)
    painter.drawImage(bar, _gradient(view.colormap))
    painter.drawRect(bar)
    line = QRect(place.left(), place.top(), before - 4, place.height())
    painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, low)
    painter.drawText(QRect(bar.right() + 5, place.top(), behind, place.height()), _LEFT, high)


def draw_scale_bar(painter: QPainter, place: QRect, zoom: float, mpp: float | None) -> None:
    """Draw a bar of a round length, at the right end of a place, with its length beside it.

    Parameters
    ----------
    painter : QPainter
    place : QRect
    zoom : float
        Screen px per level-0 px.
    mpp : float or None
        µm per level-0 px; None measures in px.
    """
    unit_px = zoom / (mpp or 1.0)
    length = round_length(place.width() * 0.5 / unit_px)
    text = f"{length:g} px" if mpp is None else _in_words(length)
    metrics = painter.fontMetrics()
    width, words = length * unit_px, metrics.horizontalAdvance(text) + 6
    y = place.center().y() + 0.5
    right = float(place.right() - words)
    pen = QPen(painter.pen().color(), 2)
    painter.save()
    painter.setPen(pen)
    painter.drawLine(QPointF(right - width, y), QPointF(right, y))
    for end in (right - width, right):
        painter.drawLine(QPointF(end, y - 4), QPointF(end, y + 4))
    painter.restore()
    painter.drawText(QRect(place.right() - words + 6, place.top(), words, place.height()),
                     _LEFT, text)  # fmt: skip


def round_length(most: float) -> float:
    """Return the largest of 1, 2 and 5 times a power of ten that is not above ``most``."""
    if most <= 0 or not math.isfinite(most):
        return 1.0
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most)


def _in_words(um: float) -> str:
    return f"{um / 1000:g} mm" if um >= 1000 else f"{um:g} µm"
