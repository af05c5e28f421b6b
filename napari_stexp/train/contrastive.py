"""The loss of mclSTExp."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["contrastive_loss"]


def contrastive_loss(
    spots: Tensor,
    images: Tensor,
    temperature: float | Tensor = 1.0,
    *,
    unit_length: bool = False,
    soft_targets: bool = False,
) -> Tensor:
    """Symmetric cross-entropy between spots and images of the same batch.

    Parameters
    ----------
    spots, images : Tensor, (B, D)
        Embeddings; row i of both is the same spot.
    temperature : float or Tensor, ()
        Divides the logits; 1 in the paper.
    unit_length : bool
        Normalise embeddings to length 1 first (InfoNCE as in CLIP, which needs
        a small temperature). False in the paper.
    soft_targets : bool
        Pairs that are alike share the target, as in BLEEP (Xie et al. 2023):
        the softmax over each row of (images · imagesᵀ + spots · spotsᵀ) / 2 ·
        temperature takes the place of the identity. False in the paper.

    Returns
    -------
    Tensor, ()
        Mean of the cross-entropy over rows and over columns of
        spots · imagesᵀ / temperature, whose target is the identity
        (Min et al. 2024, section "Contrastive learning").
    """
    if unit_length:
        spots, images = functional.normalize(spots), functional.normalize(images)
    logits = spots @ images.T / temperature  # (B, B)
    if not soft_targets:
        target = torch.arange(len(logits), device=logits.device)
        by_spot = functional.cross_entropy(logits, target)
        return (by_spot + functional.cross_entropy(logits.T, target)) / 2
    alike = (images @ images.T + spots @ spots.T) / 2 * temperature
    targets = alike.softmax(1)
    by_spot = -(targets * logits.log_softmax(1)).sum(1)
    by_image = -(targets.T * logits.T.log_softmax(1)).sum(1)
    return (by_spot + by_image).mean() / 2
