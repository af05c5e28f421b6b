"""Presets are settings that can be trained with, and the command line names all of them."""

from __future__ import annotations

import pytest

from napari_stexp.errors import TrainingError
from napari_stexp.study import PRESETS, preset
from napari_stexp.train import TrainSettings


def test_the_paper_is_the_default() -> None:
    assert preset("paper") == TrainSettings()


@pytest.mark.parametrize("name", list(PRESETS))
def test_presets_say_only_what_differs(name: str) -> None:
    settings, default = preset(name).to_json(), TrainSettings().to_json()
    assert {key for key in default if settings[key] != default[key]} == set(PRESETS[name])


def test_changes_win() -> None:
    assert preset("small", epochs=3).epochs == 3


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(TrainingError, match="paper, small, pretrained"):
        preset("large")
