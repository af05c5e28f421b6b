from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.transforms import InterpolationMode, v2
from torchvision.transforms.v2 import functional

from napari_stexp.train.augment import (
    ColorJitter,
    HorizontalFlip,
    QuarterTurns,
    Rotation,
    StainJitter,
    make_augmentation,
    seeded,
    turn,
)

from .conftest import tiny

KINDS: list[Callable[[torch.Tensor, float], torch.Tensor]] = [
    functional.adjust_brightness,
    functional.adjust_contrast,
    functional.adjust_saturation,
]
ALL = [
    ColorJitter(0.5, 0.5, 0.5),
    StainJitter(0.1),
    HorizontalFlip(),
    QuarterTurns(),
    Rotation(fill=(0.9, 0.8, 0.7)),
]


def images(n: int = 6, side: int = 16, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), strengths=st.tuples(*[st.sampled_from([0.0, 0.3, 0.5, 1.0])] * 3))
def test_jitter_is_torchvisions_image_by_image(
    seed: int, strengths: tuple[float, float, float]
) -> None:
    batch, transform = images(seed=seed), ColorJitter(*strengths)
    with seeded(seed):
        params = transform.draw(len(batch))
    result = transform.change(batch, **params)
    for i, wanted in enumerate(batch.unbind()):
        for kind in params["order"][i].tolist():
            factor = float(params["factors"][i, kind])
            assert abs(factor - 1) <= strengths[kind]
            wanted = KINDS[kind](wanted, factor)  # noqa: PLW2901
        torch.testing.assert_close(result[i], wanted, atol=2e-4, rtol=0)


def test_each_image_has_its_own_factors_and_order() -> None:
    with seeded(0):
        params = ColorJitter(0.5, 0.5, 0.5).draw(300)
    assert len({tuple(order) for order in params["order"].tolist()}) == 6
    factors = params["factors"].numpy()
    assert factors.min() >= 0.5
    assert factors.max() <= 1.5
    np.testing.assert_allclose(factors.mean(0), 1, atol=0.06)
    assert len(np.unique(factors)) > 890


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill", [(0.0, 0.0, 0.0), (0.9, 0.5, 0.2)])
def test_rotation_is_torchvisions_image_by_image(mode: str, fill: tuple[float, ...]) -> None:
    batch, transform = images(12, 33), Rotation(fill=fill, mode=mode)
    with seeded(1):
        angle = transform.draw(len(batch))["angle"]
    assert angle.min() < -100
    assert angle.max() > 100
    result = transform.change(batch, angle=angle)
    color = torch.tensor(fill).view(3, 1, 1)
    for i, image in enumerate(batch):
        # Without a fill of torchvision's, which counts edges twice where it interpolates.
        turned = functional.rotate(image - color, float(angle[i]), InterpolationMode(mode))
        same = ((result[i] - turned - color).abs() < 1e-4).float().mean()
        assert same > 0.995  # nearest: a coordinate in the middle may round either way
    corner = transform.change(batch, angle=torch.full((12,), 45.0))[3, :, 0, 0]
    torch.testing.assert_close(corner, torch.tensor(fill))


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarters_agree_with_rotations(quarters: int) -> None:
    batch = images(3, 8)
    rotated = Rotation().change(batch, angle=torch.full((3,), 90.0 * quarters))
    turned = QuarterTurns().change(batch, which=torch.full((3,), quarters))
    torch.testing.assert_close(rotated, turned)
    torch.testing.assert_close(turned[1], functional.rotate(batch[1], 90.0 * quarters))


def test_flips_are_torchvisions() -> None:
    batch = images(4, 8)
    flip = torch.tensor([True, False, False, True])
    result = HorizontalFlip().change(batch, flip=flip)
    for i, flipped in enumerate(flip.tolist()):
        wanted = functional.horizontal_flip(batch[i]) if flipped else batch[i]
        assert torch.equal(result[i], wanted)


def test_turns_are_the_eight_symmetries() -> None:
    image = torch.arange(9.0).view(1, 1, 3, 3)
    turned = turn(image.expand(8, 1, 3, 3), torch.arange(8))
    assert len({tuple(t.flatten().tolist()) for t in turned}) == 8
    assert torch.equal(turned[0], image[0])
    assert torch.equal(turned[1], torch.rot90(image, 1, (2, 3))[0])
    assert torch.equal(turned[4], image[0].flip(2))


def test_stains_change_as_written_by_hand() -> None:
    from skimage.color import hed_from_rgb, rgb_from_hed

    batch, transform = 0.2 + 0.7 * images(5, 6), StainJitter(0.05)
    with seeded(3):
        params = transform.draw(5)
    result = transform.change(batch, **params).numpy()
    for i, image in enumerate(batch.double().numpy()):
        alpha, beta = params["alpha"][i].numpy(), params["beta"][i].numpy()
        assert np.all((np.abs(alpha - 1) <= 0.05) & (np.abs(beta) <= 0.05))
        for y, x in np.ndindex(6, 6):
            stains = -np.log10(image[:, y, x]) @ hed_from_rgb
            wanted = 10.0 ** -((stains * alpha + beta) @ rgb_from_hed)
            np.testing.assert_allclose(result[i, :, y, x], np.clip(wanted, 0, 1), atol=1e-4)


def test_more_haematoxylin_is_bluer_and_darker() -> None:
    image = torch.tensor([0.8, 0.6, 0.8]).view(1, 3, 1, 1)
    more = StainJitter(1).change(
        image, alpha=torch.ones(1, 3), beta=torch.tensor([[0.3, 0.0, 0.0]])
    )
    assert (more < image).all()
    assert more[0, 2] / image[0, 2] > more[0, 0] / image[0, 0]


@pytest.mark.parametrize("transform", ALL, ids=lambda t: type(t).__name__)
def test_fields_of_view_change_alike(transform: v2.Transform) -> None:
    batch = images(8, 16).unflatten(0, (4, 2))
    with seeded(5):
        params = transform.draw(4)
    result = transform.transform(batch, params)
    assert result.shape == batch.shape
    for field in range(2):
        alone = transform.change(batch[:, field], **params)
        torch.testing.assert_close(result[:, field], alone)
    with seeded(5):
        torch.testing.assert_close(transform(batch), result)  # as torchvision calls it


@pytest.mark.parametrize("transform", ALL, ids=lambda t: type(t).__name__)
def test_bytes_in_channels_last_order_change_the_same(transform: v2.Transform) -> None:
    batch = images(4)
    with seeded(6):
        one = transform(batch)
    with seeded(6):
        two = transform(batch.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(one, two, atol=1e-5, rtol=0)
    assert one.min() >= 0
    assert one.max() <= 1


def test_a_seed_means_the_same_and_leaves_the_callers_alone() -> None:
    transform = make_augmentation(tiny(stain_jitter=0.05))
    assert len(transform.transforms) == 4
    batch = images(1, 32).expand(16, 3, 32, 32)
    torch.manual_seed(99)
    before = torch.get_rng_state()

    def run(*numbers: int) -> torch.Tensor:
        with seeded(*numbers):
            return transform(batch)

    assert torch.equal(run(0, 1, 2), run(0, 1, 2))
    assert not torch.equal(run(0, 1, 2), run(0, 2, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert len({float(image.sum()) for image in run(0)}) == 16


def test_nothing_asked_for_changes_nothing() -> None:
    plain = tiny(jitter=(0, 0, 0), flips=False, rotation="none")
    batch = images()
    assert torch.equal(make_augmentation(plain)(batch), batch)
    quarter = make_augmentation(tiny(jitter=(0, 0, 0), rotation="quarter"))(batch)
    for before, after in zip(batch, quarter, strict=True):  # pixels move, none is lost
        assert torch.equal(before.flatten().sort().values, after.flatten().sort().values)
