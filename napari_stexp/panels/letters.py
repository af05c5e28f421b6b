"""Renders the letters of titles and legends before they are needed.

napari draws each letter by itself when it is first seen on a canvas: 5 to 10 ms, and a title
has twenty of them.
"""

from __future__ import annotations

import string
import weakref
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer
from qtpy.QtGui import QGuiApplication

__all__ = ["LettersAhead"]

_EVERY_MS = 40
# vispy measures a font by the first nine.
_LETTERS = (
    "ÅÉÑŐjgpqy " + string.digits + ".-+e" + "prdictesmauolngv" + string.ascii_uppercase + "(),:µ%"
)


class LettersAhead(QObject):
    """Renders one letter after the other, while the window is idle.

    Does nothing where the window isn't shown, or a version of napari keeps its letters
    elsewhere.

    Parameters
    ----------
    window : QMainWindow
        napari's.
    parent : QObject
        Owner.
    """

    def __init__(self, window: Any, parent: QObject) -> None:
        super().__init__(parent)
        self._window = weakref.ref(window)
        self._left = list(dict.fromkeys(_LETTERS))
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._render)
        self._timer.start(_EVERY_MS)

    def stop(self) -> None:
        """Render no more."""
        self._timer.stop()

    def _render(self) -> None:
        window = self._window()
        if not self._left or window is None:
            self.stop()
            return
        try:
            if not window.isVisible():
                self.stop()
                return
            fonts = window._qt_viewer._font_manager
            font = fonts.get_font(QGuiApplication.font().family())
            _ = font[self._left.pop(0)]
            _keep_kernel(font)
        except (AttributeError, RuntimeError, TypeError):  # they are rendered when they are seen
            self.stop()


def _keep_kernel(font: Any) -> None:
    """Hand the filter of letters to the graphics card once.

    vispy keeps it as an array, and sends it again for every text of every picture.
    """
    from vispy.gloo import Texture2D

    if isinstance(font._kernel, np.ndarray):
        font._kernel = Texture2D(font._kernel)
