"""The layer of regions, of the kind that copes with as many as there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.annotation_layer import (
    fit_outlines,
    make_annotation_layer,
    redraw_outlines,
    restyle_outlines,
)
from napari_stexp.viewer.annotation_tiles import (
    TILES,
    RegionTiles,
    make_tiled_layer,
    place_tiles,
)
from napari_stexp.viewer.aside import Aside, AtOnce
from napari_stexp.viewer.frame import layer_frame, place
from napari_stexp.viewer.garbage import spare_what_is_there
from napari_stexp.viewer.layer_data import REGIONS

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_stexp.session import Session
    from napari_stexp.viewer.stack import LayerStack

__all__ = [
    "MOST_RINGS",
    "MOST_VERTICES",
    "RegionsLayer",
    "ShownRegions",
    "fits_shapes",
    "make_regions_layer",
]

#: Up to so many, napari's Shapes draw them anew in about a tenth of a second, at each edit.
MOST_RINGS = 300
MOST_VERTICES = 15_000
_MANY = 5000  # that are looked through in some 15 ms


def fits_shapes(regions: Sequence[Any]) -> bool:
    """Whether these regions are few enough for napari's Shapes."""
    import shapely

    if len(regions) > MOST_RINGS:
        return False
    geometries = [region.geometry for region in regions]
    n_parts = int(shapely.get_num_geometries(geometries).sum())
    n_holes = sum(len(p.interiors) for g in geometries for p in getattr(g, "geoms", [g]))
    n_vertices = int(shapely.get_num_coordinates(geometries).sum())
    return n_parts + n_holes <= MOST_RINGS and n_vertices <= MOST_VERTICES


def takes_long(regions: Sequence[Any], aside: Aside) -> bool:
    """Whether the picture of these regions is to be made aside."""
    return not aside.at_once and len(regions) > _MANY


def make_regions_layer(
    regions: Sequence[Any], mpp: float | None, extent: tuple[float, float] = (1, 1)
) -> Layer:
    """Return a layer of regions: Shapes, or an image in tiles where there are many.

    Parameters
    ----------
    regions : sequence of Region
    mpp : float or None
        µm per level-0 pixel.
    extent : (float, float)
        Height and width of the slide, level-0 px, where it is known.
    """
    if fits_shapes(regions):
        return make_annotation_layer(regions, mpp)
    return make_tiled_layer(RegionTiles(regions, extent), mpp)


class RegionsLayer:
    """Keeps one layer in step with a session's regions.

    Parameters
    ----------
    session : Session
        With at least one region.
    layer : napari layer, optional
        A reader's, that holds these regions, to be used in place of a new one.
    aside : Aside, optional
        Where pictures of many regions are made.
    tiles : RegionTiles, optional
        Of the session's regions, where there are some already.
    """

    def __init__(
        self,
        session: Session,
        layer: Layer | None = None,
        aside: Aside | None = None,
        tiles: RegionTiles | None = None,
    ) -> None:
        self._session = session
        self._aside: Aside = AtOnce() if aside is None else aside
        regions = session.regions
        self.layer: Layer
        if layer is None:
            look = (regions.classes, regions.selected)
            if tiles is None and fits_shapes(regions.items):
                self.layer = make_annotation_layer(regions.items, session.world_mpp, *look)
            else:
                tiles = tiles or RegionTiles(regions.items, _extent(session), *look)
                spare_what_is_there()  # napari collects whenever a layer goes: not these
                self.layer = make_tiled_layer(tiles, session.world_mpp)
        else:
            self.layer = layer
            self.place()
            self.restyle()
        if (drawn := self.tiles) is not None:
            drawn.queue.aside, drawn.queue.on_drawn = self._aside, self._redraw

    def _redraw(self) -> None:
        self.layer.refresh(thumbnail=False, highlight=False, extent=False)

    @property
    def tiles(self) -> RegionTiles | None:
        """What draws the regions where there are many."""
        found = self.layer.metadata.get(TILES)
        return found if isinstance(found, RegionTiles) else None

    def follow(self) -> bool:
        """Draw the session's regions as they are now.

        Returns
        -------
        bool
            False if that takes a new layer.
        """
        regions, tiles = self._session.regions, self.tiles
        if not regions.items or fits_shapes(regions.items) != (tiles is None):
            return False
        if tiles is None:
            redraw_outlines(self.layer, regions.items, regions.classes, regions.selected)
            return True
        if not tiles.covers(regions.items):
            return False
        self.layer.metadata[REGIONS] = list(regions.items)
        self.restyle()
        return True

    def restyle(self) -> None:
        """Follow the palette and the selection."""
        regions, tiles = self._session.regions, self.tiles
        if tiles is None:
            restyle_outlines(self.layer, regions.classes, regions.selected)
        elif not takes_long(regions.items, self._aside):
            if tiles.update(regions.items, regions.classes, regions.selected):
                self._redraw()
        else:
            look = (regions.items, regions.classes, regions.selected)
            self._aside.run(
                lambda: tiles.prepare(*look),
                lambda content: self._redraw() if tiles.take(content) else None,
            )

    def place(self) -> None:
        """Follow a new scale of the slide."""
        mpp = self._session.world_mpp
        if self.tiles is None:
            place(self.layer, layer_frame(mpp))
        else:
            place_tiles(self.layer, mpp)

    def fit(self, zoom: float) -> None:
        """Keep lines as wide on screen as they were, at so many screen px per world unit."""
        if self.tiles is None:
            fit_outlines(self.layer, zoom)


class ShownRegions:
    """Shows a session's regions while there are any.

    Parameters
    ----------
    session : Session
    stack : LayerStack
    """

    def __init__(self, session: Session, stack: LayerStack) -> None:
        self._session = session
        self._stack = stack
        self._painter: RegionsLayer | None = None
        self._below: Layer | None = None

    @property
    def layer(self) -> Layer | None:
        """Shapes, an Image where there are many regions, None where there are none."""
        return None if self._painter is None else self._painter.layer

    def follow(self, found: Layer | None = None, below: Layer | None = None) -> None:
        """Draw the session's regions as they are now, in another layer if need be.

        Parameters
        ----------
        found : napari layer, optional
            A reader's, that holds these regions and is to be used.
        below : napari layer, optional
            A new layer comes below this one.
        """
        self._below = below
        if found is None and self._painter is not None and self._painter.follow():
            return
        if found is None and takes_long(self._session.regions.items, self._stack.aside):
            self._make_aside()
            return
        self._exchange(found)

    def _make_aside(self) -> None:
        """Make a picture of many regions, and show it unless they have changed meanwhile."""
        regions = self._session.regions
        look = (regions.items, _extent(self._session), regions.classes, regions.selected)

        def show(tiles: RegionTiles) -> None:
            if regions.items is look[0]:
                self._exchange(tiles=tiles)
                self.restyle()

        self._stack.aside.run(lambda: RegionTiles(*look), show)

    def _exchange(self, found: Layer | None = None, tiles: RegionTiles | None = None) -> None:
        old, self._painter = self.layer, None
        self._stack.remove(old)
        if not self._session.regions.items:
            return
        self._painter = RegionsLayer(self._session, found, self._stack.aside, tiles)
        layer = self._stack.add(self._painter.layer)
        if old is not None:
            layer.visible, layer.opacity = old.visible, old.opacity
        layers = self._stack.viewer.layers
        if self._below is not None and self._below in layers:
            self._stack.lower(layer, layers.index(self._below))

    def restyle(self) -> None:
        """Follow the palette and the selection."""
        if self._painter is not None:
            self._painter.restyle()

    def place(self) -> None:
        """Follow a new scale of the slide."""
        if self._painter is not None:
            self._painter.place()

    def fit(self, zoom: float) -> None:
        """Keep lines as wide on screen as they were, at so many screen px per world unit."""
        if self._painter is not None:
            self._painter.fit(zoom)

    def forget(self) -> None:
        """Take note that the user deleted the layer; it comes back with the next change."""
        self._painter = None


def _extent(session: Session) -> tuple[float, float]:
    return (1, 1) if session.slide is None else session.slide.shape
