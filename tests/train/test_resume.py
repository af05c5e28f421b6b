from __future__ import annotations

import csv
import os
import random
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from napari_stexp.errors import OutputError, TrainingError
from napari_stexp.files import LOCK, is_locked
from napari_stexp.model import load_bundle
from napari_stexp.progress import exhaust
from napari_stexp.train import TrainingReport, loop, train_model
from napari_stexp.train.checkpoint import read_checkpoint, write_checkpoint
from napari_stexp.train.validation import score_name
from tests.test_locks import leave_lock

from .conftest import build_data, tiny

DATA = (("a", 20), ("b", 20))


def start(folder: Path, changes: dict[str, Any] | None = None, **options: Any):
    settings = {"encoder": "timm:test_resnet", "epochs": 3, "batch_size": 8} | (changes or {})
    given = {"folder": folder, "device": "cpu", "validation": build_data(("v", 12))} | options
    return train_model(build_data(*DATA), tiny(**settings), **given)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    for row in table:
        row.pop("seconds")
    return table


def assert_same_runs(one: Path, two: Path) -> None:
    a, b = (load_bundle(folder / "model.safetensors") for folder in (one, two))
    assert all(torch.equal(tensor, b.state[name]) for name, tensor in a.state.items())
    assert (a.bank.embeddings == b.bank.embeddings).all()
    assert rows(one) == rows(two)


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "kills"), [(0, 2), (1, 12)])
def test_killed_at_random_moments_and_resumed_gives_the_same_weights(
    tmp_path: Path, seed: int, kills: int
) -> None:
    script = Path(__file__).with_name("killed_run.py")
    done = subprocess.run(
        [sys.executable, script, tmp_path, str(seed), str(kills)],
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) == kills, done.stdout
    assert_same_runs(tmp_path / "whole", tmp_path / "killed")
    assert not list((tmp_path / "killed").glob(".checkpoint-*"))  # half-written ones


def test_cancelled_after_any_report_and_resumed_gives_the_same_weights(tmp_path: Path) -> None:
    changes = {"recalibrate_norm": True, "patience": 9, "soft_targets": True}
    exhaust(start(tmp_path / "whole", changes))
    random.seed(0)
    cancelled = 0
    while True:
        task = start(tmp_path / "cancelled", changes, resume=True)
        stop_after = random.randint(3, 20)
        try:
            for _ in range(stop_after):
                next(task)
        except StopIteration:
            break
        task.close()
        assert (tmp_path / "cancelled" / "checkpoint.pt").exists()
        cancelled += 1
    assert cancelled > 2
    assert_same_runs(tmp_path / "whole", tmp_path / "cancelled")


def test_a_finished_run_gives_its_model_again(tmp_path: Path) -> None:
    first = exhaust(start(tmp_path))
    reports = []
    again = exhaust(start(tmp_path, resume=True), reports.append)
    assert not [r for r in reports if isinstance(r.new, TrainingReport)]
    assert all(torch.equal(tensor, again.state[name]) for name, tensor in first.state.items())


def test_a_resume_with_other_settings_or_data_lists_the_differences(tmp_path: Path) -> None:
    task = start(tmp_path)
    for _ in range(4):
        next(task)
    task.close()
    before = (tmp_path / "checkpoint.pt").read_bytes(), (tmp_path / "settings.json").read_bytes()
    with pytest.raises(TrainingError, match="holds a training already"):
        exhaust(start(tmp_path))
    other = {"learning_rate": 3e-4, "jitter": (0, 0, 0), "checkpoint_every": 7}
    with pytest.raises(TrainingError, match="other settings or data") as raised:
        exhaust(start(tmp_path, other, resume=True))
    found = str(raised.value.found)
    assert "setting learning_rate: 0.0001 before, 0.0003 now" in found
    assert "setting jitter: [0.5, 0.5, 0.5] before, [0.0, 0.0, 0.0] now" in found
    assert "checkpoint_every" not in found  # the result doesn't depend on it
    assert "data" not in found
    for options, words in (
        ({"validation": build_data(("w", 12))}, "validation data sections: v (12 spots) before"),
        ({"validation": None}, "validation data: some before, none now"),
        ({"initial": {"y_embed.weight": torch.zeros(8, 8)}}, "initial parameters: none before"),
    ):
        with pytest.raises(TrainingError) as raised:
            exhaust(start(tmp_path, resume=True, **options))
        assert words in str(raised.value.found)
    patches = build_data(*DATA)
    patches.patches[0][:] = 7
    task = train_model(
        patches,
        tiny(encoder="timm:test_resnet", epochs=3, batch_size=8),
        folder=tmp_path,
        validation=build_data(("v", 12)),
        resume=True,
        device="cpu",
    )
    with pytest.raises(TrainingError, match=r"found data patches: \w+ before, \w+ now"):
        exhaust(task)
    assert before == (
        (tmp_path / "checkpoint.pt").read_bytes(),
        (tmp_path / "settings.json").read_bytes(),
    )
    exhaust(start(tmp_path, {"checkpoint_every": 7}, resume=True))


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    """No file may grow beyond a limit: writing fails in the middle, as on a full disk."""
    task = start(tmp_path, {"checkpoint_every": 1})
    while not (tmp_path / "checkpoint.pt").exists():
        next(task)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, limits[1]))
    try:
        with pytest.raises(
            OutputError, match=r"checkpoint can't be written.*File too large.*make room"
        ):
            exhaust(task)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {
        "checkpoint.pt",
        "log.csv",
        "settings.json",
    }
    exhaust(start(tmp_path, {"checkpoint_every": 1}, resume=True))
    exhaust(start(tmp_path / "whole"))
    assert_same_runs(tmp_path, tmp_path / "whole")


def test_a_second_training_in_the_folder_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    first = start(tmp_path, {"checkpoint_every": 1})
    while not (tmp_path / "checkpoint.pt").exists():
        next(first)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for resume in (False, True):
        with pytest.raises(TrainingError, match=r"another training is under way.*Wait for its end"):
            exhaust(start(tmp_path, {"checkpoint_every": 1}, resume=resume))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    exhaust(first)
    exhaust(start(tmp_path / "whole", {"checkpoint_every": 1}))
    assert_same_runs(tmp_path, tmp_path / "whole")
    assert not (tmp_path / LOCK).exists()


@pytest.mark.skipif(os.name != "posix", reason="kills as POSIX does")
def test_a_killed_training_s_lock_does_not_keep_it_from_being_resumed(tmp_path: Path) -> None:
    task = start(tmp_path, {"checkpoint_every": 1})
    while not (tmp_path / "checkpoint.pt").exists():
        next(task)
    task.close()
    leave_lock(tmp_path)
    exhaust(start(tmp_path, {"checkpoint_every": 1}, resume=True))
    exhaust(start(tmp_path / "whole", {"checkpoint_every": 1}))
    assert_same_runs(tmp_path, tmp_path / "whole")


def test_only_the_first_of_several_processes_locks_their_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loop._alone_in(tmp_path, 2):
        assert is_locked(tmp_path)
        monkeypatch.setenv("LOCAL_RANK", "1")
        with loop._alone_in(tmp_path, 2):
            pass
        assert is_locked(tmp_path)
        with pytest.raises(TrainingError, match="under way"), loop._alone_in(tmp_path, 1):
            pytest.fail("two trainings")


def test_what_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoint.pt", {"state": {"a": torch.ones(3)}, "n": 1})
    assert torch.equal(read_checkpoint(tmp_path / "checkpoint.pt")["state"]["a"], torch.ones(3))
    whole = (tmp_path / "checkpoint.pt").read_bytes()
    for content in (b"", b"nonsense", whole[: len(whole) // 2]):
        (tmp_path / "checkpoint.pt").write_bytes(content)
        with pytest.raises(TrainingError, match=r"checkpoint\.pt: the checkpoint can't be read"):
            exhaust(start(tmp_path, resume=True))
    torch.save({"state": os.getcwd}, tmp_path / "checkpoint.pt")  # wants to run something
    with pytest.raises(TrainingError, match="can't be read"):
        read_checkpoint(tmp_path / "checkpoint.pt")
    torch.save([1, 2], tmp_path / "checkpoint.pt")
    with pytest.raises(TrainingError, match="no checkpoint of a training"):
        read_checkpoint(tmp_path / "checkpoint.pt")


def test_early_stopping_keeps_the_best_weights(tmp_path: Path) -> None:
    settings = {"encoder": "stain_statistics", "epochs": 60, "patience": 3, "learning_rate": 0.03}
    reports = []
    stopped = exhaust(start(tmp_path, settings), reports.append)
    scores = [r.new.validation for r in reports if r.new is not None and r.new.validation]
    values = [numbers[score_name(stopped.header.retrieval)] for numbers in scores]
    best = int(max(range(len(values)), key=values.__getitem__))
    assert len(values) == best + 1 + 3 < 60
    facts = stopped.header.training["run"]
    assert (facts["stopped_by"], facts["best_epoch"]) == ("patience", best + 1)
    # The weights are those that a training of so many epochs ends with.
    wanted = exhaust(start(tmp_path / "b", settings | {"epochs": best + 1}))
    assert all(torch.equal(tensor, wanted.state[name]) for name, tensor in stopped.state.items())
    again = exhaust(start(tmp_path, settings, resume=True))
    assert all(torch.equal(tensor, again.state[name]) for name, tensor in stopped.state.items())


@pytest.mark.slow
def test_a_time_limit_stops_and_more_time_goes_on(tmp_path: Path) -> None:
    short = exhaust(start(tmp_path, {"max_minutes": 0.0}))
    facts = short.header.training["run"]
    assert (facts["steps"], facts["stopped_by"]) == (1, "max_minutes")
    exhaust(start(tmp_path, {"max_minutes": 60.0}, resume=True))
    exhaust(start(tmp_path / "whole"))
    assert_same_runs(tmp_path, tmp_path / "whole")
