from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from napari_stexp.errors import DeviceError, TrainingError
from napari_stexp.model import (
    ImagePreprocessor,
    InputContract,
    ModelBundle,
    Retrieval,
    load_bundle,
)
from napari_stexp.progress import Progress, exhaust
from napari_stexp.train import (
    TrainingReport,
    TrainSettings,
    contrastive_loss,
    embed_bank,
    train_model,
)
from napari_stexp.train.trainer import Trainer

from .conftest import CONTRACT, GENES, SIDE, build_data, build_section, tiny

PLAIN = {"jitter": (0, 0, 0), "flips": False, "rotation": "none"}


def train(data, settings, **options) -> tuple[ModelBundle, list[Progress]]:
    reports: list[Progress] = []
    task = train_model(data, settings, **({"device": "cpu"} | options))
    return exhaust(task, reports.append), reports


def losses(reports: list[Progress]) -> list[float]:
    return [r.new.loss for r in reports if r.new is not None and r.new.validation is None]


def same_weights(one: ModelBundle, two: ModelBundle) -> bool:
    return all(torch.equal(tensor, two.state[name]) for name, tensor in one.state.items())


def match_rate(bundle: ModelBundle, patches: np.ndarray, spot_ids: list[str]) -> float:
    """Share of patches whose most similar reference spot is their own."""
    with torch.inference_mode():
        images = bundle.build_model().embed_image(ImagePreprocessor(bundle.header.input)(patches))
    spots = torch.nn.functional.normalize(torch.from_numpy(bundle.bank.embeddings))
    nearest = (torch.nn.functional.normalize(images) @ spots.T).argmax(1).numpy()
    return float(np.mean(bundle.bank.spot_ids[nearest] == np.array(spot_ids)))


def test_a_tiny_model_learns_its_pairs() -> None:
    patches, adata = build_section("a", 16, seed=ord("a"))
    settings = TrainSettings(
        encoder="timm:test_resnet",
        epochs=60,
        batch_size=16,
        learning_rate=1e-3,
        recalibrate_norm=True,
        **PLAIN,
    )
    bundle, reports = train(build_data(("a", 16)), settings)
    seen = losses(reports)
    assert len(seen) == 60
    assert seen[-1] < 0.1 * seen[0]
    assert match_rate(bundle, patches, list(adata.obs_names)) >= 0.9
    # Chance would be 1 in 16: an untrained model must not pass.
    untrained, _ = train(build_data(("a", 16)), tiny(epochs=1, learning_rate=1e-8))
    assert match_rate(untrained, patches, list(adata.obs_names)) < 0.5


def test_the_first_loss_is_the_papers() -> None:
    data = build_data(("a", 12))
    plain = TrainSettings(encoder="timm:test_resnet", epochs=1, batch_size=12, **PLAIN)
    start, _ = train(data, plain)
    _, reports = train(data, plain, initial=start.state)
    model = start.build_model(image_only=False).train()  # statistics of the batch
    order = [list(data.reference.spot_ids).index(name) for name in start.bank.spot_ids]
    with torch.no_grad():
        images = model.embed_image(ImagePreprocessor(CONTRACT)(data.read(order)[:, 0]))
        wanted = contrastive_loss(torch.from_numpy(start.bank.embeddings), images)
    assert losses(reports) == [pytest.approx(float(wanted), rel=1e-4)]


def test_a_seed_gives_the_same_weights() -> None:
    data = build_data(("a", 20), ("b", 14))
    torch.manual_seed(99)
    before = torch.get_rng_state()
    settings = {"encoder": "timm:test_resnet", "epochs": 2, "dropout": 0.3, "stain_jitter": 0.02}
    one, _ = train(data, tiny(**settings))
    two, _ = train(data, tiny(**settings, workers=3))
    other, _ = train(data, tiny(**settings, seed=1))
    assert same_weights(one, two)
    np.testing.assert_array_equal(one.bank.embeddings, two.bank.embeddings)
    assert not torch.equal(one.state["x_embed.weight"], other.state["x_embed.weight"])
    assert torch.equal(torch.get_rng_state(), before)  # the caller's are left alone


def test_the_bundle_is_whole(tmp_path: Path) -> None:
    pairs = [build_section("b", 20, seed=1, patient="P"), build_section("a", 14, seed=2)]
    data = type(build_data(("a", 2))).from_arrays(pairs, GENES, CONTRACT)
    settings = tiny(epochs=2)
    bundle, reports = train(
        data,
        settings,
        retrieval=Retrieval(k=7, metric="l2"),
        name="toy",
        thumbnail_px=16,
        folder=tmp_path,
    )
    training = [report for report in reports if report.stage.startswith("epoch")]
    assert [report.done for report in training] == [1, 2, 3, 4]  # 34 spots: two batches of 17
    assert {report.total for report in training} == {4}
    assert [report.new.epoch for report in training] == [1, 1, 2, 2]
    assert [report.new.step for report in training] == [1, 2, 3, 4]
    loaded = load_bundle(tmp_path / "model.safetensors")
    assert loaded.sha256 == bundle.sha256
    assert (loaded.name, loaded.header.retrieval.k) == ("toy", 7)
    assert loaded.header.windowing == "section"
    assert TrainSettings.from_json(loaded.header.training["settings"]) == settings
    assert loaded.header.training["run"]["spots"] == 34
    assert [info.name for info in loaded.bank.sections] == ["a", "b"]
    bank = embed_bank(loaded.build_model(image_only=False), [p[1] for p in pairs], GENES)
    np.testing.assert_allclose(bank.embeddings, loaded.bank.embeddings, atol=1e-6)
    for row in range(34):  # each picture is its own spot's
        name, spot = loaded.bank.section_names[row], loaded.bank.spot_ids[row]
        patches, adata = pairs[0] if name == "b" else pairs[1]
        patch = patches[list(adata.obs_names).index(spot)]
        np.testing.assert_allclose(
            loaded.bank.thumbnails[row].mean((0, 1)), patch.mean((0, 1)), atol=6
        )


def test_training_goes_on_from_another_bundles_weights() -> None:
    data = build_data(("a", 20))
    first, _ = train(data, tiny())
    second, _ = train(data, tiny(learning_rate=1e-8, seed=5), initial=first.state)
    torch.testing.assert_close(
        second.state["x_embed.weight"], first.state["x_embed.weight"], atol=1e-6, rtol=0
    )
    wrong = {"x_embed.weight": torch.zeros(2, 2)}
    with pytest.raises(TrainingError, match=r"don't fit.*x_embed\.weight \(2, 2\)"):
        train(data, tiny(), initial=wrong)


def test_recalibrated_statistics_are_those_of_all_patches() -> None:
    data = build_data(("a", 20))
    settings = TrainSettings(
        encoder="resnet18", epochs=1, batch_size=20, learning_rate=1e-8, recalibrate_norm=True
    )
    bundle, _ = train(data, settings)
    model = bundle.build_model()
    with torch.inference_mode():
        first = model.image_encoder.model[0](
            ImagePreprocessor(CONTRACT)(data.read(range(20))[:, 0])
        )
    torch.testing.assert_close(
        model.image_encoder.model[1].running_mean, first.mean((0, 2, 3)), atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw", "schedule": "cosine", "learn_temperature": True, "temperature": 0.2},
        {"attention": "section", "windowing": "section32", "soft_targets": True},
        {"attention": "none", "windowing": "spot", "position_encoding": "none"},
        {"position_encoding": "sincos", "dropout": 0.2, "encoder_learning_rate": 1e-5},
        {"precision": "bf16-mixed", "encoder": "timm:test_resnet"},
        {"freeze_encoder": True, "encoder": "timm:test_resnet+stain_statistics"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_every_choice_trains(changes: dict) -> None:
    data = build_data(("a", 20), ("b", 14))
    bundle, reports = train(data, tiny(epochs=12, learning_rate=1e-2, **changes))
    seen = losses(reports)
    assert np.mean(seen[-4:]) < np.mean(seen[:4])
    assert bundle.header.windowing == changes.get("windowing", "section")


def test_the_schedule_falls_to_zero_and_the_encoder_has_its_own_rate() -> None:
    data = build_data(("a", 32))
    settings = tiny(
        encoder="timm:test_resnet",
        schedule="cosine",
        learning_rate=1e-3,
        encoder_learning_rate=1e-5,
    )
    rates, groups = [], []
    task = train_model(data, settings, device="cpu")
    for progress in task:
        trainer = task.gi_frame.f_locals.get("trainer")
        if isinstance(progress.new, TrainingReport):
            rates.append(progress.new.learning_rate)
            groups.append([group["lr"] for group in trainer.plain_optimizer.param_groups])
    wanted = 1e-3 * (1 + np.cos(np.pi * np.arange(6) / 6)) / 2
    np.testing.assert_allclose(rates, wanted)
    np.testing.assert_allclose(groups, np.stack([wanted / 100, wanted], 1))


def test_a_learned_temperature_moves_and_is_told() -> None:
    settings = tiny(epochs=5, learn_temperature=True, temperature=0.5, learning_rate=1e-2)
    bundle, _ = train(build_data(("a", 20)), settings)
    learned = bundle.header.training["run"]["temperature"]
    assert 0.01 <= learned < 2
    assert abs(learned - 0.5) > 1e-3


def test_several_fields_of_view_train() -> None:
    contract = InputContract(patch_px=SIDE, mpp=0.5, context=(1, 2))
    patches, adata = build_section("a", 16)
    both = np.stack([patches, patches[::-1]], 1)
    data = type(build_data(("a", 2))).from_arrays([(both, adata)], GENES, contract)
    bundle, _ = train(data, tiny(encoder="timm:test_resnet"), thumbnail_px=8)
    assert bundle.header.input == contract
    assert bundle.state["image_projection.projection.weight"].shape == (8, 2 * 96)


def test_spots_without_a_usable_patch_are_only_banked() -> None:
    patches, adata = build_section("a", 20)
    usable = np.arange(20) < 15
    white = np.where(usable[:, None, None, None], patches, 255).astype(np.uint8)
    kind = type(build_data(("a", 2)))
    one, _ = train(kind.from_arrays([(patches, adata)], GENES, CONTRACT, usable=[usable]), tiny())
    two, _ = train(kind.from_arrays([(white, adata)], GENES, CONTRACT, usable=[usable]), tiny())
    assert same_weights(one, two)
    assert len(one.bank) == 20
    assert one.header.training["run"]["spots"] == 15


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    data = build_data(("a", 20))
    with pytest.raises(TrainingError, match="too little to learn from"):
        train(build_data(("a", 1)), tiny())
    other = build_data(("b", 20), contract=InputContract(patch_px=SIDE, mpp=0.6))
    with pytest.raises(TrainingError, match="another input contract"):
        train(data, tiny(), validation=other)
    with pytest.raises(TrainingError, match="another genes than"):
        train(data, tiny(), validation=build_data(("b", 20), genes=GENES[:4]))
    with pytest.raises(TrainingError, match=r"both trained on and validated with.*found a"):
        train(data, tiny(), validation=data)
    with pytest.raises(TrainingError, match="needs validation sections"):
        train(data, tiny(patience=2))
    with pytest.raises(TrainingError, match="only a run with a folder"):
        train(data, tiny(), resume=True)
    with pytest.raises(DeviceError, match="a CPU doesn't train in float16"):
        train(data, tiny(precision="16-mixed"))
    with pytest.raises(DeviceError, match="not available"):
        train(data, tiny(), device="cuda:77")


def test_a_loss_that_is_not_finite_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    data = build_data(("a", 20))
    broken = {"image_projection.fc.bias": torch.full((8,), float("nan"))}
    with pytest.raises(TrainingError, match=r"no longer finite in epoch 1.*Lower the"):
        train(data, tiny(), initial=broken, folder=tmp_path)
    assert not (tmp_path / "checkpoint.pt").exists()


def test_running_out_of_memory_says_which_batch_size(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Trainer, *args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB")

    monkeypatch.setattr("napari_stexp.train.network.Network.forward", fail)
    with pytest.raises(DeviceError, match=r"batches of 16 patches of 32 px.*Lower batch_size"):
        train(build_data(("a", 20)), tiny())


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(TrainingError, match=r'pip install "napari-stexp\[train\]"'):
        train(build_data(("a", 20)), tiny())


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_training_on_a_gpu_begins_where_the_cpu_does(precision: str) -> None:
    data = build_data(("a", 24))
    settings = {"encoder": "resnet18", "epochs": 2, "batch_size": 24, "recalibrate_norm": True}
    _, on_cpu = train(data, TrainSettings(**settings))
    bundle, on_gpu = train(data, TrainSettings(**settings, precision=precision), device="cuda")
    assert {tensor.device.type for tensor in bundle.state.values()} == {"cpu"}
    # Same weights, order and augmentation; then the arithmetic drifts apart.
    assert losses(on_gpu)[0] == pytest.approx(losses(on_cpu)[0], rel=5e-2)
