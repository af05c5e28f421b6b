"""What a worker of the cluster does with one slide."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.cohort.jobs import CohortJob, CohortResult
from napari_stexp.cohort.resume import output_matches
from napari_stexp.errors import PredictionError, StexpError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import PredictParams
    from napari_stexp.slide import Slide

__all__ = ["OpenJob", "open_job", "run_job"]

_MASK_PX = 2000  # longer side of the thumbnail on which tissue is found


@dataclass(frozen=True)
class OpenJob:
    """A job's inputs, open."""

    slide: Slide
    spots: AnnData
    bundle: ModelBundle


def run_job(
    job: CohortJob,
    bundle_path: str | Path,
    params: PredictParams,
    *,
    report: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> CohortResult:
    """Predict one slide and write its output; whatever goes wrong is in the result.

    Parameters
    ----------
    job : CohortJob
        The slide.
    bundle_path : path-like
        The model; kept open for the worker's next slide.
    params : PredictParams
        Settings.
    report : callable, optional
        Called with every progress report.
    cancelled : callable, optional
        Asked between batches whether to stop; nothing is written then.
    """
    start = time.monotonic()
    stop = cancelled or (lambda: False)
    try:
        result = _run(job, Path(bundle_path), params, report or (lambda _: None), stop)
    except StexpError as error:
        result = CohortResult(job, "failed", error)
    except Exception as error:  # noqa: BLE001  one slide must not take the others with it
        found = f"{type(error).__name__}: {error}"
        wrapped = PredictionError("this slide failed unexpectedly", path=job.slide, found=found)
        result = CohortResult(job, "failed", wrapped)
    seconds = time.monotonic() - start
    return CohortResult(
        job, result.status, result.error, result.n_spots, result.n_unpredicted, seconds
    )


def _run(
    job: CohortJob,
    bundle_path: Path,
    params: PredictParams,
    report: Callable[[Progress], None],
    stop: Callable[[], bool],
) -> CohortResult:
    from napari_stexp.predict import predict_spots, write_prediction

    if stop():
        return CohortResult(job, "cancelled")
    opened = open_job(job, bundle_path)
    with closing(opened.slide):
        if output_matches(job.output, opened.slide, opened.spots, opened.bundle, params):
            return CohortResult(job, "skipped", n_spots=opened.spots.n_obs)
        adata: Any = None
        with closing(predict_spots(opened.slide, opened.spots, opened.bundle, params)) as task:
            while adata is None:
                try:
                    progress = next(task)
                except StopIteration as end:
                    adata = end.value
                    break
                if stop():
                    return CohortResult(job, "cancelled")
                # The values stay here: the whole of them is written below.
                report(Progress(progress.done, progress.total, progress.stage))
    write_prediction(adata, job.output)
    missing = ~np.isfinite(np.asarray(adata.X)).all(axis=1)
    return CohortResult(job, "done", n_spots=adata.n_obs, n_unpredicted=int(missing.sum()))


def open_job(job: CohortJob, bundle_path: Path) -> OpenJob:
    """Open a job's slide, spots (or lay its grid) and model."""
    from napari_stexp.slide import open_slide
    from napari_stexp.spots import read_spots

    bundle = _load_bundle(bundle_path)
    slide = open_slide(job.slide, mpp=job.mpp)
    try:
        spots = read_spots(job.spots) if job.spots is not None else _lay_grid(job, slide)
    except BaseException:
        slide.close()
        raise
    return OpenJob(slide, spots, bundle)


def _lay_grid(job: CohortJob, slide: Slide) -> AnnData:
    from napari_stexp.slide import tissue_mask
    from napari_stexp.spots import make_grid

    grid, mask, downsample = job.grid, None, 1.0
    if grid.tissue_only:
        image, downsample = slide.thumbnail(_MASK_PX)
        mask = tissue_mask(image)
    return make_grid(
        slide.shape,
        slide.mpp,
        pitch_um=grid.pitch_um,
        diameter_um=grid.diameter_um,
        layout=grid.layout,
        mask=mask,
        mask_downsample=downsample,
    )


def _load_bundle(path: Path) -> ModelBundle:
    try:
        stat = path.stat()
    except OSError:
        return _load_bundle_version(path, 0, 0)  # raises load_bundle's own error
    return _load_bundle_version(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=1)
def _load_bundle_version(path: Path, _modified: int, _size: int) -> ModelBundle:
    from napari_stexp.model import load_bundle

    return load_bundle(path)
