"""The layer of classes: spots in the colours of their labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.viewer.colour import PENDING_RING, SpotColours, ring_selected
from napari_stexp.viewer.frame import layer_frame, place, to_yx
from napari_stexp.viewer.legend import Legend
from napari_stexp.viewer.spots_layer import CANVAS_LIMITS, MOST_POINTS, SYMBOLS, spot_size_px
from napari_stexp.viewer.spots_view import SpotsView

if TYPE_CHECKING:
    from napari.layers import Layer, Points

    from napari_stexp.session import LabelSource, Session
    from napari_stexp.viewer.spots_pictures import RasterPicture
    from napari_stexp.viewer.stack import LayerStack

__all__ = ["Classes", "ClassesLayer", "colour_classes", "shown_source"]


def shown_source(session: Session) -> LabelSource | None:
    """Return the labels that spots are coloured by, None for none.

    Domains are made of expression, and hidden as long as it is.
    """
    labelling = session.labelling
    source = labelling.source_now if labelling.shown and session.spots is not None else None
    hidden = source is not None and source.kind == "domains" and session.hides_values
    return None if hidden else source


def colour_classes(source: LabelSource) -> SpotColours:
    """Return how N labelled spots look: discs, and thin rings where there is no label."""
    n = len(source.values)
    face, ring = np.zeros((n, 4), np.float32), np.zeros((n, 4), np.float32)
    for name, color in source.colours.items():
        face[source.values == name] = (*(value / 255 for value in color), 1.0)
    unlabelled = face[:, 3] == 0
    ring[unlabelled] = PENDING_RING[0]
    width = np.where(unlabelled, PENDING_RING[1], 0).astype(np.float32)
    return SpotColours(face, ring, width)


class ClassesLayer:
    """Paints one napari layer by the labels in use: Points, or an image of many spots.

    Parameters
    ----------
    session : Session
        Its spots must be set.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._spots = session.spots
        self._size = spot_size_px(session.spots)
        self._raster: RasterPicture | None = None
        self.layer: Any
        if session.spots.n_obs > MOST_POINTS:
            from napari_stexp.viewer.spots_pictures import RasterPicture
            from napari_stexp.viewer.spots_ready import ready_grid

            self._raster = RasterPicture(ready_grid(session.spots), self._size)
            self.layer = self._raster.layer
        else:
            self.layer = _make_points(session.spots, self._size)
        self.layer.editable = False
        self.place()

    def place(self) -> None:
        """Follow a new scale of the slide."""
        mpp = self._session.world_mpp
        if self._raster is not None:
            self._raster.place(mpp)
        else:
            place(self.layer, layer_frame(mpp))

    def paint(self, source: LabelSource) -> None:
        """Give every spot the colour of its class, and follow size, shape and opacity."""
        layer, display = self.layer, self._session.display
        layer.opacity = display.opacity
        layer.visible = display.visible
        size, selection = self._size * display.size_factor, self._session.selection
        colours = colour_classes(source)
        if self._raster is not None:
            self._raster.style(size, display.shape)
            status = np.where(colours.face[:, 3] > 0, "labelled", "pending")
            view = SpotsView(None, status, (0.0, 1.0), "gray", "", faces=colours.face)
            self._raster.paint(view, selection)
        else:
            layer.size, layer.symbol = size, SYMBOLS[display.shape]
            names = np.asarray(self._session.spots.obs_names, dtype=object)
            _paint_points(layer, ring_selected(colours, selection), names, source.values)
        layer.name = f"Classes: {source.title}"

    @property
    def stale(self) -> bool:
        """Whether the layer no longer holds the session's spots."""
        spots = self._session.spots
        altered = self._raster is None and len(self.layer.data) != self._spots.n_obs
        return self._spots is not spots or altered


def _make_points(spots: Any, size: float) -> Points:
    from napari.layers import Points

    return Points(
        to_yx(spots.obsm["spatial"]),
        size=size,
        border_width=0,
        border_width_is_relative=True,
        canvas_size_limits=CANVAS_LIMITS,
        antialiasing=1,
        name="Classes",
    )


def _paint_points(layer: Points, colours: SpotColours, names: Any, classes: Any) -> None:
    import pandas as pd

    with layer.events.border_width.blocker(), layer.events.border_color.blocker():
        layer.border_width = colours.ring_width
        layer.border_color = colours.ring
    layer.features = pd.DataFrame({"spot": names, "class": classes})
    layer.face_color = colours.face


class Classes:
    """Shows spots by class, with a legend, while the session says so.

    Parameters
    ----------
    session : Session
    stack : LayerStack
    """

    def __init__(self, session: Session, stack: LayerStack) -> None:
        self._session = session
        self._stack = stack
        self._legend = Legend(stack.viewer)
        self._painter: ClassesLayer | None = None

    @property
    def layer(self) -> Layer | None:
        """The layer while it is shown."""
        return None if self._painter is None else self._painter.layer

    def follow(self) -> bool:
        """Show what the session says; whether classes are shown in place of values."""
        source = shown_source(self._session)
        if source is None or (self._painter is not None and self._painter.stale):
            self.remove()
        if source is None:
            return False
        if self._painter is None:
            self._painter = ClassesLayer(self._session)
            self._stack.add(self._painter.layer)
        self._painter.paint(source)
        self._legend.show(source.colours, source.count())
        return True

    def place(self) -> None:
        """Follow a new scale of the slide."""
        if self._painter is not None:
            self._painter.place()

    def forget(self, layer: Any) -> None:
        """Take note that the user deleted a layer."""
        if layer is self.layer:
            self._painter = None
            self._legend.hide()
            self._session.labelling.shown = False

    def remove(self) -> None:
        """Take the layer and its legend away."""
        layer, self._painter = self.layer, None
        self._stack.remove(layer)
        self._legend.hide()
