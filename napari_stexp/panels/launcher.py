"""*Plugins → Spatial expression → All panels*: opens the docks at once."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QWidget

from napari_stexp.panels.registry import open_all, unwrap

__all__ = ["AllPanels"]


class AllPanels(QWidget):
    """Opens the panels and takes itself away again.

    napari's plugin menu lists docks only, so this command is one for a moment.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = unwrap(napari_viewer)
        self._opened = False

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Open the panels once napari has docked this widget."""
        super().showEvent(event)
        if not self._opened:
            self._opened = True
            QTimer.singleShot(0, self._open)

    def _open(self) -> None:
        viewer, self._viewer = self._viewer, None
        viewer.window.remove_dock_widget(self)
        open_all(viewer)
        self.deleteLater()
