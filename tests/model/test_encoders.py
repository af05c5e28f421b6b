from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

from napari_stexp.errors import BundleError
from napari_stexp.model import (
    ENCODERS,
    STATISTICS,
    ImagePreprocessor,
    InputContract,
    build_encoder,
    check_encoder,
    patch_statistics,
)
from napari_stexp.model.encoder_names import read_timm_name


@pytest.mark.parametrize(
    "name",
    [
        *ENCODERS,
        "stain_statistics",
        "timm:resnet10t",
        "timm:vit_small_patch16_224.dino",
        "timm:vit_large_patch16_224,init_values=1e-5",
        "resnet50+stain_statistics",
        "timm:resnet10t+timm:resnet18+densenet121",
    ],
)
def test_names_of_encoders_are_accepted(name: str) -> None:
    assert check_encoder(name) == name


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("vgg16", "vgg16"),
        ("", "''"),
        ("resnet18+", "''"),
        ("resnet18+resnet18", "resnet18 more than once"),
        ("+".join(f"timm:a{i}" for i in range(9)), "9 encoders"),
        ("timm:", "no name"),
        ("timm:hf-hub:someone/something", "no name"),
        ("timm:../x", "no name"),
        ("timm:resnet18,pretrained=True", "no option.*pretrained"),
        ("timm:resnet18,depth=2,depth=3", "twice"),
        ("timm:resnet18,depth=x", "depth is a number"),
        ("timm:resnet18,depth=1000000", "0 to 10000"),
        ("timm:resnet18,init_values=nan", "0 to 10000"),
        ("timm:resnet18,no_embed_class=1", "True or False"),
        ("timm:resnet18,mlp_layer=os.system", "is a word"),
        (3, "3"),
    ],
)
def test_other_names_are_refused(name: str, what: str) -> None:
    with pytest.raises(BundleError, match=f"unknown image encoder.*densenet121.*{what}"):
        check_encoder(name)


def test_names_are_checked_without_torch() -> None:
    code = (
        "import sys; from napari_stexp.model import check_encoder; "
        "check_encoder('timm:resnet18'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_options_have_their_types() -> None:
    name = "timm:vit_tiny_patch16_224,depth=2,init_values=1e-5,no_embed_class=True,act_layer=silu"
    assert read_timm_name(name) == (
        "vit_tiny_patch16_224",
        {"depth": 2, "init_values": 1e-5, "no_embed_class": True, "act_layer": "silu"},
    )


@pytest.mark.parametrize(
    ("name", "patch_px", "width"),
    [
        ("timm:test_vit", 32, 64),  # has a size
        ("timm:test_resnet", 32, 96),  # takes any
        ("timm:mobilenetv3_small_050", 32, 1024),  # a layer behind its pooling
        ("timm:vit_tiny_patch16_224,depth=1,reg_tokens=4,mlp_layer=SwiGLUPacked", 48, 192),
    ],
)
def test_networks_of_timm_give_pooled_features(name: str, patch_px: int, width: int) -> None:
    encoder = build_encoder(name, patch_px=patch_px).eval()
    assert encoder.width == width
    with torch.inference_mode():
        assert encoder(torch.rand(2, 3, patch_px, patch_px)).shape == (2, width)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("timm:resnte18", r"has no model 'resnte18'.*Similar names: resnet18"),
        ("timm:zzzzzzzz", r"has no model.*Update timm"),
        ("timm:vit_tiny_patch16_224", r"16-px tiles.*multiple of 16.*found 40 px"),
        ("timm:resnet10t,init_values=1", r"can't make.*init_values"),
        ("timm:test_vit,mlp_layer=Nothing", r"unknown mlp_layer.*SwiGLUPacked"),
        ("timm:resnet18.no_such_weights", r"can't make.*no_such_weights"),
    ],
)
def test_what_timm_cant_make_is_refused(name: str, what: str) -> None:
    with pytest.raises(BundleError, match=what):
        build_encoder(name, patch_px=40)


@pytest.mark.parametrize(
    "contract",
    [
        InputContract(patch_px=16),
        InputContract(patch_px=16, color_order="BGR", value_range=255.0),
        InputContract(patch_px=16, mean=(0.7, 0.5, 0.6), std=(0.2, 0.3, 0.25)),
        InputContract(patch_px=16, color_order="BGR", mean=(0.7, 0.5, 0.6), std=(0.2, 0.3, 0.25)),
    ],
)
def test_stain_statistics_are_of_plain_colours(contract: InputContract) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    plain = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    encoder = build_encoder("stain_statistics", patch_px=16, contract=contract)
    assert not encoder.state_dict()
    found = encoder(ImagePreprocessor(contract)(pixels))
    torch.testing.assert_close(found, patch_statistics(plain), atol=5e-3, rtol=1e-3)


def test_joined_encoders_give_their_features_one_after_the_other() -> None:
    torch.manual_seed(0)
    joint = build_encoder("timm:test_resnet+stain_statistics", patch_px=32).eval()
    images = torch.rand(2, 3, 32, 32)
    assert joint.width == 96 + len(STATISTICS)
    assert all(name.startswith("parts.0.model.") for name in joint.state_dict())
    with torch.inference_mode():
        features = joint(images)
        torch.testing.assert_close(features[:, :96], joint.parts[0](images))
        torch.testing.assert_close(features[:, 96:], patch_statistics(images))


def test_stages_give_mean_and_deviation_of_every_map() -> None:
    encoder = build_encoder("timm:resnet18,features=stages", patch_px=64).eval()
    images = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = encoder(images).numpy()
        maps = encoder.model.forward_intermediates(images, intermediates_only=True)
    expected = [
        part for each in maps for part in (each.numpy().mean((2, 3)), each.numpy().std((2, 3)))
    ]
    assert encoder.width == features.shape[1] == 2 * (64 + 64 + 128 + 256 + 512)
    np.testing.assert_allclose(features, np.concatenate(expected, axis=1), atol=1e-5)


def test_stages_keep_the_networks_parameter_names() -> None:
    plain, stages = (
        build_encoder(f"timm:resnet18{options}", patch_px=64).state_dict().keys()
        for options in ("", ",features=stages")
    )
    assert plain == stages
    with pytest.raises(BundleError, match="stages"):
        build_encoder("timm:resnet18,features=last")
