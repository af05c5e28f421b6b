from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_stexp.model import ImagePreprocessor, InputContract, MclSTExp
from napari_stexp.progress import exhaust
from napari_stexp.train import TrainSettings, train_model
from napari_stexp.train.augment import turn
from napari_stexp.train.features import ViewMaker, choose_views, encode_views

from .conftest import CONTRACT, GENES, build_data, tiny

STILL = {"jitter": (0, 0, 0)}


def views_of(pixels: np.ndarray, n: int, settings: TrainSettings) -> list[torch.Tensor]:
    maker = ViewMaker(ImagePreprocessor(CONTRACT), settings)
    return [maker.make(pixels, view) for view in range(n)]


def test_eight_views_are_the_eight_symmetries() -> None:
    pixels = build_data(("a", 5)).read(range(5))
    views = views_of(pixels, 9, tiny(**STILL))
    plain = ImagePreprocessor(CONTRACT)(pixels[:, 0])
    assert torch.equal(views[0], plain)
    assert len({view[0].numpy().tobytes() for view in views[:8]}) == 8
    for symmetry in range(8):
        assert torch.equal(views[symmetry], turn(plain, torch.full((5,), symmetry)))
    assert torch.equal(views[8], plain)


@pytest.mark.parametrize(
    ("changes", "different"),
    [({"flips": False}, 4), ({"rotation": "none"}, 2), ({"flips": False, "rotation": "none"}, 1)],
)
def test_views_show_only_what_was_asked_for(changes: dict, different: int) -> None:
    pixels = build_data(("a", 2)).read(range(2))
    views = views_of(pixels, 8, tiny(**STILL, **changes))
    assert len({view[0].numpy().tobytes() for view in views}) == different


def test_colours_change_from_the_second_view_on() -> None:
    pixels = build_data(("a", 6)).read(range(6))
    views = views_of(pixels, 9, tiny())
    assert torch.equal(views[0], ImagePreprocessor(CONTRACT)(pixels[:, 0]))
    assert not torch.equal(views[8], views[0])
    assert all(map(torch.equal, views, views_of(pixels, 9, tiny())))  # seeded


def test_features_are_the_encoders() -> None:
    torch.manual_seed(0)
    model = MclSTExp("timm:test_resnet", len(GENES), (8, 8), projection=8, heads=1).train()
    data, rows = build_data(("a", 20)), np.array([0, 3, 4, 19])
    settings = tiny(**STILL)
    maker = ViewMaker(ImagePreprocessor(CONTRACT), settings)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    features = exhaust(encode_views(model, data, rows, maker, 3))
    assert features.shape == (3, 20, 96)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert model.image_encoder.training
    model.eval()
    with torch.inference_mode():
        for view in range(3):
            wanted = model.image_features(maker.make(data.read(rows), view))
            torch.testing.assert_close(features[view, rows], wanted)
    assert not features[:, 1].any()


def test_a_frozen_encoder_stays_and_the_rest_learns() -> None:
    data, validation = build_data(("a", 30)), build_data(("v", 12))
    settings = tiny(
        encoder="timm:test_resnet",
        freeze_encoder=True,
        epochs=20,
        batch_size=30,
        learning_rate=1e-2,
    )
    losses = []
    task = train_model(data, settings, validation=validation, device="cpu")
    bundle = exhaust(task, lambda r: losses.append(r.new.loss) if r.new else None)
    still = exhaust(train_model(data, tiny(encoder="timm:test_resnet", epochs=1), device="cpu"))
    short = tiny(encoder="timm:test_resnet", freeze_encoder=True, epochs=1)
    fresh = exhaust(train_model(data, short, device="cpu"))
    names = [name for name in bundle.state if name.startswith("image_encoder.")]
    assert names
    for name in names:
        assert torch.equal(bundle.state[name], fresh.state[name])
    assert any(not torch.equal(still.state[name], fresh.state[name]) for name in names)
    assert np.mean(losses[-5:]) < 0.7 * losses[0]


def test_one_view_of_a_frozen_encoder_is_training_without_augmentation() -> None:
    """The stored features are what the encoder would give in each step."""
    data = build_data(("a", 24), contract=InputContract(patch_px=32, mpp=0.5))
    plain = {**STILL, "flips": False, "rotation": "none", "feature_views": 1}
    stored = exhaust(train_model(data, tiny(freeze_encoder=True, **plain), device="cpu"))
    each = exhaust(train_model(data, tiny(**plain), device="cpu"))  # without weights to train
    for name, tensor in each.state.items():
        torch.testing.assert_close(tensor, stored.state[name], atol=1e-5, rtol=1e-4)


def test_views_are_chosen_at_random_and_seeded() -> None:
    settings = tiny(feature_views=8)
    drawn = choose_views(4000, settings, 0, 0)
    np.testing.assert_allclose(np.bincount(drawn) / 4000, 1 / 8, atol=0.03)
    np.testing.assert_array_equal(drawn, choose_views(4000, settings, 0, 0))
    assert (drawn != choose_views(4000, settings, 0, 1)).any()
