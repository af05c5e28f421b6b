"""The training of a model: its data, its settings, its run; knows neither napari nor Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_stexp.session.training.log import TrainingLog
from napari_stexp.session.training.sections import SectionRow, SectionUses

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset, PrepareSettings
    from napari_stexp.spots import SectionSource
    from napari_stexp.train import TrainSettings

__all__ = ["RunOutcome", "Training"]


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


class Training(SectionUses):
    """What shall be trained, on what, and what has come of it.

    Signals are emitted after the state has changed. Setting what is already set
    emits nothing.
    """

    dataset_changed = Signal(object)  # Dataset or None
    prepare_settings_changed = Signal(object)  # PrepareSettings
    settings_changed = Signal(object)  # TrainSettings
    run_changed = Signal(object)  # folder of the present run, or None
    log_changed = Signal(object)  # TrainingLog
    outcome_changed = Signal(object)  # RunOutcome or None

    def __init__(self) -> None:
        super().__init__()
        self._sources: tuple[SectionSource, ...] = ()
        self._dataset: Dataset | None = None
        self._settings: TrainSettings | None = None
        self._run: Path | None = None
        self._outcome: RunOutcome | None = None
        self.log = TrainingLog()
        self.genes_file: Path | None = None
        self._prepare_settings: PrepareSettings | None = None
        self.device = "auto"

    # ---- data ----------------------------------------------------------------------------

    @property
    def sources(self) -> tuple[SectionSource, ...]:
        """Files of the sections that were found; empty for prepared data."""
        return self._sources

    def set_sources(self, sources: Sequence[SectionSource], rows: Sequence[SectionRow]) -> None:
        """Offer sections that were found; they have yet to be prepared."""
        self._sources = tuple(sources)
        self._forget_dataset()
        self._set_rows(rows)

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
