from __future__ import annotations

from pathlib import Path

import pytest

from napari_stexp.progress import exhaust
from napari_stexp.train import train_model
from napari_stexp.train.logs import RunLog, TrainingReport, read_rows

from .conftest import build_data, tiny

COLUMNS = ["epoch", "loss"]


def test_rows_after_the_checkpoint_are_dropped(tmp_path: Path) -> None:
    log = RunLog(tmp_path, COLUMNS)
    for epoch in range(1, 6):
        log.add_epoch({"epoch": epoch, "loss": epoch / 3}, epoch)
    with (tmp_path / "log.csv").open("a") as file:
        file.write("6,0.12")  # killed in the middle of a row
    again = RunLog(tmp_path, COLUMNS, 3)
    again.add_epoch({"epoch": 4, "loss": 9.0}, 4)
    table = read_rows(tmp_path / "log.csv")
    assert [row["epoch"] for row in table] == ["1", "2", "3", "4"]
    assert [float(row["loss"]) for row in table] == [1 / 3, 2 / 3, 1.0, 9.0]
    assert [p.name for p in tmp_path.iterdir()] == ["log.csv"]
    RunLog(tmp_path, COLUMNS)
    assert read_rows(tmp_path / "log.csv") == []


def test_the_log_holds_every_epoch_with_its_mean_loss(tmp_path: Path) -> None:
    reports = []
    task = train_model(
        build_data(("a", 32)),
        tiny(validate_every=2),
        folder=tmp_path,
        validation=build_data(("v", 9)),
        device="cpu",
    )
    exhaust(task, reports.append)
    steps = [r.new for r in reports if r.new is not None and r.new.validation is None]
    table = read_rows(tmp_path / "log.csv")
    for i, row in enumerate(table):
        mean = (steps[2 * i].loss + steps[2 * i + 1].loss) / 2
        assert float(row["loss"]) == pytest.approx(mean)
        assert int(row["step"]) == 2 * i + 2
    checked = [r.new.validation for r in reports if r.new is not None and r.new.validation]
    assert [bool(row["validation_loss"]) for row in table] == [False, True, True]  # the last, too
    assert float(table[1]["validation_loss"]) == checked[0]["loss"]
    assert float(table[2]["validation_acg_pcc_spot"]) == checked[1]["acg_pcc_spot"]


def test_tensorboard_shows_each_step_once_after_a_resume(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path, COLUMNS, tensorboard=True)
    for step in range(1, 7):
        log.add_step(TrainingReport(1, step, float(step), 1e-4))
    log.add_epoch({"epoch": 1, "loss": 3.5}, 6)
    again = RunLog(tmp_path, COLUMNS, 0, 4, tensorboard=True)  # step 4 was in the checkpoint
    for step in (5, 6, 7):
        again.add_step(TrainingReport(1, step, 10.0 + step, 1e-4))
    again.add_epoch({"epoch": 1, "loss": 7.5}, 7)
    for part in (log, again):
        part.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    seen = [(event.step, event.value) for event in events.Scalars("loss")]
    assert seen == [(1, 1), (2, 2), (3, 3), (4, 4), (5, 15), (6, 16), (7, 17)]
    assert [event.value for event in events.Scalars("epoch/loss")] == [7.5]
