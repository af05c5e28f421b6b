"""Spread slides over the workers of a dask.distributed cluster."""

from __future__ import annotations

import queue
import time
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.cohort.jobs import CohortJob, CohortResult, JobProgress
from napari_stexp.cohort.manifest import check_outputs
from napari_stexp.cohort.worker import run_job
from napari_stexp.errors import PredictionError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from distributed import Client, Future

    from napari_stexp.predict import PredictParams

__all__ = ["predict_cohort"]

_REPORT_EVERY = 0.25  # seconds between a slide's progress reports, and looks at the stop flag
_STOP_WITHIN = 60.0  # seconds that running slides get to notice that they are to stop


def predict_cohort(
    jobs: Sequence[CohortJob],
    bundle_path: str | Path,
    params: PredictParams | None = None,
    client: Client | str | None = None,
) -> Generator[Progress, None, list[CohortResult]]:
    """Predict many slides, each on one worker, each into its own ``.h5ad``.

    A slide that fails doesn't stop the others. Outputs that are there already and
    were made from the same slide, spots, model and settings are skipped, so that an
    interrupted run goes on where it was. Closing the generator stops the slides that
    are running and drops the rest; what is written stays.

    Parameters
    ----------
    jobs : sequence of CohortJob
        Paths as the workers see them.
    bundle_path : path-like
        The model bundle.
    params : PredictParams, optional
        Settings, the same for all.
    client : distributed.Client or str, optional
        A connected client, or the scheduler's address. By default one worker in this
        process: slides one after another, each with all cores or the GPU.

    Yields
    ------
    Progress
        Of slides; ``new`` is a `JobProgress`, or the `CohortResult` of a slide that is
        finished.

    Returns
    -------
    list of CohortResult
        In the order of ``jobs``.

    Raises
    ------
    PredictionError
        ``distributed`` isn't installed, the scheduler can't be reached, there are no
        jobs, or two have the same output.
    """
    from napari_stexp.predict import PredictParams

    jobs = [_absolute(job) for job in jobs]
    if not jobs:
        raise PredictionError("there are no slides to predict", expected="at least one job")
    check_outputs(jobs)
    with _connect(client) as connected:
        run = _CohortRun(connected, jobs, Path(bundle_path).absolute(), params or PredictParams())
        try:
            yield from run.follow()
        finally:
            run.stop()
    return [run.results[index] for index in range(len(jobs))]


def _absolute(job: CohortJob) -> CohortJob:
    """Workers may run in another folder."""
    from dataclasses import replace

    spots = job.spots.absolute() if job.spots is not None else None
    return replace(job, slide=job.slide.absolute(), output=job.output.absolute(), spots=spots)


@contextmanager
def _connect(client: Client | str | None) -> Iterator[Client]:
    """Give a connected client; close what was opened here, and only that."""
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise PredictionError(
            "predicting a cohort needs dask.distributed",
            hint="Install it with: pip install 'napari-stexp[cluster]'",
        ) from error
    if isinstance(client, str):
        try:
            opened = Client(client, timeout=10, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise PredictionError(
                "the cluster's scheduler can't be reached",
                expected="an address such as tcp://host:8786",
                found=f"{client!r} ({type(error).__name__})",
            ) from error
        with opened:
            yield opened
    elif client is not None:
        yield client
    else:
        with (
            LocalCluster(
                n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
            ) as cluster,
            Client(cluster, set_as_default=False) as opened,
        ):
            yield opened


class _CohortRun:
    """The slides of one call, as tasks of the cluster."""

    def __init__(
        self, client: Client, jobs: Sequence[CohortJob], bundle_path: Path, params: PredictParams
    ) -> None:
        from distributed import Event

        self.client = client
        self.jobs = jobs
        self.results: dict[int, CohortResult] = {}
        self._news: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._name = f"stexp-cohort-{uuid.uuid4().hex}"
        self._stop = Event(self._name, client=client)
        client.subscribe_topic(self._name, lambda event: self._news.put(event[1]))
        self._futures: list[Future] = []
        for index, job in enumerate(jobs):
            future = client.submit(
                _run_on_worker,
                (index, job, bundle_path, params),
                self._name,
                key=f"{self._name}-{index}",
                pure=False,
                retries=0,
            )
            # The callback comes from the client's own thread.
            future.add_done_callback(lambda done, index=index: self._news.put((index, done)))
            self._futures.append(future)

    def follow(self) -> Iterator[Progress]:
        """Report until every slide has a result."""
        yield Progress(0, len(self.jobs), "waiting for workers")
        while len(self.results) < len(self.jobs):
            try:
                index, news = self._news.get(timeout=_REPORT_EVERY)
            except queue.Empty:
                # A beat, so that whoever drives the generator can stop it.
                yield Progress(len(self.results), len(self.jobs), "predicting")
                continue
            if isinstance(news, tuple):
                if index in self.results:
                    continue
                new: Any = JobProgress(index, self.jobs[index], *news)
            else:
                new = self.results[index] = _result_of(news, self.jobs[index])
            yield Progress(len(self.results), len(self.jobs), "predicting", new)

    def stop(self) -> None:
        """Stop what still runs, and wait until it has."""
        if len(self.results) < len(self.jobs):
            self._stop.set()
            deadline = time.monotonic() + _STOP_WITHIN
            while time.monotonic() < deadline and not all(f.done() for f in self._futures):
                time.sleep(0.02)
            self.client.cancel(self._futures, force=True)
            self._stop.clear()
        self.client.unsubscribe_topic(self._name)
        self._futures.clear()


def _result_of(future: Future, job: CohortJob) -> CohortResult:
    """Return a task's result; a worker that died is a slide that failed."""
    if future.status == "finished":
        result: CohortResult = future.result()
        return result
    if future.status == "cancelled":
        return CohortResult(job, "cancelled")
    error = future.exception()
    lost = PredictionError(
        "the worker that predicted this slide was lost",
        path=job.slide,
        found=f"{type(error).__name__}: {error}",
        hint="It may have run out of memory.",
    )
    return CohortResult(job, "failed", lost)


def _run_on_worker(task: tuple[int, CohortJob, Path, PredictParams], name: str) -> CohortResult:
    """Run one job inside a worker: progress goes out as events, the stop flag comes in."""
    from distributed import Event, get_client, get_worker

    index, job, bundle_path, params = task
    worker, flag = get_worker(), Event(name, client=get_client())
    tell = _Throttle(lambda p: worker.log_event(name, (index, (p.done, p.total, p.stage))))
    stopped = _StopFlag(flag)
    return run_job(job, bundle_path, params, report=tell, cancelled=stopped)


class _Throttle:
    """Pass progress on, but not more often than a person can read it."""

    def __init__(self, send: Callable[[Progress], None]) -> None:
        self._send = send
        self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if now - self._last >= _REPORT_EVERY or progress.done == progress.total:
            self._last = now
            self._send(progress)


class _StopFlag:
    """Ask the scheduler, but not with every batch: each question is a round trip."""

    def __init__(self, event: Any) -> None:
        self._event = event
        self._last = -_REPORT_EVERY
        self._set = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self._set and now - self._last >= _REPORT_EVERY:
            self._last = now
            self._set = bool(self._event.is_set())
        return self._set
