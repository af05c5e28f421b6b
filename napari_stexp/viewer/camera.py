"""What part of the slide the viewer shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_stexp.viewer.frame import world_scale

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_stexp.session import Session

__all__ = ["Looking"]


class Looking:
    """The part of `LayerAdapter` that tells where the user looks.

    Attributes
    ----------
    view_moved : Signal
        The view's rectangle is another one; emitted with every step of the mouse, and with
        nothing to say: who needs the rectangle asks for it, when there is time.
    """

    view_moved = Signal()

    session: Session
    viewer: ViewerModel
    _cells: tuple[float, float, float, float] | None = None

    def show_cells(self, bounds: tuple[float, float, float, float] | None) -> None:
        """Take note of what pictures beside each other show; None once they have gone."""
        self._cells = bounds
        self._on_view()

    def view_bounds(self) -> tuple[float, float, float, float]:
        """Return what is in view, (x0, y0, x1, y1) in level-0 px (or spot positions' units)."""
        if self._cells is not None:
            return self._cells
        scale = world_scale(self.session.world_mpp)
        height, width = self.viewer.canvas.viewbox_size(self.viewer.layers)
        camera = self.viewer.scene.camera
        y, x = (float(value) for value in camera.center[-2:])
        zoom = max(float(camera.zoom), 1e-12)
        half_x, half_y = width / zoom / 2, height / zoom / 2
        return (
            (x - half_x) / scale,
            (y - half_y) / scale,
            (x + half_x) / scale,
            (y + half_y) / scale,
        )

    def _camera_events(self) -> list[tuple[Any, Any]]:
        camera, canvas = self.viewer.scene.camera.events, self.viewer.canvas.events
        return [(event, self._on_view) for event in (camera.zoom, camera.center, canvas.size)]

    def _on_view(self, _: Any = None) -> None:
        self.view_moved.emit()
