"""The layer that shows what is being drawn, for as long as a tool is in the hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from napari_stexp.viewer.frame import layer_frame, to_yx

if TYPE_CHECKING:
    from napari.layers import Shapes

__all__ = ["DrawingLayer"]

_LINE_SCREEN_PX = 2.0
_STROKE_OPACITY = 0.45


class DrawingLayer:
    """An empty Shapes layer that holds at most one line.

    napari's own ways of drawing are not used: its polygon and lasso keep the unfinished
    shape in the layer's data, finish it on Escape, and cut it into triangles at each move
    of the mouse.

    Parameters
    ----------
    mpp : float or None
        µm per level-0 pixel.
    """

    def __init__(self, mpp: float | None) -> None:
        from napari.layers import Shapes

        self.layer: Shapes = Shapes(ndim=2, name="Drawing", **layer_frame(mpp))
        self.layer.events.mode.connect(self.hold_still)
        self.hold_still()

    def hold_still(self, _: Any = None) -> None:
        """Keep the mouse from moving the slide, and napari's own tools from starting."""
        if str(self.layer.mode) != "pan_zoom":
            self.layer.mode = "pan_zoom"
        self.layer.mouse_pan = False

    def let_pan(self, allowed: bool) -> None:
        """Let the mouse move the slide for a while."""
        self.layer.mouse_pan = allowed

    def set_cursor(self, diameter: float | None) -> None:
        """Show a circle of this diameter in world units, or a cross."""
        if diameter is None:
            self.layer.cursor = "cross"
        else:
            self.layer.cursor_size = diameter  # in world units: napari scales it
            self.layer.cursor = "circle"

    def show_line(self, points: ArrayLike, color: tuple[float, ...], zoom: float) -> None:
        """Show a thin line through (n, 2) positions (x, y), level-0 px."""
        width = _LINE_SCREEN_PX / (zoom * float(self.layer.scale[-1]))
        self._show(points, color, width, 1.0)

    def show_stroke(self, points: ArrayLike, color: tuple[float, ...], diameter: float) -> None:
        """Show a clear stroke as wide as the brush, level-0 px."""
        self._show(points, color, diameter, _STROKE_OPACITY)

    def _show(
        self, points: ArrayLike, color: tuple[float, ...], width: float, opacity: float
    ) -> None:
        line = to_yx(points)
        if len(line) == 1:  # napari's lines have two ends
            line = line + np.array([[0, -width], [0, width]]) / 200
        layer = self.layer
        if layer.opacity != opacity:
            layer.opacity = opacity
        if len(layer.data):
            layer.data = ([line], "path")
        else:
            layer.add(line, shape_type="path", edge_width=width, edge_color=[color])
        if layer.edge_width[0] != width:
            layer.edge_width = width
            layer.edge_color = [color]  # draws the line; setting its width alone doesn't

    def clear(self) -> None:
        """Show nothing."""
        if len(self.layer.data):
            self.layer.data = []
