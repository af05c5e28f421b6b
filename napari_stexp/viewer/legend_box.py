"""Dark boxes behind title and colour bar, where something lies below that they must stand out of.

napari makes a box anew whenever the text in it changes, which takes longer than drawing a
thousand spots; on the plain canvas text can do without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer

__all__ = ["LegendBox"]

_CORNER = (360.0, 240.0)  # width and height at the top right of the canvas, screen px


class LegendBox:
    """Shows or hides the boxes as the slide moves below them.

    Parameters
    ----------
    viewer : ViewerModel
    find_legend : callable
        Returns the overlays that are to have a box, none if they aren't there.
    """

    def __init__(self, viewer: ViewerModel, find_legend: Callable[[], Iterable[Any]]) -> None:
        self._viewer = viewer
        self._find_legend = find_legend
        camera = viewer.scene.camera
        self._emitters = (camera.events.center, camera.events.zoom, viewer.canvas.events.size)
        for emitter in self._emitters:
            emitter.connect(self.follow)

    def follow(self, _: Any = None) -> None:
        """Look at what lies below now."""
        overlays = list(self._find_legend())
        if not overlays:
            return
        needed = any(self._reaches_corner(layer) for layer in self._viewer.layers)
        for overlay in overlays:
            if overlay.box != needed:
                overlay.box = needed

    def _reaches_corner(self, layer: Layer) -> bool:
        """Whether a layer lies in the top right corner of the canvas."""
        if not layer.visible:
            return False
        height, width = self._viewer.canvas.size
        camera = self._viewer.scene.camera
        extent = np.asarray(layer.extent.world)[:, -2:]
        middle = np.array([height, width]) / 2
        (top, left), (bottom, right) = (extent - camera.center[-2:]) * camera.zoom + middle
        return bool(right > width - _CORNER[0] and left < width and top < _CORNER[1] and bottom > 0)

    def close(self) -> None:
        """Stop looking."""
        for emitter in self._emitters:
            emitter.disconnect(self.follow)
