"""Predicting from the panel: progress, cancelling, errors, and what is kept."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_stexp.errors import DeviceError
from napari_stexp.progress import Progress

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

    def __call__(self, slide, spots, bundle, params):
        from napari_stexp.predict import SpotBatch

        n = spots.n_obs
        try:
            for i in range(n):
                time.sleep(self.stuck if i == self.stuck_at else self.pause)
                if i == self.fail_at:
                    raise self.error
                level = np.full(1, 0.5, np.float32)
                yield Progress(
                    i + 1,
                    n,
                    "predicting",
                    new=SpotBatch(
                        index=np.array([i]),
                        values=np.full((1, len(bundle.genes)), i, np.float32),
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
        monkeypatch.setattr(napari_stexp.predict, "predict_spots", fake, raising=False)
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
    assert "Stopped early" in w.predict.summary.text()
    assert f"{30 - done} not reached" in w.predict.summary.text()
    assert w.predict.save_button.isEnabled()
    engine(pause=0.0)
    w.click(w.predict.predict_button)
    w.settle()
    assert w.session.prediction.done == 30
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
