"""What a training has led to: tested on what was held out, and read from its folder again."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.progress import Progress
from napari_stexp.session.training.log import TrainingLog
from napari_stexp.session.training.run import MODEL
from napari_stexp.session.training.steps import Steps, TrainPlan, import_plotting
from napari_stexp.session.training.training import RunOutcome

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.study import TrainingRun

__all__ = ["evaluate_again_steps", "evaluate_steps", "read_outcome", "reopen_run_steps"]

EVALUATION, REPORT = "evaluation", "report.html"


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
    import_plotting()
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
