"""What lies under the cursor: a tooltip with spot, gene and value, whichever layer is active."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.spot_grid import SpotGrid

if TYPE_CHECKING:
    from napari.components import ViewerModel

    from napari_stexp.session import Session

__all__ = ["SpotTooltip"]


class SpotTooltip:
    """Keeps napari's tooltip on the spot under the cursor.

    napari's own tooltip shows the features of the *active* layer only, and is
    written by its status thread after each move of the mouse; so the text is
    written on the move, and again when something else has replaced it.

    Parameters
    ----------
    session : Session
        Whose spots are read out.
    viewer : ViewerModel
        Whose cursor is followed.
    """

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self._session = session
        self._viewer = viewer
        self._spots: Any = None
        self._finder: SpotGrid | None = None
        self._radius = 0.0
        self._scale = 1.0
        self._was_visible = viewer.tooltip.visible
        viewer.tooltip.visible = True
        viewer.mouse_move_callbacks.append(self._on_move)
        viewer.tooltip.events.text.connect(self._on_text)

    def follow(
        self,
        spots: Any,
        radius: float = 0.0,
        scale: float = 1.0,
        grid: SpotGrid | None = None,
    ) -> None:
        """Read out these spots from now on.

        Parameters
        ----------
        spots : AnnData or None
            None for none.
        radius : float
            How far from its centre a spot reaches, level-0 px.
        scale : float
            World units per level-0 px.
        grid : SpotGrid, optional
            Of the spots, where there is one already.
        """
        if spots is not self._spots:
            self._spots = spots
            self._finder = grid
            if grid is None and spots is not None:
                self._finder = SpotGrid(spots.obsm["spatial"])
        self._radius, self._scale = radius, scale

    def spot_under_cursor(self) -> int | None:
        """Return the row of the spot under the cursor, or None."""
        y, x = self._viewer.cursor.position[-2:]
        return self._find(y, x)

    def _find(self, y: float, x: float) -> int | None:
        if self._finder is None or not self._session.display.visible:
            return None
        return self._finder.nearest(x / self._scale, y / self._scale, self._radius)

    def describe(self, y: float, x: float) -> str:
        """Return what is read out at a place, world units; nothing beside all spots."""
        index = self._find(y, x)
        return "" if index is None else self._session.read_out(index)

    def _on_move(self, viewer: Any, event: Any) -> None:  # noqa: ARG002 - napari's signature
        index = self.spot_under_cursor()
        self._viewer.tooltip.text = "" if index is None else self._session.read_out(index)

    def _on_text(self) -> None:
        index = self.spot_under_cursor()
        if index is not None and self._viewer.mouse_over_canvas:
            text = self._session.read_out(index)
            if self._viewer.tooltip.text != text:
                self._viewer.tooltip.text = text

    def close(self) -> None:
        """Leave the viewer as it was."""
        self._viewer.tooltip.events.text.disconnect(self._on_text)
        if self._on_move in self._viewer.mouse_move_callbacks:
            self._viewer.mouse_move_callbacks.remove(self._on_move)
        self._viewer.tooltip.visible = self._was_visible
        self._viewer.tooltip.text = ""
