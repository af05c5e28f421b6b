from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_stexp.errors import CheckpointError, GeneListError
from napari_stexp.files import sha256
from napari_stexp.model import InputContract, MclSTExp, load_bundle, save_bundle
from napari_stexp.progress import exhaust
from napari_stexp.train import embed_bank, import_released

from .conftest import GENES


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("checkpoint") / "best_1.pt"
    model = MclSTExp("resnet18", len(GENES), (100, 100))
    torch.save({f"module.{name}": t for name, t in model.state_dict().items()}, path)
    return path


def test_a_checkpoint_and_its_sections_become_a_bundle(
    checkpoint: Path, tmp_path: Path, make_section
) -> None:
    sections = [make_section("a", 40, seed=1, patient="P")[1], make_section("b", 33, seed=2)[1]]
    reports = []
    bundle = exhaust(
        import_released(checkpoint, GENES, sections, k=20, metric="l2", organ="breast"),
        reports.append,
    )
    assert [report.done for report in reports] == [0, 1, 2, 3, 4]
    assert bundle.name == "best_1"
    assert bundle.header.sizes.n_positions == (8, 8)  # of 100
    assert bundle.state["x_embed.weight"].shape == (8, len(GENES))
    assert bundle.header.retrieval.k == 20
    assert bundle.header.retrieval.metric == "l2"
    assert bundle.header.training["checkpoint_sha256"] == sha256(checkpoint)
    assert [info.organ for info in bundle.header.sections] == ["breast"] * 2
    assert bundle.header.input.mpp == pytest.approx(0.5)  # 50 µm pitch over 100 px
    assert bundle.header.input.patch_px == 224
    loaded = load_bundle(save_bundle(bundle, tmp_path / "a.safetensors"))
    model = loaded.build_model(image_only=False)
    again = embed_bank(model, sections, GENES, "sequence32")
    np.testing.assert_allclose(again.embeddings, loaded.bank.embeddings, atol=1e-6)
    full = MclSTExp("resnet18", len(GENES), (100, 100)).eval()
    state = torch.load(checkpoint, weights_only=True)
    full.load_state_dict({name.removeprefix("module."): t for name, t in state.items()})
    untrimmed = embed_bank(full, sections, GENES, "sequence32")
    np.testing.assert_allclose(untrimmed.embeddings, bundle.bank.embeddings, atol=1e-6)


def test_the_bundle_does_not_need_the_checkpoint_any_more(tmp_path: Path, make_section) -> None:
    path = tmp_path / "a.pt"
    torch.save(MclSTExp("resnet18", len(GENES), (9, 9)).state_dict(), path)
    bundle = exhaust(import_released(path, GENES, [make_section("a")[1]], k=5))
    before = {name: tensor.clone() for name, tensor in bundle.state.items()}
    path.write_bytes(b"\xff" * path.stat().st_size)
    assert all(torch.equal(before[name], tensor) for name, tensor in bundle.state.items())


def test_what_is_given_wins(checkpoint: Path, make_section) -> None:
    _, section = make_section("a")
    contract = InputContract(mpp=0.3, color_order="BGR", value_range=255.0)
    task = import_released(
        checkpoint, GENES, [section], k=5, input_contract=contract, n_positions=(20, 3), name="N"
    )
    bundle = exhaust(task)
    assert bundle.header.input == contract
    assert bundle.header.sizes.n_positions == (20, 8)
    assert bundle.name == "N"
    assert exhaust(
        import_released(checkpoint, GENES, [section], k=5, input_contract=contract, mpp=0.7)
    ).header.input.mpp == pytest.approx(0.7)
    del section.uns["stexp_spots"]["pitch_um"]
    assert exhaust(import_released(checkpoint, GENES, [section], k=5)).header.input.mpp is None


def test_k_above_the_bank_is_warned_of(checkpoint: Path, make_section) -> None:
    with pytest.warns(UserWarning, match="k = 200 is above the number of reference spots, 20"):
        exhaust(import_released(checkpoint, GENES, [make_section("a", 20)[1]]))


def test_what_does_not_fit_is_refused(checkpoint: Path, make_section) -> None:
    _, section = make_section("a")
    with pytest.raises(GeneListError, match=r"expected 8 genes; found 7"):
        exhaust(import_released(checkpoint, GENES[:7], [section]))
    with pytest.raises(GeneListError, match=r"a: 1 \(OTHER\)"):
        exhaust(import_released(checkpoint, [*GENES[:7], "OTHER"], [section]))
    section.obs["array_col"] += 100
    with pytest.raises(CheckpointError, match="outside the checkpoint's position tables"):
        exhaust(import_released(checkpoint, GENES, [section]))


def test_closing_it_early_is_clean(checkpoint: Path, make_section) -> None:
    task = import_released(checkpoint, GENES, [make_section("a")[1]], k=5)
    next(task)
    next(task)
    task.close()


def test_a_vision_transformer_keeps_its_patch_size(tmp_path: Path, make_section) -> None:
    path = tmp_path / "vit.pt"
    model = MclSTExp("vit_base_patch32_224", len(GENES), (9, 9), patch_px=96)
    torch.save(model.state_dict(), path)
    sections = [make_section("a")[1]]
    bundle = exhaust(import_released(path, GENES, sections, k=5))
    assert bundle.header.input.patch_px == 96
    assert bundle.build_model().embed_image(torch.rand(1, 3, 96, 96)).shape == (1, 256)
    with pytest.raises(CheckpointError, match=r"bound to another patch size.*96 px.*224 px"):
        exhaust(import_released(path, GENES, sections, k=5, input_contract=InputContract()))
    path.unlink()
