"""Many regions as an image that is drawn tile by tile, where it is looked at.

napari's Shapes take half a second for 2,000 outlines and as long for each edit, and a minute
for 100,000; tiles are found with a tree of the outlines' boxes and drawn with Pillow.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.frame import layer_frame
from napari_stexp.viewer.layer_data import REGIONS
from napari_stexp.viewer.region_content import RegionContent, find_content
from napari_stexp.viewer.region_level import RegionLevel
from napari_stexp.viewer.region_raster import SIDE, draw_rings
from napari_stexp.viewer.tile_queue import TileQueue

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["FINEST", "RegionTiles", "make_tiled_layer", "place_tiles"]

TILES = "stexp_tiles"  # key of the layer's metadata

FINEST = 4  # pixels of the finest level per level-0 px, so that lines stay thin close up
_SMALLEST_LEVEL = 256  # as small as a view among others
_KEPT_TILES = 96  # of 1 MiB
_QUICK = 500  # rings that are drawn at once: in 3 ms
_WAITING = 24  # tiles that are asked for

_Key = tuple[int, int, int]  # level, row, column
_Kept = OrderedDict[_Key, NDArray[np.uint8]]


class RegionTiles:
    """Pictures of regions at levels of detail a factor of two apart.

    Parameters
    ----------
    regions : sequence of Region
        In level-0 px.
    extent : (float, float)
        Height and width to be covered at least, level-0 px.
    classes : iterable of RegionClass
        The palette.
    selected : set of str
        Ids of regions with a wider line, and tinted.

    Attributes
    ----------
    origin : (int, int)
        (x, y) of the top left corner, level-0 px: (0, 0), or less where a region lies there.
    shapes : list of (int, int)
        Height and width of each level; the first has `FINEST` pixels per level-0 px.
    queue : TileQueue
        Where tiles of many regions are drawn; coarser ones are seen until they are there.
    """

    def __init__(
        self,
        regions: Sequence[Any],
        extent: tuple[float, float] = (1, 1),
        classes: Iterable[Any] = (),
        selected: frozenset[str] = frozenset(),
    ) -> None:
        import shapely

        geometries = [region.geometry for region in regions]
        found = shapely.total_bounds(geometries) if geometries else np.zeros(4)
        low = np.floor(np.minimum(found[:2], 0)).astype(int)
        high = np.ceil(np.maximum(found[2:], extent[::-1])).astype(int)
        self.origin = (int(low[0]), int(low[1]))
        width, height = ((high - low) * FINEST).tolist()
        self.shapes = [(height, width)]
        while max(self.shapes[-1]) > _SMALLEST_LEVEL:
            height, width = self.shapes[-1]
            self.shapes.append((-(-height // 2), -(-width // 2)))
        self._tiles: _Kept = OrderedDict()
        self._old: _Kept = OrderedDict()  # to be seen until there are new ones
        self._lock = Lock()
        self._content = find_content(regions, classes, selected)
        self.queue = TileQueue(_WAITING)
        self.tile(len(self.shapes) - 1, 0, 0)  # which is seen in place of others

    @property
    def regions(self) -> tuple[Any, ...]:
        """What is drawn."""
        return self._content.regions

    def covers(self, regions: Iterable[Any]) -> bool:
        """Whether the picture is large enough for these regions."""
        import shapely

        geometries = [region.geometry for region in regions]
        if not geometries:
            return True
        left, top, right, bottom = shapely.total_bounds(geometries)
        (x, y), (height, width) = self.origin, self.shapes[0]
        inside = left >= x and top >= y
        return bool(inside and right <= x + width / FINEST and bottom <= y + height / FINEST)

    def update(
        self,
        regions: Sequence[Any],
        classes: Iterable[Any] = (),
        selected: frozenset[str] = frozenset(),
    ) -> bool:
        """Draw these regions from now on; only tiles that they change are forgotten.

        Returns
        -------
        bool
            Whether anything looks different.
        """
        return self.take(self.prepare(regions, classes, selected))

    def prepare(
        self,
        regions: Sequence[Any],
        classes: Iterable[Any] = (),
        selected: frozenset[str] = frozenset(),
    ) -> RegionContent:
        """Return what `take` wants, in any thread; parameters as of `update`."""
        return find_content(regions, classes, selected, self._content)

    def take(self, content: RegionContent) -> bool:
        """Draw these from now on; whether anything looks different."""
        known = content.earlier is self._content
        self._content = replace(content, earlier=None)
        with self._lock:
            for key in list(self._tiles):
                if not known or content.changes(self._box(*key, margin=4)):
                    self._keep(self._old, key, self._tiles.pop(key))
        return not known or content.changed is not None

    def _box(self, level: int, row: int, column: int, margin: float = 0) -> tuple[float, ...]:
        """Return (left, top, right, bottom) of a tile in level-0 px, plus a margin in its own."""
        step = 2.0**level / FINEST
        x, y = self.origin
        left, top = x + column * SIDE * step, y + row * SIDE * step
        more = margin * step
        return left - more, top - more, left + SIDE * step + more, top + SIDE * step + more

    def tile(self, level: int, row: int, column: int) -> NDArray[np.uint8]:
        """Return one tile, (512, 512, 4) uint8."""
        key = (level, row, column)
        with self._lock:
            if (found := self._tiles.get(key)) is not None:
                self._tiles.move_to_end(key)
                return found
        content = self._content
        rings = content.rings.find(*self._box(level, row, column, margin=4))
        if not self.queue.aside.at_once and len(rings) > _QUICK:
            self.queue.ask(
                key, lambda: self._draw_aside(key), lambda found: self._take_tile(key, found)
            )
            return self._stand_in(*key)
        drawn = self._draw(content, rings, *key)
        with self._lock:
            self._keep(self._tiles, key, drawn)
        return drawn

    @staticmethod
    def _keep(tiles: _Kept, key: _Key, drawn: NDArray[np.uint8]) -> None:
        tiles[key] = drawn
        while len(tiles) > _KEPT_TILES:
            tiles.popitem(last=False)

    def _draw(
        self, content: RegionContent, found: NDArray[np.intp], level: int, row: int, column: int
    ) -> NDArray[np.uint8]:
        left, top, *_ = self._box(level, row, column)
        if not len(found):
            return np.zeros((SIDE, SIDE, 4), np.uint8)
        step = 2.0**level / FINEST
        return draw_rings(content.rings, content.styles, found, (left, top), step)

    def _draw_aside(self, key: _Key) -> tuple[RegionContent, NDArray[np.uint8]]:
        content = self._content
        found = content.rings.find(*self._box(*key, margin=4))
        return content, self._draw(content, found, *key)

    def _take_tile(self, key: _Key, found: tuple[RegionContent, NDArray[np.uint8]]) -> None:
        content, drawn = found
        with self._lock:
            self._keep(self._tiles if content is self._content else self._old, key, drawn)

    def _stand_in(self, level: int, row: int, column: int) -> NDArray[np.uint8]:
        """Return what a tile was before, else a part of a coarser one, else nothing."""
        with self._lock:
            for up in range(len(self.shapes) - level):
                key = (level + up, row >> up, column >> up)
                found = self._old.get(key) if not up else None
                if found is None and (found := self._tiles.get(key)) is None:
                    found = self._old.get(key)
                side = SIDE >> up
                if found is not None and side:
                    top, left = (row % (1 << up)) * side, (column % (1 << up)) * side
                    part = found[top : top + side, left : left + side]
                    return part.repeat(1 << up, axis=0).repeat(1 << up, axis=1)
        return np.zeros((SIDE, SIDE, 4), np.uint8)

    def levels(self) -> list[RegionLevel]:
        """Return all levels as arrays, finest first."""
        return [RegionLevel(self, level) for level in range(len(self.shapes))]


def place_tiles(layer: Image, mpp: float | None) -> None:
    """Lay the picture on the slide, at a scale of so many µm per level-0 px."""
    for name, value in _tile_frame(layer.metadata[TILES], mpp).items():
        setattr(layer, name, value)


def _tile_frame(tiles: RegionTiles, mpp: float | None) -> dict[str, Any]:
    frame = layer_frame(mpp)
    step = frame["scale"][0] / FINEST
    x, y = tiles.origin
    # An image has the centre of its first pixel at its origin.
    corner = tuple(at * frame["scale"][0] + step / 2 for at in (y, x))
    return {**frame, "scale": (step, step), "translate": corner}


def make_tiled_layer(tiles: RegionTiles, mpp: float | None) -> Image:
    """Return an image layer of regions; several layers may share the tiles."""
    from napari.layers import Image

    levels = tiles.levels()
    multiscale = len(levels) > 1
    return Image(
        levels if multiscale else levels[0],
        multiscale=multiscale,
        rgb=True,
        cache=False,  # tiles are kept, and forgotten, by themselves
        blending="translucent_no_depth",
        interpolation2d="linear",  # a level is up to twice as fine as the screen
        name="Annotation",
        metadata={REGIONS: list(tiles.regions), TILES: tiles},
        **_tile_frame(tiles, mpp),
    )
