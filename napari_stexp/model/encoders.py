"""The five image encoders of mclSTExp, under the parameter names of the released code.

The released code keeps torchvision's children without the last one (the
classifier) in an ``nn.Sequential`` called ``model``, so that DenseNet's
``features`` is ``model.0`` and ResNet's ``conv1`` is ``model.0``, ``layer1`` is
``model.4``. Weights are never downloaded: they come from a bundle, a
checkpoint, or training.
"""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor, nn
from torch.nn import functional

from napari_stexp.errors import BundleError
from napari_stexp.model.header import ENCODERS

__all__ = ["ENCODERS", "ImageEncoder", "build_encoder", "recognise_encoder"]


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


def build_encoder(name: str, *, patch_px: int = 224) -> ImageEncoder:
    """Make an image encoder with random weights.

    Parameters
    ----------
    name : str
        A key of `ENCODERS`.
    patch_px : int
        Side of the patches in px. Only the vision transformer depends on it
        (its table of positions has a row per 32-px tile).

    Raises
    ------
    BundleError
        The encoder is unknown, or the patch size is impossible for it.
    """
    if name not in ENCODERS:
        raise BundleError(
            "unknown image encoder", expected=f"one of {', '.join(ENCODERS)}", found=repr(name)
        )
    if name == "vit_base_patch32_224":
        return ImageEncoder(_vit(patch_px), ENCODERS[name])
    from torchvision import models

    network: nn.Module = getattr(models, name)(weights=None)
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
    """Tell from a state dict's parameter names which image encoder it holds.

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
