"""Training in a folder that remembers its run: begun, gone on with, or finished already."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError, TrainingError
from napari_stexp.files import is_locked
from napari_stexp.progress import Progress
from napari_stexp.study.runs import RECORD, SETTINGS, TrainingRun

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.model import ModelBundle

__all__ = ["BUNDLE", "finished_model", "train_run"]

BUNDLE, CHECKPOINT, LOG = "model.safetensors", "checkpoint.pt", "log.csv"


def train_run(
    dataset: Dataset,
    run: TrainingRun,
    folder: Path,
    *,
    resume: bool = False,
    device: str = "auto",
    devices: int = 1,
) -> Generator[Progress, None, ModelBundle]:
    """Train in a folder, which remembers sections and settings.

    Parameters
    ----------
    dataset : Dataset
        The data.
    run : TrainingRun
        Sections and settings.
    folder : Path
        Where the run lives; ends with ``model.safetensors``.
    resume : bool
        Go on with the run that the folder holds, which must be this one.
    device, devices
        See `napari_stexp.train.train_model`.

    Yields
    ------
    Progress
        Of `napari_stexp.train.train_model`.

    Returns
    -------
    ModelBundle
        As saved; of a run that is finished already, the one that it left.

    Raises
    ------
    TrainingError
        The folder holds a run and ``resume`` is not set, or holds another one. What a run
        wrote that failed before its first checkpoint is removed.
    """
    from napari_stexp.model import load_bundle
    from napari_stexp.train import train_model

    if resume:
        refuse_other_run(folder, run)
        bundle = finished_model(dataset, run, folder)
        if bundle is not None and _is_done(bundle, run, TrainingRun.read(folder)):
            return bundle
    else:
        refuse_existing_run(folder)
    run.write(folder)
    validation = run.plan.validation
    try:
        yield from train_model(
            dataset.select(run.plan.training),
            run.settings,
            folder=folder,
            validation=dataset.select(validation) if validation else None,
            resume=resume,
            device=device,
            devices=devices,
            retrieval=run.retrieval,
            name=run.name,
            thumbnail_px=run.thumbnail_px,
        )
    except StexpError:
        if not resume and not is_locked(folder):  # else it is another process' run by now
            _forget_run(folder)
        raise
    return load_bundle(folder / BUNDLE)


def finished_model(dataset: Dataset, run: TrainingRun, folder: Path) -> ModelBundle | None:
    """Return the model that a run left in its folder; None where there is none.

    Raises
    ------
    TrainingError
        The data set's sections are no longer what the run learned from.
    BundleError
        The model can't be read.
    """
    from napari_stexp.model import load_bundle
    from napari_stexp.train.checkpoint import compare_runs, describe_data, read_checkpoint

    if not (folder / BUNDLE).exists():
        return None
    if (folder / CHECKPOINT).exists():
        before = read_checkpoint(folder / CHECKPOINT)["run"]["data"]
        now = describe_data(dataset.select(run.plan.training))
        different = compare_runs({"data": before}, {"data": now})
        if different:
            raise TrainingError(
                "the model that is here learned from other data",
                path=folder,
                found="; ".join(different),
                hint="Choose another folder.",
            )
    return load_bundle(folder / BUNDLE)


def _is_done(bundle: ModelBundle, run: TrainingRun, known: TrainingRun) -> bool:
    """Whether a run would only give again the model that it left."""
    facts = bundle.header.training.get("run")
    more_time = isinstance(facts, dict) and facts.get("stopped_by") == "max_minutes"
    names = ("retrieval", "name", "thumbnail_px")
    return not more_time and all(getattr(known, name) == getattr(run, name) for name in names)


def _forget_run(folder: Path) -> None:
    """Remove what a run left that has learned nothing yet, so that it can be begun again."""
    if (folder / CHECKPOINT).exists() or (folder / BUNDLE).exists():
        return
    with suppress(OSError):
        for name in (RECORD, SETTINGS, LOG):
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()  # if nothing else is in it


def refuse_existing_run(folder: Path) -> None:
    """Raise TrainingError if a folder holds a run; nothing in it is touched."""
    names = (RECORD, SETTINGS, CHECKPOINT, BUNDLE)
    traces = [name for name in names if (folder / name).exists()]
    if traces:
        raise TrainingError(
            "a training run is here already",
            path=folder,
            expected="a new folder",
            found=", ".join(traces),
            hint="Resume it (--resume), or choose another folder.",
        )


def refuse_other_run(folder: Path, run: TrainingRun) -> None:
    """Raise TrainingError if a folder holds a run of other sections or settings."""
    known = TrainingRun.read(folder)
    before = known.plan.to_json() | known.settings.to_json()
    now = run.plan.to_json() | run.settings.to_json()
    free = getattr(run.settings, "FREE", ())
    differences = [name for name in now if name not in free and before[name] != now[name]]
    if differences:
        raise TrainingError(
            "the run that is here was started otherwise",
            path=folder,
            expected=_write(before, differences),
            found=_write(now, differences),
            hint="Resume without other options, or choose another folder.",
        )


def _write(values: dict[str, Any], names: list[str]) -> str:
    return "; ".join(f"{name} {values[name]}" for name in names)
