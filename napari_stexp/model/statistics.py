"""Statistics of a patch's colour and stain: features that need no training.

They are an image encoder without weights, and what simple baselines are fitted
on: how bright a patch is and how much haematoxylin it took says a good part of
what expression can be told from it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

__all__ = ["NUCLEAR_THRESHOLD", "STATISTICS", "patch_statistics", "separate_stains"]

_CHANNELS = ("red", "green", "blue", "haematoxylin", "eosin")
_QUANTILES = (0.1, 0.5, 0.9)
_DARK = (0.5, 0.35)

#: Haematoxylin (on the scale of `separate_stains`) above which a pixel counts as nucleus.
#: Fixed, so that patches compare: Otsu's threshold within one finds nuclei in every patch.
#: On the tissue of whole sections Otsu's gives 0.10 to 0.12 (six of HER2ST).
NUCLEAR_THRESHOLD = 0.1

#: Names of the statistics, in order.
STATISTICS: tuple[str, ...] = (
    *(f"{channel}_mean" for channel in _CHANNELS),
    *(f"{channel}_std" for channel in _CHANNELS),
    *(f"{channel}_q{round(100 * q)}" for q in _QUANTILES for channel in _CHANNELS),
    *(f"dark_{round(100 * level)}" for level in _DARK),
    "nuclear_fraction",
)

# Optical densities of haematoxylin, eosin and DAB (rows) in R, G, B: Ruifrok AC, Johnston DA.
# Quantification of histochemical staining by color deconvolution. Anal Quant Cytol Histol
# 2001;23(4):291-299, as in skimage.color.rgb_from_hed.
_HED = ((0.65, 0.70, 0.29), (0.07, 0.99, 0.11), (0.27, 0.57, 0.78))
_DARKEST = 1e-6  # what skimage takes a black pixel for
_VALUES_AT_ONCE = 8_000_000  # of a batch, so that sorting them stays below 200 MB


def patch_statistics(images: Tensor) -> Tensor:
    """Describe patches by their colours.

    Of red, green, blue, haematoxylin and eosin: mean, standard deviation (of the
    population), and the 10, 50 and 90 % quantiles (linear, as NumPy's). Then the
    fractions of pixels whose mean of R, G and B is below 0.5 and below 0.35, and
    the fraction with haematoxylin above `NUCLEAR_THRESHOLD`.

    Parameters
    ----------
    images : Tensor, (N, 3, p, p) float
        RGB in 0..1, on any device.

    Returns
    -------
    Tensor, (N, F) float32
        On the same device, in the order of `STATISTICS`.
    """
    images = images.float()
    pixels = max(1, images.shape[-1] * images.shape[-2])
    step = max(1, _VALUES_AT_ONCE // (len(_CHANNELS) * pixels))
    parts = [_describe(part) for part in images.split(step)] if len(images) else []
    return torch.cat(parts) if parts else images.new_empty((0, len(STATISTICS)))


def separate_stains(images: Tensor) -> Tensor:
    """Separate haematoxylin, eosin and DAB (`skimage.color.rgb2hed`).

    Parameters
    ----------
    images : Tensor, (N, 3, ...) float
        RGB in 0..1.

    Returns
    -------
    Tensor, (N, 3, ...)
        Amounts of the three stains: optical density over that of a black pixel,
        unmixed; not below 0.
    """
    mixing = torch.tensor(_HED, dtype=torch.float64)
    unmixing: list[list[float]] = torch.linalg.inv(mixing).tolist()
    density = images.clamp_min(_DARKEST).log() / math.log(_DARKEST)
    red, green, blue = density.unbind(1)
    # sum by sum: a matrix product may be rounded to fewer digits on a GPU
    stains = [
        red * from_red + green * from_green + blue * from_blue
        for from_red, from_green, from_blue in zip(*unmixing, strict=True)
    ]
    return torch.stack(stains, dim=1).clamp_min(0.0)


def _describe(images: Tensor) -> Tensor:
    stains = separate_stains(images)[:, :2]
    values = torch.cat([images, stains], dim=1).flatten(2)  # (n, 5, pixels)
    levels = torch.tensor(_QUANTILES, device=values.device)
    quantiles = torch.quantile(values, levels, dim=2).movedim(0, 1)  # (n, 3, 5)
    brightness = values[:, :3].mean(dim=1)
    dark = [(brightness < level).float().mean(dim=1, keepdim=True) for level in _DARK]
    nuclear = (values[:, 3] > NUCLEAR_THRESHOLD).float().mean(dim=1, keepdim=True)
    spread = values.std(dim=2, correction=0)
    return torch.cat([values.mean(dim=2), spread, quantiles.flatten(1), *dark, nuclear], dim=1)
