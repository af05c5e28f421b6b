"""Predicting a part, adding to it, and waiting in between."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest

from napari_stexp.errors import PredictionError
from napari_stexp.predict import (
    EmbeddingStore,
    Prediction,
    PredictParams,
    find_differences,
    make_plan,
    predict_batches,
    predict_spots,
    read_prediction,
    start_prediction,
    write_prediction,
)
from napari_stexp.progress import PAUSED, exhaust

CPU = PredictParams(device="cpu", batch_size=4)


def run(slide, spots, bundle, params=CPU, **options):
    return exhaust(predict_spots(slide, spots, bundle, params, **options))


def half(spots):
    return np.asarray(spots.obsm["spatial"])[:, 0] < 400


@pytest.fixture
def whole(slide, spots, bundle):
    return run(slide, spots, bundle)


def test_only_the_rows_asked_for_are_predicted(slide, spots, bundle, whole):
    rows = half(spots)
    reports: list = []
    task = predict_spots(slide, spots, bundle, CPU, rows=rows, where="region")
    found = exhaust(task, reports.append)
    status = found.obs["status"].to_numpy().astype(str)
    assert (status[~rows] == "pending").all()
    assert (status[rows] == whole.obs["status"].to_numpy().astype(str)[rows]).all()
    np.testing.assert_allclose(found.X[rows], whole.X[rows], atol=1e-5)
    assert np.isnan(found.X[~rows]).all()
    assert {report.total for report in reports} == {int(rows.sum())}
    assert reports[-1].done == rows.sum()
    run_facts = found.uns["stexp"]["runs"]["1"]
    assert run_facts["spots"] == rows.sum()
    assert run_facts["where"] == "region"
    assert "runs" not in whole.uns["stexp"]


def test_rows_may_be_numbers_and_must_fit(slide, spots, bundle, whole):
    found = run(slide, spots, bundle, rows=[7, 3, 3])
    assert np.flatnonzero(found.obs["status"] != "pending").tolist() == [3, 7]
    np.testing.assert_allclose(found.X[[3, 7]], whole.X[[3, 7]], atol=1e-5)
    assert (run(slide, spots, bundle, rows=[]).obs["status"] == "pending").all()
    for bad in ([30], [-1], [True, False], [0.5], [[1, 2]]):
        with pytest.raises(PredictionError, match="rows"):
            run(slide, spots, bundle, rows=bad)


def test_a_run_extends_an_earlier_one(slide, spots, bundle, whole, tmp_path):
    rows = half(spots)
    first = Prediction(run(slide, spots, bundle, rows=rows, where="region"))
    before = first.adata.X[rows].copy()
    batches: list = []
    task = predict_spots(slide, spots, bundle, CPU, into=first)
    adata = exhaust(task, lambda r: batches.append(r.new) if r.new is not None else None)
    assert adata is first.adata
    assert first.finished
    assert first.counts == adata.uns["stexp"]["spots"]
    assert first.counts["ok"] + first.counts["border"] == 28
    assert sorted(np.concatenate([b.index for b in batches])) == np.flatnonzero(~rows).tolist()
    np.testing.assert_array_equal(adata.X[rows], before)
    np.testing.assert_allclose(adata.X, whole.X, atol=1e-5)
    runs = adata.uns["stexp"]["runs"]
    assert [runs[key]["spots"] for key in sorted(runs)] == [rows.sum(), (~rows).sum()]
    assert find_differences(first, make_plan(slide, spots, bundle, CPU)) == []
    read = Prediction(read_prediction(write_prediction(adata, tmp_path / "both.h5ad")))
    assert find_differences(read, make_plan(slide, spots, bundle, CPU)) == []
    assert int(read.adata.uns["stexp"]["runs"]["2"]["spots"]) == (~rows).sum()


def test_an_extension_of_a_cancelled_run_says_so(slide, spots, bundle, whole):
    kept = start_prediction(slide, spots, bundle, CPU)
    task = predict_batches(slide, spots, bundle, CPU)
    for progress in task:
        if progress.new is not None:
            kept.add(progress.new)
        if kept.done > 8:
            break
    task.close()
    again = start_prediction(slide, spots, bundle, CPU, into=kept)
    assert again is kept
    missing = kept.status == "pending"
    exhaust(
        predict_batches(slide, spots, bundle, CPU, rows=missing),
        lambda r: kept.add(r.new) if r.new is not None else None,
    )
    np.testing.assert_allclose(kept.adata.X, whole.X, atol=1e-5)
    runs = kept.adata.uns["stexp"]["runs"]
    assert set(runs) == {"1", "2"}
    assert runs["1"]["created"] == kept.adata.uns["stexp"]["created"]


def test_nothing_is_left_to_do_for_a_whole_one(slide, spots, bundle, whole):
    reports: list = []
    task = predict_spots(slide, spots, bundle, CPU, into=Prediction(whole))
    adata = exhaust(task, reports.append)
    assert adata is whole
    assert all(report.new is None for report in reports)
    assert "runs" not in adata.uns["stexp"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": 6}, "k 5, now 6"),
        ({"metric": "l2"}, "metric l1, now l2"),
        ({"scale": "gene"}, "scale spot, now gene"),
        ({"exclude_sections": ("A1",)}, "exclude sections"),
    ],
)
def test_other_settings_dont_extend(slide, spots, bundle, whole, change, words):
    with pytest.raises(PredictionError, match=words):
        run(slide, spots, bundle, replace(CPU, **change), into=Prediction(whole))


def test_other_inputs_dont_extend(slide, spots, make_spots, bundle, make_bundle, whole):
    old = Prediction(whole)
    xy = np.asarray(spots.obsm["spatial"])
    for inputs, words in (
        ((slide, make_spots(xy + 1), bundle), "spots at other places"),
        ((slide, spots[:20].copy(), bundle), "other spots"),
        ((slide, spots, replace(bundle, header=replace(bundle.header, name="else"))), "model"),
        ((slide.with_mpp(0.6), spots, bundle), "slide"),
    ):
        with pytest.raises(PredictionError, match=words):
            run(*inputs, into=old)


def test_device_and_batches_dont_matter_for_extending(slide, spots, bundle, whole):
    params = replace(CPU, batch_size=2, threads=2, device="auto")
    assert find_differences(Prediction(whole), make_plan(slide, spots, bundle, params)) == []


def test_a_paused_run_waits_can_be_cancelled_and_goes_on(slide, spots, bundle, whole):
    pause, reports = threading.Event(), []
    task = predict_spots(slide, spots, bundle, CPU, pause=pause)
    for progress in task:
        reports.append(progress)
        if progress.done >= 8 and not pause.is_set() and PAUSED not in {r.stage for r in reports}:
            pause.set()
        if [r.stage for r in reports].count(PAUSED) == 3:
            pause.clear()
    stages = [r.stage for r in reports]
    assert stages.count(PAUSED) == 3
    at = stages.index(PAUSED)
    assert {r.done for r in reports[at : at + 3]} == {reports[at - 1].done}
    assert all(r.new is None for r in reports[at : at + 3])
    assert reports[-1].done == 30
    before = set(threading.enumerate())
    pause.set()
    waiting = predict_spots(slide, spots, bundle, CPU, pause=pause)
    stages = [next(waiting).stage for _ in range(3)]
    assert stages == ["loading the model", PAUSED, PAUSED]  # before anything is loaded
    waiting.close()
    assert set(threading.enumerate()) <= before


def test_pausing_changes_no_number(slide, spots, bundle, whole):
    pause = threading.Event()
    task, paused = predict_spots(slide, spots, bundle, CPU, pause=pause), 0
    try:
        while True:
            progress = next(task)
            paused += progress.stage == PAUSED
            pause.set() if progress.new is not None and paused < 2 else pause.clear()
    except StopIteration as end:
        adata = end.value
    assert paused >= 2
    np.testing.assert_array_equal(adata.X, whole.X)


def test_a_region_after_a_view_with_kept_embeddings(slide, spots, bundle, whole):
    """All of it together, as the window does."""
    store, rows = EmbeddingStore(), half(spots)
    first = Prediction(run(slide, spots, bundle, rows=rows, embeddings=store, where="view"))
    run(slide, spots, bundle, into=first, embeddings=store)
    np.testing.assert_allclose(first.adata.X, whole.X, atol=1e-5)
    other = run(slide, spots, bundle, replace(CPU, k=2), embeddings=store)
    np.testing.assert_allclose(other.X, run(slide, spots, bundle, replace(CPU, k=2)).X, atol=1e-5)
