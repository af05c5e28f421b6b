"""What the panel *Train* shows and asks before anything is trained."""

from __future__ import annotations

import pytest

from tests.panels.conftest import GENES, PATCH

pytestmark = [pytest.mark.gui, pytest.mark.timeout(600)]


def test_an_empty_panel_says_where_to_start(train):
    assert "Start here" in train.panel.guide.text()
    assert train.panel.sources.sample_button.isEnabled()
    assert train.panel.data_fold.isHidden()
    assert train.panel.train_row.isHidden()
    assert train.panel.sources.last_button.isHidden()


def test_sections_are_listed_ticked_and_prepared(train, sections_file, tmp_path):
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

    form.folder.setText(str(tmp_path / "data"))
    genes = tmp_path / "genes.txt"
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


def test_wrong_settings_are_told_at_once(train, data):
    t = train
    t.open(data)
    form = t.panel.train_form
    form.fields["epochs"].widget.setText("many")
    assert "Epochs: expected a whole number" in form.notice.text()
    assert not t.panel.train_button.isEnabled()
    t.panel.refresh()
    assert form.fields["epochs"].widget.text() == "many"  # what is being typed stays
    form.fields["epochs"].widget.setText("3")
    assert form.notice.isHidden()
    assert t.training.settings.epochs == 3
    assert t.panel.train_button.isEnabled()
    form.fields["patience"].widget.setText("2")
    assert not t.panel.train_button.isEnabled()
    assert "Check" in t.panel.guide.text()


def test_other_data_begins_anew(train, data):
    t = train
    t.open(data)
    t.click(t.panel.other_button)
    assert t.training.dataset is None
    assert "Start here" in t.panel.guide.text()
    assert t.panel.sources.last_button.text() == "Last data"
    t.click(t.panel.sources.last_button)
    t.settle()
    assert t.training.dataset.folder == data


def test_ticks_come_back_when_the_split_is_switched_by_mistake(train, sections_file):
    t = train
    t.find(sections_file)
    t.training.set_use("A1", "validate")
    before = t.training.uses
    t.click(t.panel.list.section_button)
    assert t.training.split == "section"
    t.training.set_use("A1", "leave out")
    t.click(t.panel.list.patient_button)
    assert t.training.uses == before


def test_own_settings_come_back_after_a_preset(train, data):
    t = train
    t.open(data)
    form = t.panel.train_form
    form.fields["epochs"].widget.setText("7")
    own = t.training.settings
    choose_preset(form, "small")
    assert t.training.settings.encoder == "resnet18"
    choose_preset(form, "")
    assert t.training.settings == own
    assert form.fields["epochs"].widget.text() == "7"


def test_every_preset_has_words():
    from napari_stexp.panels.train.train_form import _PRESET_WORDS
    from napari_stexp.study import PRESETS

    assert set(_PRESET_WORDS) == set(PRESETS)


def choose_preset(form, name):
    form.preset_box.setCurrentIndex(form.preset_box.findData(name))
    form.preset_box.activated.emit(form.preset_box.currentIndex())


def test_the_sample_is_made_once_and_listed(train, sections_file, monkeypatch):
    import shutil

    import napari_stexp.sample_data

    from napari_stexp.progress import Progress

    made = []

    def write(folder, n_sections, *, report):
        report(Progress(0, 1, "making"))
        made.append(n_sections)
        folder.mkdir(parents=True)
        for path in sections_file.parent.iterdir():
            if path.is_file():
                shutil.copy(path, folder / path.name)

    monkeypatch.setattr(napari_stexp.sample_data, "write_training_sections", write)
    t = train
    for _ in range(2):
        t.click(t.panel.sources.sample_button)
        t.settle()
        assert t.errors == []
        assert [row.n_spots for row in t.training.sections] == [30, 30, 30]
        assert t.training.settings.encoder == "resnet18"
        t.click(t.panel.other_button)
    assert made == [6]


def test_making_the_sample_can_be_cancelled():
    import time

    from napari_stexp.progress import Progress
    from napari_stexp.session.training.finding import from_reports

    heard = []

    def work(report):
        while True:
            report(Progress(0, 0, "on and on"))
            heard.append(1)
            time.sleep(0.01)

    task = from_reports(work)
    assert next(task).stage == "on and on"
    task.close()  # waits for the thread
    number = len(heard)
    time.sleep(0.05)
    assert len(heard) == number


def test_every_control_has_a_tooltip_and_nothing_is_wider_than_the_dock(train, data):
    from qtpy.QtWidgets import QScrollArea

    from tests.panels.test_layout import WIDEST, controls_of

    t = train
    t.open(data)
    t.panel.train_form.more.set_opened(True)
    long = "/a/very/long/path_without_any_space_in_it/" * 5
    t.panel.notice("train").say("error", long)
    t.training.begin_run(data.with_name("a_long_name_of_a_run" * 5))
    silent = [w for w in controls_of(t.panel) if not w.toolTip()]
    assert [f"{type(w).__name__} {getattr(w, 'text', str)()}" for w in silent] == []
    area = t.panel.findChild(QScrollArea)
    assert area.widget().minimumSizeHint().width() <= WIDEST
