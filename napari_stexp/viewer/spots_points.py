"""A few thousand spots as points of napari's, the sharpest that they can be drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.colour import SpotColours, colour_spots, ring_selected
from napari_stexp.viewer.frame import layer_frame, place, to_yx

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_stexp.viewer.spots_view import SpotsView

__all__ = ["CANVAS_LIMITS", "SYMBOLS", "PointsPicture"]

SYMBOLS = {"disc": "disc", "square": "square"}
# At an overview of a whole slide a spot is smaller than a screen pixel; it stays visible.
CANVAS_LIMITS = (2, 10000)


class PointsPicture:
    """Draws spots in a Points layer.

    Colours are computed here and set directly: under napari's own mapping of a feature a
    change of gene redraws three times, and spots without a value can't be told apart.

    Parameters
    ----------
    spots : AnnData
    layer : Points, optional
        One that already holds the spots' positions, to be painted in place of a new one.
    diameter : float
        Level-0 px, of a new layer's spots.
    """

    def __init__(self, spots: Any, layer: Points | None, diameter: float) -> None:
        self._names = np.asarray(spots.obs_names, dtype=object)
        self._rings: SpotColours | None = None
        self._status: NDArray[np.str_] | None = None
        self._hid_values = True
        self.layer: Points = _make_layer(spots, diameter) if layer is None else layer

    @property
    def size(self) -> int:
        """Number of spots that are in the layer."""
        return len(self.layer.data)

    def place(self, mpp: float | None) -> None:
        """Follow a scale of the slide."""
        place(self.layer, layer_frame(mpp))

    def style(self, diameter: float, shape: str) -> None:
        """Draw spots of another size or shape."""
        layer = self.layer
        if not np.all(layer.size == diameter):
            layer.size = diameter
        if len(layer.symbol) and str(layer.symbol[0]) != SYMBOLS[shape]:
            layer.symbol = SYMBOLS[shape]

    def paint(self, view: SpotsView, selection: NDArray[np.bool_] | None) -> None:
        """Give every spot the colour of its value."""
        layer, colours = self.layer, _colour(view)
        same_faces = np.array_equal(layer.face_color, colours.face)  # napari won't draw those anew
        self._set_rings(ring_selected(colours, selection), draw=same_faces)
        self._set_features(view)
        # Setting the colours emits twice; the first of the two already redraws.
        with layer.events.face_color.blocker():
            layer.face_color = colours.face
        if self._hid_values == view.has_values:  # the list's picture must not show what is hidden
            layer.refresh(
                thumbnail=True, data_displayed=False, highlight=False, extent=False, force=True
            )
        self._hid_values = not view.has_values

    def mark(self, view: SpotsView, selection: NDArray[np.bool_] | None) -> None:
        """Follow the choice of spots; the values are as they were."""
        self._set_rings(ring_selected(_colour(view), selection), draw=True)

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
        # Written into the layer's own tables: setting them uploads all markers each time, and
        # the colours of the faces do that anyway.
        layer = self.layer
        if layer.border_width.dtype.kind != "f":  # a whole number was all that it was given
            layer.border_width = colours.ring_width
        layer.border_width[:] = colours.ring_width
        layer.border_color[:] = colours.ring
        if draw:
            layer.events.border_color()

    def _set_features(self, view: SpotsView) -> None:
        """Keep barcode, value and status, which napari shows in its status bar on hover."""
        import pandas as pd

        values = view.values
        if values is None:
            values = np.full(len(self._names), np.nan, np.float32)
        if self._status is None:
            self.layer.features = pd.DataFrame(
                {"spot": self._names, "value": values, "status": pd.Categorical(view.status)}
            )
        else:  # another table takes as long as all colours do
            self.layer.features["value"] = values
            if not np.array_equal(self._status, view.status):
                self.layer.features["status"] = pd.Categorical(view.status)
        self._status = view.status


def _colour(view: SpotsView) -> SpotColours:
    return colour_spots(
        view.values, view.status, view.limits, view.colormap, view.threshold, view.faces
    )


def _make_layer(spots: Any, diameter: float) -> Points:
    from napari.layers import Points

    return Points(
        to_yx(spots.obsm["spatial"]),
        size=diameter,
        border_width=0.0,
        border_width_is_relative=True,
        face_color="transparent",
        border_color="transparent",
        canvas_size_limits=CANVAS_LIMITS,
        antialiasing=1,
        name="Spots",
    )
