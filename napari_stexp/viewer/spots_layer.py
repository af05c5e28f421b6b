"""The Points layer of the spots: built from a session, and repainted when it changes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.colour import SpotColours, colour_spots, find_colormap, ring_selected
from napari_stexp.viewer.frame import layer_frame, place, to_yx, world_mpp
from napari_stexp.viewer.layer_data import PREDICTION, SPOTS
from napari_stexp.viewer.spots_view import SpotsView, active_view

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_stexp.session import DisplaySettings, Session

__all__ = ["CANVAS_LIMITS", "SYMBOLS", "SpotsLayer", "spot_size_px"]

SYMBOLS = {"disc": "disc", "square": "square"}
# Visium's ratio of diameter to pitch, 55 µm to 100 µm, for spots whose diameter isn't known.
_DIAMETER_PER_PITCH = 0.55
# At an overview of a whole slide a spot is smaller than a screen pixel; it stays visible.
CANVAS_LIMITS = (2, 10000)
_COLOUR_BAR = (22, 180)  # width and height, screen px: tall enough for several ticks


def spot_size_px(spots: Any) -> float:
    """Return a spot's diameter in level-0 px: stated, else from the pitch, else 1 % of the extent.

    Parameters
    ----------
    spots : AnnData
        ``obsm['spatial']`` (N, 2), level-0 px.
    """
    from napari_stexp.spots import spot_diameter_px, spot_pitch_px

    diameter = spot_diameter_px(spots)
    if diameter:
        return float(diameter)
    pitch = spot_pitch_px(spots)
    if pitch:
        return float(pitch) * _DIAMETER_PER_PITCH
    extent = float(np.ptp(spots.obsm["spatial"], axis=0).max()) if spots.n_obs else 0.0
    return max(extent / 100, 10.0)


class SpotsLayer:
    """Paints one napari Points layer from a session.

    Colours are computed here and set directly: under napari's own mapping of a feature a
    change of gene redraws three times, and spots without a value can't be told apart. The
    layer's colour map and contrast limits are kept equal to what was painted, because the
    colour bar reads them.

    Parameters
    ----------
    session : Session
        What is shown; its spots must be set.
    layer : Points, optional
        A layer that already holds the spots' positions, to be painted in
        place of a new one.
    view : callable
        Takes the session and returns what is shown of it.

    Attributes
    ----------
    covered : bool
        Whether the layer stays hidden, because another one shows the spots.
    """

    def __init__(
        self,
        session: Session,
        layer: Points | None = None,
        view: Callable[[Session], SpotsView] = active_view,
    ) -> None:
        self._session = session
        self._view = view
        self.covered = False
        self._spots = session.spots
        self._size = spot_size_px(self._spots)
        self._rings: SpotColours | None = None
        self._has_values = False
        self._in_viewer = layer is not None
        self.layer = self._make_layer() if layer is None else layer
        # Moving or deleting a point here would part it from its barcode.
        self.layer.editable = False
        self.layer.face_colorbar.position = self.layer.name_overlay.position = "top_right"
        self.layer.face_colorbar.size = _COLOUR_BAR
        self.place()
        self.paint(restyle=True)

    def _make_layer(self) -> Points:
        from napari.layers import Points

        return Points(
            to_yx(self._spots.obsm["spatial"]),
            size=self._size,
            border_width=0,
            border_width_is_relative=True,
            face_color="transparent",
            border_color="transparent",
            canvas_size_limits=CANVAS_LIMITS,
            antialiasing=1,
            name="Spots",
            features=self._make_features(),
        )

    @property
    def stale(self) -> bool:
        """Whether the layer no longer holds the session's spots."""
        return self._spots is not self._session.spots or len(self.layer.data) != self._spots.n_obs

    def place(self) -> None:
        """Follow a new scale of the slide."""
        place(self.layer, layer_frame(world_mpp(self._session)))

    def style(self) -> None:
        """Follow the display settings that need no new colours."""
        display: DisplaySettings = self._session.display
        layer = self.layer
        size = self._size * display.size_factor
        if not np.all(layer.size == size):
            layer.size = size
        symbol = SYMBOLS[display.shape]
        if str(layer.symbol[0]) != symbol:
            layer.symbol = symbol
        layer.opacity = display.opacity
        layer.visible = display.visible and not self.covered

    def paint(self, *, restyle: bool = False) -> None:
        """Give every spot the colour of its value, and keep legend and features right."""
        layer, view = self.layer, self._view(self._session)
        colours = colour_spots(view.values, view.status, view.limits, view.colormap)
        had_values = self._has_values
        if restyle:
            self.style()
        self._set_legend(view)
        self._set_rings(ring_selected(colours, self._session.selection))
        layer.features = self._make_features(view.values, view.status)
        # Setting the colours emits twice; the first of the two already redraws.
        with layer.events.face_color.blocker():
            layer.face_color = colours.face
        layer.metadata = self._make_metadata()
        if self._has_values != had_values:  # the list's picture must not show what is hidden
            layer.refresh(
                thumbnail=True, data_displayed=False, highlight=False, extent=False, force=True
            )

    def mark_selected(self) -> None:
        """Follow the choice of spots; the values are as they were."""
        view = self._view(self._session)
        colours = colour_spots(view.values, view.status, view.limits, view.colormap)
        self._set_rings(ring_selected(colours, self._session.selection), draw=True)

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
        name = view.title if view.has_values else "Spots"
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
        self.layer.face_colorbar.visible = self._has_values
        self.layer.name_overlay.visible = self._has_values

    def _set_rings(self, colours: SpotColours, *, draw: bool = False) -> None:
        """Outlines change with the spots' state and choice only, not with the gene."""
        old = self._rings
        if (
            old is not None
            and np.array_equal(colours.ring_width, old.ring_width)
            and np.array_equal(colours.ring, old.ring)
        ):
            return
        self._rings = colours
        layer = self.layer
        # One redraw, by the colours, is enough; the width must be there by then.
        with layer.events.border_width.blocker():
            layer.border_width = colours.ring_width
        with nullcontext() if draw else layer.events.border_color.blocker():
            layer.border_color = colours.ring

    def _make_features(
        self,
        values: NDArray[np.float32] | None = None,
        status: NDArray[np.str_] | None = None,
    ) -> Any:
        """Return barcode, value and status, which napari shows in its status bar on hover."""
        import pandas as pd

        n = self._spots.n_obs
        if values is None:
            values = np.full(n, np.nan, np.float32)
        if status is None:
            status = np.full(n, "pending")
        return pd.DataFrame(
            {
                "spot": np.asarray(self._spots.obs_names, dtype=object),
                "value": values,
                "status": pd.Categorical(status),
            }
        )

    def _make_metadata(self) -> dict[str, Any]:
        prediction = self._session.prediction
        return {
            SPOTS: self._spots,
            PREDICTION: None if prediction is None else prediction.adata,
        }
