"""Options that say how to train, and the settings that they add up to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.errors import StexpError, TrainingError

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.model import Retrieval
    from napari_stexp.train import TrainSettings

__all__ = [
    "BatchSize",
    "Devices",
    "Encoder",
    "Epochs",
    "Patience",
    "Precision",
    "PrecisionOption",
    "Preset",
    "PresetOption",
    "Seed",
    "SetOption",
    "SettingsFile",
    "SettingsGiven",
    "Temperature",
    "Weights",
    "make_retrieval",
    "split_names",
]

_PANEL = "Training"


class Preset(StrEnum):
    """Named settings of a training (`napari_stexp.study.PRESETS`)."""

    PAPER = "paper"
    SMALL = "small"
    PRETRAINED = "pretrained"


class Precision(StrEnum):
    """Of forward and backward pass."""

    FULL = "32-true"
    BFLOAT16 = "bf16-mixed"
    FLOAT16 = "16-mixed"


PresetOption = Annotated[
    Preset | None,
    typer.Option(
        "--preset",
        help="What to begin with. paper: as published (default). small: a ResNet-18 from random "
        "weights that learns in minutes without a GPU (unit-length embeddings, temperature 0.1). "
        "pretrained: light heads on all stages of a frozen ImageNet network, downloaded unless "
        "--weights names a file; the best on a few hundred spots.",
        rich_help_panel=_PANEL,
    ),
]
SettingsFile = Annotated[
    Path | None,
    typer.Option(
        "--settings",
        exists=True,
        dir_okay=False,
        help="JSON file of settings, such as a run's settings.json.",
        rich_help_panel=_PANEL,
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any setting of napari_stexp.train.TrainSettings, such as learning_rate=3e-4 or "
        "jitter=[0.2,0.2,0.2]; repeatable.",
        rich_help_panel=_PANEL,
    ),
]
Epochs = Annotated[int | None, typer.Option(help="(default: 90)", rich_help_panel=_PANEL)]
BatchSize = Annotated[
    int | None, typer.Option(help="Spots per batch. (default: 128)", rich_help_panel=_PANEL)
]
Encoder = Annotated[
    str | None,
    typer.Option(
        help="densenet121, resnet18, resnet50, resnet101, vit_base_patch32_224, stain_statistics, "
        "timm:NAME, or two joined by '+'. (default: densenet121)",
        rich_help_panel=_PANEL,
    ),
]
Weights = Annotated[
    str | None,
    typer.Option(
        help="What the encoder begins with: none (random), imagenet (downloaded), or a local "
        "file. (default: none)",
        rich_help_panel=_PANEL,
    ),
]
Temperature = Annotated[
    float | None, typer.Option(help="Of the loss. (default: 1)", rich_help_panel=_PANEL)
]
Patience = Annotated[
    int | None,
    typer.Option(
        help="Stop after so many validations without a better score; 0: never. (default: 0)",
        rich_help_panel=_PANEL,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(help="Of weights, order and augmentation. (default: 0)", rich_help_panel=_PANEL),
]
Devices = Annotated[
    int, typer.Option(min=1, help="GPUs to train on.", rich_help_panel="Computation")
]
PrecisionOption = Annotated[
    Precision | None,
    typer.Option(
        "--precision",
        help="Of forward and backward pass. (default: 32-true)",
        rich_help_panel="Computation",
    ),
]


@dataclass(frozen=True)
class SettingsGiven:
    """What the user said about the training; later entries win over earlier ones.

    Attributes
    ----------
    preset : str, optional
        Name of a preset.
    file : Path, optional
        JSON file.
    changes : sequence of str
        ``NAME=VALUE``.
    named : dict
        From options of their own; None where not given.
    """

    preset: str | None
    file: Path | None
    changes: Sequence[str]
    named: dict[str, Any]

    def apply(self, base: TrainSettings | None = None) -> TrainSettings:
        """Return the settings.

        Parameters
        ----------
        base : TrainSettings, optional
            To begin with; the paper's when not given.

        Raises
        ------
        TrainingError
            A setting is unknown or impossible, or the file can't be read.
        """
        from napari_stexp.study import PRESETS
        from napari_stexp.train import TrainSettings

        values = {} if base is None else base.to_json()
        values |= {} if self.preset is None else dict(PRESETS[self.preset])
        if self.file is not None:
            values |= _read_settings(self.file)
        values |= dict(_read_change(change) for change in self.changes)
        values |= {name: value for name, value in self.named.items() if value is not None}
        names = [field.name for field in fields(TrainSettings)]
        unknown = [name for name in values if name not in names]
        if unknown:
            raise TrainingError(
                "no such setting", expected=", ".join(names), found=", ".join(unknown)
            )
        try:
            return TrainSettings.from_json(values)
        except StexpError as error:
            raise TrainingError(error.what, path=self.file) from error


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError("the settings can't be read", path=path, found=error) from error
    if not isinstance(values, dict):
        raise TrainingError("the settings must be a JSON object", path=path)
    return values


def _read_change(change: str) -> tuple[str, Any]:
    """Read ``NAME=VALUE``; the value is JSON, or else text."""
    name, sign, text = change.partition("=")
    if not sign or not name.strip():
        raise typer.BadParameter(f"--set takes NAME=VALUE, not '{change}'")
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    return name.strip().replace("-", "_"), value


def split_names(given: Sequence[str] | None) -> list[str]:
    """Return the names in ``['C2,C3', 'C5']``."""
    return [name.strip() for words in given or () for name in words.split(",") if name.strip()]


def make_retrieval(
    dataset: Dataset, training: Sequence[str], k: int | None, metric: str | None
) -> Retrieval | None:
    """Return the retrieval to store with a model; None for the default.

    Raises
    ------
    TrainingError
        k is above the number of spots that the bank will hold.
    """
    from napari_stexp.model import Retrieval

    if k is None and metric is None:
        return None
    n_spots = sum(info.n_spots for info in dataset.sections if info.name in set(training))
    if k is not None and k > n_spots:
        raise TrainingError(
            f"k = {k} neighbours are more than the spots of the training sections",
            expected=f"k from 1 to {n_spots}",
            found=k,
        )
    return Retrieval(
        k=min(200, n_spots) if k is None else k, metric="l1" if metric is None else metric
    )
