"""Image encoders: the paper's five, any network of timm, and statistics of colour.

The five keep the parameter names of the released code, which holds torchvision's
children without the last one (the classifier) in an ``nn.Sequential`` called
``model``: DenseNet's ``features`` is ``model.0``, ResNet's ``conv1`` is
``model.0``, ``layer1`` is ``model.4``. Nothing is ever downloaded here: weights
come from a bundle, a checkpoint, training, or `napari_stexp.model.load_pretrained`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_stexp.errors import BundleError
from napari_stexp.model.encoder_names import (
    ENCODERS,
    STAIN_STATISTICS,
    check_encoder,
    is_timm,
    read_timm_name,
    split_encoder,
)
from napari_stexp.model.statistics import STATISTICS, patch_statistics
from napari_stexp.model.timm_networks import features_of, make_network, stage_widths

if TYPE_CHECKING:
    from napari_stexp.model.header import InputContract

__all__ = [
    "ENCODERS",
    "ImageEncoder",
    "JointEncoder",
    "StageEncoder",
    "StainStatistics",
    "build_encoder",
    "encoder_parts",
    "recognise_encoder",
]


class ImageEncoder(nn.Module):
    """Patches in, one feature vector per patch out.

    Parameters
    ----------
    model : nn.Module
        Maps (N, 3, p, p) to a feature map (N, width, h, w) or to (N, width).
    width : int
        Number of features per patch.
    """

    def __init__(self, model: nn.Module, width: int) -> None:
        super().__init__()
        self.model = model
        self.width = width

    def forward(self, images: Tensor) -> Tensor:
        """Encode ``images`` (N, 3, p, p) to (N, width)."""
        features: Tensor = self.model(images)
        if features.ndim == 4:
            # DenseNet's map is pooled as it is: the released code has no ReLU here,
            # unlike torchvision's own forward.
            features = functional.adaptive_avg_pool2d(features, 1).flatten(1)
        return features


class StageEncoder(ImageEncoder):
    """A network of timm whose features are taken from all of its stages.

    Early stages see texture and nuclei, late ones what ImageNet's objects are made
    of; on tissue the early ones often tell more. Of each stage's map (N, C, h, w)
    mean and standard deviation over the patch are taken.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model, 2 * sum(stage_widths(model)))

    def forward(self, images: Tensor) -> Tensor:
        """Encode ``images`` (N, 3, p, p) to (N, width): stage by stage, means first."""
        network: Any = self.model
        stages = network.forward_intermediates(images, intermediates_only=True)
        moments = [torch.std_mean(stage.float(), (2, 3), correction=0) for stage in stages]
        return torch.cat([part for std, mean in moments for part in (mean, std)], dim=1)


class StainStatistics(nn.Module):
    """An encoder without weights: `patch_statistics` of the patch as plain RGB.

    Parameters
    ----------
    contract : InputContract, optional
        How the images were prepared, which is undone; RGB in 0..1 when not given.
    """

    width = len(STATISTICS)

    def __init__(self, contract: InputContract | None = None) -> None:
        super().__init__()
        # Plain numbers: a buffer would have to be stored with the weights.
        self._mean = contract.mean if contract else None
        self._std = contract.std if contract else None
        self._swapped = contract is not None and contract.color_order == "BGR"
        self._range = contract.value_range if contract else 1.0

    def forward(self, images: Tensor) -> Tensor:
        """Measure ``images`` (N, 3, p, p); (N, width)."""
        with torch.autocast(images.device.type, enabled=False):
            images = images.float()
            if self._mean is not None and self._std is not None:
                std, mean = (images.new_tensor(v).view(3, 1, 1) for v in (self._std, self._mean))
                images = images * std + mean
            if self._swapped:
                images = images.flip(1)
            return patch_statistics((images / self._range).clamp(0.0, 1.0))


class JointEncoder(nn.Module):
    """Several encoders of the same patches, their features one after the other."""

    def __init__(self, parts: list[ImageEncoder | StainStatistics]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.width = sum(part.width for part in parts)

    def forward(self, images: Tensor) -> Tensor:
        """Encode ``images`` (N, 3, p, p) to (N, width)."""
        return torch.cat([part(images).float() for part in self.parts], dim=1)


Encoder = ImageEncoder | StainStatistics | JointEncoder


def build_encoder(
    name: str, *, patch_px: int = 224, contract: InputContract | None = None
) -> Encoder:
    """Make an image encoder with random weights.

    Parameters
    ----------
    name : str
        See `napari_stexp.model.check_encoder`.
    patch_px : int
        Side of the patches in px. Only vision transformers depend on it (their
        tables of positions have a row per tile).
    contract : InputContract, optional
        How images are prepared; only ``stain_statistics`` asks.

    Returns
    -------
    nn.Module
        With an attribute ``width``: the number of features.

    Raises
    ------
    BundleError
        The encoder is unknown, or the patch size is impossible for it.
    """
    check_encoder(name)
    parts = [_build_part(part, patch_px, contract) for part in split_encoder(name)]
    return parts[0] if len(parts) == 1 else JointEncoder(parts)


def encoder_parts(encoder: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """Yield the name and the encoder of each part of ``A+B``."""
    parts = encoder.parts if isinstance(encoder, JointEncoder) else [encoder]
    yield from zip(split_encoder(name), parts, strict=True)


def _build_part(
    name: str, patch_px: int, contract: InputContract | None
) -> ImageEncoder | StainStatistics:
    if name == STAIN_STATISTICS:
        return StainStatistics(contract)
    if is_timm(name):
        network = make_network(name, patch_px)
        if "features" in read_timm_name(name)[1]:
            return StageEncoder(network)
        return ImageEncoder(network, features_of(network))
    if name == "vit_base_patch32_224":
        return ImageEncoder(_vit(patch_px), ENCODERS[name])
    from torchvision import models

    network = getattr(models, name)(weights=None)
    return ImageEncoder(nn.Sequential(*list(network.children())[:-1]), ENCODERS[name])


def _vit(patch_px: int) -> nn.Module:
    import timm

    if patch_px < 32 or patch_px % 32:
        raise BundleError(
            "vit_base_patch32_224 cuts patches into 32-px tiles",
            expected="a patch size that is a multiple of 32 px",
            found=f"{patch_px} px",
        )
    network: nn.Module = timm.create_model(
        "vit_base_patch32_224",
        pretrained=False,
        num_classes=0,
        global_pool="avg",
        img_size=patch_px,
    )
    return network


def recognise_encoder(keys: Collection[str]) -> str:
    """Tell from a state dict's parameter names which of the paper's encoders it holds.

    Parameters
    ----------
    keys : collection of str
        Parameter names, as in the released code.

    Returns
    -------
    str
        A key of `ENCODERS`, or ``""`` where none fits.
    """
    prefix = "image_encoder.model."
    if f"{prefix}0.denseblock1.denselayer1.conv1.weight" in keys:
        return "densenet121"
    if f"{prefix}patch_embed.proj.weight" in keys:
        return "vit_base_patch32_224"
    if f"{prefix}7.0.conv1.weight" in keys:
        if f"{prefix}7.0.conv3.weight" not in keys:
            return "resnet18"
        return "resnet101" if f"{prefix}6.22.conv1.weight" in keys else "resnet50"
    return ""
