"""What the samples of a TIFF page mean; pages that are no picture in colours are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.location import Location
from napari_stexp.slide.pixels import PixelKind, full_scale

if TYPE_CHECKING:
    import tifffile

__all__ = ["JPEG_FAMILY", "expected_pixels", "pixel_kind"]

_WHITE_IS_ZERO, _GREY, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_NAMES = {
    0: "grey (white is zero)", 1: "grey", 2: "RGB", 3: "palette", 4: "mask", 5: "CMYK",
    6: "YCbCr", 8: "CIELab", 9: "CIELab", 10: "CIELab", 32803: "colour filter array",
}  # fmt: skip
_SAMPLES = {_WHITE_IS_ZERO: 1, _GREY: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4, _YCBCR: 3}
#: Compressions whose decoder turns YCbCr into RGB itself.
JPEG_FAMILY = frozenset({6, 7, 34892, 33007})
_OTHERS_TO_RGB = frozenset({33005, 34712, 50001, 22610, 34934, 50002, 52546})
_APERIO_JP2K_YCBCR = 33003
expected_pixels = "an image in RGB, YCbCr, CMYK, palette or grey, 8 or 16 bits per sample"


def pixel_kind(
    page: tifffile.TiffPage, path: Location, *, significant: int | None = None
) -> PixelKind:
    """Tell what the samples of a page mean.

    Parameters
    ----------
    page : TiffPage
    path : Path
        For messages.
    significant : int, optional
        Number of significant bits, where something other than the page says so.

    Raises
    ------
    SlideError
        Floats, signed or complex numbers, more than 16 bits, channels without a
        meaning, volumes.
    """
    found = _refusal(page)
    if found is not None:
        raise SlideError("is no H&E image", path=path, expected=expected_pixels, found=found)
    full = full_scale(int(page.bitspersample), page.tags.valueof(281), significant)
    alpha = int(page.extrasamples[0]) if page.extrasamples else 0
    photometric = int(page.photometric)
    if photometric == _PALETTE:
        return PixelKind("palette", palette=_palette(page))
    if photometric in (_GREY, _WHITE_IS_ZERO):
        return PixelKind("grey", full, photometric == _WHITE_IS_ZERO, alpha)
    if photometric == _CMYK:
        return PixelKind("cmyk", full)
    raw = photometric == _YCBCR and int(page.compression) not in JPEG_FAMILY | _OTHERS_TO_RGB
    ycbcr = raw or int(page.compression) == _APERIO_JP2K_YCBCR
    return PixelKind("ycbcr" if ycbcr else "rgb", full, alpha=alpha)


def _refusal(page: tifffile.TiffPage) -> str | None:  # noqa: PLR0911  a list of cases
    """Say what is wrong with a page's pixels; None where they can be converted."""
    photometric = int(page.photometric)
    name = _NAMES.get(photometric, f"photometric {photometric}")
    bits = page.bitspersample
    if photometric not in _SAMPLES:
        return f"{bits}-bit {name}"
    depth = page.dtype is not None and page.dtype.kind == "u" and isinstance(bits, int)
    if page.sampleformat != 1 or not depth or not 1 <= bits <= 16:
        return f"{bits}-bit {name} ({page.dtype or page.sampleformat})"
    if page.imagedepth != 1:
        return f"a volume of {page.imagedepth} planes"
    extra = tuple(int(v) for v in page.extrasamples)
    usual = _SAMPLES[photometric]
    with_alpha = photometric not in (_CMYK, _PALETTE) and extra in ((1,), (2,))
    if page.samplesperpixel != usual + (1 if with_alpha else 0):
        return f"{name} with {page.samplesperpixel} samples per pixel, extra samples {extra}"
    if photometric == _YCBCR and bits != 8:
        return f"{bits}-bit {name}"
    if photometric == _CMYK and page.tags.valueof(332, default=1) != 1:
        return "inks other than CMYK"
    if photometric == _PALETTE and page.colormap is None:
        return "a palette without colours"
    return None


def _palette(page: tifffile.TiffPage) -> NDArray[np.uint8]:
    """Return the (n, 3) 8-bit colours; some writers store 8-bit values in the 16-bit table."""
    colours = np.asarray(page.colormap)
    eight = colours if colours.max(initial=0) < 256 else colours >> 8
    return np.ascontiguousarray(eight.T.astype(np.uint8))
