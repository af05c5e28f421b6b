"""What docs/training.md says is so."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from napari_stexp.dataset import PrepareSettings, prepare_dataset
from napari_stexp.model import WINDOWINGS, load_bundle
from napari_stexp.model.encoder_names import ENCODERS, STAIN_STATISTICS, check_encoder
from napari_stexp.model.statistics import STATISTICS
from napari_stexp.progress import exhaust
from napari_stexp.spots import find_sections
from napari_stexp.train import TrainSettings
from tests.study.conftest import PATCH, write_cohort

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")


def test_the_python_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = find_sections(write_cohort(tmp_path / "sections"))
    settings = PrepareSettings(patch_px=PATCH, mpp=1.0, min_spots=0)
    exhaust(prepare_dataset(sources, tmp_path / "data", settings))
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    exec(compile(code, "training.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "epoch 1: loss" in printed
    assert "72 reference spots, run" in printed
    bundle = load_bundle(tmp_path / "run" / "model.safetensors")
    assert {info.patient for info in bundle.bank.sections} == {"A"}


def test_every_setting_is_described_with_its_default() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| ([^|]+) \|", PAGE, re.MULTILINE)
    written = {}
    for names, values in rows:
        split = re.findall(r"\w+", names)
        parts = values.split(", ")
        written |= dict(zip(split, parts if len(split) > 1 else [values], strict=True))
    assert set(written) == {field.name for field in fields(TrainSettings)}
    for name, default in TrainSettings().to_json().items():
        text = written[name]
        if isinstance(default, bool) or default is None:
            assert text == str(default).lower(), name
        elif isinstance(default, str):
            assert text == default, name
        elif isinstance(default, int | float):
            assert float(text) == default, name
        else:
            assert [float(part) for part in text.split(", ")] == list(default), name


def test_encoders_windowings_and_free_settings_are_those_that_there_are() -> None:
    assert all(name in PAGE for name in (*ENCODERS, STAIN_STATISTICS))
    assert f"{len(STATISTICS)} statistics of colour" in PAGE
    for name in re.findall(r"`(timm:[a-z][^`]*)`", PAGE):
        check_encoder(name)
    assert all(re.search(rf"^\| {name} \|", PAGE, re.MULTILINE) for name in WINDOWINGS)
    (free,) = re.findall(r"doesn't depend on them: (.*?)\. ", PAGE)
    assert tuple(re.findall(r"`(\w+)`", free)) == TrainSettings.FREE
