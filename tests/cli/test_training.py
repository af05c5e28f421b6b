"""``train``: what it writes and says; interrupted and resumed; what it refuses."""

from __future__ import annotations

import csv
import errno
import json
import os
import signal
from pathlib import Path

import pytest
import torch

from napari_stexp.model import load_bundle
from tests.cli.conftest import QUICK, invoke_json, refused, state_of
from tests.study.conftest import GENES, write_cohort

USES = ("--hold-out", "A2,B2", "--hold-out-patient", "C")
FILES = ["checkpoint.pt", "log.csv", "model.safetensors", "sections.json", "settings.json"]


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_bundle(folder / "model.safetensors").state)


def assert_same_weights(one: Path, two: Path) -> None:
    first, second = weights_of(one), weights_of(two)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_run_has_its_files_and_facts(trained_run) -> None:
    folder, facts = trained_run
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert facts["model"] == str(folder / "model.safetensors")
    assert facts["trained_on"] == ["A1", "B1"]
    assert facts["held_out"] == ["A2", "B2", "C1"]
    assert facts["splits"] == {"A2": "section", "B2": "section", "C1": "patient"}
    assert facts["split"] == "section"
    assert (facts["reference_spots"], facts["genes"], facts["epochs"]) == (72, 8, 2)
    assert facts["retrieval"]["k"] == 10
    assert facts["settings"]["encoder"] == "timm:test_resnet"
    with (folder / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[-1]["loss"]) == facts["loss"]
    bundle = load_bundle(folder / "model.safetensors")
    assert bundle.sha256 == facts["sha256"]
    assert bundle.name == "run"
    assert [info.name for info in bundle.header.sections] == ["A1", "B1"]
    assert json.loads((folder / "settings.json").read_text())["epochs"] == 2


def test_held_out_siblings_are_told(run, data_folder, tmp_path) -> None:
    result = run("train", data_folder, "-o", tmp_path / "my run", *USES, *QUICK, "--epochs", 1)
    assert result.exit_code == 0, result.stderr
    assert (
        "A2 is held out, but A1 of the same patient (A) is not: numbers on it will be by section"
    ) in result.stderr
    assert "C1 is held out, but" not in result.stderr
    assert "held out    C1 (by patient); A2, B2 (by section)" in result.stdout
    assert result.stdout.splitlines()[-1].endswith(
        f"evaluate '{tmp_path}/my run' {data_folder} -o '{tmp_path}/my run/report' --split patient"
    )
    assert "epoch 1: loss" in result.stderr


def test_whole_patients_held_out_raise_no_doubt(run, data_folder, tmp_path) -> None:
    uses = ("--hold-out-patient", "B,C", "--validate", "A2", "--patience", 1)
    result = run("train", data_folder, "-o", tmp_path / "run", *uses, *QUICK)
    assert result.exit_code == 0, result.stderr
    assert "but" not in result.stderr
    assert "held out      B1, B2, C1 (by patient)" in result.stdout
    assert "validated on  A2" in result.stdout
    assert "epoch 1: validation loss" in result.stderr
    assert f"evaluate {tmp_path}/run" in result.stdout
    assert "--split" not in result.stdout


def interrupt_after(monkeypatch, reports: int) -> None:
    """Press Ctrl-C while so many reports have come."""
    from napari_stexp.cli.loss_log import LossLog

    count, take = iter(range(10_000)), LossLog.__call__

    def press(self, progress) -> None:
        take(self, progress)
        if next(count) == reports:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(LossLog, "__call__", press)


@pytest.mark.parametrize("reports", [0, 2, 4])
def test_stopped_and_resumed_it_ends_with_the_same_weights(
    run, trained_run, data_folder, tmp_path, monkeypatch, reports
) -> None:
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        interrupt_after(patch, reports)
        result = run("train", data_folder, "-o", folder, *USES, *QUICK)
    assert result.exit_code == 130
    assert "Stopping after this step" in result.stderr
    assert f"To go on: napari-stexp train {data_folder} -o {folder} --resume" in result.stderr
    assert result.stderr.splitlines()[-1] == "Error: interrupted"
    assert not (folder / "model.safetensors").exists()
    assert "no trained model is here" in refused(
        run("evaluate", folder, data_folder, "-o", tmp_path / "report")
    )
    facts = invoke_json("train", data_folder, "-o", folder, "--resume", "--device", "cpu")
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert_same_weights(folder, trained_run[0])
    told = ("trained_on", "held_out", "splits", "epochs", "loss", "retrieval", "settings")
    assert {name: facts[name] for name in told} == {name: trained_run[1][name] for name in told}


def test_a_finished_run_is_left_as_it_is(run, own_run, trained_run, data_folder) -> None:
    before = state_of(own_run)
    result = run("train", data_folder, "-o", own_run, "--resume", "--json")
    assert result.exit_code == 0, result.stderr
    assert "finished already" in result.stderr
    facts = json.loads(result.stdout)
    names = ("loss", "epochs", "sha256", "splits")
    assert {name: facts[name] for name in names} == {name: trained_run[1][name] for name in names}
    after = state_of(own_run)
    assert {n: s for n, s in after.items() if n != "sections.json"} == {
        n: s for n, s in before.items() if n != "sections.json"
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--epochs", 3), "(expected epochs 2; found epochs 3)"),
        (
            ("--temperature", 3, "--set", "jitter=[0,0,0]"),
            "(expected temperature 0.1; jitter [0.25, 0.25, 0.25]; "
            "found temperature 3.0; jitter [0.0, 0.0, 0.0])",
        ),
        (("--hold-out", "A2"), "training ['A1', 'B1']; held_out ['A2', 'B2', 'C1']; found "),
    ],
)
def test_a_resume_with_other_settings_lists_them(
    run, own_run, data_folder, options, message
) -> None:
    (own_run / "model.safetensors").unlink()  # as if it were still running
    before = state_of(own_run)
    line = refused(run("train", data_folder, "-o", own_run, "--resume", *options))
    assert f"{own_run}: the run that is here was started otherwise" in line
    assert message in line
    assert state_of(own_run) == before


@pytest.mark.parametrize("finished", [True, False])
def test_a_resume_with_other_data_says_what_differs(run, own_run, tmp_path, finished) -> None:
    """The data set was prepared anew from other counts."""

    def double(adata):
        adata.X = adata.X * 2
        return adata

    sections = write_cohort(tmp_path / "in", B1=double)
    genes = tmp_path / "genes.txt"
    genes.write_text("\n".join(GENES))
    cut = ("--patch-px", 32, "--mpp", 1, "--genes", genes)
    assert run("prepare", sections, "-o", tmp_path / "data", *cut).exit_code == 0
    if not finished:
        (own_run / "model.safetensors").unlink()
    before = state_of(own_run)
    line = refused(run("train", tmp_path / "data", "-o", own_run, "--resume", "--device", "cpu"))
    assert "data counts: " in line
    assert "sections" not in line.partition("found")[2]
    after = state_of(own_run)
    kept = ("checkpoint.pt", "log.csv", *(["model.safetensors"] if finished else []))
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}


def test_a_run_goes_on_with_the_same_data_elsewhere(
    run, own_run, data_folder, trained_run, tmp_path
) -> None:
    import shutil

    (own_run / "model.safetensors").unlink()
    moved = shutil.copytree(data_folder, tmp_path / "moved")
    result = run("train", moved, "-o", own_run, "--resume", "--device", "cpu")
    assert result.exit_code == 0, result.stderr
    assert_same_weights(own_run, trained_run[0])


def test_an_existing_run_is_not_overwritten(run, own_run, data_folder) -> None:
    before = state_of(own_run)
    line = refused(run("train", data_folder, "-o", own_run, *QUICK))
    assert f"{own_run}: a training run is here already" in line
    assert "--resume" in line
    assert state_of(own_run) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--hold-out", "Z9"), "no such section (expected A1, A2, B1, B2, C1; found 'Z9')"),
        (("--hold-out-patient", "Z"), "no such patient (expected A, B, C; found 'Z')"),
        (("--hold-out-patient", "A,B,C"), "no section is left to train on"),
        (("--hold-out", "A1", "--validate", "A1"), "can't both validate and be held out"),
        (("--resume",), "no training run is here (expected a folder with sections.json)"),
        (("--k", 500), "expected k from 1 to 180; found 500"),
        (("--epochs", 0), "epochs: expected a whole number from 1 to 100000, found 0"),
        (("--set", "no_such=1"), "no such setting (expected encoder,"),
        (("--encoder", "alexnet"), "alexnet"),
        (("--weights", "nowhere.pth"), "nowhere.pth"),
        (("--patience", 1), "stopping early needs validation sections"),
        (("--device", "cuda:99"), "cuda"),
    ],
)
def test_what_can_not_be_done_is_said_and_leaves_no_trace(
    run, data_folder, tmp_path, options, message
) -> None:
    if options == ("--device", "cuda:99") and torch.cuda.device_count() > 99:
        pytest.skip("so many GPUs")
    quick = () if options[0] in ("--k", "--device") else QUICK
    line = refused(run("train", data_folder, "-o", tmp_path / "run", *quick, *options))
    assert message in line
    assert not (tmp_path / "run").exists()


def test_a_folder_without_data_is_named(run, tmp_path) -> None:
    line = refused(run("train", tmp_path / "nothing", "-o", tmp_path / "run"))
    assert (
        line
        == f"{tmp_path / 'nothing'}: no data set is here. Make one with `napari-stexp prepare`."
    )
    assert not (tmp_path / "run").exists()


def test_settings_come_from_a_file_and_single_ones_win(
    run, run_json, data_folder, tmp_path
) -> None:
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"epochs": 1, "projection": 8, "temperature": 0.5}))
    options = ("--settings", settings, "--set", "temperature=0.3", "--sections", "A1,C1")
    facts = run_json(
        *("train", data_folder, "-o", tmp_path / "run", *options),
        *("--encoder", "timm:test_resnet", "--device", "cpu", "--name", "mine", "--batch-size", 24),
        *("--thumbnails", 8),
    )
    told = facts["settings"]
    assert (told["epochs"], told["projection"], told["temperature"]) == (1, 8, 0.3)
    assert facts["trained_on"] == ["A1", "C1"]
    assert facts["split"] is None
    bundle = load_bundle(tmp_path / "run" / "model.safetensors")
    assert bundle.name == "mine"
    assert bundle.bank.thumbnails is not None
    settings.write_text("[]")
    again = ("train", data_folder, "-o", tmp_path / "other", "--settings", settings)
    assert f"{settings}: the settings must be a JSON object" in refused(run(*again))


def test_a_full_disk_keeps_the_last_checkpoint(
    run, trained_run, data_folder, tmp_path, monkeypatch
) -> None:
    from napari_stexp.train import checkpoint

    folder, reach_the_disk, written = tmp_path / "run", os.fsync, []

    def reach_a_full_disk(file: int) -> None:
        written.append(file)
        if len(written) > 2:  # the first checkpoint: the file and its folder
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        reach_the_disk(file)

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.os, "fsync", reach_a_full_disk)
        line = refused(run("train", data_folder, "-o", folder, *USES, *QUICK))
    assert f"{folder / 'checkpoint.pt'}: the checkpoint can't be written" in line
    assert "No space left on device" in line
    assert "make room, then resume" in line
    assert not [path for path in folder.iterdir() if path.name.startswith(".")]
    assert run("train", data_folder, "-o", folder, "--resume", "--device", "cpu").exit_code == 0
    assert_same_weights(folder, trained_run[0])
