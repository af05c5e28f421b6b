"""Predicting from the panel: progress, cancelling, errors, and what is kept."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_stexp.errors import DeviceError
from napari_stexp.progress import PAUSED, Progress

pytestmark = pytest.mark.gui


@pytest.fixture
def ready(window, slide_file, spots_file, bundle_file):
    """Return the window with all that a prediction needs."""
    window.open(slide_file, spots_file, bundle_file)
    return window


class SlowPrediction:
    """Stands in for the engine: a spot every ``pause`` s, and a step that takes ``stuck`` s."""

    def __init__(self, pause=0.05, stuck_at=None, stuck=0.0, fail_at=None, error=None):
        self.pause, self.stuck_at, self.stuck = pause, stuck_at, stuck
        self.fail_at, self.error = fail_at, error
        self.closed = 0
        self.calls, self.views, self.priority = [], [], None

    def __call__(self, slide, spots, bundle, params, *, rows, priority, pause, embeddings):
        from napari_stexp.predict import SpotBatch

        self.calls.append(rows.tolist())
        self.views.append(priority.bounds)
        self.priority = priority
        n = len(rows)
        try:
            for i, row in enumerate(rows):
                time.sleep(self.stuck if i == self.stuck_at else self.pause)
                while pause.is_set():
                    yield Progress(i, n, PAUSED)
                    time.sleep(0.02)
                if i == self.fail_at:
                    raise self.error
                level = np.full(1, 0.5, np.float32)
                yield Progress(
                    i + 1,
                    n,
                    "predicting",
                    new=SpotBatch(
                        index=np.array([row]),
                        values=np.full((1, len(bundle.genes)), row, np.float32),
                        similarity=level,
                        effective_k=level,
                        confidence=level,
                        status=np.array(["ok"], dtype="<U10"),
                    ),
                )
        finally:
            self.closed += 1


@pytest.fixture
def engine(monkeypatch):
    def replace(**options):
        import napari_stexp.predict

        fake = SlowPrediction(**options)
        monkeypatch.setattr(napari_stexp.predict, "predict_batches", fake, raising=False)
        return fake

    return replace


def test_says_what_is_missing(window, slide_file):
    assert not window.predict.predict_button.isEnabled()
    assert "Open a slide" in window.predict.guide.text()
    window.open(slide_file)
    text = window.predict.guide.text()
    assert "Open a slide" not in text
    assert "Load spots" in text
    assert "Load a model" in text


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
    w.click(w.slide.clear_spots_button)
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


def test_discard(ready, engine):
    engine(pause=0.0)
    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    w.click(w.predict.discard_button)
    assert w.session.prediction is None
    assert w.session.source == "measured"
    assert w.predict.predict_button.isEnabled()


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


def test_a_saved_prediction_that_is_loaded_as_spots_is_shown_as_what_it_is(ready, tmp_path):
    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    gene, values = w.session.gene, w.session.values()
    w.choose(tmp_path / "out.h5ad")
    w.click(w.predict.save_button)
    w.settle()
    w.controller.clear_spots()
    w.click(w.slide.spots_button)
    w.settle()
    assert w.errors == []
    assert w.session.source == "predicted"
    assert not w.session.has_measurement
    np.testing.assert_array_equal(w.session.values(gene), values)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".h5ad"])
def test_save_in_each_format(ready, tmp_path, suffix):
    import anndata
    import pandas as pd

    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    path = tmp_path / f"out{suffix}"
    w.choose(path)
    w.click(w.predict.save_button)
    w.settle()
    readers = {
        ".csv": lambda p: pd.read_csv(p, index_col=0),
        ".parquet": pd.read_parquet,
        ".h5ad": lambda p: anndata.read_h5ad(p).to_df(),
    }
    table = readers[suffix](path)
    values = w.session.prediction.adata.to_df()
    assert np.allclose(table[values.columns], values, atol=1e-5)


def test_saving_where_nothing_can_be_written_is_told(ready, engine, tmp_path):
    engine(pause=0.0)
    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    in_the_way = tmp_path / "a_file"
    in_the_way.write_text("not a folder")
    w.choose(in_the_way / "out.h5ad")
    w.click(w.predict.save_button)
    w.settle()
    assert [area for area, _ in w.errors] == ["save"]
    assert w.predict.notice("save").kind == "error"
    assert w.predict.save_button.isEnabled()


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


def draw_region(window, x0, y0, x1, y1):
    from shapely import box

    return window.session.regions.add(box(x0, y0, x1, y1))


def test_a_region_is_predicted_and_the_tissue_added_later(ready, engine):
    fake, w = engine(pause=0.0), ready
    assert not w.predict.where.region_button.isEnabled()
    assert "Draw a region" in w.predict.where.region_button.toolTip()
    draw_region(w, 300, 200, 500, 400)  # spots lie 100 px apart, from (350, 250)
    w.click(w.predict.where.region_button)
    w.settle()
    assert fake.calls == [[0, 1, 6, 7]]
    assert "4 spots predicted, 26 not reached" in w.predict.summary.text()
    first = w.session.prediction
    w.click(w.predict.predict_button)
    w.settle()
    assert fake.calls[1] == sorted({*range(30)} - {0, 1, 6, 7})
    assert w.session.prediction is first
    assert first.finished
    runs = first.adata.uns["stexp"]["runs"]
    assert runs["1"]["where"] == "region"
    assert [runs[key]["spots"] for key in ("1", "2")] == [4, 26]
    assert w.errors == []


def test_only_the_selected_region_counts_if_one_is_selected(ready, engine):
    fake, w = engine(pause=0.0), ready
    draw_region(w, 300, 200, 400, 300)
    other = draw_region(w, 800, 600, 900, 700)
    w.session.regions.select([])
    assert w.predict.where.region_button.text() == "Predict 2 regions"
    w.session.regions.select([other.id])
    assert w.predict.where.region_button.text() == "Predict region"
    w.click(w.predict.where.region_button)
    w.settle()
    w.session.regions.select([])
    w.click(w.predict.where.region_button)
    w.settle()
    assert fake.calls == [[29], [0]]


def test_what_is_in_view_is_predicted(ready, engine):
    from napari_stexp.panels.registry import get_adapter

    fake, w = engine(pause=0.0), ready
    get_adapter(w.viewer).fly_to(0)
    x0, y0, x1, y1 = get_adapter(w.viewer).view_bounds()
    xy = w.session.spots.obsm["spatial"]
    seen = (xy[:, 0] >= x0) & (xy[:, 0] <= x1) & (xy[:, 1] >= y0) & (xy[:, 1] <= y1)
    assert 1 <= seen.sum() < 30
    w.click(w.predict.where.view_button)
    w.settle()
    assert fake.calls == [np.flatnonzero(seen).tolist()]
    w.click(w.predict.where.view_button)
    w.settle()
    assert len(fake.calls) == 1
    assert "Nothing left to do" in w.predict.notice("predict").text()
    w.viewer.scene.camera.center = (5000, 5000)
    w.click(w.predict.where.view_button)
    w.settle()
    (_, error), *_ = w.errors
    assert "no spots in view" in str(error)


def test_the_view_is_followed_during_a_run(ready, engine):
    from napari_stexp.panels.registry import get_adapter

    fake, w = engine(pause=0.05), ready
    adapter = get_adapter(w.viewer)
    before = adapter.view_bounds()
    w.click(w.predict.predict_button)
    w.wait(lambda: fake.priority is not None)
    assert fake.views == [pytest.approx(before)]
    adapter.fly_to(29)
    after = adapter.view_bounds()
    assert after != pytest.approx(before)
    w.wait(lambda: fake.priority.bounds == pytest.approx(after))
    w.settle()


def test_without_spots_a_grid_is_laid_first(window, slide_file, bundle_file, engine):
    fake, w = engine(pause=0.0), window
    w.open(slide_file, bundle_file)
    assert not w.predict.where.grid_row.isHidden()
    assert "grid of virtual spots" in w.predict.guide.text()
    w.predict.where.pitch_box.setValue(80)
    w.click(w.predict.predict_button)
    w.wait(lambda: fake.calls != [])
    w.settle()
    assert w.session.spots.uns["stexp_spots"]["pitch_um"] == 80
    assert w.session.spots.n_obs > 20
    assert w.session.prediction.finished
    assert w.predict.where.grid_row.isHidden()
    assert w.errors == []


# ---- waiting -------------------------------------------------------------------------------


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


def change_k(window, k):
    """Type a number of reference spots into its field."""
    window.predict.settings_fold.set_opened(True)
    box = window.predict.settings.k_box
    box.setValue(k)
    box.editingFinished.emit()


def test_another_k_is_another_prediction_without_encoding_again(ready, monkeypatch):
    from napari_stexp.predict import PatchEncoder

    w, encoded = ready, []
    encode = PatchEncoder._encode
    monkeypatch.setattr(
        PatchEncoder, "_encode", lambda self, px: (encoded.append(len(px)), encode(self, px))[1]
    )
    w.click(w.predict.predict_button)
    w.settle()
    assert sum(encoded) == 30
    change_k(w, 12)
    assert w.session.params.k == 12
    w.click(w.predict.predict_button)
    w.settle()
    assert sum(encoded) == 30
    assert list(w.session.predictions) == ["tiny", "tiny, k 12"]
    one, two = (w.session.predictions[name].adata for name in w.session.predictions)
    assert two.uns["stexp"]["parameters"]["k"] == 12
    assert abs(one.X - two.X).max() > 0.01
    w.click(w.predict.settings.reset_button)
    assert w.session.params.k is None
    assert w.errors == []


def test_predictions_are_switched_renamed_compared_and_removed(ready, engine):
    from qtpy.QtCore import Qt

    engine(pause=0.0)
    w = ready
    listed = w.predict.list
    assert listed.isHidden()
    w.click(w.predict.predict_button)
    w.settle()
    assert not w.predict.compare_button.isEnabled()
    change_k(w, 12)
    w.click(w.predict.predict_button)
    w.settle()
    assert listed.names() == ["tiny", "tiny, k 12"]
    assert [listed.topLevelItem(i).text(1) for i in range(2)] == ["k 5, L1", "k 12, L1"]
    assert [listed.topLevelItem(i).text(2) for i in range(2)] == ["30", "30"]
    assert listed.currentItem().text(0) == "tiny, k 12"
    place = listed.visualItemRect(listed.topLevelItem(0)).center()
    w.qtbot.mouseClick(listed.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert w.session.predictions.active == "tiny"
    listed.topLevelItem(0).setText(0, "first")  # as the editor does
    assert list(w.session.predictions) == ["first", "tiny, k 12"]
    assert listed.names() == ["first", "tiny, k 12"]
    listed.topLevelItem(0).setText(0, "tiny, k 12")
    assert [area for area, _ in w.errors] == ["predict"]
    assert listed.topLevelItem(0).text(0) == "first"
    w.click(w.predict.compare_button)
    assert w.session.views.kind == "models"
    w.click(w.predict.compare_button)
    assert w.session.views.kind == "single"
    w.session.views.show("models")
    assert w.predict.compare_button.isChecked()
    w.session.views.show("single")
    w.press(listed, "Delete")
    assert list(w.session.predictions) == ["tiny, k 12"]
    assert w.session.predictions.active == "tiny, k 12"
    w.click(w.predict.discard_button)
    assert listed.isHidden()
    assert w.session.prediction is None


def test_removing_the_one_that_is_filled_ends_the_run(ready, engine):
    fake, w = engine(pause=0.05), ready
    w.click(w.predict.predict_button)
    w.wait(lambda: w.session.prediction is not None and w.session.prediction.done >= 2)
    w.press(w.predict.list, "Delete")
    w.settle()
    w.wait(lambda: fake.closed == 1)
    assert w.session.prediction is None
    assert w.errors == []


def test_another_one_can_be_looked_at_while_one_is_filled(ready, engine):
    engine(pause=0.0)
    w = ready
    w.click(w.predict.predict_button)
    w.settle()
    change_k(w, 12)
    engine(pause=0.03)
    w.click(w.predict.predict_button)
    w.wait(lambda: len(w.session.predictions) == 2)
    w.session.show_model("tiny")
    w.settle()
    assert w.session.predictions.active == "tiny"
    assert w.session.predictions["tiny, k 12"].finished
    assert w.predict.list.topLevelItem(1).text(2) == "30"
    assert w.errors == []


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
