"""Moves the camera to a place on the slide."""

from __future__ import annotations

from napari_stexp.errors import SpotsError
from napari_stexp.viewer.camera import Looking
from napari_stexp.viewer.frame import world_scale

__all__ = ["Flying"]

# How much of the view a spot, and a region, take after flying to them.
_SPOT_PART, _REGION_PART = 0.12, 0.6


class Flying(Looking):
    """The part of `LayerAdapter` that moves the camera."""

    def fly_to(self, index: int) -> None:
        """Centre the view on a spot, close enough to see its tissue.

        Parameters
        ----------
        index : int
            Row of the spots.

        Raises
        ------
        SpotsError
            There is no such spot.
        """
        from napari_stexp.viewer.spots_layer import spot_size_px

        spots = self.session.spots
        n = 0 if spots is None else spots.n_obs
        if not 0 <= index < n:
            raise SpotsError("there is no such spot", expected=f"0 to {n - 1}", found=index)
        x, y = spots.obsm["spatial"][index]
        half = spot_size_px(spots) / 2
        self._fly((x - half, y - half, x + half, y + half), _SPOT_PART)

    def fly_to_region(self, id: str) -> None:
        """Centre the view on a region, all of it in view.

        Raises
        ------
        AnnotationError
            There is none of this id.
        """
        self._fly(self.session.regions.find(id).geometry.bounds, _REGION_PART)

    def _fly(self, bounds: tuple[float, float, float, float], part: float) -> None:
        """Centre the view on a box in level-0 px that is to take so much of the view."""
        scale = world_scale(self.session.world_mpp)
        left, top, right, bottom = (float(value) * scale for value in bounds)
        height, width = self.viewer.canvas.viewbox_size(self.viewer.layers)
        zoom = part * min(height / max(bottom - top, 1e-9), width / max(right - left, 1e-9))
        camera = self.viewer.scene.camera
        camera.center = ((top + bottom) / 2, (left + right) / 2)
        camera.zoom = float(zoom)
