"""Features beside the patches: found again, and never taken for those of something else."""

import numpy as np
import pytest
import torch

from napari_stexp.dataset import FeatureStore, encoder_key
from napari_stexp.model import InputContract, build_encoder


@pytest.fixture
def patches(tmp_path):
    np.save(tmp_path / "patches.npy", np.zeros((5, 1, 8, 8, 3), np.uint8))
    return np.load(tmp_path / "patches.npy", mmap_mode="r")


FEATURES = np.arange(15, dtype=np.float32).reshape(5, 3)


def test_what_was_saved_is_loaded_under_its_key_only(patches):
    store = FeatureStore("a", "b")
    assert store.load(patches) is None
    store.save(patches, FEATURES)
    np.testing.assert_array_equal(FeatureStore("a", "b").load(patches), FEATURES)
    assert FeatureStore("a").load(patches) is None
    assert FeatureStore("b", "a").load(patches) is None


def test_patches_cut_anew_have_no_features(patches, tmp_path):
    FeatureStore("a").save(patches, FEATURES)
    np.save(tmp_path / "patches.npy", np.ones((5, 1, 8, 8, 3), np.uint8))
    again = np.load(tmp_path / "patches.npy", mmap_mode="r")
    assert FeatureStore("a").load(again) is None


def test_patches_in_memory_are_no_error():
    store = FeatureStore("a")
    memory = np.zeros((5, 1, 8, 8, 3), np.uint8)
    store.save(memory, FEATURES)
    assert store.load(memory) is None


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY\x01", b"no array at all"])
def test_a_damaged_file_counts_as_none(patches, tmp_path, damage):
    FeatureStore("a").save(patches, FEATURES)
    (kept,) = tmp_path.glob("features-*.npy")
    kept.write_bytes(damage)
    assert FeatureStore("a").load(patches) is None
    FeatureStore("a").save(patches, FEATURES)
    assert FeatureStore("a").load(patches) is not None


def test_a_folder_that_takes_no_file_is_no_error(patches, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    FeatureStore("a").save(patches, FEATURES)
    assert FeatureStore("a").load(patches) is None


def test_the_key_knows_weights_contract_and_precision():
    contract = InputContract(patch_px=32)
    torch.manual_seed(0)
    one, two = (build_encoder("resnet18", patch_px=32) for _ in range(2))
    same = build_encoder("resnet18", patch_px=32)
    same.load_state_dict(one.state_dict())
    key = encoder_key(one, "resnet18", contract)
    assert encoder_key(same, "resnet18", contract) == key
    others = {
        encoder_key(two, "resnet18", contract),
        encoder_key(one, "resnet18", InputContract(patch_px=32, color_order="BGR")),
        encoder_key(one, "resnet18", contract, "bf16-mixed"),
    }
    assert len(others | {key}) == 4
