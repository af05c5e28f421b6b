"""From a list of sections to a tested model, through the window."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.panels.conftest import GENES, PATCH

pytestmark = [pytest.mark.gui, pytest.mark.timeout(600)]

TINY = {
    "encoder": "resnet18",
    "epochs": 2,
    "batch_size": 10,
    "unit_length": True,
    "temperature": 0.1,
    "position_std": 0.01,
    "projection": 16,
    "heads": 1,
    "head_width": 8,
    "layers": 1,
    "workers": 0,
}


def tiny(**changes):
    from napari_stexp.train import TrainSettings

    return TrainSettings(**(TINY | changes))


class TrainWindow:
    """The window with the panel *Train*, as a user has it."""

    def __init__(self, window, tmp_path):
        from napari_stexp.panels import open_train

        self.w = window
        self.controller, self.wait, self.click = window.controller, window.wait, window.click
        self.choose, self.errors = window.choose, window.errors
        self.panel = open_train(window.viewer)
        self.training = window.session.training
        self.tmp_path = tmp_path

    def settle(self):
        """Wait until nothing runs; the first training imports much."""
        self.w.qtbot.wait(20)
        self.wait(lambda: not self.controller.tasks, timeout=300_000)

    def find(self, path):
        self.choose(path)
        self.click(self.panel.list_button)
        self.settle()

    def open(self, folder):
        self.choose(folder)
        self.click(self.panel.folder_button)
        self.settle()

    def begin(self, settings):
        self.training.settings = settings
        self.click(self.panel.train_button)

    def wait_for_steps(self, number):
        self.wait(lambda: bool(len(self.training.log) >= number or self.errors), timeout=120_000)
        assert self.errors == []

    def cancel(self, area):
        self.click(self.panel.row(area).cancel_button)
        self.settle()


@pytest.fixture
def train(window, tmp_path):
    return TrainWindow(window, tmp_path)


@pytest.fixture
def data(prepared, tmp_path) -> Path:
    """The prepared data under a name of its own, so that runs beside it are this test's."""
    folder = tmp_path / "data"
    folder.symlink_to(prepared, target_is_directory=True)
    return folder


def test_an_empty_panel_says_where_to_start(train):
    assert "Start here" in train.panel.guide.text()
    assert train.panel.sample_button.isEnabled()
    assert train.panel.data_fold.isHidden()
    assert train.panel.train_row.isHidden()
    assert train.panel.last_button.isHidden()


def test_sections_are_listed_ticked_and_prepared(train, sections_file):
    t = train
    t.find(sections_file)
    assert t.errors == []
    assert [row.n_spots for row in t.training.sections] == [30, 30, 30]
    assert t.training.names("hold out") == ("C1",)
    assert "tests on C1" in t.panel.list.notice.text()
    form = t.panel.prepare_form
    assert form.folder.text() == str(sections_file.with_name("sections-prepared"))
    assert "90 spots" in form.size_line.text()
    # 90 spots are no 10,000: the paper's rule would leave no gene.
    assert t.training.prepare_settings.min_spots == 9

    form.folder.setText(str(t.tmp_path / "data"))
    genes = t.tmp_path / "genes.txt"
    genes.write_text("\n".join(GENES))
    form.genes.setText(str(genes))
    form.fields["patch_px"].widget.setText(str(PATCH))
    t.click(form.button)
    t.settle()
    assert t.errors == []
    assert t.training.dataset.genes == GENES
    assert t.training.dataset.contract.patch_px == PATCH
    assert form.isHidden()
    assert t.panel.data_facts.text("Genes") == "7"
    assert t.panel.train_button.isEnabled()


def test_clicks_in_the_table_tick_by_patient(train, sections_file, qtbot):
    from qtpy.QtCore import Qt

    t = train
    t.find(sections_file)
    table, model = t.panel.list.table, t.panel.list.model
    model_index = model.index(model.row("A1"), 5)
    qtbot.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(model_index).center()
    )
    assert t.training.uses == {"A1": "hold out", "B1": "train", "C1": "hold out"}
    qtbot.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(model_index).center()
    )
    assert t.training.uses["A1"] == "leave out"


def test_a_folder_without_sections_is_told(train, tmp_path):
    train.open(tmp_path)
    ((area, error),) = train.errors
    assert area == "sections"
    assert str(tmp_path) in error.message
    assert train.panel.notice("sections").kind == "error"
    assert "Start here" in train.panel.guide.text()  # and one may try again


def test_a_section_that_cannot_be_read_is_left_out_with_its_reason(train, sections_file, tmp_path):
    from dataclasses import replace

    from napari_stexp.spots import read_section_manifest, write_section_manifest

    good = read_section_manifest(sections_file)
    broken = tmp_path / "broken.h5ad"
    broken.write_bytes(b"no h5ad")
    sources = [replace(good[0], spots=broken), good[1], good[2]]
    write_section_manifest(tmp_path / "list.csv", sources)
    train.find(tmp_path / "list.csv")
    first = train.training.sections[0]
    assert str(broken) in first.problem
    assert train.training.uses["A1"] == "leave out"
    assert "Can't be used: A1" in train.panel.list.notice.text()


def test_train_test_and_load(train, data, qtbot, monkeypatch):
    from qtpy.QtGui import QDesktopServices

    t = train
    t.open(data)
    t.controller.training.set_use("B1", "validate")
    t.begin(tiny())
    assert not t.panel.settings_fold.opened
    t.settle()
    assert t.errors == []
    log, outcome = t.training.log, t.training.outcome
    assert log.epochs_done == 2
    assert log.steps_per_epoch == 3
    assert len(log.validation("acg_pcc_spot")[0]) == 2
    assert t.training.run == data.parent / "data-run-1"
    assert outcome.model.is_file()
    assert outcome.split == "patient"
    assert {method for method, _ in outcome.scores} >= {"mclstexp", "mean", "ridge_statistics"}
    assert t.panel.result.table.item(0, 0).text() == "This model"
    assert "C1" in t.panel.result.title.text()

    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url) or True)
    t.click(t.panel.report_button)
    assert opened[0].toLocalFile() == str(outcome.report)
    t.click(t.panel.load_button)
    t.settle()
    assert t.w.session.bundle.genes == GENES
    assert "pcc_spot" in t.w.session.bundle.scores.columns
    assert "predicts from now on" in t.panel.notice("evaluate").text()


def test_cancel_keeps_a_checkpoint_and_resume_goes_on(train, data):
    t = train
    t.open(data)
    t.begin(tiny(epochs=60))
    t.wait_for_steps(4)
    t.cancel("train")
    run, steps = t.training.run, len(t.training.log)
    assert (run / "checkpoint.pt").is_file()
    assert not (run / "model.safetensors").exists()
    assert t.panel.state.kind == "warning"
    assert t.panel.resume_button.isVisibleTo(t.panel)

    t.training.settings = tiny(epochs=5)  # of no matter: the run keeps its own
    t.click(t.panel.resume_button)
    t.wait_for_steps(steps + 2)
    assert t.training.run == run
    t.cancel("train")
    first = t.training.log.steps[0]
    assert len(set(first.tolist())) == len(first)  # no step twice
    t.click(t.panel.train_button)
    t.wait_for_steps(1)
    assert t.training.run == run.with_name("data-run-2")
    t.cancel("train")


def test_the_last_run_is_taken_up_in_the_next_window(train, data, make_napari_viewer):
    from napari_stexp.panels import get_controller, open_train

    t = train
    t.open(data)
    t.controller.training.set_use("A1", "hold out")
    t.begin(tiny(epochs=200))
    t.wait_for_steps(8)
    t.cancel("train")
    viewer = make_napari_viewer()
    panel = open_train(viewer)
    controller = get_controller(viewer)
    assert panel.last_button.text() == "Last training"
    t.click(panel.last_button)
    t.wait(lambda: not controller.tasks)
    training = controller.session.training
    assert training.run == t.training.run
    assert training.uses == t.training.uses
    assert training.settings == t.training.settings
    assert training.log.epochs_done >= 1
    assert panel.resume_button.isVisibleTo(panel)
    controller.close()


def test_the_window_stays_alive_while_it_trains(train, data, qtbot):
    t = train
    t.open(data)
    t.begin(tiny(epochs=500))
    t.wait_for_steps(3)
    t.wait(lambda: t.panel.curve.draw_ms > 0)
    gaps = []
    for _ in range(60):
        start = time.perf_counter()
        qtbot.wait(10)
        gaps.append(time.perf_counter() - start)
    t.cancel("train")
    assert sorted(gaps)[len(gaps) // 2] < 0.1


def test_closing_the_window_leaves_a_checkpoint(train, data):
    from napari.qt.threading import GeneratorWorker

    t = train
    t.open(data)
    t.begin(tiny(epochs=500))
    t.wait_for_steps(4)
    run = t.training.run
    t.controller.close()
    GeneratorWorker.await_workers(60_000)
    assert (run / "checkpoint.pt").is_file()


def test_a_failing_training_says_so_and_the_panel_stays_usable(train, data):
    t = train
    t.open(data)
    t.begin(tiny(weights="/nowhere/weights.pth"))
    t.settle()
    ((area, error),) = t.errors
    assert area == "train"
    assert "/nowhere/weights.pth" in error.message
    assert t.panel.notice("train").kind == "error"
    assert t.panel.train_button.isEnabled()
    assert t.panel.resume_button.isHidden()


def test_a_failed_test_keeps_the_model_and_can_be_repeated(train, data, monkeypatch):
    import napari_stexp.study
    from napari_stexp.errors import EvaluationError

    def fail(*_args, **_options):
        raise EvaluationError("no luck today")
        yield

    t = train
    t.open(data)
    with monkeypatch.context() as patch:
        patch.setattr(napari_stexp.study, "evaluate_bundle", fail)
        t.begin(tiny(epochs=1))
        t.settle()
    assert [area for area, _ in t.errors] == ["evaluate"]
    assert t.training.outcome.model.is_file()
    t.errors.clear()
    t.click(t.panel.test_button)
    t.settle()
    assert t.errors == []
    assert t.training.outcome.scores


def test_wrong_settings_are_told_at_once(train, data):
    t = train
    t.open(data)
    form = t.panel.train_form
    form.fields["epochs"].widget.setText("many")
    assert "Epochs: expected a whole number" in form.notice.text()
    assert not t.panel.train_button.isEnabled()
    form.fields["epochs"].widget.setText("3")
    assert form.notice.isHidden()
    assert t.training.settings.epochs == 3
    assert t.panel.train_button.isEnabled()
    form.fields["patience"].widget.setText("2")
    assert not t.panel.train_button.isEnabled()
    assert "Check" in t.panel.guide.text()


def test_nothing_else_starts_while_it_runs(train, data):
    t = train
    t.open(data)
    t.begin(tiny(epochs=500))
    t.wait_for_steps(1)
    assert not t.panel.train_button.isEnabled()
    assert not t.panel.other_button.isEnabled()
    assert not t.panel.list.model.index(0, 3).flags() & 0x10  # ItemIsUserCheckable
    t.cancel("train")


def test_other_data_begins_anew(train, data):
    t = train
    t.open(data)
    t.click(t.panel.other_button)
    assert t.training.dataset is None
    assert "Start here" in t.panel.guide.text()
    assert t.panel.last_button.text() == "Last data"
    t.click(t.panel.last_button)
    t.settle()
    assert t.training.dataset.folder == data
