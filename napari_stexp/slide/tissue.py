"""Where the tissue is, on a picture of the whole slide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["tissue_mask"]

#: Smallest magenta-ness (0..255) that counts as stain, whatever Otsu says:
#: clean glass and its noise stay below.
_FAINTEST_STAIN = 8.0


def tissue_mask(
    image: NDArray[np.uint8], min_area_px: int | None = None, max_hole_px: int | None = None
) -> NDArray[np.bool_]:
    """Find H&E-stained tissue on a thumbnail.

    Both stains absorb green most, so that stained pixels have less green than
    red and blue. That difference, min(red, blue) - green, is zero on glass
    and black padding, and negative on blue, green and black ink; Otsu's
    threshold on it (Otsu 1979, IEEE Trans. SMC 9:62) splits stain from glass.

    Parameters
    ----------
    image : (h, w, 3) uint8
        A thumbnail, about 1,000 to 2,000 px.
    min_area_px : int, optional
        Smaller pieces are dropped; a 2,000th of the picture by default.
    max_hole_px : int, optional
        Smaller holes are closed, larger ones (fat, lumina, tears) stay; as
        ``min_area_px`` by default.

    Returns
    -------
    (h, w) bool array
        All False where nothing is stained.
    """
    from skimage.filters import gaussian, threshold_otsu
    from skimage.morphology import remove_small_holes, remove_small_objects

    area = image.shape[0] * image.shape[1]
    if area == 0:
        return np.zeros(image.shape[:2], bool)
    min_area = max(1, area // 2000) if min_area_px is None else min_area_px
    max_hole = min_area if max_hole_px is None else max_hole_px
    rgb = gaussian(image.astype(np.float32), sigma=1.5, channel_axis=2, preserve_range=True)
    stain = np.minimum(rgb[..., 0], rgb[..., 2]) - rgb[..., 1]
    seen = np.clip(stain[rgb.max(axis=2) > 30], 0, None)  # padding would be half of Otsu's picture
    if not seen.size or seen.max() < _FAINTEST_STAIN:
        return np.zeros(image.shape[:2], bool)
    threshold = max(float(threshold_otsu(seen)) * 0.6, _FAINTEST_STAIN)
    mask = stain > threshold
    mask = remove_small_objects(mask, max_size=max(min_area - 1, 0))
    return remove_small_holes(mask, max_size=max(max_hole - 1, 0))
