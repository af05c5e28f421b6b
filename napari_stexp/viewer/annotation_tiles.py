"""Many regions as an image that is drawn tile by tile, where it is looked at.

napari's Shapes take half a second for 2,000 outlines and as long for each edit, and a minute
for 100,000; tiles are found with a tree of the outlines' boxes and drawn with Pillow.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.frame import layer_frame
from napari_stexp.viewer.layer_data import REGIONS
from napari_stexp.viewer.region_raster import SIDE, Rings, draw_rings
from napari_stexp.viewer.region_style import RegionStyles, style_regions

if TYPE_CHECKING:
    from napari.layers import Image

__all__ = ["FINEST", "RegionTiles", "make_tiled_layer", "place_tiles"]

TILES = "stexp_tiles"  # key of the layer's metadata

FINEST = 4  # pixels of the finest level per level-0 px, so that lines stay thin close up
_SMALLEST_LEVEL = 256  # as small as a view among others
_KEPT_TILES = 96  # of 1 MiB


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
        self._tiles: OrderedDict[tuple[int, int, int], NDArray[np.uint8]] = OrderedDict()
        self._lock = Lock()
        self.regions: tuple[Any, ...] = ()
        self._rings: Rings | None = None
        self._styles = style_regions(())
        self._set(regions, style_regions(regions, classes, selected))

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
        return self._set(regions, style_regions(regions, classes, selected))

    def _set(self, regions: Sequence[Any], styles: RegionStyles) -> bool:
        changed = _find_changed(self.regions, self._styles, regions, styles)
        if self._rings is None or len(regions) != len(self.regions) or any(
            one is not other for one, other in zip(regions, self.regions, strict=True)
        ):  # fmt: skip
            self.regions = tuple(regions)
            self._rings = Rings(self.regions)
        self._styles = styles
        self._forget(changed)
        return bool(changed)

    def _forget(self, changed: Sequence[Any]) -> None:
        import shapely

        if not changed or not self._tiles:
            return
        tree = shapely.STRtree([region.geometry.envelope for region in changed])
        with self._lock:
            for key in list(self._tiles):
                if len(tree.query(shapely.box(*self._box(*key, margin=4)))):
                    del self._tiles[key]

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
        drawn = self._draw(*key)
        with self._lock:
            self._tiles[key] = drawn
            while len(self._tiles) > _KEPT_TILES:
                self._tiles.popitem(last=False)
        return drawn

    def _draw(self, level: int, row: int, column: int) -> NDArray[np.uint8]:
        left, top, *_ = self._box(level, row, column)
        assert self._rings is not None  # set by __init__
        found = self._rings.find(*self._box(level, row, column, margin=4))
        if not len(found):
            return np.zeros((SIDE, SIDE, 4), np.uint8)
        step = 2.0**level / FINEST
        return draw_rings(self._rings, self._styles, found, (left, top), step)

    def levels(self) -> list[RegionLevel]:
        """Return all levels as arrays, finest first."""
        return [RegionLevel(self, level) for level in range(len(self.shapes))]


class RegionLevel:
    """One level as an array (h, w, 4) uint8 that is drawn where it is indexed.

    A dask array would do the same, but takes half a second to slice where a level has
    100,000 chunks, as the finest of a large slide.

    Parameters
    ----------
    tiles : RegionTiles
    level : int
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, tiles: RegionTiles, level: int) -> None:
        self._tiles, self._level = tiles, level
        self.shape = (*tiles.shapes[level], 4)
        self.size = self.shape[0] * self.shape[1] * 4

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[np.uint8]:
        """Draw all of it; meant for the coarsest level."""
        return np.asarray(self[:, :], dtype=dtype)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        rows, columns = (range(n)[part] for n, part in zip(self.shape[:2], key[:2], strict=True))
        tiles = [
            [self._tiles.tile(self._level, row, column)
             for column in range(columns[0] // SIDE, columns[-1] // SIDE + 1)]
            for row in range(rows[0] // SIDE, rows[-1] // SIDE + 1)
        ]  # fmt: skip
        joined = np.concatenate([np.concatenate(line, axis=1) for line in tiles])
        top, left = rows[0] // SIDE * SIDE, columns[0] // SIDE * SIDE
        part = joined[np.ix_(np.asarray(rows) - top, np.asarray(columns) - left)]
        return part[..., key[2]] if len(key) > 2 else part


def _find_changed(
    old: Sequence[Any], old_styles: RegionStyles, new: Sequence[Any], new_styles: RegionStyles
) -> list[Any]:
    """Return the regions that have come, gone, or look different."""
    at = {id(region): index for index, region in enumerate(old)}
    before = np.array([at.get(id(region), -1) for region in new], dtype=np.intp)
    stayed = before >= 0
    same = np.zeros(len(new), bool)
    was = before[stayed]
    same[stayed] = (old_styles.width[was] == new_styles.width[stayed]) & (
        old_styles.color[was] == new_styles.color[stayed]
    ).all(axis=1)
    gone = np.ones(len(old), bool)
    gone[was] = False
    changed = [new[index] for index in np.flatnonzero(~same).tolist()]
    return changed + [old[index] for index in np.flatnonzero(gone).tolist()]


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
