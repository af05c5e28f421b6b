from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from napari_stexp.train.contrastive import augment, contrastive_loss, jitter_colors, turn


@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 0.07])
def test_the_loss_equals_an_independent_one(temperature: float, unit_length: bool) -> None:
    rng = np.random.default_rng(0)
    spots, images = rng.normal(size=(2, 9, 5))
    result = contrastive_loss(
        torch.from_numpy(spots), torch.from_numpy(images), temperature, unit_length=unit_length
    )
    if unit_length:
        spots /= np.linalg.norm(spots, axis=1, keepdims=True)
        images /= np.linalg.norm(images, axis=1, keepdims=True)
    logits = spots @ images.T / temperature
    by_spot = logsumexp(logits, axis=1) - np.diag(logits)
    by_image = logsumexp(logits, axis=0) - np.diag(logits)
    assert float(result) == pytest.approx((by_spot.mean() + by_image.mean()) / 2, rel=1e-9)


def test_the_loss_is_lowest_where_pairs_agree() -> None:
    embeddings = 5 * torch.eye(6)
    right = contrastive_loss(embeddings, embeddings)
    wrong = contrastive_loss(embeddings, embeddings.roll(1, 0))
    assert right < 1e-6
    assert wrong > 10


def test_turns_are_the_eight_symmetries() -> None:
    image = torch.arange(9.0).view(1, 1, 3, 3)
    turned = turn(image.expand(8, 1, 3, 3), torch.arange(8))
    assert len({tuple(t.flatten().tolist()) for t in turned}) == 8
    assert torch.equal(turned[0], image[0])
    assert torch.equal(turned[1], torch.rot90(image, 1, (2, 3))[0])
    assert torch.equal(turned[4], image[0].flip(2))


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_jitter_is_torchvisions(kind: int) -> None:
    from torchvision.transforms.v2 import functional

    reference = [
        functional.adjust_brightness,
        functional.adjust_contrast,
        functional.adjust_saturation,
    ][kind]
    images = torch.rand(5, 3, 8, 8)
    factors = torch.ones(3, 5)
    factors[kind] = torch.tensor([0.5, 0.8, 1.0, 1.2, 1.5])
    result = jitter_colors(images, factors, [kind])
    for i in range(5):
        wanted = reference(images[i], float(factors[kind, i]))
        torch.testing.assert_close(result[i], wanted, atol=2e-4, rtol=0)


def test_augmentation_is_seeded_and_differs_between_images() -> None:
    images = torch.rand(1, 3, 8, 8).expand(16, 3, 8, 8)

    def run(seed: int) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        return augment(images, generator, (0.5, 0.5, 0.5), turns=True)

    assert torch.equal(run(0), run(0))
    assert not torch.equal(run(0), run(1))
    assert len({float(image.sum()) for image in run(0)}) > 8
    assert run(0).min() >= 0
    assert run(0).max() <= 1


def test_nothing_asked_for_changes_nothing() -> None:
    images = torch.rand(4, 3, 8, 8)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(augment(images, generator, (0, 0, 0), turns=False), images)
