"""``cross-validate``: a run per fold, all scored together; stopped, it goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from napari_stexp.study import TrainingRun
from tests.cli.conftest import QUICK, invoke, refused
from tests.cli.test_training import assert_same_weights, interrupt_after

LEARN = (*QUICK, "--epochs", 1, "--bootstrap", 0)
ONE_EACH = ("--sections", "A1,B1,C1")


pytestmark = pytest.mark.usefixtures("without_plots")


@pytest.fixture(scope="module")
def study(without_plots, data_folder, tmp_path_factory) -> tuple[Path, dict, str]:
    """A finished study by patient: its folder, its facts, and what was told."""
    folder = tmp_path_factory.mktemp("studies") / "study"
    result = invoke("cross-validate", data_folder, "-o", folder, *ONE_EACH, *LEARN, "--json")
    assert result.exit_code == 0, result.stderr
    return folder, json.loads(result.stdout), result.stderr


def test_each_patient_is_held_out_once(study) -> None:
    folder, facts, told = study
    folds = sorted(path.name for path in folder.glob("fold-*"))
    assert folds == ["fold-A", "fold-B", "fold-C"]
    plans = {name: TrainingRun.read(folder / name).plan for name in folds}
    assert plans["fold-B"].held_out == ("B1",)
    assert plans["fold-B"].training == ("A1", "C1")
    assert facts["split"] == "patient"
    assert [section["name"] for section in facts["sections"]] == ["A1", "B1", "C1"]
    assert {row["split"] for row in facts["overall"]} == {"patient"}
    assert set(facts["verdict"]) == {"spot", "gene"}
    assert facts["remarks"] == []
    assert (folder / "report.html").exists()
    assert (folder / "scores.parquet").exists()
    assert "fold 2 of 3 (without B): epoch 1: loss" in told


@pytest.mark.slow
def test_stopped_in_a_fold_the_same_command_goes_on(
    study, data_folder, tmp_path, monkeypatch
) -> None:
    folder = tmp_path / "study"
    command = ("cross-validate", data_folder, "-o", folder, *ONE_EACH, *LEARN)
    with monkeypatch.context() as patch:
        interrupt_after(patch, 8)
        result = invoke(*command)
    assert result.exit_code == 130
    assert "The same command goes on where this one stopped." in result.stderr
    assert not (folder / "report.html").exists()
    done = {path: path.stat().st_mtime_ns for path in folder.glob("*/*.safetensors")}
    assert 0 < len(done) < 3
    result = invoke(*command, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["overall"] == study[1]["overall"]
    assert "(without A): epoch" not in result.stderr
    assert done == {path: path.stat().st_mtime_ns for path in done}
    for fold in ("fold-A", "fold-B", "fold-C"):
        assert_same_weights(folder / fold, study[0] / fold)


def test_other_settings_are_refused(study, data_folder) -> None:
    folder, _, _ = study
    report = (folder / "report.html").stat().st_mtime_ns
    result = invoke(
        "cross-validate", data_folder, "-o", folder, *ONE_EACH, *LEARN, "--temperature", 2
    )
    line = refused(result)
    assert f"{folder / 'fold-A'}: the run that is here was started otherwise" in line
    assert "(expected temperature 0.1; found temperature 2.0)" in line
    assert (folder / "report.html").stat().st_mtime_ns == report


@pytest.mark.slow
def test_by_section_siblings_are_told(run_json, data_folder, tmp_path) -> None:
    facts = run_json(
        *("cross-validate", data_folder, "-o", tmp_path / "study", "--by", "section"),
        *("--sections", "A1,A2", *LEARN),
    )
    assert facts["split"] == "section"
    assert (
        "Other sections of the same patients were in training, as in the paper."
        in (facts["remarks"])
    )


def test_k_must_suit_the_smallest_fold(run, data_folder, tmp_path) -> None:
    command = ("cross-validate", data_folder, "-o", tmp_path / "study", *LEARN)
    assert "expected k from 1 to 108; found 150" in refused(run(*command, "--k", 150))
    assert not list((tmp_path / "study").iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sections", "A1,A2"), "too few patients to hold one out (expected at least 2; found 1"),
        (("--sections", "A1,B1", "--patience", 1), "too few patients to hold one out and watch"),
        (("--sections", "A1,Z9"), "no such section (expected A1, A2, B1, B2, C1; found 'Z9')"),
    ],
)
def test_impossible_studies_are_refused(run, data_folder, tmp_path, options, message) -> None:
    result = run("cross-validate", data_folder, "-o", tmp_path / "study", *LEARN, *options)
    assert message in refused(result)
    assert not list((tmp_path / "study").iterdir())
