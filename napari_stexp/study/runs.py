"""One training run: which sections it learns from, and how its folder remembers it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError, TrainingError
from napari_stexp.files import atomic_path
from napari_stexp.model.records import Record, many, rule, text
from napari_stexp.study.fitting import known_sections

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.model import Retrieval
    from napari_stexp.train import TrainSettings

__all__ = ["RunPlan", "TrainingRun", "plan_run"]

#: What a run's folder holds beside what the training writes.
RECORD = "sections.json"
SETTINGS = "settings.json"
#: Use of a section, as the record names it -> field of `RunPlan`.
_USES = {"train": "training", "validate": "validation", "hold out": "held_out"}

_names = many(text(200, empty=False))


@dataclass(frozen=True)
class RunPlan(Record):
    """What each section of a data set is for; the rest is left out.

    Attributes
    ----------
    training : tuple of str
        Learned from, and put into the reference bank.
    validation : tuple of str
        Watched during training (early stopping); neither learned from nor fit to judge
        the model by.
    held_out : tuple of str
        Not touched.
    """

    training: tuple[str, ...] = rule(_names)
    validation: tuple[str, ...] = rule(_names, ())
    held_out: tuple[str, ...] = rule(_names, ())

    @property
    def uses(self) -> dict[str, str]:
        """Section -> what it is used for: 'train', 'validate' or 'hold out'."""
        return {name: use for use, field in _USES.items() for name in getattr(self, field)}


@dataclass(frozen=True)
class TrainingRun:
    """A run as its folder remembers it.

    Attributes
    ----------
    plan : RunPlan
        What each section is for.
    settings : TrainSettings
        How to train.
    dataset : str
        Folder of the data set.
    split : {'patient', 'section'}
        What is held out: whole patients, or sections whose siblings are trained on.
    retrieval : Retrieval, optional
        To store with the model; `napari_stexp.train.train_model`'s default when None.
    name : str
        What to call the model.
    thumbnail_px : int
        Side of the pictures of reference patches in its bank; 0: none.
    """

    plan: RunPlan
    settings: TrainSettings
    dataset: str = ""
    split: str = "section"
    retrieval: Retrieval | None = None
    name: str = ""
    thumbnail_px: int = 0

    @classmethod
    def of(
        cls, dataset: Dataset, plan: RunPlan, settings: TrainSettings, **more: Any
    ) -> TrainingRun:
        """Make the run of a plan; the split follows from the patients."""
        patient = {info.name: info.patient for info in dataset.sections}
        learned = {patient[name] for name in (*plan.training, *plan.validation)}
        shared = learned & {patient[name] for name in plan.held_out}
        split = "section" if shared or "" in patient.values() else "patient"
        return cls(plan, settings, str(Path(dataset.folder).resolve()), split, **more)

    def write(self, folder: Path) -> None:
        """Write the run's record into its folder."""
        facts = {
            "dataset": self.dataset,
            "split": self.split,
            "uses": self.plan.uses,
            "settings": self.settings.to_json(),
            "retrieval": self.retrieval and self.retrieval.to_json(),
            "name": self.name,
            "thumbnail_px": self.thumbnail_px,
        }
        with atomic_path(folder / RECORD) as temporary:
            temporary.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> TrainingRun:
        """Read what `write` wrote, or the panel.

        Raises
        ------
        TrainingError
            There is no run in the folder, or its record is damaged.
        """
        from napari_stexp.model import Retrieval
        from napari_stexp.train import TrainSettings

        if not (folder / RECORD).exists():
            raise TrainingError(
                "no training run is here", path=folder, expected=f"a folder with {RECORD}"
            )
        try:
            facts = _read_json(folder / RECORD)
            uses = facts["uses"]
            plan = {
                field: tuple(name for name in uses if uses[name] == use)
                for use, field in _USES.items()
            }
            settings = facts.get("settings") or _read_json(folder / SETTINGS)
            return cls(
                RunPlan(**plan),
                TrainSettings.from_json(settings),
                str(facts["dataset"]),
                str(facts["split"]),
                Retrieval.from_json(facts["retrieval"]) if facts.get("retrieval") else None,
                str(facts.get("name", "")),
                int(facts.get("thumbnail_px", 0)),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError, StexpError) as error:
            raise TrainingError(
                "the run's record can't be read", path=folder / RECORD, found=error
            ) from error


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def plan_run(
    dataset: Dataset,
    *,
    sections: Sequence[str] | None = None,
    hold_out: Sequence[str] = (),
    hold_out_patients: Sequence[str] = (),
    validate: Sequence[str] = (),
) -> RunPlan:
    """Say what each section is for.

    Parameters
    ----------
    dataset : Dataset
        The data.
    sections : sequence of str, optional
        Sections to use at all; all when not given.
    hold_out, hold_out_patients : sequence of str
        Sections, and patients with all their sections, that the model must not see.
    validate : sequence of str
        Sections to watch during training.

    Raises
    ------
    TrainingError
        A name is unknown, a section has two uses, or nothing is left to train on.
    """
    infos = (
        list(dataset.sections)
        if sections is None
        else known_sections(dataset, sections, TrainingError)
    )
    patients = {info.patient for info in infos} - {""}
    unknown = [patient for patient in hold_out_patients if patient not in patients]
    if unknown:
        raise TrainingError(
            "the data set has no such patient",
            path=dataset.folder,
            expected=", ".join(sorted(patients)) or "no patient is named",
            found=", ".join(map(repr, unknown)),
        )
    if hold_out:
        known_sections(dataset, hold_out, TrainingError)
    if validate:
        known_sections(dataset, validate, TrainingError)
    left_out = set(hold_out) | {i.name for i in infos if i.patient in set(hold_out_patients)}
    twice = [name for name in validate if name in left_out]
    if twice:
        raise TrainingError("a section can't both validate and be held out", found=", ".join(twice))
    training = [i.name for i in infos if i.name not in left_out and i.name not in set(validate)]
    if not training:
        raise TrainingError(
            "no section is left to train on",
            path=dataset.folder,
            found=f"all {len(infos)} held out or for validation",
        )
    held_out = [info.name for info in dataset.sections if info.name in left_out]
    return RunPlan(tuple(training), tuple(validate), tuple(held_out))
