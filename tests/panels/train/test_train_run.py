"""A training in the window: its progress, its end, and that nothing of it is lost."""

from __future__ import annotations

import time

import pytest

from napari_stexp.errors import EvaluationError, OutputError
from tests.panels.fakes import SCORES, STEPS, FakeTest, FakeTraining
from tests.panels.train.train_window import tiny

pytestmark = [pytest.mark.gui, pytest.mark.timeout(600)]


@pytest.fixture
def engine(bundle_file, monkeypatch):
    """Replace the training, which takes minutes."""
    import napari_stexp.study

    engine = FakeTraining(bundle_file)
    monkeypatch.setattr(napari_stexp.study, "train_run", engine)
    return engine


@pytest.fixture
def trial(monkeypatch):
    """Replace the test of a model."""
    from napari_stexp.session.training import result

    trial = FakeTest()
    monkeypatch.setattr(result, "evaluate_steps", trial)
    return trial


def test_it_starts_draws_a_curve_and_ends_with_scores(train, data, engine, trial):
    t = train
    t.open(data)
    assert "press Train" in t.panel.guide.text()
    t.training.set_use("B1", "validate")
    engine.pause = 0.05
    t.begin(tiny(epochs=8))
    assert not t.panel.settings_fold.opened
    assert t.panel.train_button.text() == "Training …"
    t.wait_for_steps(2)
    row = t.panel.row("train")
    assert row.bar.maximum() == 8 * STEPS
    assert "steps" in row.line.text()
    t.settle()
    assert t.errors == []
    assert row.isHidden()
    assert "8 epochs" in t.panel.notice("train").text()
    assert engine.calls[0][2].plan.uses == {"A1": "train", "B1": "validate", "C1": "hold out"}

    assert len(t.training.log) == 8 * STEPS
    assert t.training.log.validation("acg_pcc_spot")[1][-1] == pytest.approx(0.08)
    assert not t.panel.curve.isHidden()

    table = t.panel.result.table
    rows = [[table.item(r, c).text() for c in range(3)] for r in range(table.rowCount())]
    assert rows == [
        ["This model", "0.250", "0.310"],
        ["Training mean", "0.020", "0.010"],
        ["Ridge on colours", "0.150", "0.200"],
    ]
    assert "0.200 to 0.300" in table.item(0, 1).toolTip()
    assert "C1" in t.panel.result.title.text()
    assert t.panel.result.verdict.kind == "done"
    t.click(t.panel.result.gene_button)
    assert table.item(0, 1).text() == "0.300"
    assert t.panel.result.verdict.kind == "warning"
    assert "Does not beat the baseline “ridge on colours”" in t.panel.result.verdict.text()


def test_the_report_is_opened_and_the_model_loaded(train, data, engine, trial, monkeypatch):
    from qtpy.QtGui import QDesktopServices

    t = train
    t.open(data)
    t.begin(tiny(epochs=1))
    t.settle()
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url) or True)
    t.click(t.panel.report_button)
    assert opened[0].toLocalFile() == str(t.training.outcome.report)
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda _url: False)
    t.click(t.panel.report_button)
    assert "web browser" in t.panel.notice("evaluate").text()
    t.click(t.panel.load_button)
    t.settle()
    assert t.session.bundle.path == t.training.outcome.model
    assert "predicts from now on" in t.panel.notice("evaluate").text()


def test_cancel_keeps_a_checkpoint_and_resume_goes_on(train, data, engine, trial):
    t = train
    t.open(data)
    t.begin(tiny(epochs=100))
    t.wait_for_steps(4)
    t.cancel("train")
    run, steps = t.training.run, len(t.training.log)
    assert engine.closed == 1
    assert t.panel.state.kind == "warning"
    assert "Resume goes on" in t.panel.state.text()
    assert t.panel.result_row.isHidden()

    t.training.settings = tiny(epochs=5)  # of no matter: the run keeps its own
    t.click(t.panel.resume_button)
    t.wait_for_steps(steps + 2)
    assert t.panel.resume_button.isHidden()
    t.cancel("train")
    folder, resumed, kept = engine.calls[-1]
    assert (folder, resumed, kept.settings.epochs) == (run, True, 100)
    at = t.training.log.steps[0].tolist()
    assert len(set(at)) == len(at)  # no step twice
    t.click(t.panel.train_button)  # and a new one is a new one
    t.wait_for_steps(1)
    assert t.training.run == run.with_name("data-run-2")
    t.cancel("train")


def test_nothing_else_starts_while_it_runs(train, data, engine):
    from qtpy.QtCore import Qt

    t = train
    t.open(data)
    t.begin(tiny(epochs=500))
    t.wait_for_steps(1)
    assert not t.panel.train_button.isEnabled()
    assert not t.panel.other_button.isEnabled()
    assert not t.panel.train_form.isEnabled()
    checkable = Qt.ItemFlag.ItemIsUserCheckable
    assert not t.panel.list.model.index(0, 3).flags() & checkable
    t.cancel("train")


def test_closing_the_window_stops_it_and_the_next_window_takes_it_up(
    train, data, engine, trial, make_napari_viewer
):
    from napari.qt.threading import GeneratorWorker

    from napari_stexp.panels import get_controller, open_train

    t = train
    t.open(data)
    t.training.set_use("A1", "hold out")
    t.begin(tiny(epochs=30))
    t.wait_for_steps(2 * STEPS)
    run, uses, settings = t.training.run, t.training.uses, t.training.settings
    t.controller.close()
    GeneratorWorker.await_workers(60_000)
    assert engine.closed == 1

    viewer = make_napari_viewer()
    panel = open_train(viewer)
    controller = get_controller(viewer)
    assert panel.sources.last_button.text() == "Last training"
    t.click(panel.sources.last_button)
    t.wait(lambda: not controller.tasks)
    training = controller.session.training
    assert (training.run, training.uses, training.settings) == (run, uses, settings)
    assert training.log.epochs_done >= 2
    assert "Resume" in panel.state.text()
    engine.pause = 0.0
    t.click(panel.resume_button)
    t.wait(lambda: training.outcome is not None and not controller.tasks)
    assert training.log.epochs_done == 30
    assert training.outcome.scores == SCORES
    controller.close()


def test_a_training_that_was_killed_is_resumed(train, data, engine, trial):
    """As a kill leaves it: a checkpoint of an earlier epoch, a later row in the log, no model."""
    t = train
    t.open(data)
    t.begin(tiny(epochs=20))
    t.wait_for_steps(3 * STEPS)
    t.cancel("train")
    run = t.training.run
    (run / "checkpoint.pt").write_text(str(2 * STEPS))
    (run / ".checkpoint-half.pt").write_text("half")
    t.click(t.panel.other_button)
    t.click(t.panel.sources.last_button)
    t.settle()
    engine.pause = 0.0
    t.click(t.panel.resume_button)
    t.settle()
    assert t.errors == []
    assert t.training.log.epochs_done == 20
    ends, _ = t.training.log.epoch_means
    assert ends.tolist() == list(range(1, 21))


def test_a_training_killed_before_its_first_checkpoint_says_so(train, data, engine):
    t = train
    t.open(data)
    t.begin(tiny(epochs=100))
    t.wait_for_steps(1)
    t.cancel("train")
    (t.training.run / "checkpoint.pt").unlink()
    t.click(t.panel.other_button)
    t.click(t.panel.sources.last_button)
    t.settle()
    assert t.panel.resume_button.isHidden()
    assert "press Train to start anew" in t.panel.guide.text()
    assert t.training.settings.epochs == 100


def test_a_full_disk_is_told_and_what_was_kept_is_resumed(train, data, engine, trial):
    t = train
    t.open(data)
    engine.fail_at = 2 * STEPS + 1
    engine.error = OutputError(
        "the checkpoint can't be written", found="No space left on device", hint="Make room."
    )
    t.begin(tiny(epochs=4))
    t.settle()
    assert [area for area, _ in t.errors] == ["train"]
    assert "No space left on device" in t.panel.notice("train").text()
    assert t.panel.notice("train").kind == "error"
    assert "Resume" in t.panel.state.text()
    t.errors.clear()
    engine.error = engine.fail_at = None
    t.click(t.panel.resume_button)
    t.settle()
    assert t.errors == []
    assert t.training.outcome.scores
    assert t.panel.notice("train").kind == "done"


def test_one_that_cannot_begin_says_so_and_shows_its_settings(train, data):
    t = train
    t.open(data)
    t.begin(tiny(weights="/nowhere/weights.pth"))
    t.settle()
    ((area, error),) = t.errors
    assert area == "train"
    assert "/nowhere/weights.pth" in error.message
    assert t.panel.notice("train").kind == "error"
    assert t.panel.settings_fold.opened
    assert t.panel.train_button.isEnabled()
    assert t.panel.resume_button.isHidden()


def test_a_run_with_other_settings_is_not_resumed(train, data, engine):
    """Someone has changed the run's record by hand: the core's refusal is shown."""
    from napari_stexp.errors import TrainingError

    t = train
    t.open(data)
    t.begin(tiny(epochs=100))
    t.wait_for_steps(1)
    t.cancel("train")
    engine.error, engine.fail_at = TrainingError("the run was started otherwise"), 0
    (t.training.run / "checkpoint.pt").write_text("0")
    t.click(t.panel.resume_button)
    t.settle()
    assert "started otherwise" in t.panel.notice("train").text()
    assert t.panel.train_button.isEnabled()


def test_a_failed_test_keeps_the_model_and_can_be_repeated(train, data, engine, trial):
    t = train
    t.open(data)
    trial.error = EvaluationError("no luck today")
    t.begin(tiny(epochs=1))
    t.settle()
    assert [area for area, _ in t.errors] == ["evaluate"]
    assert "no luck today" in t.panel.notice("evaluate").text()
    assert t.training.outcome.model.is_file()
    assert t.panel.result.isHidden()
    t.errors.clear()
    trial.error = None
    t.click(t.panel.test_button)
    t.settle()
    assert t.errors == []
    assert t.training.outcome.scores == SCORES
    assert t.panel.test_button.isHidden()


def test_the_window_stays_alive_while_it_trains(train, data, engine, qtbot):
    """A thousand reports a second are no burden; half of all turns are short on any machine."""
    t = train
    t.open(data)
    engine.pause = 0.001
    t.begin(tiny(epochs=5000))
    t.panel.window().show()
    t.wait_for_steps(3)
    t.wait(lambda: t.panel.curve.draw_ms > 0)
    gaps = []
    for _ in range(60):
        start = time.perf_counter()
        qtbot.wait(10)
        gaps.append(time.perf_counter() - start)
    t.cancel("train")
    assert sorted(gaps)[len(gaps) // 2] < 0.1


@pytest.mark.slow
def test_the_real_training_from_data_to_scores(train, data):
    """No stand-ins: cancelled, resumed, tested."""
    t = train
    t.open(data)
    t.training.set_use("B1", "validate")
    t.begin(tiny(epochs=8, validate_every=8))
    t.wait_for_steps(1)
    t.cancel("train")
    run = t.training.run
    assert (run / "checkpoint.pt").is_file()
    assert not (run / "model.safetensors").exists()
    t.click(t.panel.resume_button)
    t.settle()
    assert t.errors == []
    log, outcome = t.training.log, t.training.outcome
    assert log.epochs_done == 8
    assert log.steps_per_epoch == 3
    assert len(log.validation("acg_pcc_spot")[0]) == 1
    assert run == data.parent / "data-run-1"
    assert outcome.split == "patient"
    assert {method for method, _ in outcome.scores} >= {"mclstexp", "mean", "ridge_statistics"}
    assert outcome.report.is_file()
    assert t.panel.result.table.item(0, 0).text() == "This model"
    t.click(t.panel.load_button)
    t.settle()
    assert "pcc_spot" in t.session.bundle.scores.columns
