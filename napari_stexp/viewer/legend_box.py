"""Dark boxes behind title and colour bar, where something lies below that they must stand out of.

napari makes a box anew whenever the text in it changes, which takes longer than drawing a
thousand spots; on the plain canvas text can do without.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["LegendBox"]

# Screen px.
_CHARACTER = 8.6  # width of one of the title's
_TITLE_HEIGHT = 36.0
_NUMBERS = 55.0  # width beside the colour bar


class LegendBox:
    """Shows or hides the boxes as the slide moves below them.

    Parameters
    ----------
    viewer : ViewerModel
    find_layer : callable
        Returns the layer whose title and colour bar are at the top right, or None.
    """

    def __init__(self, viewer: ViewerModel, find_layer: Callable[[], Layer | None]) -> None:
        self._viewer = viewer
        self._find_layer = find_layer
        camera = viewer.scene.camera
        self._emitters = (camera.events.center, camera.events.zoom, viewer.canvas.events.size)
        for emitter in self._emitters:
            emitter.connect(self.follow)

    def follow(self, _: Any = None) -> None:
        """Look at what lies below now."""
        layer: Any = self._find_layer()
        if layer is None:
            return
        bar = layer.face_colorbar
        title = (0.0, len(layer.name) * _CHARACTER, _TITLE_HEIGHT)
        below = (_TITLE_HEIGHT, bar.size[0] + _NUMBERS, _TITLE_HEIGHT + bar.size[1] + 20)
        for overlay, place in ((layer.name_overlay, title), (bar, below)):
            needed = any(self._reaches(other, *place) for other in self._viewer.layers)
            if overlay.box != needed:
                overlay.box = needed

    def _reaches(self, layer: Layer, top: float, width: float, bottom: float) -> bool:
        """Whether a layer lies below a place at the right edge of the canvas."""
        if not layer.visible:
            return False
        height, whole = self._viewer.canvas.size
        camera = self._viewer.scene.camera
        extent = np.asarray(layer.extent.world)[:, -2:]
        middle = np.array([height, whole]) / 2
        first, last = (extent - camera.center[-2:]) * camera.zoom + middle
        across = last[1] > whole - width and first[1] < whole
        return bool(across and first[0] < bottom and last[0] > top)

    def close(self) -> None:
        """Stop looking."""
        for emitter in self._emitters:
            emitter.disconnect(self.follow)
