"""Lets mouse and keys in between a change and its picture."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer

__all__ = ["draw_in_a_turn_of_its_own"]

_SOON_MS = 1  # none at all would be the same turn


def draw_in_a_turn_of_its_own(window: Any) -> None:
    """Draw a window's canvas in the turn of the event loop after the one that changes it.

    Another gene takes one half of its time for the colours and the other for the picture.
    Qt draws before it looks at anything else, so that both halves would be one standstill.
    Who asks for a picture at once, a screenshot for instance, has it at once.

    Parameters
    ----------
    window : QMainWindow
        napari's; left alone where a version of napari or vispy draws in another way.
    """
    try:
        canvas = window._qt_viewer.canvas.native
        draw = canvas._vispy_update
    except AttributeError:
        return
    timer = QTimer(canvas)
    timer.setSingleShot(True)
    timer.setInterval(_SOON_MS)
    timer.timeout.connect(draw)

    def ask() -> None:
        if not timer.isActive():
            timer.start()

    canvas._vispy_update = ask
