"""Synthetic sections to train on: files that a data set is prepared from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from napari_stexp.sample_data import write_training_sections
from napari_stexp.sample_data.training_sections import plan_sections

from napari_stexp.dataset import Dataset, PrepareSettings, prepare_dataset
from napari_stexp.progress import Progress, exhaust
from napari_stexp.spots import find_sections

SETTINGS = PrepareSettings(patch_px=112, mpp=1.0, min_spots=5)


def test_patients_have_two_sections_each_and_share_a_stain() -> None:
    plans = plan_sections(4)
    assert [(plan.name, plan.patient, plan.stain) for plan in plans] == [
        ("A1", "A", "A"), ("A2", "A", "A"), ("B1", "B", "B"), ("B2", "B", "B"),
    ]  # fmt: skip
    assert plan_sections(4) == plans
    assert len({plan.seed for plan in plans + plan_sections(4, seed=1)}) == 8
    assert [plan.patient for plan in plan_sections(2)] == ["A", "B"]
    with pytest.raises(ValueError, match="1 sections"):
        plan_sections(1)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Progress]]:
    seen: list[Progress] = []
    folder = tmp_path_factory.mktemp("sections")
    return write_training_sections(folder, 2, size_px=1024, report=seen.append), seen


def test_small_sections_are_prepared_as_they_are(made, tmp_path) -> None:
    manifest, seen = made
    assert [progress.done for progress in seen] == [0, 1, 2]
    sources = find_sections(manifest)
    assert [(source.name, source.patient) for source in sources] == [("A1", "A"), ("B1", "B")]
    data = exhaust(prepare_dataset(sources, tmp_path / "data", SETTINGS))
    assert len(data.select(data.names)) > 30
    assert data.usable("A1").all()
    assert "Invasive cancer" in set(data.spots("A1").obs["label"])
    assert not list(manifest.parent.glob(".*"))


def colours(data: Dataset, name: str) -> np.ndarray:
    """Mean colour and its spread in the middle of each patch."""
    middle = data.patches(name)[:, 0, 28:84, 28:84].astype(np.float64)
    return np.column_stack([middle.mean((1, 2)), middle.std((1, 2))])


@pytest.mark.slow
def test_what_a_patch_shows_tells_what_is_expressed(tmp_path) -> None:
    from sklearn.linear_model import Ridge

    manifest = write_training_sections(tmp_path / "in")
    data = exhaust(prepare_dataset(find_sections(manifest), tmp_path / "data", SETTINGS))
    train, test = ["A1", "A2"], ["B1", "B2"]
    x, x_test = (np.concatenate([colours(data, n) for n in names]) for names in (train, test))
    truth = data.select(test).reference.expression()
    spread = x.std(0)
    model = Ridge(30).fit(x / spread, data.select(train).reference.expression())
    found = model.predict(x_test / spread)
    scores = [np.corrcoef(a, b)[0, 1] for a, b in zip(truth.T, found.T, strict=True)]
    assert np.mean(scores) > 0.3  # across patients, from nothing but colour
