from __future__ import annotations

import dataclasses
import subprocess
import sys
import threading
import time

import anndata
import numpy as np
import pytest

from napari_stexp.cohort import CohortJob, CohortResult, JobProgress, predict_cohort
from napari_stexp.errors import PredictionError, SlideError
from napari_stexp.predict import PredictParams, read_prediction
from napari_stexp.progress import Progress, exhaust

pytest.importorskip("distributed")
CPU = PredictParams(device="cpu", batch_size=8)


@pytest.fixture
def jobs(make_slide, spots_path, tmp_path):
    return [
        CohortJob(make_slide(name, seed), tmp_path / "out" / f"{name}.h5ad", spots_path)
        for seed, name in enumerate("abc")
    ]


@pytest.fixture
def slow_prediction(monkeypatch, jobs):
    """Replace prediction by one of fifty slow steps; counts how many are running."""
    running = {"now": 0, "steps": 0}
    lock = threading.Lock()

    def predict(slide, spots, bundle, params):
        with lock:
            running["now"] += 1
        try:
            for step in range(50):
                running["steps"] += 1
                yield Progress(step, 50, "predicting")
                time.sleep(0.05)
        finally:
            with lock:
                running["now"] -= 1
        return anndata.AnnData(np.zeros((2, 3), np.float32))

    monkeypatch.setattr("napari_stexp.predict.predict_spots", predict, raising=False)
    return running


def test_predicts_all_and_reports(jobs, bundle_path, client):
    reports = []
    results = exhaust(predict_cohort(jobs, bundle_path, CPU, client), reports.append)
    assert [result.job for result in results] == jobs
    assert [result.status for result in results] == ["done"] * 3
    for job in jobs:
        assert np.isfinite(read_prediction(job.output).X).all()
    assert reports[-1].done == reports[-1].total == 3
    finished = [r.new for r in reports if isinstance(r.new, CohortResult)]
    assert sorted(result.job.slide.name for result in finished) == [
        "a.ome.tif",
        "b.ome.tif",
        "c.ome.tif",
    ]
    under_way = [r.new for r in reports if isinstance(r.new, JobProgress)]
    assert under_way
    assert all(news.job == jobs[news.index] for news in under_way)


def test_one_bad_slide_does_not_stop_the_rest_and_a_second_run_does_only_that(
    jobs, bundle_path, client, make_slide
):
    good = jobs[1].slide.read_bytes()
    jobs[1].slide.write_bytes(good[:2000])
    results = exhaust(predict_cohort(jobs, bundle_path, CPU, client))
    assert [result.status for result in results] == ["done", "failed", "done"]
    assert isinstance(results[1].error, SlideError)
    assert results[1].error.path == jobs[1].slide
    assert sorted(p.name for p in jobs[0].output.parent.iterdir()) == ["a.h5ad", "c.h5ad"]

    jobs[1].slide.write_bytes(good)
    results = exhaust(predict_cohort(jobs, bundle_path, CPU, client))
    assert [result.status for result in results] == ["skipped", "done", "skipped"]


def test_closing_stops_what_runs_and_drops_the_rest(jobs, bundle_path, client, slow_prediction):
    task = predict_cohort(jobs, bundle_path, CPU, client)
    for _ in task:
        if slow_prediction["steps"] > 5:
            break
    start = time.monotonic()
    task.close()
    assert time.monotonic() - start < 5
    assert slow_prediction["now"] == 0
    steps = slow_prediction["steps"]
    time.sleep(0.3)
    assert slow_prediction["steps"] == steps < 100
    assert not jobs[0].output.parent.exists()


def test_the_cluster_can_be_used_again_after_a_stop(jobs, bundle_path, client):
    task = predict_cohort(jobs, bundle_path, CPU, client)
    next(task)
    task.close()
    results = exhaust(predict_cohort(jobs, bundle_path, CPU, client))
    assert {result.status for result in results} <= {"done", "skipped"}


def test_by_address(jobs, bundle_path, client):
    address = client.scheduler.address
    results = exhaust(predict_cohort(jobs[:1], bundle_path, CPU, address))
    assert results[0].status == "done"
    assert client.status == "running"


def test_without_a_cluster_one_is_made_here(jobs, bundle_path):
    before = threading.active_count()
    results = exhaust(predict_cohort(jobs[:2], bundle_path, CPU))
    assert [result.status for result in results] == ["done", "done"]
    assert threading.active_count() <= before + 10  # dask keeps a few threads of its own


def test_relative_paths_are_the_callers(jobs, bundle_path, client, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    job = dataclasses.replace(
        jobs[0],
        slide=jobs[0].slide.relative_to(tmp_path),
        output=jobs[0].output.relative_to(tmp_path),
    )
    (result,) = exhaust(predict_cohort([job], bundle_path.name, CPU, client))
    assert result.status == "done"
    assert result.job.output == jobs[0].output


def test_a_lost_worker_is_a_failed_slide(jobs, bundle_path, client, monkeypatch):
    def vanish(*args, **kwargs):
        from distributed.scheduler import KilledWorker

        raise KilledWorker("task", None, 0)

    monkeypatch.setattr("napari_stexp.cohort.cluster.run_job", vanish)
    results = exhaust(predict_cohort(jobs[:1], bundle_path, CPU, client))
    assert results[0].status == "failed"
    assert "worker that predicted this slide was lost" in str(results[0].error)


def test_requests_that_cannot_start(jobs, bundle_path, monkeypatch):
    with pytest.raises(PredictionError, match="no slides"):
        next(predict_cohort([], bundle_path, CPU))
    same = dataclasses.replace(jobs[1], output=jobs[0].output)
    with pytest.raises(PredictionError, match="same output"):
        next(predict_cohort([jobs[0], same], bundle_path, CPU))
    csv = dataclasses.replace(jobs[0], output=jobs[0].output.with_suffix(".csv"))
    with pytest.raises(PredictionError, match="no h5ad file"):
        next(predict_cohort([csv], bundle_path, CPU))
    with pytest.raises(PredictionError, match="scheduler can't be reached"):
        next(predict_cohort(jobs, bundle_path, CPU, "nonsense://nowhere:1"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(PredictionError, match=r"pip install 'napari-stexp\[cluster\]'"):
        next(predict_cohort(jobs, bundle_path, CPU))


def test_the_room_is_imported_without_distributed():
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from napari_stexp.cohort import read_manifest, predict_cohort"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_workers_that_are_other_processes(jobs, bundle_path):
    from distributed import Client, LocalCluster

    jobs[1].slide.write_bytes(b"no slide")  # its error has to travel back
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster, set_as_default=False) as connected,
    ):
        results = exhaust(predict_cohort(jobs, bundle_path, CPU, connected))
    assert [result.status for result in results] == ["done", "failed", "done"]
    assert isinstance(results[1].error, SlideError)
    assert results[1].error.path == jobs[1].slide
