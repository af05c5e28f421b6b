"""Cross-validation: each patient, or each section, held out once."""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import SPLITS, SectionEvaluation, StudyResult, assess
from napari_stexp.progress import Progress
from napari_stexp.study.evaluation import SIBLINGS_SEEN, describe_model, describe_software
from napari_stexp.study.fitting import known_sections
from napari_stexp.study.held_out import predict_with_facts
from napari_stexp.study.running import finished_model, refuse_other_run, train_run
from napari_stexp.study.runs import RECORD, RunPlan, TrainingRun

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.model import ModelBundle, Retrieval, SectionInfo
    from napari_stexp.train import TrainSettings

__all__ = ["Fold", "cross_validate", "make_folds"]


@dataclass(frozen=True)
class Fold:
    """One training of a cross-validation.

    Attributes
    ----------
    name : str
        The patient or section that is held out.
    plan : RunPlan
        What each section is for.
    """

    name: str
    plan: RunPlan

    @property
    def folder(self) -> str:
        """A name for its folder that every file system takes."""
        return "fold-" + re.sub(r"[^A-Za-z0-9.-]+", "_", self.name)


def make_folds(
    sections: Sequence[SectionInfo], by: str = "patient", *, validate: bool = False
) -> list[Fold]:
    """Hold out each patient, or each section, once.

    Parameters
    ----------
    sections : sequence of SectionInfo
        Of the whole study.
    by : {'patient', 'section'}
        What is held out. By section, siblings of the held-out section stay in training,
        as in the paper.
    validate : bool
        Set the next patient (or section) aside, for early stopping.

    Raises
    ------
    EvaluationError
        There are too few to hold one out, or a patient is unknown where patients are held
        out.
    """
    if by not in SPLITS:
        raise EvaluationError("unknown split", expected=" or ".join(SPLITS), found=repr(by))
    unnamed = [info.name for info in sections if not info.patient]
    if by == "patient" and unnamed:
        raise EvaluationError(
            "patients can't be held out, because some are unknown",
            expected="a patient for every section",
            found=f"none for {', '.join(unnamed[:10])}",
            hint="Name them in a manifest, or hold out sections (--by section).",
        )
    groups: dict[str, list[str]] = {}
    for info in sections:
        groups.setdefault(info.patient if by == "patient" else info.name, []).append(info.name)
    least = 3 if validate else 2
    if len(groups) < least:
        raise EvaluationError(
            f"too few {by}s to hold one out" + (" and watch another" if validate else ""),
            expected=f"at least {least}",
            found=f"{len(groups)} ({', '.join(groups)})",
            hint="Hold out sections (--by section)." if by == "patient" else None,
        )
    names = list(groups)
    folds = []
    for i, name in enumerate(names):
        watched = names[(i + 1) % len(names)] if validate else None
        training = [s for other in names if other not in (name, watched) for s in groups[other]]
        validation = tuple(groups[watched]) if watched is not None else ()
        folds.append(Fold(name, RunPlan(tuple(training), validation, tuple(groups[name]))))
    if len({fold.folder.lower() for fold in folds}) < len(folds):  # names that differ in signs only
        return [Fold(f"{fold.name}-{i}", fold.plan) for i, fold in enumerate(folds)]
    return folds


def cross_validate(  # noqa: PLR0913 - what to learn from, how, and how to judge it
    dataset: Dataset,
    settings: TrainSettings,
    folder: str | Path,
    by: str = "patient",
    *,
    names: Sequence[str] | None = None,
    retrieval: Retrieval | None = None,
    device: str = "auto",
    devices: int = 1,
    n_bootstrap: int = 1000,
    seed: int = 0,
    domains: bool = True,
    facts: Mapping[str, Any] | None = None,
) -> Generator[Progress, None, StudyResult]:
    """Train without each patient (or section) in turn, predict it, and score all together.

    Each fold's run lives in a folder of its own; called again with the same arguments,
    finished runs are kept and an interrupted one goes on from its checkpoint. With
    ``settings.patience``, the next patient (or section) is watched for early stopping, and
    neither learned from nor, in this fold, judged by.

    Parameters
    ----------
    dataset : Dataset
        The data.
    settings : TrainSettings
        Of every fold.
    folder : path-like
        Where the runs go.
    by : {'patient', 'section'}
        What is held out, and the split of all numbers. By section, this is the paper's
        protocol: a section whose patient has no other one counts like the rest.
    names : sequence of str, optional
        Sections to use; all when not given.
    retrieval : Retrieval, optional
        Stored with the models.
    device, devices
        See `napari_stexp.train.train_model`.
    n_bootstrap, seed, domains
        See `napari_stexp.evaluate.assess`.
    facts : mapping, optional
        More for the result's ``facts``.

    Yields
    ------
    Progress
        Of each fold's training and prediction, named in the stage.

    Returns
    -------
    StudyResult

    Raises
    ------
    EvaluationError
        See `make_folds`.
    TrainingError
        A run in the folder has other settings or sections.
    """
    infos = list(dataset.sections) if names is None else known_sections(dataset, names)
    folds = make_folds(infos, by, validate=settings.patience > 0)
    evaluations: list[SectionEvaluation] = []
    models = {}
    for i, fold in enumerate(folds):
        label = f"fold {i + 1} of {len(folds)} (without {fold.name})"
        place = Path(folder) / fold.folder
        run = TrainingRun.of(dataset, fold.plan, settings, retrieval=retrieval, name=place.name)
        task = _train_fold(dataset, run, place, device, devices)
        bundle = yield from _labelled(task, label)
        sections, how = yield from _labelled(
            predict_with_facts(bundle, dataset, fold.plan.held_out, split=by, device=device), label
        )
        evaluations += sections
        models[fold.name] = describe_model(bundle) | how
    told = {
        "protocol": f"cross-validation by {by}, {len(folds)} folds",
        "split": by,
        "model": next(iter(models.values())),
        "models": models,
        "settings": settings.to_json(),
        "data": str(dataset.folder),
        "remarks": _remarks(infos, by),
    }
    return (
        yield from assess(
            evaluations,
            told | describe_software() | dict(facts or {}),
            n_bootstrap=n_bootstrap,
            seed=seed,
            domains=domains,
        )
    )


def _train_fold(
    dataset: Dataset, run: TrainingRun, folder: Path, device: str, devices: int
) -> Generator[Progress, None, ModelBundle]:
    """Train one fold, or go on with it, or take the model of a finished one."""
    begun = (folder / RECORD).exists()
    if begun:
        refuse_other_run(folder, run)
        bundle = finished_model(dataset, run, folder)
        if bundle is not None:
            return bundle
    return (
        yield from train_run(dataset, run, folder, resume=begun, device=device, devices=devices)
    )


def _labelled(task: Generator[Progress, None, Any], label: str) -> Generator[Progress, None, Any]:
    """Put the fold before each stage's name."""
    try:
        while True:
            try:
                progress = next(task)
            except StopIteration as stop:
                return stop.value
            yield Progress(
                progress.done, progress.total, f"{label}: {progress.stage}", progress.new
            )
    finally:
        task.close()


def _remarks(sections: Sequence[SectionInfo], by: str) -> list[str]:
    if by == "patient":
        return []
    patients = [info.patient for info in sections]
    alone = [info.name for info in sections if info.patient and patients.count(info.patient) == 1]
    told = [SIBLINGS_SEEN]
    if alone:
        told.append(f"The only section of their patient: {', '.join(alone)}.")
    return told
