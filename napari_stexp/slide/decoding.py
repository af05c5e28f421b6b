"""Decoding one tile of a TIFF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import TileError
from napari_stexp.slide.levels import Level, broken_tile
from napari_stexp.slide.pixels import GLASS, PixelKind
from napari_stexp.slide.stream_size import claimed_size

if TYPE_CHECKING:
    from napari_stexp.slide.location import Location
    from napari_stexp.slide.source import ByteSource

__all__ = ["StoredLevel"]


@dataclass(frozen=True)
class StoredLevel:
    """Where the tiles (or strips) of one level lie in a file, and how they decode.

    Attributes
    ----------
    path : Path
        The file.
    level : Level
    offsets, counts : (n,) int64
        Byte range of each segment, row by row; one plane after another.
    decode : callable
        tifffile's decoder of this level, a pure function of the bytes.
    options : dict
        JPEG tables and header that the decoder needs.
    planes : int
        1 for interleaved colours, else the number of channels, each with segments
        of its own.
    kind : PixelKind
        What the decoded samples mean.
    """

    path: Location
    level: Level
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    decode: Callable[..., Any]
    options: dict[str, Any]
    planes: int = 1
    kind: PixelKind = field(default_factory=PixelKind)

    def read(self, source: ByteSource, row: int, col: int) -> NDArray[np.uint8]:
        """Decode one tile.

        Returns
        -------
        (th, tw, 3) uint8 array

        Raises
        ------
        TileError
            The bytes can't be read or don't decode.
        """
        rows, cols = self.level.grid
        index = row * cols + col
        found = [index + plane * rows * cols for plane in range(self.planes)]
        if not self.counts[found].all():  # a sparse file: the scanner recorded nothing here
            return np.full((*self.level.tile, 3), GLASS, np.uint8)
        parts = [self._segment(source, at) for at in found]
        if any(part.shape[:2] != parts[0].shape[:2] for part in parts):
            raise self._broken(source, index, "colours of several sizes")
        samples = parts[0] if self.planes == 1 else np.concatenate(parts, axis=2)
        if samples.shape[2] != self.kind.samples:
            raise self._broken(source, index, f"{samples.shape[2]} channels")
        try:
            tile = self.kind.to_rgb(samples)
        except (IndexError, TypeError, ValueError) as error:  # samples of another type
            raise self._broken(source, index, f"{samples.dtype} samples") from error
        if tile.shape[:2] != self.level.tile:
            tile = _padded(tile, self.level.tile)
        return np.ascontiguousarray(tile)

    def _segment(self, source: ByteSource, index: int) -> NDArray[Any]:
        data = source.read(int(self.offsets[index]), int(self.counts[index]))
        claimed = None if "jpegheader" in self.options else claimed_size(data)
        if claimed is not None and claimed[0] * claimed[1] > 4 * np.prod(self.level.tile):
            # Damage: decoding would take the memory of what is claimed.
            raise self._broken(source, index, f"{claimed[1]} x {claimed[0]} px in one tile")
        try:
            segment = self.decode(data, index, **self.options)[0][0]
        except Exception as error:  # codecs raise what they like, RuntimeErrors among it
            raise self._broken(source, index, error) from error
        return np.asarray(segment)

    def _broken(self, source: ByteSource, index: int, found: object) -> TileError:
        return broken_tile(self.level, f"segment {index}", source.path, found)


def _padded(tile: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Fill a border tile that was stored without its outer part."""
    whole = np.zeros((*shape, 3), np.uint8)
    height, width = min(shape[0], tile.shape[0]), min(shape[1], tile.shape[1])
    whole[:height, :width] = tile[:height, :width]
    return whole
