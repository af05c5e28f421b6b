"""Spots as images: many of them as a raster, or as a smooth picture of what lies between."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.figure.heat_map import HeatMap
from napari_stexp.viewer.colour import map_to_bytes, paint_table
from napari_stexp.viewer.frame import layer_frame, place
from napari_stexp.viewer.spot_grid import SpotGrid
from napari_stexp.viewer.spots_raster import SpotsRaster

if TYPE_CHECKING:
    from napari_stexp.viewer.aside import Aside
    from napari_stexp.viewer.spots_image import Image
    from napari_stexp.viewer.spots_view import SpotsView

__all__ = ["HeatPicture", "RasterPicture", "colour_averages"]

_HEAT_PIXELS = 400_000  # the picture is smooth; twice as many take 20 ms more, at every gene


class RasterPicture:
    """Draws many spots; see `SpotsRaster`.

    Parameters
    ----------
    grid : SpotGrid
    diameter : float
        Of a spot, level-0 px.
    raster : SpotsRaster, optional
        Of these spots, where it was begun already.
    aside : Aside, optional
        Where parts of the picture are drawn that take long.
    """

    def __init__(
        self,
        grid: SpotGrid,
        diameter: float,
        raster: SpotsRaster | None = None,
        aside: Aside | None = None,
    ) -> None:
        self._raster = SpotsRaster(grid, diameter) if raster is None else raster
        self.size = len(grid.xy)
        self.layer = _make_layer(self._raster.levels, multiscale=True)
        if aside is not None:
            queue = self._raster.tiles.queue
            queue.aside, queue.on_drawn = aside, self._show_part

    def _show_part(self) -> None:
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    def place(self, mpp: float | None) -> None:
        """Follow a scale of the slide."""
        place(self.layer, picture_frame(self._raster.origin, self._raster.step, mpp))

    def style(self, diameter: float, shape: str) -> None:
        """Draw spots of another size or shape."""
        if self._raster.reshape(diameter, shape):
            self._raster.repaint()
            _show(self.layer)

    def paint(self, view: SpotsView, selection: NDArray[np.bool_] | None) -> None:
        """Give every spot the colour of its value."""
        self._raster.paint(
            paint_table(
                view.values, view.status, view.limits, view.colormap, view.threshold,
                view.faces, selection,
            )
        )  # fmt: skip
        _show(self.layer)

    mark = paint


class HeatPicture:
    """Draws what lies between spots; see `HeatMap`.

    Parameters
    ----------
    xy : (N, 2) array
        Level-0 px.
    pitch : float
        Level-0 px.
    """

    def __init__(self, xy: NDArray[np.float64], pitch: float) -> None:
        self._map = HeatMap(xy, pitch, _HEAT_PIXELS)
        self.size = len(xy)
        self._picture = np.zeros((*self._map.shape, 4), np.uint8)
        self._painted: SpotsView | None = None
        self.layer = _make_layer(self._picture, multiscale=False)

    def place(self, mpp: float | None) -> None:
        """Follow a scale of the slide."""
        place(self.layer, picture_frame(self._map.origin, self._map.step, mpp))

    def style(self, diameter: float, shape: str) -> None:
        """Do nothing: there are no spots to be seen."""

    def paint(self, view: SpotsView, selection: NDArray[np.bool_] | None) -> None:  # noqa: ARG002
        """Colour the averages of the spots' values; spots without one count for nothing."""
        if self._painted is None or not _same_view(self._painted, view):
            kept = None if view.values is None else view.values.copy()  # they may fill up in place
            self._painted = replace(view, values=kept)
            self._picture[:] = colour_averages(self._map, view)
            _show(self.layer)

    def mark(self, view: SpotsView, selection: NDArray[np.bool_] | None) -> None:
        """Do nothing: there are no spots to be ringed."""


def colour_averages(heat_map: HeatMap, view: SpotsView) -> NDArray[np.uint8]:
    """Return a heat map of what is shown of N spots, (h, w, 4) uint8 RGBA."""
    picture = np.zeros((*heat_map.shape, 4), np.uint8)
    if view.faces is not None:
        faces = np.where(view.faces[:, 3:] > 0, view.faces[:, :3], np.float32(np.nan))
        averages, cover = heat_map.average(faces)
        picture[..., :3] = np.nan_to_num(averages * 255).clip(0, 255)
    elif view.values is not None:
        averages, cover = heat_map.average(view.values)
        if view.threshold is not None:
            cover = np.where(averages < view.threshold, np.float32(0), cover)
        colours = map_to_bytes(averages.ravel(), view.limits, view.colormap)
        picture[:] = colours.view(np.uint8).reshape(picture.shape)
    else:
        return picture
    picture[..., 3] = np.where(np.isfinite(cover), cover, 0) * 255
    return picture


def _same_view(one: SpotsView, other: SpotsView) -> bool:
    """Whether two views have the same colours everywhere."""
    scales = [(view.limits, view.colormap, view.threshold) for view in (one, other)]
    return scales[0] == scales[1] and all(
        (a is None and b is None)
        or (a is not None and b is not None and np.array_equal(a, b, equal_nan=True))
        for a, b in ((one.values, other.values), (one.faces, other.faces))
    )


def picture_frame(origin: tuple[float, float], step: float, mpp: float | None) -> dict[str, Any]:
    """Return ``scale``, ``translate`` and ``units`` of a picture.

    Parameters
    ----------
    origin : (float, float)
        (x, y) of its top left corner, level-0 px.
    step : float
        Level-0 px per pixel of it.
    mpp : float or None
        µm per level-0 px.
    """
    frame = layer_frame(mpp)
    scale = frame["scale"][0]
    # An image has the centre of its first pixel at its origin.
    corner = tuple((at + step / 2) * scale for at in origin[::-1])
    return {**frame, "scale": (step * scale,) * 2, "translate": corner}


def _make_layer(data: Any, *, multiscale: bool) -> Image:
    from napari_stexp.viewer.spots_image import Image

    return Image(
        data,
        multiscale=multiscale,
        cache=False,
        blending="translucent_no_depth",
        interpolation2d="linear",
        name="Spots",
    )


def _show(layer: Image) -> None:
    """Draw a picture that has changed in place."""
    layer.refresh(highlight=False, extent=False)
