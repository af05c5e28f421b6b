"""What a step hands to the encoder, and what less precision changes about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_stexp.dataset import TrainingSet
from napari_stexp.model import Retrieval
from napari_stexp.progress import exhaust
from napari_stexp.train import train_model
from napari_stexp.train.loop import start_fabric
from napari_stexp.train.run import RunInputs
from napari_stexp.train.trainer import Trainer

from .conftest import CONTRACT, GENES, SIDE, build_data, build_section, tiny


def two_fields() -> TrainingSet:
    patches, adata = build_section("a", 16)
    both = np.stack([patches, patches[::-1]], 1)
    return TrainingSet.from_arrays([(both, adata)], GENES, replace(CONTRACT, context=(1.0, 2.0)))


@pytest.mark.parametrize("rotation", ["any", "quarter", "none"])
@pytest.mark.parametrize("make", [lambda: build_data(("a", 16)), two_fields])
def test_augmented_patches_reach_the_encoder_channels_last(
    make: Callable[[], TrainingSet], rotation: str
) -> None:
    settings = tiny(encoder="timm:test_resnet", rotation=rotation, stain_jitter=0.05)
    data = make()
    fabric = start_fabric("cpu", 1, settings.precision)
    trainer = Trainer(RunInputs(data, settings, Retrieval(k=1)), fabric)
    seen = []
    trainer.model.image_encoder.register_forward_pre_hook(lambda _, images: seen.append(images[0]))
    images = trainer._augmented(torch.from_numpy(data.read(np.arange(6))))
    trainer.model.embed_image(images)
    fields = data.contract.n_fields
    assert images.shape == ((6, 3, SIDE, SIDE) if fields == 1 else (6, fields, 3, SIDE, SIDE))
    assert seen[0].shape == (6 * fields, 3, SIDE, SIDE)
    assert seen[0].is_contiguous(memory_format=torch.channels_last)
    weights = [p for p in trainer.model.image_encoder.parameters() if p.ndim == 4]
    assert all(p.is_contiguous(memory_format=torch.channels_last) for p in weights)


@pytest.mark.slow
def test_ten_steps_in_bfloat16_are_those_in_float32_but_for_rounding() -> None:
    def train(precision: str) -> list[float]:
        losses: list[float] = []
        settings = tiny(
            encoder="timm:test_resnet", feature_norm="none", epochs=10, precision=precision
        )
        task = train_model(build_data(("a", 16)), settings, device="cpu")
        exhaust(task, lambda progress: progress.new and losses.append(progress.new.loss))
        return losses

    exact, rounded = train("32-true"), train("bf16-mixed")
    assert len(exact) == 10
    assert rounded != exact  # it does compute otherwise
    assert rounded == pytest.approx(exact, rel=0.02)
    assert train("bf16-mixed") == rounded
