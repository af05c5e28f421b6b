from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, logsumexp, softmax

from napari_stexp.train.contrastive import contrastive_loss


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 0.07])
def test_the_loss_equals_an_independent_one(temperature: float, unit_length: bool) -> None:
    spots, images = np.random.default_rng(0).normal(size=(2, 9, 5))
    result = contrastive_loss(
        torch.from_numpy(spots), torch.from_numpy(images), temperature, unit_length=unit_length
    )
    if unit_length:
        spots, images = unit(spots), unit(images)
    logits = spots @ images.T / temperature
    by_spot = logsumexp(logits, axis=1) - np.diag(logits)
    by_image = logsumexp(logits, axis=0) - np.diag(logits)
    assert float(result) == pytest.approx((by_spot.mean() + by_image.mean()) / 2, rel=1e-9)


@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_soft_targets_are_bleeps(temperature: float, unit_length: bool) -> None:
    spots, images = np.random.default_rng(1).normal(size=(2, 7, 4))
    result = contrastive_loss(
        torch.from_numpy(spots),
        torch.from_numpy(images),
        temperature,
        unit_length=unit_length,
        soft_targets=True,
    )
    if unit_length:
        spots, images = unit(spots), unit(images)
    targets = softmax((images @ images.T + spots @ spots.T) / 2 * temperature, axis=1)
    logits = spots @ images.T / temperature
    losses = []
    for i in range(7):
        by_spot = -sum(targets[i, j] * log_softmax(logits[i])[j] for j in range(7))
        by_image = -sum(targets[j, i] * log_softmax(logits[:, i])[j] for j in range(7))
        losses.append((by_spot + by_image) / 2)
    assert float(result) == pytest.approx(np.mean(losses), rel=1e-9)


def test_soft_targets_let_pairs_that_are_alike_share() -> None:
    embeddings = 3 * torch.eye(4)[[0, 0, 1, 2]]
    hard = contrastive_loss(embeddings, embeddings)
    soft = contrastive_loss(embeddings, embeddings, soft_targets=True)
    assert hard > np.log(2) / 2 - 1e-3  # the two that are alike can't be told apart
    wrong = contrastive_loss(embeddings, embeddings.roll(1, 0), soft_targets=True)
    assert soft < wrong


def test_the_loss_is_lowest_where_pairs_agree() -> None:
    embeddings = 5 * torch.eye(6)
    assert contrastive_loss(embeddings, embeddings) < 1e-6
    assert contrastive_loss(embeddings, embeddings.roll(1, 0)) > 10


def test_a_temperature_can_be_learned() -> None:
    spots, images = torch.randn(2, 6, 4, dtype=torch.float64)
    log_temperature = torch.tensor(0.2, dtype=torch.float64, requires_grad=True)

    def loss(value: torch.Tensor) -> torch.Tensor:
        return contrastive_loss(spots, images, value.exp(), unit_length=True)

    assert torch.autograd.gradcheck(loss, log_temperature)
