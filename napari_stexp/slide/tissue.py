"""Where the tissue is, on a picture of the whole slide."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TissueEvidence", "find_evidence", "tidy_tissue", "tissue_mask"]

#: Darker than this in all channels is padding that a scanner or a person put there.
_PADDING = 30
#: Bounds of the texture threshold, as standard deviations of optical density. Glass
#: has under 0.015 (noise, dye that ran out), stained tissue over 0.1.
_TEXTURE_RANGE = (0.03, 0.06)
#: Even stain counts as tissue from this optical density above the glass on.
_FAINTEST_STAIN = 0.2
#: Colour per density: a shadow, a bubble, dust and grey ink have under 0.1, haematoxylin
#: has 0.3 and eosin 0.9.
_LEAST_COLOUR = 0.15
#: Spread of the hue within a piece (standard deviation of the channels' shares of the density):
#: two dyes have over 0.024 in the real sections, one ink or a coloured shadow under 0.02.
_LEAST_SPREAD = 0.012
_LEAST_SPREAD_OF_LINES = 0.02
_LINE = 12.0  # times its half width squared is a line's area at least
_FEWEST_PX = 30  # of a piece, to judge its spread

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class _Optics:
    """Optical density (natural log) per channel, above the glass; and what is padding."""

    density: NDArray[np.float32]  # as it is
    mean: NDArray[np.float32]  # smoothed
    texture: Plane  # standard deviation of green
    colour_texture: Plane  # of the excess of green over red and blue
    seen: Mask


@dataclass(frozen=True, eq=False)
class TissueEvidence:
    """What was found before small pieces and holes were looked at.

    Attributes
    ----------
    found : (h, w) bool array
        Stained or textured, with gaps closed; reaches ``reach`` pixels beyond the edges.
    seen : (h, w) bool array
        What isn't padding.
    reach : int
    """

    found: Mask
    seen: Mask
    reach: int


def tissue_mask(
    image: NDArray[np.uint8], min_area_px: int | None = None, max_hole_px: int | None = None
) -> Mask:
    """Find H&E-stained tissue on a thumbnail.

    Tissue is where the optical density of green, which both stains absorb
    most, is uneven; or where it is high. Unevenness tells pale tissue (fat)
    from dye that ran out over the glass, which can be as dark, and doesn't
    mind a coloured background. Both thresholds are Otsu's (1979, IEEE Trans.
    SMC 9:62), within bounds that hold for any slide.

    Left out are black padding; what is dark without a colour (shadows, edges of
    the cover slip, bubbles, dust, grey ink); ink, by colours that the stains
    don't have; and pieces of one hue, where tissue has the hues of two dyes.

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
    evidence = find_evidence(image)
    area = evidence.found.size
    return tidy_tissue(
        evidence,
        area // 1000 if min_area_px is None else min_area_px,
        area // 1000 if max_hole_px is None else max_hole_px,
    )


def find_evidence(image: NDArray[np.uint8]) -> TissueEvidence:
    """Find what may be tissue on a thumbnail (h, w, 3) uint8; see `tissue_mask`."""
    from skimage.morphology import isotropic_closing

    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"a picture of shape {image.shape} and {image.dtype}, not (h, w, 3) uint8")
    sigma = max(1.0, max(image.shape[:2]) / 400)
    optics = _measure(image, sigma)
    found = _textured(optics) | _stained(optics)
    found &= optics.seen & _coloured(optics) & ~_inked(optics, sigma)
    reach = max(1, round(sigma))
    if found.any():
        found = _of_two_dyes(isotropic_closing(found, reach), optics)
    return TissueEvidence(found, optics.seen, reach)


def tidy_tissue(evidence: TissueEvidence, min_area_px: int, max_hole_px: int) -> Mask:
    """Close small holes, drop small pieces, and go back to the edges; areas in pixels."""
    from skimage.morphology import isotropic_erosion, remove_small_holes, remove_small_objects

    if not evidence.found.any():
        return evidence.found.copy()
    mask = remove_small_holes(evidence.found, max_size=max(max_hole_px, 0))
    mask = isotropic_erosion(mask, evidence.reach)  # texture reaches beyond the edge it is of
    mask &= evidence.seen
    return np.asarray(remove_small_objects(mask, max_size=max(min_area_px - 1, 0)), bool)


def _measure(image: NDArray[np.uint8], sigma: float) -> _Optics:
    """Smooth without letting the padding in: sums over seen pixels over sums of ones."""
    from skimage.filters import gaussian
    from skimage.morphology import isotropic_dilation, remove_small_objects

    # a few dark pixels are nuclei; padding comes in areas, and JPEG smears its border
    padding = remove_small_objects(image.max(axis=2) <= _PADDING, max_size=round(100 * sigma**2))
    seen = ~isotropic_dilation(padding, 2) if padding.any() else ~padding
    weight = np.maximum(gaussian(seen.astype(np.float32), sigma), 1e-3)

    def smooth(plane: Plane) -> Plane:
        return np.asarray(gaussian(plane, sigma) / weight, np.float32)

    density = -np.log((image.astype(np.float32) + 1) / 256) * seen[..., None]
    mean = np.stack([smooth(density[..., i]) for i in range(3)], axis=2)
    texture = _deviation(smooth(density[..., 1] ** 2), mean[..., 1])
    excess = _excess(density)
    colour_texture = _deviation(smooth(excess**2), _excess(mean))
    glass = _find_glass(mean, texture, seen)
    return _Optics(density - glass, mean - glass, texture, colour_texture, seen)


def _deviation(square: Plane, mean: Plane) -> Plane:
    return np.asarray(np.sqrt(np.maximum(square - mean**2, 0)), np.float32)


def _excess(density: NDArray[np.float32]) -> Plane:
    """Return by how much green is absorbed more than red and blue: both dyes do, grey doesn't."""
    return np.asarray(density[..., 1] - density[..., ::2].mean(axis=2), np.float32)


def _find_glass(mean: NDArray[np.float32], texture: Plane, seen: Mask) -> NDArray[np.float32]:
    """Return the optical density of empty glass, per channel."""
    flat = seen & (texture < _TEXTURE_RANGE[0])
    if not flat.any():
        flat = seen
    green = mean[..., 1][flat]
    if not green.size:
        return np.zeros(3, np.float32)
    pale = green <= np.percentile(green, 5) + 0.02
    return np.asarray(np.median(mean[flat][pale], axis=0), np.float32)


def _textured(optics: _Optics) -> Mask:
    """Split by texture; on a log scale, where glass and tissue are two clear heaps."""
    values = np.log(np.maximum(optics.texture[optics.seen], 1e-3))
    threshold = np.clip(np.exp(_otsu(values)), *_TEXTURE_RANGE)
    return np.asarray(optics.texture > threshold)


def _stained(optics: _Optics) -> Mask:
    """Split by the density of green, at least `_FAINTEST_STAIN` above the glass."""
    green = optics.mean[..., 1]
    seen = green[optics.seen]
    if not seen.size:
        return np.zeros(green.shape, bool)
    glass = float(np.percentile(seen, 1))
    return np.asarray(green > max(_otsu(seen), glass + _FAINTEST_STAIN))


def _coloured(optics: _Optics) -> Mask:
    """Tell what has a colour, on the whole or in its details, from what is only dark."""
    return np.asarray(
        (optics.colour_texture > _LEAST_COLOUR * optics.texture)
        & (_excess(optics.mean) > -0.25 * np.abs(optics.mean[..., 1]))
        | (_excess(optics.mean) > _LEAST_COLOUR * np.abs(optics.mean[..., 1]))
    )


def _inked(optics: _Optics, sigma: float) -> Mask:
    """Find dark marks in colours that haematoxylin and eosin don't have.

    Haematoxylin absorbs red and green alike and blue half as much, eosin
    almost only green. Blue and green ink absorb red more than green; yellow, orange
    and brown ink blue more than green; black ink absorbs all alike, red ink green and
    blue.
    """
    from skimage.morphology import isotropic_dilation

    red, green, blue = np.moveaxis(optics.mean, 2, 0)
    blue_ink = (red > 1.15 * green) & (blue < 0.5 * red)
    green_ink = red > 1.5 * green
    warm_ink = (blue > 1.3 * green) & (blue > red)
    black_ink = (blue > 0.85 * green) & (red > 0.85 * green) & (green > 1.0)
    red_ink = (blue > 0.65 * green) & (red < 0.3 * green) & (green > 1.0)
    dark = optics.mean.max(axis=2) > 0.35
    ink = dark & (blue_ink | green_ink | black_ink | red_ink | warm_ink)
    return np.asarray(isotropic_dilation(ink, 2 * sigma)) if ink.any() else ink


def _of_two_dyes(found: Mask, optics: _Optics) -> Mask:
    """Drop pieces whose pixels all have one hue: what is left of a pen's line."""
    from scipy import ndimage

    labels, n = ndimage.label(found)
    strength = optics.density.sum(axis=2)
    used = found & optics.seen & (strength > 0.3)
    at, weight = labels[used], strength[used]
    total = np.maximum(np.bincount(at, weight, n + 1), 1e-6)
    spread = np.zeros(n + 1)
    for channel in range(3):
        share = np.clip(optics.density[used][:, channel] / weight, -0.5, 1.5)
        mean = np.bincount(at, weight * share, n + 1) / total
        square = np.bincount(at, weight * share**2, n + 1) / total
        spread += np.maximum(square - mean**2, 0)
    spread = np.sqrt(spread / 3)
    half_width = ndimage.maximum(ndimage.distance_transform_edt(found), labels, np.arange(n + 1))
    area = np.bincount(labels.ravel(), minlength=n + 1)
    is_line = area > _LINE * np.asarray(half_width) ** 2
    one_hue = spread < np.where(is_line, _LEAST_SPREAD_OF_LINES, _LEAST_SPREAD)
    one_hue &= np.bincount(at, minlength=n + 1) > _FEWEST_PX
    one_hue[0] = False
    return np.asarray(found & ~one_hue[labels])


def _otsu(values: NDArray[np.float32]) -> float:
    """Otsu's threshold; of a single value, that value."""
    from skimage.filters import threshold_otsu

    if not values.size:
        return 0.0
    if values.min() == values.max():
        return float(values.flat[0])
    return float(threshold_otsu(values))
