"""Batches on their way to the session: merged, timed, and dropped when nobody wants them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets")

import itertools

from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.panels.predict.prediction_run import PredictionRun, merge_batches
from napari_stexp.predict import SpotBatch
from napari_stexp.session.prediction.steps import StartedPrediction


def make_batch(index, genes=3):
    index = np.asarray(index, dtype=np.int64)
    level = index.astype(np.float32)
    return SpotBatch(
        index=index,
        values=np.repeat(level[:, None], genes, axis=1),
        similarity=level,
        effective_k=level,
        confidence=level,
        status=np.full(len(index), "ok", dtype="<U10"),
    )


def start(prediction=None, is_new=True):
    prediction = SimpleNamespace(adata=None) if prediction is None else prediction
    return StartedPrediction(prediction, "model", is_new, 5)


class FakeSession:
    def __init__(self):
        self.shown, self.batches = None, []
        self.predictions = SimpleNamespace(free_name=lambda name: f"{name} (2)")

    def set_prediction(self, prediction, name):
        self.shown, self.name = prediction, name

    def add_batch(self, batch, prediction):
        assert prediction is self.shown
        self.batches.append(batch)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_merged_batches_hold_every_spot_once(sizes):
    starts = np.cumsum([0, *sizes])
    batches = [make_batch(np.arange(a, b)) for a, b in itertools.pairwise(starts)]
    merged = merge_batches(batches)
    assert np.array_equal(merged.index, np.arange(starts[-1]))
    assert np.array_equal(merged.values[:, 0], merged.index)
    assert len(merged.status) == starts[-1]


def test_results_wait_for_the_timer_and_the_rest_for_the_end(qtbot):
    session = FakeSession()
    run = PredictionRun(session)
    run.begin()
    started = start()
    assert not run.fills(started.prediction)
    run.take(started)
    assert session.shown is started.prediction
    assert session.name == "model (2)"
    assert run.fills(started.prediction)
    for i in range(4):
        run.take(make_batch([i]))
    assert session.batches == []
    qtbot.waitUntil(lambda: len(session.batches) == 1, timeout=2000)
    assert list(session.batches[0].index) == [0, 1, 2, 3]
    run.take(make_batch([4]))
    run.end()
    assert list(session.batches[1].index) == [4]
    assert not run.fills(started.prediction)


def test_one_that_is_extended_keeps_its_name(qtbot):
    session = FakeSession()
    run = PredictionRun(session)
    run.begin()
    run.take(start(is_new=False))
    assert session.name is None
    run.abandon()


def test_nothing_is_taken_after_it_was_abandoned(qtbot):
    session = FakeSession()
    run = PredictionRun(session)
    run.begin()
    run.take(start())
    run.take(make_batch([0]))
    run.abandon()
    run.take(make_batch([1]))
    run.flush()
    run.end()
    assert session.batches == []


def test_paused_while_the_window_is_asked_to_close(qtbot):
    session = FakeSession()
    run = PredictionRun(session)
    run.begin()
    run.take(start())
    run.take(make_batch([0]))
    run.pause()
    qtbot.wait(300)
    assert session.batches == []
    run.resume()
    qtbot.waitUntil(lambda: len(session.batches) == 1, timeout=2000)
