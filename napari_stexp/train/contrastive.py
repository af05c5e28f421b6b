"""The loss of mclSTExp, and random changes of whole batches of patches."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["augment", "contrastive_loss", "jitter_colors", "turn"]

#: ITU-R BT.601 luma, what torchvision's ColorJitter calls grey.
_LUMA = (0.2989, 0.587, 0.114)


def contrastive_loss(
    spots: Tensor, images: Tensor, temperature: float = 1.0, *, unit_length: bool = False
) -> Tensor:
    """Symmetric cross-entropy between spots and images of the same batch.

    Parameters
    ----------
    spots, images : Tensor, (B, D)
        Embeddings; row i of both is the same spot.
    temperature : float
        Divides the logits; 1 in the paper.
    unit_length : bool
        Normalise embeddings to length 1 first (InfoNCE as in CLIP, which needs
        a small temperature). False in the paper.

    Returns
    -------
    Tensor, ()
        Mean of the cross-entropy over rows and over columns of
        spots · imagesᵀ / temperature, whose target is the diagonal
        (Min et al. 2024, section "Contrastive learning").
    """
    if unit_length:
        spots, images = functional.normalize(spots), functional.normalize(images)
    logits = spots @ images.T / temperature  # (B, B)
    target = torch.arange(len(logits), device=logits.device)
    return (
        functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
    ) / 2


def augment(
    images: Tensor, generator: torch.Generator, jitter: tuple[float, float, float], *, turns: bool
) -> Tensor:
    """Change each image of a batch at random.

    Parameters
    ----------
    images : Tensor, (B, 3, p, p) float in 0..1
        RGB.
    generator : torch.Generator
        On the CPU, whatever the images' device, so that a seed means the same
        everywhere.
    jitter : tuple of 3 floats
        Strength of brightness, contrast and saturation.
    turns : bool
        Flip, and rotate by multiples of 90°: tissue has no upright.
    """
    if turns:
        images = turn(images, torch.randint(8, (len(images),), generator=generator))
    if any(jitter):
        strengths = torch.tensor(jitter).view(3, 1)
        factors = 1 + strengths * (2 * torch.rand(3, len(images), generator=generator) - 1)
        order = torch.randperm(3, generator=generator).tolist()
        images = jitter_colors(images, factors.clamp_min(0).to(images.device), order)
    return images


def turn(images: Tensor, which: Tensor) -> Tensor:
    """Apply one of the eight symmetries of the square to each image.

    Parameters
    ----------
    images : Tensor, (B, C, p, p)
    which : Tensor, (B,) int in 0..7
        Quarter turns, plus 4 for a flip before.
    """
    result = torch.empty_like(images)
    for symmetry in which.unique().tolist():
        chosen = (which == symmetry).nonzero().squeeze(1).to(images.device)
        part = images[chosen]
        if symmetry >= 4:
            part = part.flip(3)
        result[chosen] = torch.rot90(part, symmetry % 4, (2, 3))
    return result


def jitter_colors(images: Tensor, factors: Tensor, order: list[int]) -> Tensor:
    """Change brightness (0), contrast (1) and saturation (2), one factor per image.

    The arithmetic is torchvision's ColorJitter: blending with black, with the
    image's mean grey, and with its own grey; clipped to 0..1 after each.

    Parameters
    ----------
    images : Tensor, (B, 3, p, p) float in 0..1
    factors : Tensor, (3, B)
        1 changes nothing.
    order : list of int
        In which order the three are applied.
    """
    luma = torch.tensor(_LUMA, device=images.device).view(1, 3, 1, 1)
    for kind in order:
        factor = factors[kind].view(-1, 1, 1, 1)
        if kind == 0:
            images = images * factor
        else:
            grey = (images * luma).sum(1, keepdim=True)
            base = grey.mean((2, 3), keepdim=True) if kind == 1 else grey
            images = base + factor * (images - base)
        images = images.clamp(0, 1)
    return images
