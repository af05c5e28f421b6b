"""A level of the regions' picture, as an array that napari reads parts of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.region_raster import SIDE

if TYPE_CHECKING:
    from napari_stexp.viewer.annotation_tiles import RegionTiles

__all__ = ["RegionLevel"]


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
        part = joined[
            rows.start - top : rows.stop - top : rows.step,
            columns.start - left : columns.stop - left : columns.step,
        ]
        return part[..., key[2]] if len(key) > 2 else part
