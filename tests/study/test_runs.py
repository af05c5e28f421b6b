"""A run's folder remembers what each section was for, and is never overwritten."""

from __future__ import annotations

from dataclasses import replace

import pytest

from napari_stexp.errors import TrainingError
from napari_stexp.progress import exhaust
from napari_stexp.study import RunPlan, TrainingRun, plan_run, train_run


def test_what_is_not_held_out_is_trained_on(dataset) -> None:
    plan = plan_run(dataset, hold_out=["A2"], hold_out_patients=["B"], validate=["C1"])
    assert plan == RunPlan(("A1",), ("C1",), ("A2", "B1", "B2"))


def test_sections_can_be_chosen(dataset) -> None:
    assert plan_run(dataset, sections=["B1", "A1"]).training == ("B1", "A1")


@pytest.mark.parametrize(
    ("uses", "message"),
    [
        ({"hold_out": ["C9"]}, "expected A1, A2, B1, B2, C1; found 'C9'"),
        ({"hold_out_patients": ["Z"]}, "expected A, B, C; found 'Z'"),
        ({"validate": ["A1"], "hold_out": ["A1"]}, "can't both validate and be held out"),
        ({"hold_out_patients": ["A", "B", "C"]}, "no section is left to train on"),
        ({"sections": ["A1"], "hold_out_patients": ["B"]}, "expected A; found 'B'"),
    ],
)
def test_impossible_plans_are_refused(dataset, uses, message) -> None:
    with pytest.raises(TrainingError, match=message):
        plan_run(dataset, **uses)


@pytest.mark.parametrize(
    ("held_out", "split"), [(("C1",), "patient"), (("A2", "C1"), "section"), (("A2",), "section")]
)
def test_the_split_follows_from_the_patients(dataset, quick, held_out, split) -> None:
    assert TrainingRun.of(dataset, RunPlan(("A1", "B1"), (), held_out), quick).split == split


def test_patients_of_validation_sections_count_as_seen(dataset, quick) -> None:
    assert TrainingRun.of(dataset, RunPlan(("B1",), ("A1",), ("A2",)), quick).split == "section"


def test_a_run_comes_back_as_it_was_written(dataset, quick, tmp_path) -> None:
    from napari_stexp.model import Retrieval

    plan = RunPlan(("B1", "A1"), ("A2",), ("C1",))
    run = TrainingRun.of(
        dataset, plan, quick, retrieval=Retrieval(k=7, metric="l2"), name="N", thumbnail_px=16
    )
    run.write(tmp_path)
    assert TrainingRun.read(tmp_path) == run


@pytest.mark.parametrize("text", ["", "[]", '{"uses": {}}', '{"uses": 3, "settings": {}}'])
def test_a_damaged_record_is_named(tmp_path, text) -> None:
    (tmp_path / "sections.json").write_text(text)
    with pytest.raises(TrainingError, match=r"sections\.json: the run's record can't be read"):
        TrainingRun.read(tmp_path)


def test_a_folder_without_a_run_is_named(tmp_path) -> None:
    with pytest.raises(TrainingError, match="no training run is here"):
        TrainingRun.read(tmp_path)


def test_an_existing_run_is_not_touched(trained, dataset, quick) -> None:
    folder = trained.path.parent
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    run = TrainingRun.of(dataset, RunPlan(("A1",)), quick)
    with pytest.raises(TrainingError, match="a training run is here already"):
        exhaust(train_run(dataset, run, folder))
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_another_run_is_not_resumed(trained, dataset) -> None:
    folder = trained.path.parent
    run = TrainingRun.read(folder)
    other = replace(run, settings=replace(run.settings, epochs=4, temperature=0.5))
    with pytest.raises(TrainingError, match=r"epochs 3; temperature 0\.1; found epochs 4;"):
        exhaust(train_run(dataset, other, folder, resume=True))
    longer = replace(run, plan=RunPlan(("A1", "B1", "C1")))
    with pytest.raises(TrainingError, match=r"training \['A1', 'B1'\]"):
        exhaust(train_run(dataset, longer, folder, resume=True))
