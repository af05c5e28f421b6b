from __future__ import annotations

import pytest

from napari_stexp.errors import BundleError
from napari_stexp.model import ModelSizes
from napari_stexp.train import TrainSettings


def test_the_defaults_are_the_papers() -> None:
    paper = TrainSettings()
    assert (paper.encoder, paper.epochs, paper.batch_size) == ("densenet121", 90, 128)
    assert (paper.optimizer, paper.learning_rate, paper.weight_decay) == ("adam", 1e-4, 1e-3)
    assert (paper.temperature, paper.unit_length, paper.soft_targets) == (1.0, False, False)
    assert (paper.jitter, paper.flips, paper.rotation) == ((0.5, 0.5, 0.5), True, "any")
    assert (paper.attention, paper.dropout, paper.position_std) == ("batch", 0.0, 1.0)
    assert paper.sizes((64, 64)) == ModelSizes()
    assert paper.weights == "none"  # nothing is downloaded unasked


def test_settings_survive_json() -> None:
    settings = TrainSettings(encoder="timm:test_vit", jitter=[0.1, 0, 0.2], max_minutes=3)
    assert TrainSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0, "learning_rate": -1}, r"epochs: .*; learning_rate"),
        ({"encoder": "densenet"}, r"encoder: expected the name of an image encoder"),
        ({"normalize": "weights"}, r"normalize: there are no weights"),
        ({"attention": "none"}, r"windowing: attention 'none' and windowing 'spot' go together"),
        ({"windowing": "spot"}, r"windowing: attention 'none' and windowing 'spot' go together"),
        ({"rotation": "45"}, r"rotation: expected one of 'any', 'quarter', 'none'"),
        ({"jitter": (0.5, 0.5)}, r"jitter: expected a list of 3"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        TrainSettings(**changes)
