"""The whole work in the real window: saving, opening, closing, and what a crash has left."""

from __future__ import annotations

import json

import numpy as np
import pytest

from napari_stexp.session import DisplaySettings, Session, take_workspace
from napari_stexp.session.workspace.recovery import RecoveryFolder, find_recoveries
from tests.panels.conftest import GENES, Window, end
from tests.session.fakes import make_batch, make_prediction, make_region

pytestmark = pytest.mark.gui


def predict(window, name="P", rows=range(10)):
    """Let a prediction come in as a running one does: empty, then filling up."""
    session = window.session
    prediction = make_prediction(session.spots, GENES, uns={"stexp": {"scale": "spot"}})
    session.set_prediction(prediction, name)
    values = np.random.default_rng(3).random((len(rows), len(GENES)))
    session.add_batch(make_batch(list(rows), values))
    return prediction


@pytest.fixture
def work(window, slide_file, spots_file):
    window.open(slide_file, spots_file)
    predict(window)
    window.session.gene = "IGKC"
    return window


def save(window, path):
    window.choose(path)
    window.click(window.slide.work.save_as_button)
    window.settle()


def test_work_is_saved_closed_and_opened_again(work, tmp_path, slide_file):
    w, row = work, work.slide.work
    assert row.line.text() == "Not saved as a workspace yet."
    assert w.viewer.title.startswith("small*")
    camera = w.viewer.scene.camera
    camera.center, camera.zoom = (300.0, 400.0), 2.5
    save(w, tmp_path / "work")  # the suffix is ours to add
    path = tmp_path / "work.stexp"
    assert path.is_file()
    assert row.line.text() == "work.stexp: saved"
    assert w.viewer.title.startswith("work –")  # noqa: RUF001
    w.session.regions.extend([make_region()])
    assert row.line.text() == "work.stexp: unsaved changes"
    w.click(row.save_button)
    w.settle()
    values = w.session.values().copy()
    w.controller.close_slide()
    assert w.viewer.title == "napari"
    camera.zoom = 0.1
    w.choose(path)
    w.click(row.open_button)
    w.settle()
    assert w.session.gene == "IGKC"
    assert len(w.session.regions.items) == 1
    np.testing.assert_array_equal(w.session.values(), values)
    assert row.line.text() == "work.stexp: saved"
    w.wait(lambda: camera.zoom == pytest.approx(2.5))
    assert camera.center[-2:] == pytest.approx((300.0, 400.0))
    assert w.errors == []


def test_a_slide_that_was_closed_comes_back_with_all_that_lay_on_it(work, tmp_path, slide_file):
    w = work
    save(w, tmp_path / "work")
    values = w.session.values().copy()
    w.controller.workspace.leaving.close_slide()
    assert w.session.slide is None
    assert w.session.undoing.undo_text == "Close the slide"
    w.session.undoing.undo()
    w.settle()
    assert w.session.slide.path == slide_file
    assert w.session.gene == "IGKC"
    np.testing.assert_array_equal(w.session.values(), values)
    assert w.controller.workspace.path == tmp_path / "work.stexp"
    assert w.controller.workspace.unsaved.predictions == []
    assert w.errors == []


def test_a_workspace_that_is_none_is_told(window, tmp_path):
    w = window
    (tmp_path / "bad.stexp").write_bytes(b"nothing")
    w.choose(tmp_path / "bad.stexp")
    w.click(w.slide.work.open_button)
    w.settle()
    assert "no workspace" in w.errors[0][1].message
    assert w.slide.notice("workspace").kind == "error"


def test_closing_over_an_unsaved_prediction_asks(work, tmp_path, monkeypatch):
    from qtpy.QtWidgets import QMessageBox

    w, habits = work, work.controller.habits
    main = w.slide.window()
    assert not main.close()
    assert "In no file yet: P" in habits.box.informativeText()
    habits.box.button(QMessageBox.StandardButton.Cancel).click()
    assert habits.box is None
    assert w.session.prediction is not None
    assert not main.close()
    w.choose(tmp_path / "kept.stexp")
    closed = []
    monkeypatch.setattr(habits, "_close", lambda: closed.append(True))
    habits.box.button(QMessageBox.StandardButton.Save).click()
    w.wait(lambda: closed == [True])
    assert (tmp_path / "kept.stexp").is_file()
    assert w.errors == []


def test_the_key_saves(shown_window, slide_file, spots_file, tmp_path):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest
    from qtpy.QtWidgets import QApplication

    w = shown_window
    w.open(slide_file, spots_file)
    w.choose(tmp_path / "key.stexp")
    main = w.slide.window()
    QApplication.setActiveWindow(main) if hasattr(QApplication, "setActiveWindow") else None
    main.activateWindow()
    w.wait(lambda: QApplication.activeWindow() is not None, 5000)
    QTest.keyClick(w.slide, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
    w.wait((tmp_path / "key.stexp").is_file, 10_000)
    w.settle()


def test_what_is_saved_needs_no_question(work, tmp_path):
    w = work
    save(w, tmp_path / "a.stexp")
    assert not w.controller.habits._has_to_ask()
    w.session.gene = "CD74"  # the view alone is no change
    assert not w.controller.habits._has_to_ask()
    w.session.add_batch(make_batch([12], np.ones((1, len(GENES)))))
    assert w.controller.habits._has_to_ask()


def test_another_slide_asks_before_a_prediction_goes(work, picture_file, tmp_path):
    w, row = work, work.slide.work
    w.open_path(picture_file)
    assert "is in no file yet" in row.before.notice.text()
    w.click(row.before.buttons["Leave it"])
    assert w.session.prediction is not None
    w.open_path(picture_file)
    w.choose(tmp_path / "first.stexp")
    w.click(row.before.buttons["Save first"])
    w.settle()
    assert (tmp_path / "first.stexp").is_file()
    assert w.session.slide.path == picture_file
    assert w.session.prediction is None
    assert w.controller.workspace.path is None


# ---- files that were moved ---------------------------------------------------------------


@pytest.fixture
def moved(work, tmp_path, slide_file):
    """A workspace whose slide isn't where it was."""
    import shutil

    w = work
    here = tmp_path / "here" / "mine.ome.tif"
    here.parent.mkdir()
    shutil.copy(slide_file, here)
    with here.open("ab") as file:
        file.write(b"\0" * 5000)  # another content than that of the other tests
    w.controller.workspace.unsaved.note_prediction(w.session.prediction)
    w.open(here)
    w.slide.spots.load(w.session_spots)
    w.settle()
    predict(w)
    save(w, tmp_path / "moved.stexp")
    w.controller.close_slide()
    (tmp_path / "elsewhere").mkdir()
    new = tmp_path / "elsewhere" / "other name.tif"
    here.rename(new)
    return w, tmp_path / "moved.stexp", new


@pytest.fixture(autouse=True)
def _spots(request):
    """Let the window know the spots' file, for tests that load them twice."""
    if "moved" in request.fixturenames:
        request.getfixturevalue("work").session_spots = request.getfixturevalue("spots_file")


def open_asking(w, path):
    from napari_stexp.panels.workspace.missing_dialog import MissingDialog

    w.controller.workspace.open(path)
    w.settle()
    return w.slide.window().findChild(MissingDialog)


@pytest.mark.slow
def test_a_slide_that_is_nowhere_is_asked_for(moved):
    w, path, new = moved
    dialog = open_asking(w, path)
    assert w.session.spots is None  # nothing happens before the answer
    w.choose(new)
    w.click(dialog.find_buttons["slide"])
    assert str(new) in dialog.findChildren(type(w.slide.pixel_size.label))[1].text()
    w.click(dialog.open_button)
    w.settle()
    assert w.session.slide.path == new
    assert w.session.predictions.active == "P"


def test_work_goes_on_without_the_slide_until_it_is_found(moved):
    w, path, new = moved
    dialog = open_asking(w, path)
    w.click(dialog.open_button)
    w.settle()
    assert w.session.slide is None
    assert w.session.predictions.active == "P"
    lost = w.slide.work.lost
    assert "mine.ome.tif wasn't found" in lost.notice.text().replace("\u200b", "")
    w.choose(new)
    w.click(lost.buttons["Find…"])
    w.settle()
    assert w.session.slide.path == new
    assert w.session.predictions.active == "P"
    assert lost.isHidden()
    assert w.errors == []


@pytest.mark.slow
def test_opening_can_be_given_up(moved):
    w, path, _ = moved
    dialog = open_asking(w, path)
    w.click(dialog.cancel_button)
    assert w.session.spots is None
    assert w.controller.workspace.pending is None


# ---- a crash -----------------------------------------------------------------------------


def leave_a_crash(session, saved_as=None):
    from napari_stexp.progress import exhaust

    folder = RecoveryFolder()
    exhaust(folder.write(take_workspace(session), saved_as))
    lock = json.loads((folder.path / "lock.json").read_text())
    (folder.path / "lock.json").write_text(json.dumps({**lock, "started": 1.0}))
    return folder.path


def test_the_work_is_kept_while_it_goes_on_and_not_after_a_good_end(work):
    w, keeper = work, work.controller.workspace.keeper
    keeper.write()
    w.settle()
    assert (keeper.folder.path / "workspace.json").is_file()
    assert find_recoveries() == []  # it is in use
    w.controller.close()
    assert not keeper.folder.path.exists()


def test_a_change_is_kept_soon(work, monkeypatch):
    w, keeper = work, work.controller.workspace.keeper
    keeper._soon.setInterval(30)
    w.session.regions.extend([make_region()])
    w.wait((keeper.folder.path / "regions.geojson").is_file)
    w.settle()


def test_predictions_that_were_saved_before_a_crash_count_as_saved(work, tmp_path):
    w, control = work, work.controller.workspace
    predict(w, "Q", range(4))
    save(w, tmp_path / "mine.stexp")
    w.session.add_batch(make_batch([20], np.ones((1, len(GENES)))), w.session.predictions["Q"])
    w.session.aligning.shift(30, 40)
    control.keeper.write()
    w.settle()
    lock = control.keeper.folder.path / "lock.json"
    lock.write_text(json.dumps({**json.loads(lock.read_text()), "started": 1.0}))
    (found,) = find_recoveries()
    control.unsaved.note_prediction(w.session.predictions["Q"])
    control.recover(found)
    control.leaving.answer("go on")
    w.settle()
    assert w.session.aligning.moved
    assert control.unsaved.predictions == ["Q"]
    assert control.unsaved.words == (
        "The prediction Q is and the place where the spots are tried out is in no file yet."
    )
    assert w.errors == []


def test_the_tab_the_folds_and_the_forms_come_back(shown_window, slide_file, spots_file, tmp_path):
    w = shown_window
    w.open(slide_file, spots_file)
    fold = w.genes.folds[-1]
    w.bring_forward(w.genes)
    fold.set_opened(True)
    w.slide.spots.grid_form.pitch_box.setValue(220)
    w.session.comparison.side_by_side = False
    w.session.aligning.shift(10, 0)
    assert w.controller.habits._has_to_ask()
    w.choose(tmp_path / "look.stexp")
    w.controller.habits.ask_save()
    w.settle()
    assert not w.controller.habits._has_to_ask()  # the draft is in the file, too
    fold.set_opened(False)
    w.slide.spots.grid_form.pitch_box.setValue(100)
    w.bring_forward(w.slide)
    w.controller.workspace.open(tmp_path / "look.stexp")
    w.settle()
    w.wait(lambda: not w.genes.visibleRegion().isEmpty())
    assert fold.opened
    assert w.slide.spots.grid_form.settings().pitch_um == 220
    assert w.session.aligning.moved
    assert w.errors == []


@pytest.fixture
def crashed(slide_file, spots_file):
    session = Session()
    session.open_slide(slide_file)
    session.open_spots(spots_file)
    prediction = make_prediction(session.spots, GENES, uns={"stexp": {"scale": "spot"}})
    session.set_prediction(prediction, "P")
    session.add_batch(make_batch([0, 1], np.ones((2, len(GENES)))))
    session.regions.load([make_region()])
    path = leave_a_crash(session)
    session.close()
    return path


def test_after_a_crash_the_work_is_offered_and_recovered(crashed, window):
    w, row = window, window.slide.work
    w.settle()
    text = row.recovery.notice.text().replace("\u200b", "")
    assert "Work on small.ome.tif was kept" in text
    assert "1 prediction" in text
    w.click(row.recovery.buttons["Recover"])
    w.settle()
    assert w.session.predictions.active == "P"
    assert len(w.session.regions.items) == 1
    assert w.controller.workspace.unsaved.predictions == ["P"]
    assert w.viewer.title.startswith("small*")
    assert row.recovery.isHidden()
    assert crashed.is_dir()  # goes on in the same folder
    assert find_recoveries() == []


def test_what_a_crash_has_left_can_be_discarded(crashed, window):
    w, row = window, window.slide.work
    w.settle()
    w.click(row.recovery.buttons["Discard"])
    assert not crashed.exists()
    assert row.recovery.isHidden()


def test_regions_that_are_in_the_workspace_are_not_offered_again(work, tmp_path):
    w = work
    w.session.regions.extend([make_region()])
    w.wait(lambda: w.controller.annotating.autosaver.saved_at is not None)
    w.settle()
    exported = take_workspace(w.session)
    from napari_stexp.progress import exhaust
    from napari_stexp.session import write_workspace

    exhaust(write_workspace(exported, tmp_path / "a.stexp"))  # the autosave stays
    w.controller.close_slide()
    w.controller.workspace.open(tmp_path / "a.stexp")
    w.settle()
    assert len(w.session.regions.items) == 1
    assert w.controller.annotating.autosaver.offer is None


# ---- what is remembered ------------------------------------------------------------------


def test_recent_files_are_a_menu(work, tmp_path, slide_file):
    w = work
    save(w, tmp_path / "mine.stexp")
    menu = w.slide.work.menu
    w.slide.work.fill_menu()
    texts = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert texts == ["mine.stexp", "small.ome.tif", "Forget these files"]
    w.controller.close_slide()
    w.slide.work.fill_menu()
    by_text = {action.text(): action for action in menu.actions()}
    by_text["mine.stexp"].trigger()
    w.settle()
    assert w.session.predictions.active == "P"
    (tmp_path / "mine.stexp").unlink()
    w.slide.work.fill_menu()
    by_text = {action.text(): action for action in menu.actions()}
    assert not by_text["mine.stexp"].isEnabled()
    by_text["Forget these files"].trigger()
    assert w.controller.workspace.recent.items == ()


@pytest.mark.slow  # two windows
def test_layout_tab_and_colours_are_remembered(make_napari_viewer, qtbot, monkeypatch):
    from qtpy.QtWidgets import QMainWindow

    first = Window(make_napari_viewer(show=True), qtbot, monkeypatch)
    first.slide.window().resize(1280, 800)
    first.bring_forward(first.genes)
    first.session.display = DisplaySettings(
        colormap="magma", opacity=0.5, limits_mode="manual", manual_limits=(3, 4), threshold=1.0
    )
    main = first.slide.window()
    assert isinstance(main, QMainWindow)
    first.viewer.close()
    end(first)
    second = Window(make_napari_viewer(show=True), qtbot, monkeypatch)
    second.wait(lambda: not second.genes.visibleRegion().isEmpty())
    assert second.slide.visibleRegion().isEmpty()
    assert second.session.display == DisplaySettings(colormap="magma", opacity=0.5)
    end(second)
