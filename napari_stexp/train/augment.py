"""Random changes of whole batches of patches, on the device.

Each is a transform of ``torchvision.transforms.v2``, and each image of a batch
gets parameters of its own: torchvision's own transforms draw one set for the
whole batch. All take images (B, 3, p, p) or, with S fields of view of the same
spot, (B, S, 3, p, p), which are changed alike; RGB in 0..1. Random numbers are
torch's, drawn on the CPU whatever the images' device, so that a seed means the
same everywhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

if TYPE_CHECKING:
    from napari_stexp.train.settings import TrainSettings

__all__ = [
    "ColorJitter",
    "HorizontalFlip",
    "QuarterTurns",
    "Rotation",
    "StainJitter",
    "make_augmentation",
    "seeded",
    "turn",
]

#: ITU-R BT.601 luma, what torchvision's ColorJitter calls grey.
_LUMA = (0.2989, 0.587, 0.114)
_DARKEST = 1e-3  # of intensities, so that their logarithm is finite


class BatchTransform(v2.Transform, ABC):
    """A transform whose parameters are tensors with an entry per image, (B, ...)."""

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the parameters for a batch."""
        return self.draw(len(flat_inputs[0]))

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Change (B, 3, p, p) or (B, S, 3, p, p) images."""
        if inpt.ndim == 4:
            return self.change(inpt, **params)
        fields = inpt.shape[1]
        alike = {key: value.repeat_interleave(fields, 0) for key, value in params.items()}
        return self.change(inpt.flatten(0, 1), **alike).unflatten(0, (-1, fields))

    @abstractmethod
    def draw(self, n: int) -> dict[str, Tensor]:
        """Draw parameters for n images, on the CPU."""

    @abstractmethod
    def change(self, images: Tensor, **params: Tensor) -> Tensor:
        """Change (B, 3, p, p) images."""


class ColorJitter(BatchTransform):
    """Random brightness, contrast and saturation, in random order.

    The arithmetic is torchvision's: blending with black, with the image's mean
    grey, and with its own grey; clipped to 0..1 after each.

    Parameters
    ----------
    brightness, contrast, saturation : float
        Factors are uniform in [max(0, 1 - strength), 1 + strength].
    """

    def __init__(self, brightness: float, contrast: float, saturation: float) -> None:
        super().__init__()
        self.strengths = (brightness, contrast, saturation)

    def draw(self, n: int) -> dict[str, Tensor]:
        """Draw factors (n, 3) of the three kinds, and the order (n, 3) of the kinds."""
        strengths = torch.tensor(self.strengths)
        factors = (1 + strengths * (2 * torch.rand(n, 3) - 1)).clamp_min(0)
        return {"factors": factors, "order": torch.rand(n, 3).argsort(1)}

    def change(self, images: Tensor, **params: Tensor) -> Tensor:
        """Blend each image three times; kinds are 0 brightness, 1 contrast, 2 saturation."""
        luma = torch.tensor(_LUMA, device=images.device, dtype=images.dtype)
        factors = _on(params["factors"].gather(1, params["order"]), images)  # as used
        flat, grey = (_on((params["order"] == kind).float(), images) for kind in (1, 2))
        shape = images.permute(0, 2, 3, 1).shape
        pixels = images.permute(0, 2, 3, 1).flatten(1, 2)  # (B, p·p, 3)
        for i in range(3):
            kept, left = factors[:, i, None], 1 - factors[:, i, None]
            added = pixels @ luma  # (B, p·p)
            mean = added.mean(1, keepdim=True)
            # Each image blends with its grey, with its mean grey, or (both 0) with black.
            added = added.mul_(left * grey[:, i, None]).add_(left * flat[:, i, None] * mean)
            pixels = torch.addcmul(added[..., None], pixels, kept[..., None]).clamp_(0, 1)
        return pixels.view(shape).permute(0, 3, 1, 2)


class StainJitter(BatchTransform):
    """Random amounts of haematoxylin, eosin and a third stain (Tellez et al. 2018).

    Optical densities, -log10 of the intensities, are split into stains by the
    matrix of Ruifrok and Johnston (2001); each stain's amount s becomes
    alpha s + beta, with alpha uniform in 1 ± strength and beta in ± strength.

    Parameters
    ----------
    strength : float
        Tellez et al. call 0.05 light and 0.2 strong.
    """

    def __init__(self, strength: float) -> None:
        super().__init__()
        self.strength = strength

    def draw(self, n: int) -> dict[str, Tensor]:
        """Draw alpha and beta, (n, 3) each."""
        alpha, beta = self.strength * (2 * torch.rand(2, n, 3) - 1)
        return {"alpha": 1 + alpha, "beta": beta}

    def change(self, images: Tensor, **params: Tensor) -> Tensor:
        """Scale and shift the stains of each image, by one affine map of its densities."""
        from skimage.color import hed_from_rgb, rgb_from_hed

        matrices = (torch.from_numpy(m).float() for m in (hed_from_rgb, rgb_from_hed))
        unmix, mix = (_on(matrix, images) for matrix in matrices)
        alpha, beta = (_on(params[name], images) for name in ("alpha", "beta"))
        # densities (row vectors): d -> (d unmix * alpha + beta) mix
        matrix = unmix @ (alpha.unsqueeze(2) * mix)  # (B, 3, 3)
        shift = (beta @ mix)[:, :, None, None]
        density = -images.clamp_min(_DARKEST).log10()
        density = torch.einsum("bchw,bcd->bdhw", density, matrix) + shift
        return torch.pow(10.0, -density).clamp(0, 1)


class HorizontalFlip(BatchTransform):
    """Mirror left and right with probability 1/2."""

    def draw(self, n: int) -> dict[str, Tensor]:
        """Draw which of n images are flipped, (n,) bool."""
        return {"flip": torch.rand(n) < 0.5}

    def change(self, images: Tensor, **params: Tensor) -> Tensor:
        """Flip the chosen images."""
        return torch.where(_on(params["flip"], images)[:, None, None, None], images.flip(3), images)


class QuarterTurns(BatchTransform):
    """Rotate by 0, 90, 180 or 270 degrees: tissue has no upright."""

    def draw(self, n: int) -> dict[str, Tensor]:
        """Draw the number of quarter turns, (n,) int."""
        return {"which": torch.randint(4, (n,))}

    def change(self, images: Tensor, **params: Tensor) -> Tensor:
        """Turn each image."""
        return turn(images, params["which"])


class Rotation(BatchTransform):
    """Rotate by any angle around the centre; what comes from outside is ``fill``.

    Parameters
    ----------
    degrees : float
        Angles are uniform in ± degrees, counter-clockwise.
    fill : sequence of 3 floats
        RGB in 0..1.
    mode : {'nearest', 'bilinear'}
        Interpolation; the released code's is 'nearest'.
    """

    def __init__(
        self, degrees: float = 180.0, fill: Sequence[float] = (0, 0, 0), mode: str = "nearest"
    ) -> None:
        super().__init__()
        self.degrees, self.fill, self.mode = degrees, tuple(float(v) for v in fill), mode

    def draw(self, n: int) -> dict[str, Tensor]:
        """Draw angles in degrees, (n,)."""
        return {"angle": self.degrees * (2 * torch.rand(n) - 1)}

    def change(self, images: Tensor, **params: Tensor) -> Tensor:
        """Rotate each image by its own angle."""
        angle = _on(params["angle"].deg2rad(), images)
        cosine, sine, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
        theta = torch.stack([cosine, -sine, zero, sine, cosine, zero], 1).view(-1, 2, 3)
        grid = functional.affine_grid(theta, list(images.shape), align_corners=False)
        # Shifted so that 0, which grid_sample pads with, stands for the fill.
        fill = torch.tensor(self.fill, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
        shifted = images - fill if any(self.fill) else images
        rotated = functional.grid_sample(shifted, grid, mode=self.mode, align_corners=False)
        return rotated + fill if any(self.fill) else rotated


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


def make_augmentation(
    settings: TrainSettings, fill: Sequence[int] = (0, 0, 0), *, geometry: bool = True
) -> v2.Transform:
    """Put together what the settings ask for, in the released code's order.

    Parameters
    ----------
    settings : TrainSettings
        Its ``jitter``, ``stain_jitter``, ``flips`` and ``rotation``.
    fill : sequence of 3 ints
        Colour of the corners after a rotation by any angle, 0..255.
    geometry : bool
        False leaves out flips and rotations.
    """
    steps: list[v2.Transform] = []
    if settings.stain_jitter:
        steps.append(StainJitter(settings.stain_jitter))
    if any(settings.jitter):
        steps.append(ColorJitter(*settings.jitter))
    if geometry and settings.flips:
        steps.append(HorizontalFlip())
    if geometry and settings.rotation == "quarter":
        steps.append(QuarterTurns())
    if geometry and settings.rotation == "any":
        steps.append(Rotation(180.0, [value / 255 for value in fill]))
    return v2.Compose(steps) if steps else v2.Identity()


@contextmanager
def seeded(*numbers: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Derive torch's random numbers in here from ``numbers``; the caller's stay as they are.

    Parameters
    ----------
    numbers : int
        Say seed, epoch and step; any change gives unrelated random numbers.
    device : torch.device or str
        Where else random numbers are drawn (dropout).
    """
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    device = torch.device(device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(int(state))
        yield


def _on(values: Tensor, images: Tensor) -> Tensor:
    """Bring parameters to the images, without waiting for the device."""
    dtype = images.dtype if values.is_floating_point() else values.dtype
    if images.device.type == "cuda":
        values = values.pin_memory()
    return values.to(images.device, dtype, non_blocking=True)
