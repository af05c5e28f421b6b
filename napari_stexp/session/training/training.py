"""The training of a model: its sections, its data, its run; knows neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from psygnal import Signal

from napari_stexp.session.training.log import TrainingLog

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset, PrepareSettings
    from napari_stexp.spots import SectionSource
    from napari_stexp.train import TrainSettings

__all__ = ["RunOutcome", "SectionRow", "Split", "Training", "Use"]

Use = Literal["train", "validate", "hold out", "leave out"]
Split = Literal["patient", "section"]


@dataclass(frozen=True)
class SectionRow:
    """A section that may be used.

    Attributes
    ----------
    name, patient, organ : str
        As in its source; a patient of '' is unknown.
    n_spots : int, optional
        Known once the section has been read.
    problem : str
        Why it can't be used; '' if it can.
    """

    name: str
    patient: str = ""
    organ: str = ""
    n_spots: int | None = None
    problem: str = ""

    @property
    def usable(self) -> bool:
        """Whether it can be trained on or be held out."""
        return not self.problem

    @property
    def donor(self) -> str:
        """The patient; a section of an unknown one is a patient of its own."""
        return self.patient or f"?{self.name}"


@dataclass(frozen=True)
class RunOutcome:
    """What a finished training and its evaluation have left in the run's folder.

    Attributes
    ----------
    model : Path
        The bundle.
    scores : dict of (method, scale) to dict of str to (value, low, high)
        Summary over all held-out sections, by metric ('acg_pcc', 'heg_pcc').
    split : {'patient', 'section', ''}
        What was held out; '' where nothing was.
    held_out : tuple of str
        Names of the sections held out.
    report : Path, optional
        The evaluation's report.
    """

    model: Path
    scores: Mapping[tuple[str, str], Mapping[str, tuple[float, float, float]]] = field(
        default_factory=dict
    )
    split: str = ""
    held_out: tuple[str, ...] = ()
    report: Path | None = None


class Training:
    """What shall be trained, on what, and what has come of it.

    Signals are emitted after the state has changed. Setting what is already set
    emits nothing.
    """

    sections_changed = Signal(object)  # tuple of SectionRow
    uses_changed = Signal(object)  # dict of name to Use
    dataset_changed = Signal(object)  # Dataset or None
    prepare_settings_changed = Signal(object)  # PrepareSettings
    settings_changed = Signal(object)  # TrainSettings
    run_changed = Signal(object)  # folder of the present run, or None
    log_changed = Signal(object)  # TrainingLog
    outcome_changed = Signal(object)  # RunOutcome or None

    def __init__(self) -> None:
        self._sources: tuple[SectionSource, ...] = ()
        self._rows: tuple[SectionRow, ...] = ()
        self._uses: dict[str, Use] = {}
        self._split: Split = "patient"
        self._ticked: dict[Split, dict[str, Use]] = {}  # under the split that is not shown
        self._dataset: Dataset | None = None
        self._settings: TrainSettings | None = None
        self._run: Path | None = None
        self._outcome: RunOutcome | None = None
        self.log = TrainingLog()
        self.genes_file: Path | None = None
        self._prepare_settings: PrepareSettings | None = None
        self.device = "auto"

    # ---- sections ------------------------------------------------------------------------

    @property
    def sources(self) -> tuple[SectionSource, ...]:
        """Files of the sections that were found; empty for prepared data."""
        return self._sources

    @property
    def sections(self) -> tuple[SectionRow, ...]:
        """Sections in their order."""
        return self._rows

    def set_sources(self, sources: Sequence[SectionSource], rows: Sequence[SectionRow]) -> None:
        """Offer sections that were found; they have yet to be prepared."""
        self._sources = tuple(sources)
        self._forget_dataset()
        self._set_rows(rows)

    def set_row(self, row: SectionRow) -> None:
        """Replace what is known of one section: it has been read meanwhile."""
        rows = tuple(row if old.name == row.name else old for old in self._rows)
        if rows != self._rows:
            self._rows = rows
            if not row.usable and self._uses.get(row.name) != "leave out":
                self._uses[row.name] = "leave out"
                self._ticked.clear()
                self.uses_changed.emit(self.uses)
            self.sections_changed.emit(rows)

    @property
    def dataset(self) -> Dataset | None:
        """The prepared data."""
        return self._dataset

    def set_dataset(self, dataset: Dataset) -> None:
        """Take prepared data; the uses of sections of the same name are kept."""
        rows = [
            SectionRow(str(info.name), str(info.patient), str(info.organ), int(info.n_spots))
            for info in dataset.sections
        ]
        self._dataset = dataset
        before = self._uses
        self._set_rows(rows, keep={name: use for name, use in before.items() if use})
        self._set_run(None)
        self.dataset_changed.emit(dataset)

    def clear(self) -> None:
        """Forget sections and data, to begin anew; settings stay."""
        self._sources = ()
        self._forget_dataset()
        self._set_rows(())

    def _forget_dataset(self) -> None:
        if self._dataset is not None:
            self._dataset = None
            self._set_run(None)
            self.dataset_changed.emit(None)

    def _set_rows(self, rows: Sequence[SectionRow], keep: Mapping[str, Use] | None = None) -> None:
        self._rows = tuple(rows)
        self._ticked.clear()
        names = {row.name for row in self._rows}
        if keep and names <= set(keep):
            self._uses = {row.name: keep[row.name] for row in self._rows}
        else:
            self._uses = self._propose()
        self.sections_changed.emit(self._rows)
        self.uses_changed.emit(self.uses)

    # ---- what each section is used for ---------------------------------------------------

    @property
    def uses(self) -> dict[str, Use]:
        """What each section is used for, by name."""
        return dict(self._uses)

    @property
    def split(self) -> Split:
        """Whether patients or single sections are held out."""
        return self._split

    def set_split(self, split: Split) -> None:
        """Hold out whole patients, or single sections; switched back, the ticks come back."""
        if split not in get_args(Split):
            raise ValueError(f"a split is by patient or by section, not {split!r}")
        if split == self._split:
            return
        self._ticked[self._split] = dict(self._uses)
        self._split = split
        before = self._ticked.get(split)
        if before is not None and before.keys() == self._uses.keys():
            self._uses = before  # switched there and back
        elif split == "patient" or not self.names("hold out"):
            self._uses = self._propose()
        self.uses_changed.emit(self.uses)

    def set_use(self, name: str, use: Use) -> None:
        """Use a section for something; by patient, all sections of its patient follow."""
        if use not in get_args(Use):
            raise ValueError(f"a section is used for one of {get_args(Use)}, not {use!r}")
        (row,) = (row for row in self._rows if row.name == name)
        siblings = (
            [other for other in self._rows if other.donor == row.donor]
            if self._split == "patient" and use != "leave out"
            else [row]
        )
        uses = dict(self._uses)
        for other in siblings:
            if other.usable and (other is row or uses[other.name] != "leave out"):
                uses[other.name] = use
        if uses != self._uses:
            self._uses = uses
            self.uses_changed.emit(self.uses)

    def set_uses(self, uses: Mapping[str, Use], split: Split) -> None:
        """Take up the uses of an earlier run; sections that it doesn't name are left out."""
        self._split = split
        self._ticked.clear()
        self._uses = {row.name: uses.get(row.name, "leave out") for row in self._rows}
        self.uses_changed.emit(self.uses)

    def names(self, use: Use) -> tuple[str, ...]:
        """Return the names of the sections with this use, in order."""
        return tuple(row.name for row in self._rows if self._uses.get(row.name) == use)

    def _propose(self) -> dict[str, Use]:
        """Hold out the smallest patient (or section) if there is another one to train on."""
        usable = [row for row in self._rows if row.usable]
        sizes: dict[str, int] = {}
        for row in usable:
            group = self._group(row)
            sizes[group] = sizes.get(group, 0) + 1
        # Of several, the last: then the first ones stay, as one reads them.
        held_out = min(reversed(sizes), key=sizes.__getitem__) if len(sizes) > 1 else None
        return {
            row.name: "leave out"
            if not row.usable
            else ("hold out" if self._group(row) == held_out else "train")
            for row in self._rows
        }

    def _group(self, row: SectionRow) -> str:
        return row.donor if self._split == "patient" else row.name

    def mixed_patients(self) -> list[str]:
        """Return known patients with sections both in the training and held out."""
        donors = {
            use: {row.patient for row in self._rows if self._uses.get(row.name) == use}
            for use in get_args(Use)
        }
        return sorted((donors["train"] & (donors["hold out"] | donors["validate"])) - {""})

    # ---- settings and run ----------------------------------------------------------------

    @property
    def prepare_settings(self) -> PrepareSettings:
        """How to prepare; the paper's settings to begin with."""
        if self._prepare_settings is None:
            from napari_stexp.dataset import PrepareSettings

            self._prepare_settings = PrepareSettings()
        return self._prepare_settings

    @prepare_settings.setter
    def prepare_settings(self, settings: PrepareSettings) -> None:
        if settings != self._prepare_settings:
            self._prepare_settings = settings
            self.prepare_settings_changed.emit(settings)

    @property
    def settings(self) -> TrainSettings:
        """How to train; the paper's settings to begin with."""
        if self._settings is None:
            from napari_stexp.train import TrainSettings

            self._settings = TrainSettings()
        return self._settings

    @settings.setter
    def settings(self, settings: TrainSettings) -> None:
        if settings != self._settings:
            self._settings = settings
            self.settings_changed.emit(settings)

    @property
    def run(self) -> Path | None:
        """Folder of the present run: what a resumed training goes on from."""
        return self._run

    def begin_run(self, folder: Path, log: TrainingLog | None = None) -> None:
        """Start or resume a run in a folder."""
        self.log = TrainingLog() if log is None else log
        self._set_run(folder)
        self.log_changed.emit(self.log)

    def _set_run(self, folder: Path | None) -> None:
        self.set_outcome(None)
        if folder is None:
            self.log = TrainingLog()
        if folder != self._run:
            self._run = folder
            self.run_changed.emit(folder)

    @property
    def outcome(self) -> RunOutcome | None:
        """What the run has led to, once it is finished."""
        return self._outcome

    def set_outcome(self, outcome: RunOutcome | None) -> None:
        """Set what the run has led to."""
        if outcome is not self._outcome:
            self._outcome = outcome
            self.outcome_changed.emit(outcome)

    # ---- what follows from it ------------------------------------------------------------

    def missing_to_prepare(self) -> list[str]:
        """Say in plain sentences what is still needed before preparing; empty when ready."""
        if not self._rows:
            return ["Choose the sections to train on."]
        if not self._sources:
            return ["These data are prepared already."]
        return [] if self.chosen_sources() else ["Tick at least one section to train on."]

    def chosen_sources(self) -> list[SectionSource]:
        """Return the files of the sections that are used for anything."""
        return [s for s in self._sources if self._uses.get(s.name, "leave out") != "leave out"]

    def missing(self) -> list[str]:
        """Say in plain sentences what is still needed before training; empty when ready."""
        if self._dataset is None:
            return ["Choose sections and prepare them, or open prepared data."]
        if not self.names("train"):
            return ["Tick at least one section to train on."]
        if self._settings is not None and self._settings.patience and not self.names("validate"):
            return ["Stopping early needs a section that is ticked “Check”."]
        return []
