"""Measured, predicted and residual side by side, under one camera.

napari's grid mode does the linking: each of its cells is a view of its own with the viewer's
one camera. It gives every so many layers of the list the next cell, hidden ones counted, so
the layers of the three views come first, three for each: slide, regions, spots.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.annotation_tiles import RegionTiles, make_tiled_layer, place_tiles
from napari_stexp.viewer.frame import layer_frame, world_mpp
from napari_stexp.viewer.slide_layer import make_slide_layer, show_again
from napari_stexp.viewer.spots_layer import SpotsLayer, spot_size_px
from napari_stexp.viewer.spots_view import SIDES, side_view

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_stexp.session import Session
    from napari_stexp.viewer.stack import LayerStack

__all__ = ["SideBySide"]

_SPACING = 4  # screen px between the views
_FILLED = 0.88  # part of a view that the spots take
_BAR_PX = 45  # half of the colour bar's width with its numbers, screen px
_BAR_PART = 0.6  # of a view's height, that the colour bar may take
_NOTE = "stexp_side_by_side"  # key of the line below the views


@dataclass(frozen=True)
class _Single:
    """What the single view was like."""

    visible: dict[Layer, bool]
    active: Layer | None
    center: tuple[float, ...]
    zoom: float
    stride: int
    shape: tuple[int, int]
    spacing: float
    enabled: bool

    @classmethod
    def of(cls, viewer: ViewerModel) -> _Single:
        grid, camera = viewer.canvas.grid, viewer.scene.camera
        return cls(
            {layer: layer.visible for layer in viewer.layers},
            viewer.layers.selection.active,
            camera.center, camera.zoom,
            grid.stride, grid.shape, grid.spacing, grid.enabled,
        )  # fmt: skip

    def restore(self, viewer: ViewerModel) -> None:
        for layer, visible in self.visible.items():
            layer.visible = visible
        grid, camera = viewer.canvas.grid, viewer.scene.camera
        grid.enabled = self.enabled
        grid.stride, grid.shape, grid.spacing = self.stride, self.shape, self.spacing
        camera.center, camera.zoom = self.center, self.zoom
        if self.active is not None and self.active in viewer.layers:
            viewer.layers.selection.active = self.active


@dataclass(frozen=True)
class _View:
    """The layers of one cell."""

    slide: Image
    regions: Image
    spots: SpotsLayer

    @property
    def layers(self) -> tuple[Layer, ...]:
        return self.slide, self.regions, self.spots.layer


class SideBySide:
    """Shows three linked views of the active gene.

    All other layers are hidden meanwhile, but for those that are being drawn on, which
    appear in the first view.

    Parameters
    ----------
    session : Session
    stack : LayerStack
    """

    def __init__(self, session: Session, stack: LayerStack) -> None:
        self._session = session
        self._stack = stack
        self._viewer = stack.viewer
        self._views: list[_View] = []
        self._tiles: RegionTiles | None = None
        self._single: _Single | None = None
        self._viewer.layers.events.removed.connect(self._on_layer_removed)
        self._viewer.canvas.grid.events.enabled.connect(self._on_grid_enabled)

    @property
    def is_shown(self) -> bool:
        """Whether the three views are there."""
        return self._single is not None

    @property
    def layers(self) -> list[tuple[Layer, ...]]:
        """The layers (slide, regions, spots) of each view, from left to right."""
        return [view.layers for view in self._views]

    # ---- showing and leaving -------------------------------------------------------------

    def show(self, shown: bool, keep: Iterable[Layer | None] = ()) -> None:
        """Show the three views, or the single one as it was.

        Parameters
        ----------
        shown : bool
        keep : iterable of layers
            These stay visible.
        """
        ready = self._session.slide is not None and self._session.spots is not None
        with self._stack.editing():
            if shown and ready and not self.is_shown:
                self._enter(list(keep))
            elif not shown and self._single is not None:
                self._leave(self._single)

    def _enter(self, keep: list[Layer | None]) -> None:
        viewer, grid = self._viewer, self._viewer.canvas.grid
        self._single = _Single.of(viewer)
        self._tiles = self._make_tiles()
        self._views = [self._make_view(side) for side in SIDES]
        self.hide(layer for layer in viewer.layers if layer not in keep)
        own = [layer for view in self._views for layer in view.layers]
        with viewer.layers.batched_update():
            for place, layer in enumerate(own):
                self._stack.add(layer, at=place)
        grid.stride, grid.spacing = len(own) // len(SIDES), _SPACING
        grid.shape = _arrange(viewer.canvas.size, self._extent())
        grid.enabled = True
        self._fit()
        for view in self._views:
            view.spots.show_legend()
        viewer.canvas.overlays[_NOTE] = _make_note(self._session.value_unit)
        self.follow_regions()

    def _extent(self) -> NDArray[np.float64]:
        """Return height and width that the spots take, world units."""
        spots = self._session.spots
        spread = np.ptp(spots.obsm["spatial"], axis=0)[::-1] + spot_size_px(spots)
        return np.maximum(spread, 1.0) * float(layer_frame(world_mpp(self._session))["scale"][0])

    def _fit(self) -> None:
        """Let the spots fill each view, beside the colour bar where there is room for both."""
        camera = self._viewer.scene.camera
        view = np.asarray(self._viewer.canvas.viewbox_size(self._viewer.layers), dtype=float)
        xy = np.asarray(self._session.spots.obsm["spatial"], dtype=float)
        scale = float(layer_frame(world_mpp(self._session))["scale"][0])
        x, y = (xy.min(axis=0) + xy.max(axis=0)) / 2 * scale
        extent = self._extent()
        zoom = float((view / extent).min()) * _FILLED
        free = (view[1] - extent[1] * zoom) / 2  # screen px
        camera.center = (*camera.center[:-2], y, x + min(free, _BAR_PX) / zoom)
        camera.zoom = zoom
        for shown in self._views:
            bar = shown.spots.layer.face_colorbar
            bar.size = (bar.size[0], min(bar.size[1], max(int(view[0] * _BAR_PART), 1)))

    def _make_view(self, side: str) -> _View:
        assert self._session.slide is not None  # see show
        slide = make_slide_layer(self._session.slide)
        slide.name = f"{slide.name} ({side})"
        assert self._tiles is not None
        regions = make_tiled_layer(self._tiles, world_mpp(self._session))
        regions.name = f"Annotation ({side})"
        return _View(slide, regions, SpotsLayer(self._session, view=partial(side_view, side=side)))

    def _make_tiles(self) -> RegionTiles:
        regions, slide = self._session.regions, self._session.slide
        extent = (1, 1) if slide is None else slide.shape
        return RegionTiles(regions.items, extent, regions.classes, regions.selected)

    def _leave(self, single: _Single) -> None:
        self._single = None
        views, self._views, self._tiles = self._views, [], None
        self._viewer.canvas.overlays.pop(_NOTE, None)
        self._viewer.canvas.grid.enabled = False
        with self._viewer.layers.batched_update():
            for layer in (layer for view in views for layer in view.layers):
                self._stack.remove(layer)
        single.restore(self._viewer)

    def _on_layer_removed(self, event: Any) -> None:
        """Leave when the user deletes a layer of a view: the others would change cells."""
        if self.is_shown and not self._stack.busy and event.value in sum(self.layers, ()):
            self._session.comparison.side_by_side = False

    def _on_grid_enabled(self, event: Any) -> None:
        if self.is_shown and not self._stack.busy and not event.value:
            self._session.comparison.side_by_side = False

    # ---- following the session -----------------------------------------------------------

    def hide(self, layers: Iterable[Layer | None]) -> None:
        """Hide layers of the single view while the three views are shown."""
        if self.is_shown:
            with self._stack.editing():
                for layer in layers:
                    if layer is not None:
                        layer.visible = False

    def paint(self, *, restyle: bool = False) -> None:
        """Follow values, limits and, if asked for, size, shape and opacity."""
        for spots in self._painters():
            spots.paint(restyle=restyle)

    def mark_selected(self) -> None:
        """Follow the choice of spots."""
        for spots in self._painters():
            spots.mark_selected()

    def _painters(self) -> list[SpotsLayer]:
        """Return those of the present spots: others are left alone until the views go."""
        return [view.spots for view in self._views if not view.spots.stale]

    def follow_regions(self) -> None:
        """Follow the regions, their palette and selection."""
        if self._tiles is None:
            return
        regions = self._session.regions
        if not self._tiles.covers(regions.items):
            self._tiles = self._make_tiles()
            for view in self._views:
                view.regions.data = self._tiles.levels()
                view.regions.metadata = make_tiled_layer(self._tiles, None).metadata
            self.place()
        self._tiles.update(regions.items, regions.classes, regions.selected)
        for view in self._views:
            view.regions.refresh(thumbnail=False, highlight=False, extent=False)

    def place(self) -> None:
        """Follow a new scale of the slide."""
        slide = self._session.slide
        for view in self._views:
            if slide is not None:
                show_again(view.slide, slide)
            place_tiles(view.regions, world_mpp(self._session))
            view.spots.place()

    def close(self) -> None:
        """Leave, and stop following."""
        self.show(False)
        self._viewer.layers.events.removed.disconnect(self._on_layer_removed)
        self._viewer.canvas.grid.events.enabled.disconnect(self._on_grid_enabled)


def _arrange(canvas: tuple[int, int], extent: NDArray[np.float64]) -> tuple[int, int]:
    """Return rows and columns: side by side or one below the other, whichever shows more.

    Parameters
    ----------
    canvas : (int, int)
        Height and width, screen px.
    extent : (2,) array
        Height and width of what is shown.
    """
    size, n = np.asarray(canvas, dtype=float), len(SIDES)
    beside, below = (size / (1, n) / extent).min(), (size / (n, 1) / extent).min()
    return (1, n) if beside >= below else (n, 1)


def _make_note(unit: str) -> Any:
    """Return a line that says what the numbers on the three colour bars are."""
    from napari.components.overlays import TextOverlay

    text = f"{unit}, same limits\ndifference: predicted \N{MINUS SIGN} measured"
    return TextOverlay(text=text, position="bottom_left", visible=True, font_size=8)
