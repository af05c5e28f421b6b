"""The plates behind titles, colour bars and the scale bar, drawn as two triangles.

napari uses vispy's ``Rectangle`` for them. That is a polygon: it is triangulated four times
for each change of a text's width, and its shaders are compiled anew for the next picture,
which takes longer than drawing a thousand spots (measured with ``make test-timing``). The four
corners of a plate are placed here, so that no shader depends on where it is.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from vispy.color import Color
from vispy.gloo import VertexBuffer
from vispy.scene.visuals import create_visual_node
from vispy.visuals.visual import Visual

__all__ = ["Plate", "use_plates"]

_CORNERS = np.array([(-1, -1), (1, -1), (-1, 1), (1, 1)], dtype=np.float64) / 2

_VERTEX = """
attribute vec4 a_position;
void main() {
    gl_Position = a_position;
}
"""

_FRAGMENT = """
uniform vec4 u_color;
void main() {
    gl_FragColor = u_color;
}
"""


class PlateVisual(Visual):
    """A filled rectangle, with those names of vispy's ``Rectangle`` that napari uses.

    Parameters
    ----------
    center : tuple of float
        (x, y), px.
    border_width : float
        Taken for the sake of the other's signature; there is no border.
    """

    def __init__(
        self,
        center: tuple[float, float] = (0, 0),
        border_width: float = 0,  # noqa: ARG002 - as the other one takes it
    ) -> None:
        super().__init__(vcode=_VERTEX, fcode=_FRAGMENT)
        self._center, self._size = tuple(center), (1.0, 1.0)
        self._color = Color("black")
        self._corners = VertexBuffer(np.zeros((4, 4), np.float32))
        self.shared_program["a_position"] = self._corners
        self._draw_mode = "triangle_strip"
        self.set_gl_state("translucent", depth_test=False, cull_face=False)
        self.freeze()

    @property
    def center(self) -> tuple[float, ...]:
        """The middle, (x, y), px."""
        return self._center

    @center.setter
    def center(self, center: tuple[float, float]) -> None:
        self._move(tuple(center), self._size)

    @property
    def width(self) -> float:
        """The width, px."""
        return self._size[0]

    @width.setter
    def width(self, width: float) -> None:
        self._move(self._center, (float(width), self._size[1]))

    @property
    def height(self) -> float:
        """The height, px."""
        return self._size[1]

    @height.setter
    def height(self, height: float) -> None:
        self._move(self._center, (self._size[0], float(height)))

    @property
    def color(self) -> Color:
        """The colour."""
        return self._color

    @color.setter
    def color(self, color: Any) -> None:
        self._color = Color(color, clip=True)
        self.update()

    def _move(self, center: tuple[float, ...], size: tuple[float, float]) -> None:
        if (center, size) != (self._center, self._size):
            self._center, self._size = center, size
            self.update()

    def _prepare_transforms(self, view: Any) -> None:
        """Do nothing: a transform in the shader would be compiled anew when it is replaced."""

    def _prepare_draw(self, view: Any) -> None:
        corners = view.get_transform().map(_CORNERS * self._size + self._center)
        self._corners.set_data(np.ascontiguousarray(corners, dtype=np.float32))
        self.shared_program["u_color"] = self._color.rgba


Plate = create_visual_node(PlateVisual)


def use_plates() -> None:
    """Let napari draw the plates of overlays that are still to come in this way.

    Does nothing with a version of napari that makes them elsewhere.
    """
    try:
        from napari._vispy.overlays import base
    except ImportError:
        return
    if hasattr(base, "Rectangle"):
        base.Rectangle = Plate
