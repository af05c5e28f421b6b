"""Shows the pictures of the glass that were asked for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QDialog, QLabel, QScrollArea, QVBoxLayout, QWidget

from napari_stexp.panels.widgets import make_button, make_row

__all__ = ["PicturesDialog"]

_MOST_PX = 560


class PicturesDialog(QDialog):
    """Pictures by name; nothing of them is kept when it is closed.

    Parameters
    ----------
    name : str
        Of the slide.
    pictures : mapping of str to (h, w, 3) uint8 array
    parent : QWidget
        The window.
    """

    def __init__(
        self, name: str, pictures: Mapping[str, NDArray[np.uint8]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Label and overview: {name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        body = QWidget()
        column = QVBoxLayout(body)
        self.pictures: dict[str, QLabel] = {}
        for title, pixels in pictures.items():
            column.addWidget(QLabel(f"<b>{title.capitalize()}</b>"))
            self.pictures[title] = QLabel()
            self.pictures[title].setPixmap(_pixmap(pixels))
            self.pictures[title].setToolTip(f"The {title} picture of the file.")
            column.addWidget(self.pictures[title])
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(body)
        layout = QVBoxLayout(self)
        layout.addWidget(area)
        layout.addLayout(make_row(make_button("Close", "Close this window.", self.close)))
        self.resize(_MOST_PX + 60, 640)


def _pixmap(pixels: NDArray[np.uint8]) -> QPixmap:
    data = np.ascontiguousarray(pixels)
    height, width = data.shape[:2]
    image = QImage(data.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy()
    if max(width, height) > _MOST_PX:
        image = image.scaled(
            _MOST_PX, _MOST_PX, Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )  # fmt: skip
    return QPixmap.fromImage(image)
