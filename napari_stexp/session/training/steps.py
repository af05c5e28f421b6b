"""Finding, preparing, training and evaluating as generators of `Progress`. Knows no Qt."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Queue
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import DeviceError, StexpError
from napari_stexp.progress import Progress
from napari_stexp.session.training.log import TrainingLog
from napari_stexp.session.training.run import MODEL
from napari_stexp.session.training.training import RunOutcome, SectionRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_stexp.dataset import Dataset, PrepareSettings
    from napari_stexp.spots import SectionSource
    from napari_stexp.study import TrainingRun

__all__ = [
    "SAMPLE_SETTINGS",
    "TrainPlan",
    "evaluate_again_steps",
    "evaluate_steps",
    "find_sections_steps",
    "fit_to",
    "open_dataset_steps",
    "prepare_steps",
    "reopen_run_steps",
    "sample_steps",
    "train_steps",
]

_MANIFEST, _SAMPLE_SECTIONS = "sections.csv", 6  # two of each of three patients
EVALUATION, REPORT = "evaluation", "report.html"

_EVERY = 0.1  # seconds between two bunches of reports

#: A patch of 112 µm, as in the shipped model; beyond the slide is white, as beside the tissue.
SAMPLE_SETTINGS: dict[str, Any] = {
    "patch_px": 112,
    "mpp": 1.0,
    "fill": (243, 242, 244),
    "min_spots": 0,
}

_PAPER_SPOTS = 10_000  # of about so many spots is the paper's rule of 1,000

Steps = Generator[Progress, None, Any]


def find_sections_steps(path: Path) -> Steps:
    """List the sections under a path, then read them one by one.

    Its first ``new`` is (sources, rows), each later one a `SectionRow` that is known better.
    """
    yield Progress(0, 0, "looking for sections")
    from napari_stexp.spots import find_sections

    sources = find_sections(path)
    rows = [_first_row(source) for source in sources]
    yield Progress(0, len(rows), "reading the sections", new=(sources, rows))
    for i, (source, row) in enumerate(zip(sources, rows, strict=True)):
        if row.usable:
            row = _read_row(source, row)  # noqa: PLW2901 - what is known of it grows
        yield Progress(i + 1, len(rows), "reading the sections", new=row)


def _first_row(source: SectionSource) -> SectionRow:
    row = SectionRow(source.name, source.patient, source.organ)
    if source.slide is None:
        return replace(row, problem="There is no picture of it.")
    if not source.has_counts:
        return replace(row, problem="There are no counts of it.")
    return row


def _read_row(source: SectionSource, row: SectionRow) -> SectionRow:
    try:
        spots = source.read()
    except StexpError as error:
        return replace(row, problem=error.message)
    if spots.n_vars == 0:
        return replace(row, n_spots=int(spots.n_obs), problem="There are no counts of it.")
    return replace(row, n_spots=int(spots.n_obs))


def sample_steps(folder: Path) -> Steps:
    """Make the sample's synthetic sections in a folder, unless they are there; find them."""
    yield Progress(0, 0, "making the synthetic sections, once")
    from napari_stexp.sample_data import write_training_sections  # type: ignore[import-not-found]

    manifest = folder / _MANIFEST  # written last
    if not manifest.is_file():
        yield from from_reports(
            lambda report: write_training_sections(folder, _SAMPLE_SECTIONS, report=report)
        )
    yield from find_sections_steps(manifest)


class _StoppedError(Exception):
    """Nobody listens any more."""


def from_reports(work: Callable[[Callable[[Progress], None]], Any]) -> Steps:
    """Run, in a thread, what reports its progress by a call; closed, it ends at the next one."""
    reports: Queue[Progress | None] = Queue()
    stopped = threading.Event()

    def report(progress: Progress) -> None:
        if stopped.is_set():
            raise _StoppedError
        reports.put(progress)

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work, report)
        future.add_done_callback(lambda _: reports.put(None))
        try:
            while (progress := reports.get()) is not None:
                yield progress
        finally:
            stopped.set()
    return future.result()


def fit_to(settings: PrepareSettings, spots: int) -> PrepareSettings:
    """Return settings whose least number of spots suits data smaller than the paper's.

    The paper drops genes found in fewer than 1,000 of its 10,000 spots; of 500
    spots, that rule would leave none.
    """
    usual = type(settings)().min_spots
    if settings.min_spots != usual or spots >= _PAPER_SPOTS:
        return settings
    return replace(settings, min_spots=settings.min_spots * spots // _PAPER_SPOTS)


def open_dataset_steps(folder: Path) -> Generator[Progress, None, Dataset]:
    """Open prepared data."""
    yield Progress(0, 0, "opening the prepared data")
    from napari_stexp.dataset import open_dataset

    return open_dataset(folder)


def prepare_steps(
    sources: Sequence[SectionSource],
    folder: Path,
    settings: PrepareSettings,
    genes_file: Path | None,
) -> Generator[Progress, None, Dataset]:
    """Choose genes and cut patches, or take a given gene list."""
    yield Progress(0, 0, "reading the sections")
    from napari_stexp.dataset import prepare_dataset
    from napari_stexp.model import read_gene_list

    genes = None if genes_file is None else read_gene_list(genes_file)
    with _enough_memory("Choose fewer sections or smaller patches."):
        return (yield from prepare_dataset(sources, folder, settings, genes=genes))


@dataclass(frozen=True)
class TrainPlan:
    """A training as it shall run.

    Attributes
    ----------
    dataset : Dataset
        Prepared data.
    folder : Path
        The run's folder.
    run : TrainingRun
        Sections and settings.
    device : str
        Where to compute.
    resume : bool
        Whether to go on from the folder's checkpoint.
    """

    dataset: Dataset
    folder: Path
    run: TrainingRun
    device: str = "auto"
    resume: bool = False


def train_steps(plan: TrainPlan) -> Steps:
    """Train; the reports come in bunches, as tuples in ``new``."""
    yield Progress(0, 0, "loading the libraries")
    _import_plotting()
    yield Progress(0, 0, "loading the libraries")
    from napari_stexp.study import train_run
    from napari_stexp.train import train_model  # noqa: F401 - brings torch: takes seconds

    yield Progress(0, 0, "opening the data")
    task = train_run(
        plan.dataset,
        plan.run,
        plan.folder,
        resume=plan.resume,
        device=plan.device,
    )
    with _enough_memory("Choose a smaller batch or a smaller image network."):
        return (yield from bunch(task))


def _import_plotting() -> None:
    """Import here what draws the curve, and let it find its fonts: that takes a second or more."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure()
    figure.add_subplot().plot([0, 1], label="x")
    figure.legend()
    FigureCanvasAgg(figure).draw()


def bunch(task: Steps, every: float = _EVERY) -> Steps:
    """Pass reports on in bunches: a quick step would else drown the main thread."""
    waiting: list[Any] = []
    last = time.monotonic()
    try:
        while True:
            try:
                progress = next(task)
            except StopIteration as stop:
                if waiting:
                    yield replace(progress, new=tuple(waiting))
                return stop.value
            if progress.new is not None:
                waiting.append(progress.new)
            now = time.monotonic()
            if not waiting or now - last >= every:
                yield replace(progress, new=tuple(waiting) or None)
                waiting, last = [], now
    finally:
        task.close()


def evaluate_steps(bundle: Any, plan: TrainPlan) -> Generator[Progress, None, RunOutcome]:
    """Score a new model on what was held out: tables, report, and scores inside the bundle."""
    yield Progress(0, 0, "evaluating on what was held out")
    from napari_stexp.evaluate import write_report, write_tables
    from napari_stexp.model import save_bundle
    from napari_stexp.study import evaluate_bundle, with_study_scores

    names = plan.run.plan.held_out
    result = yield from evaluate_bundle(
        bundle, plan.dataset, names, split=plan.run.split, device=plan.device
    )
    yield Progress(0, 0, "writing the report")
    folder = plan.folder / EVALUATION
    folder.mkdir(exist_ok=True)
    write_tables(result, folder)
    report = folder / REPORT
    write_report(result, report)
    yield Progress(0, 0, "storing the scores in the model")
    model = plan.folder / MODEL
    save_bundle(with_study_scores(bundle, result), model)
    return RunOutcome(model, summarise(result.summary), result.split, tuple(names), report)


def summarise(table: Any) -> dict[tuple[str, str], dict[str, tuple[float, float, float]]]:
    """Return the study's numbers over all held-out sections, by (method, scale) and metric."""
    found: dict[tuple[str, str], dict[str, tuple[float, float, float]]] = {}
    for row in table[table["section"] == "all"].itertuples():
        numbers = (float(row.value), float(row.ci_low), float(row.ci_high))
        found.setdefault((row.method, row.scale), {})[row.metric] = numbers
    return found


def evaluate_again_steps(
    folder: Path, dataset: Dataset, device: str
) -> Generator[Progress, None, RunOutcome]:
    """Score the model of a finished run on what it was kept from."""
    yield Progress(0, 0, "loading the model")
    from napari_stexp.model import load_bundle
    from napari_stexp.study import TrainingRun

    plan = TrainPlan(dataset, folder, TrainingRun.read(folder), device)
    return (yield from evaluate_steps(load_bundle(folder / MODEL), plan))


def reopen_run_steps(folder: Path) -> Steps:
    """Read what a run was started with, and how far it is.

    Returns ``(TrainingRun, Dataset, TrainingLog, RunOutcome or None)``.
    """
    yield Progress(0, 0, "opening the run")
    from napari_stexp.dataset import open_dataset
    from napari_stexp.study import TrainingRun

    run = TrainingRun.read(folder)
    dataset = open_dataset(Path(run.dataset))
    _import_plotting()
    log = TrainingLog.read(folder)
    log.epochs = run.settings.epochs
    outcome = None
    if (folder / MODEL).is_file():
        outcome = read_outcome(folder, run)
    return run, dataset, log, outcome


def read_outcome(folder: Path, run: TrainingRun) -> RunOutcome:
    """Return what a finished run has led to, with the scores of its test if there are any."""
    import pandas as pd

    table, report = folder / EVALUATION / "summary.csv", folder / EVALUATION / REPORT
    scores = {}
    if run.plan.held_out and table.is_file():
        scores = summarise(pd.read_csv(table))
    return RunOutcome(
        folder / MODEL,
        scores,
        run.split if scores else "",
        run.plan.held_out,
        report if report.is_file() else None,
    )


@contextmanager
def _enough_memory(hint: str) -> Iterator[None]:
    """Say what to do about it when the memory was not enough."""
    try:
        yield
    except StexpError:
        raise
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and "out of memory" not in str(error).lower():
            raise
        raise DeviceError(
            "the memory was not enough", found=str(error).splitlines()[0][:200] or None, hint=hint
        ) from error
