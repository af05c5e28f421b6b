"""How stored samples become 8-bit RGB."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["GLASS", "PixelKind", "full_scale", "over_glass", "rgb_from_cmyk", "rgb_from_ycbcr"]

#: What a scanner didn't record is shown as empty glass.
GLASS = 255
_ASSOCIATED_ALPHA = 1  # ExtraSamples: the colours are multiplied by alpha already

Samples = NDArray[np.uint8] | NDArray[np.uint16]


@dataclass(frozen=True)
class PixelKind:
    """What the samples of an image mean.

    Attributes
    ----------
    colour : {'rgb', 'grey', 'palette', 'cmyk', 'ycbcr'}
        As the codec hands them out; ``'ycbcr'`` is full-range ITU-R BT.601 (JFIF).
    full : int
        The sample value that is white (or full ink): 255, or for other depths the
        largest that the recorded number of significant bits can hold.
    inverted : bool
        Zero is white (grey only).
    alpha : int
        0 without, else the ExtraSamples value of the last channel: 1 where the
        colours are multiplied by it already, 2 where they aren't.
    palette : (n, 3) uint8, optional
    """

    colour: Literal["rgb", "grey", "palette", "cmyk", "ycbcr"] = "rgb"
    full: int = 255
    inverted: bool = False
    alpha: int = 0
    palette: NDArray[np.uint8] | None = field(default=None, repr=False, compare=False)

    @property
    def samples(self) -> int:
        """Number of stored channels."""
        base = {"rgb": 3, "ycbcr": 3, "cmyk": 4, "grey": 1, "palette": 1}[self.colour]
        return base + (1 if self.alpha else 0)

    def to_rgb(self, tile: Samples) -> NDArray[np.uint8]:
        """Convert a tile.

        Parameters
        ----------
        tile : (h, w, samples) uint8 or uint16 array

        Returns
        -------
        (h, w, 3) uint8 array
        """
        if self.colour == "palette":
            assert self.palette is not None
            return self.palette[np.minimum(tile[..., 0], len(self.palette) - 1)]
        eight = tile if self.full == 255 and tile.dtype == np.uint8 else _table(self.full)[tile]
        alpha = eight[..., -1:] if self.alpha else None
        colour = eight[..., : eight.shape[2] - (1 if self.alpha else 0)]
        rgb = self._colours(np.asarray(colour, np.uint8))
        if alpha is None:
            return rgb
        rgba = np.concatenate([rgb, alpha], axis=2)
        return over_glass(rgba, associated=self.alpha == _ASSOCIATED_ALPHA)

    def _colours(self, colour: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.colour == "grey":
            grey = GLASS - colour if self.inverted else colour
            return np.broadcast_to(grey, (*grey.shape[:2], 3))
        if self.colour == "cmyk":
            return rgb_from_cmyk(colour)
        return rgb_from_ycbcr(colour) if self.colour == "ycbcr" else colour


def full_scale(bits: int, largest: object = None, significant: int | None = None) -> int:
    """Return the sample value that is white.

    Parameters
    ----------
    bits : int
        Bits that a sample is stored in, 1 to 16.
    largest : object
        TIFF's MaxSampleValue; it may say no more than what the brightest pixel is, so
        that it counts only where it is what a whole number of at least 8 bits can hold.
    significant : int, optional
        The number of significant bits, where the file records it (OME's
        ``SignificantBits``, PNG's ``sBIT``).

    Returns
    -------
    int
        2 ** significant - 1, else the MaxSampleValue as above, else 2 ** bits - 1.
    """
    if significant is not None and 8 <= significant <= bits:
        return int(2**significant - 1)
    if isinstance(largest, (tuple, list)) and len(set(largest)) == 1:
        largest = largest[0]
    if isinstance(largest, int) and 255 <= largest < 2**bits and not largest & (largest + 1):
        return largest
    return int(2**bits - 1)


@lru_cache(maxsize=16)
def _table(full: int) -> NDArray[np.uint8]:
    """Return the 8-bit value of every 16-bit sample, rounded half up; over ``full`` is 255."""
    values = np.minimum(np.arange(2**16, dtype=np.int64), full)
    table = ((values * 255 * 2 + full) // (2 * full)).astype(np.uint8)
    table.flags.writeable = False
    return table


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
    if (alpha == GLASS).all():
        return rgba[..., :3]
    colour, a = rgba[..., :3].astype(np.uint32), alpha.astype(np.uint32)
    seen = colour * 255 if associated else colour * a
    blend = (seen + (255 - a) * GLASS + 127) // 255
    return np.minimum(blend, 255).astype(np.uint8)


def rgb_from_cmyk(cmyk: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return (255 - ink) · (255 - black) / 255, rounded: what is left of white paper.

    No ink profile is applied: it is what libtiff and PIL do without one.

    Parameters
    ----------
    cmyk : (h, w, 4) uint8
        255 is full ink.

    Returns
    -------
    (h, w, 3) uint8
    """
    rest = 255 - cmyk.astype(np.uint32)
    return ((rest[..., :3] * rest[..., 3:] + 127) // 255).astype(np.uint8)


def rgb_from_ycbcr(tile: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert full-range YCbCr (ITU-R BT.601, as in JFIF) to RGB; (h, w, 3) uint8 each."""
    from PIL import Image

    return np.asarray(Image.fromarray(np.ascontiguousarray(tile), "YCbCr").convert("RGB"))
