"""The sample, by the commands that the help names: made, trained on, evaluated, and killed."""

from __future__ import annotations

import csv
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import typer

from napari_stexp.model import load_bundle

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SCRIPT = Path(sys.executable).with_name("napari-stexp")
#: Of a processor: what ten minutes on two cores leave with one of them busy elsewhere.
LONGEST = 600.0


def documented(command: str) -> list[str]:
    """Return the first example in a command's help, without the program's name."""
    from napari_stexp.cli.app import app

    help_end = typer.main.get_command(app).commands[command].epilog
    line = next(line for line in help_end.splitlines() if line.startswith("napari-stexp "))
    return shlex.split(line)[1:]


def execute(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [SCRIPT, *words], cwd=folder, capture_output=True, text=True, timeout=1800, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


def cpu_seconds() -> float:
    times = os.times()
    return times.children_user + times.children_system


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder in which `data` was made of the sample."""
    folder = tmp_path_factory.mktemp("sample")
    made = execute([*documented("prepare"), "--json"], folder)
    facts = json.loads(made.stdout)
    assert [s["name"] for s in facts["sections"]] == ["A1", "A2", "B1", "B2", "C1", "C2"]
    assert all(section["without_patch"] == 0 for section in facts["sections"])
    assert "synthetic" in made.stderr
    return folder


def test_one_command_trains_and_another_evaluates(place) -> None:
    before = cpu_seconds()
    trained = json.loads(execute([*documented("train"), "--json"], place).stdout)
    evaluated = execute([*documented("evaluate"), "--json"], place)
    if hasattr(os, "fork"):  # elsewhere, times of other processes are zero
        assert cpu_seconds() - before < LONGEST
    assert trained["trained_on"] == ["A1", "A2", "B1", "B2"]
    assert trained["splits"] == {"C1": "patient", "C2": "patient"}
    facts = json.loads(evaluated.stdout)
    assert facts["split"] == "patient"
    for scale in ("spot", "gene"):
        acg = {
            row["method"]: row["value"]
            for row in facts["overall"]
            if (row["scale"], row["metric"]) == (scale, "acg_pcc")
        }
        assert acg["mean"] is None
        assert acg["mclstexp"] > 0.45
        assert acg["mclstexp"] > acg["tissue_density"]
        assert acg["mclstexp"] > acg["nearest_colour"]
        verdict = facts["verdict"][scale]
        strongest = max((name for name in acg if name not in ("mclstexp", "mean")), key=acg.get)
        assert verdict["strongest_baseline"] == strongest
        if acg["mclstexp"] <= acg[strongest]:
            assert verdict["outcome"] != "ahead"
    report = (place / "report" / "report.html").read_text(encoding="utf-8")
    assert facts["verdict"]["spot"]["text"].partition(". ")[0] in report
    assert {"scores.csv", "scores.parquet"} <= {path.name for path in (place / "report").iterdir()}


def test_killed_and_resumed_it_ends_with_the_same_weights(place) -> None:
    options = ["--sections", "A1,B1", "--preset", "small", "--epochs", "3", "--device", "cpu"]
    execute(["train", "data", "-o", "whole", *options], place)
    killed = place / "killed"
    with subprocess.Popen(
        [SCRIPT, "-q", "train", "data", "-o", killed.name, *options], cwd=place
    ) as process:
        while not (killed / "checkpoint.pt").exists():
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(random.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
    assert not (killed / "model.safetensors").exists()
    execute(["train", "data", "-o", killed.name, "--resume", "--device", "cpu"], place)
    first, second = (
        load_bundle(place / name / "model.safetensors") for name in ("whole", "killed")
    )
    assert first.state.keys() == second.state.keys()
    assert all(torch.equal(first.state[name], second.state[name]) for name in first.state)
    assert (first.bank.embeddings == second.bank.embeddings).all()
    logs = []
    for name in ("whole", "killed"):
        with (place / name / "log.csv").open(newline="") as file:
            logs.append([(row["epoch"], row["loss"]) for row in csv.DictReader(file)])
    assert logs[0] == logs[1]
