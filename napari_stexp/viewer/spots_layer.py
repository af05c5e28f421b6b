"""The layer of the spots: built from a session, and repainted when it changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_stexp.spots import drawn_diameter_px as spot_size_px
from napari_stexp.viewer.colour import find_colormap
from napari_stexp.viewer.layer_data import PREDICTION, SPOTS
from napari_stexp.viewer.spots_points import CANVAS_LIMITS, SYMBOLS, PointsPicture
from napari_stexp.viewer.spots_view import SpotsView, active_view

if TYPE_CHECKING:
    from napari.components.overlays import ColorBarOverlay
    from napari.layers import Layer

    from napari_stexp.session import Session
    from napari_stexp.viewer.aside import Aside
    from napari_stexp.viewer.spot_grid import SpotGrid
    from napari_stexp.viewer.spots_pictures import HeatPicture, RasterPicture

__all__ = ["CANVAS_LIMITS", "MOST_POINTS", "SYMBOLS", "SpotsLayer", "picture_kind", "spot_size_px"]

#: More spots than these are drawn as a raster: Points of 50,000 take half a second in software.
MOST_POINTS = 6000
_COLOUR_BAR = (22, 180)  # width and height, screen px: tall enough for several ticks


def picture_kind(session: Session) -> str:
    """Return how a session's spots are to be drawn: 'points', 'raster' or 'heat map'."""
    if session.display.mode == "heat map" and session.spots.n_obs:
        return "heat map"
    return "points" if session.spots.n_obs <= MOST_POINTS else "raster"


class SpotsLayer:
    """Paints one napari layer from a session.

    A few thousand spots are Points; more of them, and heat maps, are images. What is shown
    is the same. The layer's colour map and contrast limits are kept equal to what was
    painted, because the colour bar reads them.

    Parameters
    ----------
    session : Session
        What is shown; its spots must be set.
    layer : Points, optional
        A layer that already holds the spots' positions, to be painted in place of a new
        one where spots are drawn as points.
    view : callable
        Takes the session and returns what is shown of it.
    grid : SpotGrid, optional
        Of the session's spots, where there is one already.
    aside : Aside, optional
        Where parts of a picture are drawn that take long.

    Attributes
    ----------
    layer : Points or Image
        What is painted.
    kind : {'points', 'raster', 'heat map'}
        How.
    covered : bool
        Whether the layer stays hidden, because the small multiples show the spots.
    waits : bool
        Whether it stays hidden, because spots and heat map are exchanged.
    """

    def __init__(
        self,
        session: Session,
        layer: Layer | None = None,
        view: Callable[[Session], SpotsView] = active_view,
        grid: SpotGrid | None = None,
        aside: Aside | None = None,
    ) -> None:
        self._session = session
        self._view = view
        self.covered = self.waits = False
        self._spots = session.spots
        self._size = spot_size_px(self._spots)
        self._pitch = 0.0
        self._placed: tuple[float | None, ...] = ()  # the scale that the layer is at
        self._has_values = False
        self.kind = picture_kind(session)
        self._grid = grid
        self._picture = self._make_picture(layer, aside)
        self.layer: Any = self._picture.layer
        self._in_viewer = layer is not None and self.layer is layer
        # Moving or deleting a point here would part it from its barcode.
        self.layer.editable = False
        self.color_bar.position = self.layer.name_overlay.position = "top_right"
        self.color_bar.size = _COLOUR_BAR
        self.place()
        self.paint(restyle=True)

    def _make_picture(
        self, layer: Layer | None, aside: Aside | None
    ) -> PointsPicture | RasterPicture | HeatPicture:
        if self.kind == "points":
            from napari.layers import Points

            usable = isinstance(layer, Points) and len(layer.data) == self._spots.n_obs
            return PointsPicture(self._spots, layer if usable else None, self._size)
        from napari_stexp.viewer.spots_pictures import HeatPicture, RasterPicture
        from napari_stexp.viewer.spots_ready import take_raster

        if self.kind == "raster":
            begun = take_raster(self._spots, self._size)
            return RasterPicture(self.grid, self._size, begun, aside)
        from napari_stexp.spots import spot_pitch_px

        self._pitch = float(spot_pitch_px(self._spots) or 2 * self._size)
        return HeatPicture(self.grid.xy, self._pitch)

    @property
    def grid(self) -> SpotGrid:
        """The spots by place."""
        if self._grid is None:
            from napari_stexp.viewer.spots_ready import ready_grid

            self._grid = ready_grid(self._spots)
        return self._grid

    @property
    def color_bar(self) -> ColorBarOverlay:
        """The layer's colour bar."""
        found: ColorBarOverlay = self.layer.face_colorbar
        return found

    @property
    def diameter(self) -> float:
        """Of a spot as it is drawn, level-0 px."""
        return self._size * self._session.display.size_factor

    @property
    def reach(self) -> float:
        """How far from its centre a spot is read out, level-0 px: in a heat map, half way."""
        return max(self.diameter, self._pitch) / 2

    def shows(self, spots: Any) -> bool:
        """Whether these are the layer's spots."""
        return self._spots is spots

    @property
    def altered(self) -> bool:
        """Whether the layer no longer holds the session's spots."""
        return not self.shows(self._session.spots) or self._picture.size != self._spots.n_obs

    @property
    def stale(self) -> bool:
        """Whether another layer is needed: for other spots, or to draw them otherwise."""
        return self.altered or self.kind != picture_kind(self._session)

    def place(self) -> None:
        """Follow a new scale of the slide."""
        mpp = self._session.world_mpp
        if self._placed != (mpp,):
            self._placed = (mpp,)
            self._picture.place(mpp)

    def style(self) -> None:
        """Follow the display settings that need no new colours."""
        display = self._session.display
        self._picture.style(self.diameter, display.shape)
        # napari lays out all layers anew, and draws a thumbnail, even where nothing changes.
        visible = display.visible and not (self.covered or self.waits)
        if self.layer.opacity != display.opacity:
            self.layer.opacity = display.opacity
        if self.layer.visible != visible:
            self.layer.visible = visible

    def paint(self, *, restyle: bool = False) -> None:
        """Give every spot the colour of its value, and keep legend and features right."""
        view = self._view(self._session)
        if restyle:
            self.style()
        self._set_legend(view)
        self.layer.metadata = self._make_metadata()
        self._picture.paint(view, self._session.selection)

    def mark_selected(self) -> None:
        """Follow the choice of spots; the values are as they were."""
        self._picture.mark(self._view(self._session), self._session.selection)

    def _set_legend(self, view: SpotsView) -> None:
        """Keep colour bar and title in step with what is painted.

        The layer's own name is the title: napari tiles it with the colour bar,
        which it does with no text of the viewer's.
        """
        layer = self.layer
        if layer.face_colormap.name != view.colormap:
            layer.face_colormap = find_colormap(view.colormap)
        if layer.face_contrast_limits != view.limits:
            layer.face_contrast_limits = view.limits
        name = view.title if view.has_values or view.faces is not None else "Spots"
        if layer.name != name:
            layer.name = name
        self._has_values = view.has_values
        if self._in_viewer:
            self.show_legend()

    def show_legend(self) -> None:
        """Show or hide colour bar and title; to be called once the layer is in its viewer.

        napari stacks what is in one corner in the order in which it was first
        shown *there*, the last one on top: the title must come second.
        """
        self._in_viewer = True
        self.color_bar.visible = self._has_values
        self.layer.name_overlay.visible = self._has_values

    def read_with(self, describe: Callable[[float, float], str] | None) -> None:
        """Let the status bar say this of a place (y, x), world units, where it is an image's."""
        if self.kind != "points":
            self.layer.describe = describe

    def _make_metadata(self) -> dict[str, Any]:
        prediction = self._session.prediction
        return {
            SPOTS: self._spots,
            PREDICTION: None if prediction is None else prediction.adata,
        }
