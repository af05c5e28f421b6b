"""Predicting from the panel: progress, cancelling, errors, and what is kept."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_stexp.errors import DeviceError

pytestmark = pytest.mark.gui


def test_says_what_is_missing(window, slide_file):
    assert not window.predict.predict_button.isEnabled()
    assert "Open a slide" in window.predict.guide.text()
    window.open(slide_file)
    text = window.predict.guide.text()
    assert "Open a slide" not in text
    assert "Load spots" in text
    assert "Load a model" in text


def test_says_when_spots_off_the_tissue_are_left_out(ready):
    from napari_stexp.slide import TissueMask

    w, plan, button = ready, ready.predict.plan, ready.predict.predict_button
    assert plan.text("Spots") == "30"
    height, width = w.session.slide.shape
    w.session.tissue.put(TissueMask.of(np.ones((height // 8, width // 8), bool), 8.0), "Find")
    assert plan.text("Spots") == "30"
    w.session.tissue.limits = True
    assert plan.text("Spots") == "30, of which those on the tissue mask"
    assert "every spot on the tissue mask" in button.toolTip()
    w.session.tissue.put(None, "Remove")
    assert plan.text("Spots") == "30"
    assert "mask" not in button.toolTip()


def test_spots_take_colour_while_it_runs(ready, engine):
    engine(pause=0.03)
    w = ready
    w.click(w.predict.predict_button)
    w.wait(lambda: w.session.prediction is not None and w.session.prediction.done >= 5)
    assert w.controller.busy("predict")
    assert np.isfinite(w.session.values()).sum() >= 5
    row = w.predict.row("predict")
    w.wait(lambda: "spots/s" in row.line.text())
    assert "/ 30 spots" in row.line.text()
    assert row.bar.maximum() == 30
    w.settle()
    assert w.session.prediction.finished
    assert row.isHidden()


def test_session_hears_at_most_a_few_times_a_second(ready, engine):
    engine(pause=0.0)
    w = ready
    heard = []
    w.session.prediction_updated.connect(heard.append)
    start = time.monotonic()
    w.click(w.predict.predict_button)
    w.settle()
    assert w.session.prediction.done == 30
    assert len(heard) <= 2 + (time.monotonic() - start) / 0.15


def test_cancel_keeps_what_is_there_and_predicting_again_is_possible(ready, engine):
    fake = engine(pause=0.05)
    w = ready
    w.click(w.predict.predict_button)
    w.wait(lambda: w.session.prediction is not None and w.session.prediction.done >= 5)
    start = time.monotonic()
    w.click(w.predict.row("predict").cancel_button)
    w.settle()
    assert time.monotonic() - start < 1.0
    w.wait(lambda: fake.closed == 1)
    done = w.session.prediction.done
    assert 5 <= done < 30
    assert np.isfinite(w.session.values()).sum() == done
    assert f"{30 - done} not reached" in w.predict.summary.text()
    assert "Predict again to add the others" in w.predict.summary.text()
    assert w.predict.save_button.isEnabled()
    again = engine(pause=0.0)
    w.click(w.predict.predict_button)
    w.settle()
    assert again.calls == [list(range(done, 30))]  # it is added to what is there
    assert w.session.prediction.done == 30
    assert len(w.session.predictions) == 1
    assert w.errors == []


def test_cancel_within_a_second_even_where_a_step_takes_longer(ready, engine):
    fake = engine(pause=0.01, stuck_at=8, stuck=3.0)
    w = ready
    w.click(w.predict.predict_button)
    w.wait(lambda: w.session.prediction is not None and w.session.prediction.done >= 8)
    start = time.monotonic()
    w.click(w.predict.row("predict").cancel_button)
    w.settle()
    assert time.monotonic() - start < 1.0
    assert fake.closed == 0  # it is still stuck, and nobody waits for it
    assert w.session.prediction.done == 8
    w.wait(lambda: fake.closed == 1)
    w.qtbot.wait(100)
    assert w.session.prediction.done == 8  # what came late is not taken


def test_out_of_memory_is_told_and_what_is_there_is_kept(ready, engine):
    engine(pause=0.0, fail_at=10, error=RuntimeError("CUDA out of memory. Tried to allocate"))
    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    (area, error), *rest = w.errors
    assert area == "predict"
    assert rest == []
    assert isinstance(error, DeviceError)
    notice = w.predict.notice("predict")
    assert notice.kind == "error"
    assert "memory" in notice.text()
    assert w.session.prediction.done == 10
    engine(pause=0.0)
    w.click(w.predict.predict_button)
    w.settle()
    assert notice.isHidden()
    assert w.session.prediction.finished


def test_removing_the_spots_ends_the_run(ready, engine):
    fake = engine(pause=0.05)
    w = ready
    w.click(w.predict.predict_button)
    w.wait(lambda: w.session.prediction is not None and w.session.prediction.done >= 2)
    w.click(w.slide.spots.clear_button)
    w.settle()
    w.wait(lambda: fake.closed == 1)
    assert w.session.prediction is None
    assert w.errors == []


def test_closing_the_slide_ends_the_run(ready):
    w = ready
    w.click(w.predict.predict_button)
    w.qtbot.wait(20)
    w.click(w.slide.close_button)
    w.settle()
    assert w.session.slide is None
    assert w.session.prediction is None
    assert w.errors == []


def test_closing_the_window_ends_the_run(ready, engine):
    fake = engine(pause=0.05)
    w = ready
    w.click(w.predict.predict_button)
    w.wait(lambda: w.session.prediction is not None and w.session.prediction.done >= 2)
    w.viewer.close()
    w.wait(lambda: fake.closed == 1, timeout=5000)


def test_devices_are_offered_and_chosen(ready):
    w = ready
    w.controller.list_devices()
    w.settle()
    box = w.predict.device_box
    assert box.itemData(0) == "auto"
    cpu = box.findData("cpu")
    assert cpu > 0
    box.setCurrentIndex(cpu)
    box.activated.emit(cpu)
    assert w.session.params.device == "cpu"


def test_reference_that_knows_the_patient_is_told_and_left_out(ready, known_patient_file):
    w = ready
    assert w.predict.overlap.isHidden()  # these spots' patient is T, the reference's A and B
    w.open(known_patient_file)
    assert "1 section of this patient (A)" in w.predict.overlap.notice.text()
    w.predict.overlap.box.click()
    assert w.session.params.exclude_patients == ("A",)
    w.click(w.predict.predict_button)
    w.settle()
    assert w.errors == []
    left_out = w.session.prediction.adata.X.copy()
    w.predict.overlap.box.click()
    assert w.session.params.exclude_patients == ()
    w.click(w.predict.predict_button)
    w.settle()
    assert abs(w.session.prediction.adata.X - left_out).max() > 0.01


# ---- which spots ---------------------------------------------------------------------------


def test_pause_and_resume(ready, engine):
    engine(pause=0.02)
    w = ready
    w.click(w.predict.predict_button)
    w.wait(lambda: w.session.prediction is not None and w.session.prediction.done >= 3)
    w.click(w.predict.pause_button)
    assert w.predict.pause_button.text() == "Resume"
    row = w.predict.row("predict")
    w.wait(lambda: row.line.text().startswith("Paused"))
    w.qtbot.wait(250)
    done = w.session.prediction.done
    w.qtbot.wait(300)
    assert w.session.prediction.done == done < 30
    w.click(w.predict.pause_button)
    assert w.predict.pause_button.text() == "Pause"
    w.settle()
    assert w.session.prediction.finished


def test_a_paused_run_can_be_cancelled_and_the_next_one_runs(ready, engine):
    fake, w = engine(pause=0.02), ready
    w.click(w.predict.predict_button)
    w.wait(lambda: w.session.prediction is not None and w.session.prediction.done >= 3)
    w.click(w.predict.pause_button)
    w.wait(lambda: w.predict.row("predict").line.text().startswith("Paused"))
    w.click(w.predict.row("predict").cancel_button)
    w.settle()
    w.wait(lambda: fake.closed == 1)
    assert not w.controller.predicting.paused
    w.click(w.predict.predict_button)
    assert w.predict.pause_button.text() == "Pause"
    w.settle()
    assert w.session.prediction.finished


# ---- several predictions --------------------------------------------------------------------


def test_settings_are_chosen_in_the_fold(ready):
    w, form = ready, ready.predict.settings
    w.predict.settings_fold.set_opened(True)
    assert form.metric_box.itemText(0) == "model: L1"
    w.choose_item(form.metric_box, "L2")
    assert w.session.params.metric == "l2"
    w.choose_item(form.scale_box, "per gene")
    assert w.session.params.scale == "gene"
    w.click(form.reset_button)
    assert (w.session.params.metric, w.session.params.scale) == (None, None)
    assert not form.reset_button.isEnabled()
