"""The pictures of all cells, made little by little so that the window stays alive."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtGui import QImage

from napari_stexp.figure.heat_map import HeatMap
from napari_stexp.panels.views.cell_painter import to_image
from napari_stexp.viewer.colour import SpotColours, colour_spots, ring_selected
from napari_stexp.viewer.spots_layer import spot_size_px
from napari_stexp.viewer.spots_pictures import colour_averages
from napari_stexp.viewer.views.backdrop import Picture
from napari_stexp.viewer.views.cells import Cell, show_cell
from napari_stexp.viewer.views.spot_map import SpotMap, map_spots, paint_spots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_stexp.session import Session
    from napari_stexp.viewer.spots_view import SpotsView
    from napari_stexp.viewer.views.frame import Frame

__all__ = ["CellPicture", "Pictures"]


class CellPicture:
    """One cell: what it shows, and its spots as they were painted last.

    Attributes
    ----------
    cell : Cell
    view : SpotsView or None
        None until it has been looked up.
    image : QImage or None
        The spots on nothing.
    frame : Frame or None
        The camera that the image was painted for.
    heat : (QImage, (x0, y0, x1, y1)) or None
        In place of the spots: a smooth picture, and where it lies, level-0 px.
    """

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.view: SpotsView | None = None
        self.image: QImage | None = None
        self.frame: Frame | None = None
        self.heat: tuple[QImage, tuple[float, float, float, float]] | None = None
        self._base: SpotColours | None = None
        self._colours: SpotColours | None = None
        self.needs_values = True
        self.needs_paint = True

    def look_up(self, session: Session) -> None:
        """Find values and colours."""
        self.view = show_cell(session, self.cell)
        view = self.view
        self._base = colour_spots(
            view.values, view.status, view.limits, view.colormap, view.threshold, view.faces
        )
        self.mark(session.selection)
        self.needs_values = False

    def average(self, heat_map: HeatMap) -> None:
        """Make a smooth picture of the values."""
        assert self.view is not None  # they have been looked up
        (height, width), (x, y), step = heat_map.shape, heat_map.origin, heat_map.step
        extent = (x, y, x + width * step, y + height * step)
        self.heat = to_image(Picture(colour_averages(heat_map, self.view), extent)), extent

    def mark(self, selection: NDArray[np.bool_] | None) -> None:
        """Put rings around chosen spots."""
        if self._base is not None:
            self._colours = ring_selected(self._base, selection)
        self.needs_paint = True

    def paint(self, spots: SpotMap, frame: Frame, opacity: float, ratio: float = 1.0) -> None:
        """Paint the spots where they fall; ``ratio``: px of the map per screen px."""
        if self._colours is None:
            return
        pixels = paint_spots(spots, self._colours, opacity)
        height, width = spots.shape
        form = QImage.Format.Format_ARGB32_Premultiplied
        # the copy owns its bytes; the array goes out of scope
        self.image = QImage(pixels.data, width, height, 4 * width, form).copy()
        self.image.setDevicePixelRatio(ratio)
        self.frame = frame
        self.needs_paint = False


class Pictures:
    """All cells of a session's views, under one camera.

    Parameters
    ----------
    session : Session
        Its spots must be set.
    cells : sequence of Cell
    """

    def __init__(self, session: Session, cells: Sequence[Cell]) -> None:
        self._session = session
        self.spots = session.spots
        self._xy = np.asarray(self.spots.obsm["spatial"], dtype=np.float64)
        self._diameter = spot_size_px(self.spots)
        self.items = [CellPicture(cell) for cell in cells]
        self.frame: Frame | None = None
        self.ratio = 1.0  # px of the device per screen px
        self.map: SpotMap | None = None  # in px of the device
        self._heat_map: HeatMap | None = None

    @property
    def positions(self) -> NDArray[np.float64]:
        """Centres of the spots, (N, 2), level-0 px."""
        return self._xy

    @property
    def diameter(self) -> float:
        """Of a spot as it is drawn, level-0 px."""
        return self._diameter * self._session.display.size_factor

    def look(self, frame: Frame, ratio: float = 1.0) -> None:
        """Look at another part, or at the same one otherwise.

        Parameters
        ----------
        frame : Frame
            In screen px.
        ratio : float
            Px of the device per screen px.
        """
        if (frame, ratio) != (self.frame, self.ratio):
            self.frame, self.ratio = frame, ratio
            self.remap()

    def spot_at(self, x: float, y: float) -> int | None:
        """Return the spot at a place of a cell, screen px."""
        return None if self.map is None else self.map.spot_at(x * self.ratio, y * self.ratio)

    def remap(self) -> None:
        """Find anew where the spots fall: camera, size or shape have changed."""
        self.map = None
        for item in self.items:
            item.needs_paint = True

    def revalue(self, names: Sequence[str] | None = None) -> None:
        """Look values up anew: of some cells, or of all."""
        for item in self.items:
            if names is None or item.cell.name in names:
                item.needs_values = item.needs_paint = True

    def mark_selected(self) -> None:
        """Follow the choice of spots."""
        for item in self.items:
            item.mark(self._session.selection)

    @property
    def is_done(self) -> bool:
        """Whether all is as it should be."""
        return self.frame is None or not any(
            item.needs_values or item.needs_paint for item in self.items
        )

    def work(self, seconds: float) -> None:
        """Go on for about so long; at least one step is made."""
        end = time.perf_counter() + seconds
        while not self.is_done:
            self._step()
            if time.perf_counter() >= end:
                return

    def _step(self) -> None:
        frame, display = self.frame, self._session.display
        assert frame is not None  # see is_done
        if self.map is None:
            sharp = frame.sharpened(self.ratio)
            self.map = map_spots(self._xy, self.diameter, sharp, display.shape)
            return
        item = next(one for one in self.items if one.needs_values or one.needs_paint)
        if item.needs_values:
            item.look_up(self._session)
            item.heat = None
        smooth = display.mode == "heat map" and item.cell.kind != "classes"
        if smooth and item.heat is None and display.visible:
            item.average(self._find_heat_map())
        elif not smooth or not display.visible:
            item.heat = None
        item.paint(self.map, frame, display.opacity if display.visible else 0.0, self.ratio)

    def _find_heat_map(self) -> HeatMap:
        if self._heat_map is None:
            from napari_stexp.spots import spot_pitch_px

            pitch = spot_pitch_px(self.spots) or 2 * self._diameter
            self._heat_map = HeatMap(self._xy, pitch)
        return self._heat_map
