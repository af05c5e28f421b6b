"""Named training settings."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_stexp.train import TrainSettings

__all__ = ["PRESETS", "preset"]

#: Name -> what differs from the defaults of `TrainSettings`, which are the paper's.
PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "paper": {},
        # Learns from random weights, without a GPU, in minutes: unit-length embeddings at
        # a small temperature, and position tables that don't outweigh the expression.
        "small": {
            "encoder": "resnet18",
            "epochs": 12,
            "batch_size": 32,
            "learning_rate": 6e-4,
            "unit_length": True,
            "temperature": 0.1,
            "jitter": (0.25, 0.25, 0.25),
            "rotation": "quarter",
            "position_std": 0.01,
            "recalibrate_norm": True,
        },
        # What measured best on a few hundred spots (docs/results.md): a pretrained network's
        # features of all stages as they are, and light heads on them. Better yet with fields
        # of view (`prepare --context 1,2,4,8`) and the retrieval metric 'softmax:0.2'.
        "pretrained": {
            "encoder": "timm:efficientnet_lite0,features=stages",
            "weights": "imagenet",
            "normalize": "weights",
            "freeze_encoder": True,
            "feature_views": 1,
            "epochs": 20,
            "learning_rate": 1e-3,
            "optimizer": "adamw",
            "schedule": "cosine",
            "unit_length": True,
            "temperature": 0.3,
            "feature_norm": "batch",
            "position_encoding": "none",
            "layers": 0,
            "dropout": 0.5,
            "feature_dropout": 0.5,
        },
    }
)


def preset(name: str, **changes: Any) -> TrainSettings:
    """Return the settings of a preset, with changes.

    Raises
    ------
    TrainingError
        No preset has this name.
    """
    from napari_stexp.errors import TrainingError
    from napari_stexp.train import TrainSettings

    if name not in PRESETS:
        raise TrainingError("unknown preset", expected=", ".join(PRESETS), found=repr(name))
    return TrainSettings(**(dict(PRESETS[name]) | changes))
