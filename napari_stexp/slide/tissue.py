"""Where the tissue is, on a picture of the whole slide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["tissue_mask"]

#: Darker than this in all channels is padding that a scanner or a person put there.
_PADDING = 30
#: Bounds of the texture threshold, as standard deviations of optical density. Glass
#: has under 0.015 (noise, dye that ran out), stained tissue over 0.1.
_TEXTURE_RANGE = (0.03, 0.06)
#: Even stain counts as tissue from this optical density above the glass on.
_FAINTEST_STAIN = 0.2

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class _Optics:
    """Smoothed picture: optical density (natural log) per channel, texture, and what is padding."""

    density: NDArray[np.float32]
    texture: Plane
    seen: NDArray[np.bool_]


def tissue_mask(
    image: NDArray[np.uint8], min_area_px: int | None = None, max_hole_px: int | None = None
) -> NDArray[np.bool_]:
    """Find H&E-stained tissue on a thumbnail.

    Tissue is where the optical density of green, which both stains absorb
    most, is uneven; or where it is high. Unevenness tells pale tissue (fat)
    from dye that ran out over the glass, which can be as dark, and doesn't
    mind a coloured background. Both thresholds are Otsu's (1979, IEEE Trans.
    SMC 9:62), within bounds that hold for any slide. Black padding is left
    out, and so is ink of a pen, by its colour.

    Parameters
    ----------
    image : (h, w, 3) uint8
        A thumbnail, about 1,000 to 2,000 px.
    min_area_px : int, optional
        Smaller pieces are dropped; a 1,000th of the picture by default.
    max_hole_px : int, optional
        Smaller holes are closed, larger ones (lumina, tears) stay; a 1,000th
        of the picture by default.

    Returns
    -------
    (h, w) bool array
        All False where nothing is stained.
    """
    from skimage.morphology import (
        isotropic_closing,
        isotropic_erosion,
        remove_small_holes,
        remove_small_objects,
    )

    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"a picture of shape {image.shape} and {image.dtype}, not (h, w, 3) uint8")
    area = image.shape[0] * image.shape[1]
    min_area = area // 1000 if min_area_px is None else min_area_px
    max_hole = area // 1000 if max_hole_px is None else max_hole_px
    sigma = max(1.0, max(image.shape[:2]) / 400)
    optics = _measure(image, sigma)
    mask = _textured(optics) | _stained(optics)
    mask &= optics.seen & ~_inked(optics, sigma)
    if not mask.any():
        return mask
    radius = max(1, round(sigma))
    mask = isotropic_closing(mask, radius)
    mask = remove_small_holes(mask, max_size=max(max_hole, 0))
    mask = isotropic_erosion(mask, radius)  # texture reaches beyond the edge it is of
    mask &= optics.seen
    return np.asarray(remove_small_objects(mask, max_size=max(min_area - 1, 0)), bool)


def _measure(image: NDArray[np.uint8], sigma: float) -> _Optics:
    """Smooth without letting the padding in: sums over seen pixels over sums of ones."""
    from skimage.filters import gaussian
    from skimage.morphology import isotropic_dilation, remove_small_objects

    # a few dark pixels are nuclei; padding comes in areas, and JPEG smears its border
    padding = remove_small_objects(image.max(axis=2) <= _PADDING, max_size=round(100 * sigma**2))
    seen = ~isotropic_dilation(padding, 2) if padding.any() else ~padding
    weight = gaussian(seen.astype(np.float32), sigma)
    weight = np.maximum(weight, 1e-3)
    density = -np.log((image.astype(np.float32) + 1) / 256) * seen[..., None]
    mean = gaussian(density, sigma, channel_axis=2) / weight[..., None]
    square = gaussian(density[..., 1] ** 2, sigma) / weight
    texture = np.sqrt(np.maximum(square - mean[..., 1] ** 2, 0))
    return _Optics(mean.astype(np.float32), texture.astype(np.float32), seen)


def _textured(optics: _Optics) -> NDArray[np.bool_]:
    """Split by texture; on a log scale, where glass and tissue are two clear heaps."""
    values = np.log(np.maximum(optics.texture[optics.seen], 1e-3))
    threshold = np.clip(np.exp(_otsu(values)), *_TEXTURE_RANGE)
    return np.asarray(optics.texture > threshold)


def _stained(optics: _Optics) -> NDArray[np.bool_]:
    """Split by the density of green, at least `_FAINTEST_STAIN` above the glass."""
    green = optics.density[..., 1]
    seen = green[optics.seen]
    if not seen.size:
        return np.zeros(green.shape, bool)
    glass = float(np.percentile(seen, 1))
    return np.asarray(green > max(_otsu(seen), glass + _FAINTEST_STAIN))


def _inked(optics: _Optics, sigma: float) -> NDArray[np.bool_]:
    """Find dark marks in colours that haematoxylin and eosin don't have.

    Haematoxylin absorbs red and green alike and blue half as much, eosin
    almost only green. Blue and green ink absorb red more than green; black
    ink absorbs all alike, red ink green and blue.
    """
    from skimage.morphology import isotropic_dilation

    red, green, blue = np.moveaxis(optics.density, 2, 0)
    blue_ink = (red > 1.15 * green) & (blue < 0.3 * red)
    green_ink = red > 1.5 * green
    black_ink = (blue > 0.85 * green) & (red > 0.85 * green) & (green > 1.2)
    red_ink = (blue > 0.65 * green) & (red < 0.3 * green) & (green > 1.2)
    dark = optics.density.max(axis=2) > 0.7
    ink = dark & (blue_ink | green_ink | black_ink | red_ink)
    return np.asarray(isotropic_dilation(ink, 2 * sigma)) if ink.any() else ink


def _otsu(values: NDArray[np.float32]) -> float:
    """Otsu's threshold; of a single value, that value."""
    from skimage.filters import threshold_otsu

    if not values.size:
        return 0.0
    if values.min() == values.max():
        return float(values.flat[0])
    return float(threshold_otsu(values))
