"""Decoding one tile of a TIFF."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import TileError
from napari_stexp.slide.levels import Level

if TYPE_CHECKING:
    from napari_stexp.slide.source import ByteSource

__all__ = ["StoredLevel", "over_glass"]

_ASSOCIATED_ALPHA = 1  # ExtraSamples: the colours are multiplied by alpha already
#: What a scanner didn't record is shown as empty glass.
_GLASS = 255


@dataclass(frozen=True)
class StoredLevel:
    """Where the tiles (or strips) of one level lie in the file, and how they decode.

    Attributes
    ----------
    level : Level
    offsets, counts : (n,) int64
        Byte range of each segment, row by row; one plane after another.
    decode : callable
        tifffile's decoder of this level, a pure function of the bytes.
    options : dict
        JPEG tables and header that the decoder needs.
    planes : int
        1 for interleaved colours, 3 where each colour has segments of its own.
    alpha : int
        0 without, else the ExtraSamples value of the fourth channel.
    ycbcr : bool
        The codec leaves YCbCr as it is, and it must be turned into RGB here.
    """

    level: Level
    offsets: NDArray[np.int64]
    counts: NDArray[np.int64]
    decode: Callable[..., Any]
    options: dict[str, Any]
    planes: int = 1
    alpha: int = 0
    ycbcr: bool = False

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
        parts = [self._segment(source, index + p * rows * cols) for p in range(self.planes)]
        tile = parts[0] if self.planes == 1 else np.concatenate(parts, axis=2)
        if self.ycbcr:
            tile = _rgb_from_ycbcr(tile)
        if self.alpha:
            tile = over_glass(tile, associated=self.alpha == _ASSOCIATED_ALPHA)
        if tile.shape[:2] != self.level.tile:
            tile = _padded(tile, self.level.tile)
        return np.ascontiguousarray(tile)

    def _segment(self, source: ByteSource, index: int) -> NDArray[np.uint8]:
        offset, count = int(self.offsets[index]), int(self.counts[index])
        if count == 0:  # a sparse file: the scanner recorded nothing here
            channels = 1 if self.planes > 1 else 4 if self.alpha else 3
            return np.full((*self.level.tile, channels), _GLASS, np.uint8)
        data = source.read(offset, count)
        try:
            segment = self.decode(data, index, **self.options)[0]
        except Exception as error:  # codecs raise what they like, RuntimeErrors among it
            raise TileError(
                f"a tile doesn't decode (segment {index} of the level with "
                f"{self.level.shape[1]} x {self.level.shape[0]} px)",
                path=source.path,
                found=error,
            ) from error
        return np.asarray(segment[0], np.uint8)


def over_glass(rgba: NDArray[np.uint8], *, associated: bool = False) -> NDArray[np.uint8]:
    """Lay an RGBA image over white, which is what empty glass looks like.

    Parameters
    ----------
    rgba : (h, w, 4) uint8
    associated : bool
        The colours are multiplied by alpha already.

    Returns
    -------
    (h, w, 3) uint8
        Equal to the colours where alpha is 255.
    """
    alpha = rgba[..., 3:]
    if (alpha == _GLASS).all():
        return rgba[..., :3]
    colour, a = rgba[..., :3].astype(np.uint32), alpha.astype(np.uint32)
    seen = colour * 255 if associated else colour * a
    blend = (seen + (255 - a) * _GLASS + 127) // 255
    return np.minimum(blend, 255).astype(np.uint8)


def _rgb_from_ycbcr(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    from PIL import Image

    return np.asarray(Image.fromarray(np.ascontiguousarray(tile), "YCbCr").convert("RGB"))


def _padded(tile: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Fill a border tile that was stored without its outer part."""
    whole = np.zeros((*shape, 3), np.uint8)
    height, width = min(shape[0], tile.shape[0]), min(shape[1], tile.shape[1])
    whole[:height, :width] = tile[:height, :width]
    return whole
