from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_stexp.errors import BundleError, TrainingError
from napari_stexp.model import (
    ImagePreprocessor,
    InputContract,
    ModelBundle,
    Retrieval,
    load_bundle,
    save_bundle,
)
from napari_stexp.progress import exhaust
from napari_stexp.train import TrainSettings, contrastive_loss, embed_bank, train_simple

from .conftest import GENES, SIDE

CONTRACT = InputContract(patch_px=SIDE, mpp=0.5)
SHORT = TrainSettings(encoder="resnet18", epochs=1, batch_size=16)


def match_rate(bundle: ModelBundle, patches: np.ndarray, spot_ids: list[str]) -> float:
    """Share of patches whose most similar reference spot is their own."""
    model = bundle.build_model()
    with torch.inference_mode():
        images = model.embed_image(ImagePreprocessor(bundle.header.input)(patches))
    spots = torch.from_numpy(bundle.bank.embeddings)
    nearest = (
        torch.nn.functional.normalize(images) @ torch.nn.functional.normalize(spots).T
    ).argmax(1)
    return float(np.mean(bundle.bank.spot_ids[nearest.numpy()] == np.array(spot_ids)))


def test_a_tiny_model_learns_its_pairs(make_section) -> None:
    patches, adata = make_section("a", 16)
    settings = TrainSettings(
        encoder="resnet18",
        epochs=40,
        batch_size=16,
        jitter=(0, 0, 0),
        turns=False,
        learning_rate=3e-4,
        recalibrate_norm=True,
    )
    losses: list[float] = []
    bundle = exhaust(
        train_simple([(patches, adata)], GENES, CONTRACT, settings),
        lambda report: losses.append(report.new) if report.new is not None else None,
    )
    assert len(losses) == 40
    assert losses[-1] < 0.1 * losses[0]
    assert match_rate(bundle, patches, list(adata.obs_names)) >= 0.9
    # Chance would be 1 in 16: an untrained model must not pass.
    untrained = exhaust(
        train_simple(
            [(patches, adata)],
            GENES,
            CONTRACT,
            TrainSettings(encoder="resnet18", epochs=1, batch_size=16, learning_rate=1e-8),
        )
    )
    assert match_rate(untrained, patches, list(adata.obs_names)) < 0.5


def test_the_first_loss_is_the_papers(make_section) -> None:
    patches, adata = make_section("a", 12)
    plain = TrainSettings(
        encoder="resnet18", epochs=1, batch_size=12, jitter=(0, 0, 0), turns=False
    )
    start = exhaust(train_simple([(patches, adata)], GENES, CONTRACT, plain))
    first: list[float] = []
    exhaust(
        train_simple([(patches, adata)], GENES, CONTRACT, plain, initial=start.state),
        lambda report: first.append(report.new) if report.new is not None else None,
    )
    model = start.build_model(image_only=False).train()  # statistics of the batch
    order = [list(adata.obs_names).index(name) for name in start.bank.spot_ids]
    with torch.no_grad():
        images = model.embed_image(ImagePreprocessor(CONTRACT)(patches[order]))
        wanted = contrastive_loss(torch.from_numpy(start.bank.embeddings), images)
    assert first == [pytest.approx(float(wanted), rel=1e-4)]


def test_a_seed_gives_the_same_weights(make_section) -> None:
    pairs = [make_section("a", 20, seed=1), make_section("b", 14, seed=2)]
    torch.manual_seed(99)
    before = torch.get_rng_state()

    def run(seed: int) -> ModelBundle:
        settings = TrainSettings(encoder="resnet18", epochs=2, batch_size=16, seed=seed)
        return exhaust(train_simple(pairs, GENES, CONTRACT, settings))

    one, two, other = run(0), run(0), run(1)
    assert all(torch.equal(tensor, two.state[name]) for name, tensor in one.state.items())
    np.testing.assert_array_equal(one.bank.embeddings, two.bank.embeddings)
    assert not torch.equal(one.state["x_embed.weight"], other.state["x_embed.weight"])
    assert torch.equal(torch.get_rng_state(), before)  # the caller's are left alone


def test_the_bundle_is_whole(make_section, tmp_path: Path) -> None:
    pairs = [make_section("b", 20, seed=1, patient="P"), make_section("a", 14, seed=2)]
    reports = []
    task = train_simple(
        pairs,
        GENES,
        CONTRACT,
        SHORT,
        retrieval=Retrieval(k=7, metric="l2"),
        name="toy",
        thumbnail_px=16,
    )
    bundle = exhaust(task, reports.append)
    training = [report for report in reports if report.stage.startswith("epoch")]
    assert [report.done for report in training] == [1, 2]  # 34 spots: two batches of 17
    assert {report.total for report in training} == {2}
    loaded = load_bundle(save_bundle(bundle, tmp_path / "toy.safetensors"))
    assert loaded.name == "toy"
    assert loaded.header.retrieval.k == 7
    assert loaded.header.windowing == "section"
    assert (
        TrainSettings.from_json(
            {k: v for k, v in loaded.header.training.items() if k not in ("spots", "trainer")}
        )
        == SHORT
    )
    assert [info.name for info in loaded.bank.sections] == ["a", "b"]
    bank = embed_bank(loaded.build_model(image_only=False), [p[1] for p in pairs], GENES)
    np.testing.assert_allclose(bank.embeddings, loaded.bank.embeddings, atol=1e-6)
    # Each picture is its own spot's.
    for row in range(34):
        name, spot = loaded.bank.section_names[row], loaded.bank.spot_ids[row]
        patches, adata = pairs[0] if name == "b" else pairs[1]
        patch = patches[list(adata.obs_names).index(spot)]
        np.testing.assert_allclose(
            loaded.bank.thumbnails[row].mean((0, 1)), patch.mean((0, 1)), atol=6
        )


def test_training_goes_on_from_another_bundles_weights(make_section) -> None:
    pairs = [make_section("a", 20)]
    first = exhaust(train_simple(pairs, GENES, CONTRACT, SHORT))
    gentle = TrainSettings(encoder="resnet18", epochs=1, batch_size=20, learning_rate=1e-8, seed=5)
    second = exhaust(train_simple(pairs, GENES, CONTRACT, gentle, initial=first.state))
    torch.testing.assert_close(
        second.state["x_embed.weight"], first.state["x_embed.weight"], atol=1e-6, rtol=0
    )
    with pytest.raises(TrainingError, match=r"don't fit.*x_embed\.weight \(2, 2\)"):
        exhaust(
            train_simple(
                pairs, GENES, CONTRACT, SHORT, initial={"x_embed.weight": torch.zeros(2, 2)}
            )
        )


def test_recalibrated_statistics_are_those_of_all_patches(make_section) -> None:
    patches, adata = make_section("a", 20)
    settings = TrainSettings(
        encoder="resnet18", epochs=1, batch_size=20, learning_rate=1e-8, recalibrate_norm=True
    )
    bundle = exhaust(train_simple([(patches, adata)], GENES, CONTRACT, settings))
    model = bundle.build_model()
    with torch.inference_mode():
        first = model.image_encoder.model[0](ImagePreprocessor(CONTRACT)(patches))
    torch.testing.assert_close(
        model.image_encoder.model[1].running_mean, first.mean((0, 2, 3)), atol=1e-4, rtol=1e-3
    )


def test_patches_come_from_a_slide_too(make_section, tmp_path: Path) -> None:
    import tifffile

    from napari_stexp.slide import open_slide

    patches, adata = make_section("a", 20)
    image = np.zeros((900, 900, 3), np.uint8)
    half = SIDE // 2
    for (x, y), patch in zip(adata.obsm["spatial"].astype(int), patches, strict=True):
        image[y - half : y + half, x - half : x + half] = patch
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image, photometric="rgb", tile=(64, 64))
    one = exhaust(train_simple([(patches, adata)], GENES, CONTRACT, SHORT))
    with open_slide(path, mpp=0.5) as slide:
        two = exhaust(train_simple([(slide, adata)], GENES, CONTRACT, SHORT))
    assert all(torch.equal(tensor, two.state[name]) for name, tensor in one.state.items())


def test_what_cannot_be_trained_is_refused(make_section) -> None:
    patches, adata = make_section("a", 20)
    with pytest.raises(TrainingError, match=r"patches don't fit.*\(20, 32, 32, 3\)"):
        exhaust(train_simple([(patches[:5], adata)], GENES, CONTRACT, SHORT))
    with pytest.raises(TrainingError, match=r"patches don't fit.*uint8"):
        exhaust(train_simple([(patches / 255, adata)], GENES, CONTRACT, SHORT))
    with pytest.raises(TrainingError, match="too little to learn from"):
        exhaust(train_simple([(patches[:1], adata[:1].copy())], GENES, CONTRACT, SHORT))
    with pytest.raises(BundleError, match=r"epochs.*learning_rate"):
        TrainSettings(epochs=0, learning_rate=-1)
    wild = TrainSettings(encoder="resnet18", epochs=9, batch_size=20, learning_rate=10)
    broken = {"image_projection.fc.bias": torch.full((256,), float("nan"))}
    with pytest.raises(TrainingError, match=r"no longer finite.*Lower the learning rate"):
        exhaust(train_simple([(patches, adata)], GENES, CONTRACT, wild, initial=broken))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
def test_training_on_a_gpu_begins_where_the_cpu_does(make_section) -> None:
    pairs = [make_section("a", 24)]
    settings = TrainSettings(encoder="resnet18", epochs=2, batch_size=24, recalibrate_norm=True)
    losses: dict[str, list[float]] = {"cpu": [], "cuda": []}
    for device, seen in losses.items():
        bundle = exhaust(
            train_simple(pairs, GENES, CONTRACT, settings, device=device),
            lambda report, seen=seen: seen.append(report.new) if report.new is not None else None,
        )
        assert {tensor.device.type for tensor in bundle.state.values()} == {"cpu"}
    # Same weights, order and augmentation; then the arithmetic drifts apart.
    assert losses["cuda"][0] == pytest.approx(losses["cpu"][0], rel=1e-2)
