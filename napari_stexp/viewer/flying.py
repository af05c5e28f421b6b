"""Moves the camera to a place on the slide."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari.components import ViewerModel

__all__ = ["fly_to_box"]


def fly_to_box(
    viewer: ViewerModel, bounds: tuple[float, float, float, float], part: float, scale: float
) -> None:
    """Centre the view on a box, at a zoom where it takes so much of the view.

    Parameters
    ----------
    viewer : ViewerModel
    bounds : (float, float, float, float)
        Left, top, right, bottom; level-0 px.
    part : float
        Of the view's height or width, whichever the box fills first.
    scale : float
        World units per level-0 px.
    """
    left, top, right, bottom = (value * scale for value in bounds)
    height, width = viewer.canvas.viewbox_size(viewer.layers)
    zoom = part * min(height / max(bottom - top, 1e-9), width / max(right - left, 1e-9))
    viewer.scene.camera.center = ((top + bottom) / 2, (left + right) / 2)
    viewer.scene.camera.zoom = float(zoom)
