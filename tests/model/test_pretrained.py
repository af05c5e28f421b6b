from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from napari_stexp.errors import CheckpointError
from napari_stexp.model import ModelBundle, build_encoder, load_pretrained, save_bundle
from napari_stexp.model.pretrained import IMAGENET

HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No host can be found, and nothing was downloaded before."""
    from huggingface_hub import constants

    def fail(*_args: object, **_kwargs: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


def torchvision_state(name: str) -> dict[str, torch.Tensor]:
    from torchvision import models

    torch.manual_seed(1)
    return dict(getattr(models, name)(weights=None).state_dict())


def timm_state(name: str, **kwargs: object) -> dict[str, torch.Tensor]:
    import timm

    torch.manual_seed(1)
    return dict(timm.create_model(name, pretrained=False, **kwargs).state_dict())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_torchvisions_files_fill_the_encoder(tmp_path: Path, suffix: str) -> None:
    from torchvision import models

    state = torchvision_state("resnet18")
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    encoder = build_encoder("resnet18").eval()
    assert load_pretrained(encoder, "resnet18", path) == IMAGENET
    network = models.resnet18(weights=None).eval()
    network.load_state_dict(state)
    network.fc = torch.nn.Identity()
    images = torch.rand(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(images), network(images))


def test_densenets_old_names_are_read(tmp_path: Path) -> None:
    state = torchvision_state("densenet121")
    old = {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12])\.", r"\1.\2.", name): tensor
        for name, tensor in state.items()
        if not name.endswith("num_batches_tracked")
    }
    assert "features.denseblock1.denselayer1.norm.1.weight" in old
    torch.save(old, tmp_path / "old.pth")
    encoder = build_encoder("densenet121")
    load_pretrained(encoder, "densenet121", tmp_path / "old.pth")
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, state[name.replace("model.0.", "features.")]), name


def test_timms_files_fill_the_encoder_and_say_their_normalisation(tmp_path: Path) -> None:
    state = timm_state("vit_tiny_patch16_224", img_size=32, depth=1)
    torch.save({"model": {f"module.{name}": t for name, t in state.items()}}, tmp_path / "w.pth")
    encoder = build_encoder("timm:vit_tiny_patch16_224,depth=1", patch_px=32)
    assert load_pretrained(encoder, "timm:vit_tiny_patch16_224,depth=1", tmp_path / "w.pth") == HALF
    for name, tensor in encoder.state_dict().items():
        assert torch.equal(tensor, state[name.removeprefix("model.")]), name


def test_a_table_of_positions_is_resampled_to_the_patch_size(tmp_path: Path) -> None:
    state = timm_state("vit_tiny_patch16_224", img_size=64, depth=1)
    torch.save(state, tmp_path / "w.pth")
    encoder = build_encoder("timm:vit_tiny_patch16_224,depth=1", patch_px=32)
    load_pretrained(encoder, "timm:vit_tiny_patch16_224,depth=1", tmp_path / "w.pth")
    table = encoder.state_dict()["model.pos_embed"]
    assert table.shape == (1, 5, 192)
    assert torch.equal(table[:, 0], state["pos_embed"][:, 0])  # the class token's


def test_the_papers_transformer_begins_with_a_fresh_last_norm(tmp_path: Path) -> None:
    """It pools before its norm; what timm stores was trained behind another order."""
    state = timm_state("vit_base_patch32_224", img_size=32)
    state["norm.weight"] += 1
    save_file(state, tmp_path / "w.safetensors")
    encoder = build_encoder("vit_base_patch32_224", patch_px=32)
    load_pretrained(encoder, "vit_base_patch32_224", tmp_path / "w.safetensors")
    own = encoder.state_dict()
    assert torch.equal(own["model.fc_norm.weight"], torch.ones(768))
    name = "blocks.11.mlp.fc2.weight"
    assert torch.equal(own[f"model.{name}"], state[name])


def test_a_config_beside_the_file_says_the_normalisation(tmp_path: Path) -> None:
    torch.save(timm_state("test_resnet"), tmp_path / "w.pth")
    config = {"pretrained_cfg": {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    encoder = build_encoder("timm:test_resnet", patch_px=32)
    norm = load_pretrained(encoder, "timm:test_resnet", tmp_path / "w.pth")
    assert norm == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    (tmp_path / "config.json").write_text("[]")
    assert load_pretrained(encoder, "timm:test_resnet", tmp_path / "w.pth") == HALF


def test_checkpoints_and_bundles_of_mclstexp_are_read(
    small_bundle: ModelBundle, tmp_path: Path
) -> None:
    bundle = save_bundle(small_bundle, tmp_path / "bundle.safetensors")
    checkpoint = tmp_path / "checkpoint.pt"
    torch.save({f"module.{name}": t for name, t in small_bundle.state.items()}, checkpoint)
    for path in (bundle, checkpoint):
        encoder = build_encoder("resnet18", patch_px=32)
        load_pretrained(encoder, "resnet18", path)
        for name, tensor in encoder.state_dict().items():
            assert torch.equal(tensor, small_bundle.state[f"image_encoder.{name}"])


def test_an_encoders_own_state_is_read(tmp_path: Path) -> None:
    state = build_encoder("timm:test_resnet", patch_px=32).state_dict()
    torch.save(state, tmp_path / "w.pt")
    encoder = build_encoder("timm:test_resnet", patch_px=32)
    load_pretrained(encoder, "timm:test_resnet", tmp_path / "w.pt")
    assert all(torch.equal(t, state[name]) for name, t in encoder.state_dict().items())


def test_in_a_joined_encoder_the_part_with_weights_is_filled(tmp_path: Path) -> None:
    state = torchvision_state("resnet18")
    torch.save(state, tmp_path / "w.pth")
    name = "resnet18+stain_statistics"
    encoder = build_encoder(name)
    load_pretrained(encoder, name, tmp_path / "w.pth")
    assert torch.equal(encoder.state_dict()["parts.0.model.0.weight"], state["conv1.weight"])


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("stain_statistics", "has no weights"),
        ("timm:test_resnet+timm:test_vit", "can't fill 2 encoders"),
    ],
)
def test_one_file_fills_one_encoder(name: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=what):
        load_pretrained(build_encoder(name, patch_px=32), name, tmp_path / "w.pth")


def test_everything_that_doesnt_fit_is_listed_and_nothing_is_loaded(tmp_path: Path) -> None:
    state = torchvision_state("resnet18")
    del state["layer1.0.conv1.weight"]
    state["layer2.0.conv1.weight"] = torch.zeros(3)
    state["surprise.weight"] = torch.zeros(3)
    path = tmp_path / "w.pth"
    torch.save(state, path)
    encoder = build_encoder("resnet18")
    before = {name: tensor.clone() for name, tensor in encoder.state_dict().items()}
    with pytest.raises(CheckpointError) as caught:
        load_pretrained(encoder, "resnet18", path)
    message = str(caught.value)
    assert "1 missing: model.4.0.conv1.weight" in message
    assert "1 unexpected: surprise.weight" in message
    assert "model.5.0.conv1.weight (3,) instead of (128, 64, 3, 3)" in message
    assert str(path) in message
    assert all(torch.equal(t, before[name]) for name, t in encoder.state_dict().items())


def test_files_that_are_no_weights_are_refused(tmp_path: Path) -> None:
    encoder = build_encoder("resnet18")
    with pytest.raises(CheckpointError, match=r"no such weights.*'imagenet'.*safetensors"):
        load_pretrained(encoder, "resnet18", tmp_path / "none.pth")
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(b"nonsense that is no header")
    with pytest.raises(CheckpointError, match="no safetensors file, or damaged"):
        load_pretrained(encoder, "resnet18", broken)
    torch.save({"model": torch.nn.Identity()}, tmp_path / "pickle.pth")
    with pytest.raises(CheckpointError, match="could run code"):
        load_pretrained(encoder, "resnet18", tmp_path / "pickle.pth")
    torch.save({"a": torch.zeros(2)}, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="don't fit resnet18"):
        load_pretrained(encoder, "resnet18", tmp_path / "other.pth")


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize(
    ("name", "source", "address"),
    [
        ("resnet18", "imagenet", "https://download.pytorch.org/models/resnet18-"),
        ("densenet121", "imagenet", "https://download.pytorch.org/models/densenet121-"),
        ("timm:test_resnet", "imagenet", "https://huggingface.co/timm/test_resnet"),
        ("timm:test_vit", "hf-hub:someone/pathology", "https://huggingface.co/someone/pathology"),
    ],
)
def test_without_a_connection_the_way_out_is_told(name: str, source: str, address: str) -> None:
    encoder = build_encoder(name, patch_px=32)
    with pytest.raises(CheckpointError) as caught:
        load_pretrained(encoder, name, source)
    message = str(caught.value)
    assert "can't be downloaded" in message
    assert address in message
    assert "Name or service not known" in message
    assert "give its path" in message


def test_a_network_without_published_weights_says_so() -> None:
    encoder = build_encoder("timm:resnet10t", patch_px=32)
    encoder.model.pretrained_cfg = {"hf_hub_id": None, "url": ""}
    with pytest.raises(CheckpointError, match="lists no pretrained weights"):
        load_pretrained(encoder, "timm:resnet10t", "imagenet")


def test_what_was_downloaded_before_needs_no_connection(
    offline: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = timm_state("test_resnet")
    save_file(state, tmp_path / "model.safetensors")

    def cached(repository: str, name: str, *, local_files_only: bool) -> str:
        assert (repository, local_files_only) == ("timm/test_resnet.r160_in1k", True)
        return str(tmp_path / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", cached)
    encoder = build_encoder("timm:test_resnet", patch_px=32)
    assert load_pretrained(encoder, "timm:test_resnet", "imagenet") == HALF
    assert torch.equal(encoder.state_dict()["model.conv1.0.weight"], state["conv1.0.weight"])
