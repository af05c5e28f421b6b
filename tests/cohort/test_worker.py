from __future__ import annotations

import dataclasses

import anndata
import numpy as np
import pytest

from napari_stexp.cohort import CohortJob, GridSettings, run_job
from napari_stexp.errors import BundleError, ScaleError, SlideError, SpotsError
from napari_stexp.predict import PredictParams, predict_spots, read_prediction
from napari_stexp.progress import exhaust

from .conftest import save_tiny_bundle

CPU = PredictParams(device="cpu", batch_size=16)


@pytest.fixture
def job(make_slide, spots_path, tmp_path):
    return CohortJob(slide=make_slide(), spots=spots_path, output=tmp_path / "out" / "a.h5ad")


def test_writes_what_the_generator_predicts(job, bundle_path):
    from napari_stexp.model import load_bundle
    from napari_stexp.slide import open_slide
    from napari_stexp.spots import read_spots

    reports = []
    result = run_job(job, bundle_path, CPU, report=reports.append)
    assert (result.status, result.error, result.n_unpredicted) == ("done", None, 0)
    with open_slide(job.slide) as slide:
        spots = read_spots(job.spots)
        expected = exhaust(predict_spots(slide, spots, load_bundle(bundle_path), CPU))
    written = read_prediction(job.output)
    np.testing.assert_array_equal(written.X, expected.X)
    assert list(written.obs_names) == list(spots.obs_names)
    assert result.n_spots == spots.n_obs
    assert reports[-1].done == reports[-1].total == spots.n_obs
    assert all(report.new is None for report in reports)


def test_without_spots_a_grid_is_laid_on_tissue(job, bundle_path):
    grid = GridSettings(pitch_um=30, diameter_um=20, layout="square")
    job = dataclasses.replace(job, spots=None, grid=grid)
    assert run_job(job, bundle_path, CPU).status == "done"
    tissue = read_prediction(job.output)
    assert tissue.uns["stexp_spots"]["pitch_um"] == 30
    everywhere = dataclasses.replace(
        job,
        output=job.output.with_name("b.h5ad"),
        grid=dataclasses.replace(grid, tissue_only=False),
    )
    assert run_job(everywhere, bundle_path, CPU).n_spots > tissue.n_obs


def test_the_same_again_is_skipped(job, bundle_path):
    run_job(job, bundle_path, CPU)
    before = job.output.stat().st_mtime_ns
    again = run_job(job, bundle_path, dataclasses.replace(CPU, batch_size=8, threads=1))
    assert again.status == "skipped"
    assert job.output.stat().st_mtime_ns == before


@pytest.mark.parametrize("change", ["k", "scale", "slide", "spots", "model", "mpp", "damage"])
def test_another_input_is_predicted_again(job, bundle_path, make_slide, tmp_path, change):
    assert run_job(job, bundle_path, CPU).status == "done"
    params = CPU
    if change == "k":
        params = dataclasses.replace(CPU, k=7)
    elif change == "scale":
        params = dataclasses.replace(CPU, scale="gene")
    elif change == "slide":
        make_slide(seed=1)
    elif change == "spots":
        spots = anndata.read_h5ad(job.spots)
        spots.obsm["spatial"][3] += 1
        spots.write_h5ad(job.spots)
    elif change == "model":
        save_tiny_bundle(bundle_path, seed=1)
    elif change == "mpp":
        job = dataclasses.replace(job, mpp=0.51)
    elif change == "damage":
        job.output.write_bytes(job.output.read_bytes()[:3000])
    assert run_job(job, bundle_path, params).status == "done"
    assert run_job(job, bundle_path, params).status == "skipped"


def test_failures_are_results(job, bundle_path, tmp_path):
    bad_slide = tmp_path / "bad.svs"
    bad_slide.write_bytes(b"no slide")
    cases = [
        (dataclasses.replace(job, slide=bad_slide), bundle_path, SlideError),
        (dataclasses.replace(job, spots=tmp_path / "none.h5ad"), bundle_path, SpotsError),
        (dataclasses.replace(job, mpp=0.7), bundle_path, ScaleError),
        (job, tmp_path / "none.safetensors", BundleError),
    ]
    for failing, bundle, kind in cases:
        result = run_job(failing, bundle, CPU)
        assert result.status == "failed"
        assert isinstance(result.error, kind)
    assert not job.output.exists()


def test_what_nobody_expected_is_a_result_too(job, bundle_path, monkeypatch):
    def explode(*args):
        raise ZeroDivisionError("oops")

    monkeypatch.setattr("napari_stexp.predict.predict_spots", explode, raising=False)
    result = run_job(job, bundle_path, CPU)
    assert result.status == "failed"
    assert "ZeroDivisionError: oops" in str(result.error)
    assert result.error.path == job.slide


def test_cancelled_between_batches_nothing_is_written(job, bundle_path):
    reports = []
    result = run_job(
        job,
        bundle_path,
        dataclasses.replace(CPU, batch_size=4),
        report=reports.append,
        cancelled=lambda: any(report.done > 0 for report in reports),
    )
    assert result.status == "cancelled"
    assert 0 < reports[-1].done < reports[-1].total
    assert not job.output.parent.exists()


def test_cancelled_before_it_began(job, bundle_path):
    assert run_job(job, bundle_path, CPU, cancelled=lambda: True).status == "cancelled"
