"""YCbCr with coarser colours than brightness, stored without JPEG (TIFF 6.0, section 21)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.location import Location

if TYPE_CHECKING:
    import tifffile

__all__ = ["subsampled_decoder"]


def subsampled_decoder(page: tifffile.TiffPage, path: Location) -> Callable[..., Any]:
    """Return a decoder of tiles in data units: h x v samples of Y, then one Cb and one Cr.

    It is called as tifffile's own decoders are; colours are repeated, as libtiff does.

    Raises
    ------
    SlideError
        Planes or a predictor, which TIFF doesn't define for this.
    """
    import tifffile

    if page.planarconfig != 1 or page.predictor != 1:
        raise SlideError(
            "is no H&E image", path=path, expected="interleaved YCbCr without a predictor",
            found="subsampled YCbCr in planes or with a predictor",
        )  # fmt: skip
    decompress = None
    if page.compression != 1:
        decompress = tifffile.TIFF.DECOMPRESSORS[int(page.compression)]
    across, down = page.subsampling
    if page.is_tiled:
        height, width = int(page.tilelength), int(page.tilewidth)
    else:
        height, width = int(page.rowsperstrip), int(page.imagewidth)
    total, length = int(page.imagelength), height

    def decode(data: bytes, index: int, **_: Any) -> tuple[NDArray[np.uint8], None, None]:
        rows = length if page.is_tiled else min(length, total - index * length)
        units = (-(-rows // down), -(-width // across))
        size = units[0] * units[1] * (across * down + 2)
        raw = data if decompress is None else decompress(data, out=size)
        block = np.frombuffer(raw, np.uint8, size).reshape(*units, across * down + 2)
        light = block[..., :-2].reshape(*units, down, across).swapaxes(1, 2)
        light = np.reshape(light, (units[0] * down, units[1] * across, 1))
        colour = block[..., -2:].repeat(down, axis=0).repeat(across, axis=1)
        whole = np.concatenate([light, colour], axis=2)[:rows, :width]
        return whole[np.newaxis], None, None

    return decode
