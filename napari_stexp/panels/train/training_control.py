"""Between the panel *Train* and the session: finds, prepares, trains, resumes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, Signal

from napari_stexp.errors import StexpError, TrainingError
from napari_stexp.panels.train.result_control import ResultControl
from napari_stexp.panels.train.training_memory import TrainingMemory
from napari_stexp.panels.train.training_words import describe_end
from napari_stexp.session.training import finding
from napari_stexp.session.training import steps as tasks
from napari_stexp.session.training.result import reopen_run_steps
from napari_stexp.session.training.run import MODEL, is_resumable, propose_run_folder
from napari_stexp.session.training.sections import Use
from napari_stexp.session.training.training import RunOutcome

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.panels.controller import Controller
    from napari_stexp.progress import Progress
    from napari_stexp.session.training.log import TrainingLog

__all__ = ["TrainingControl"]

_DATASET = "dataset.json"


class TrainingControl(QObject):
    """Runs what the panel *Train* asks for; the areas are sections, prepare, train, evaluate.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.

    Attributes
    ----------
    result : ResultControl
        Tests, loads and reports what was trained.
    """

    folder_proposed = Signal(object)  # where prepared data might be kept

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self.training = controller.session.training
        self.memory = TrainingMemory()
        self.result = ResultControl(controller)

    @property
    def busy(self) -> bool:
        """Whether anything of a training is running."""
        return any(
            self._controller.busy(area) for area in ("sections", "prepare", "train", "evaluate")
        )

    # ---- data ----------------------------------------------------------------------------

    def find(self, path: str | Path) -> None:
        """List the sections in a folder or manifest; prepared data are opened at once."""
        path = Path(path)
        if (path / _DATASET).is_file() or path.name == _DATASET:
            self.open_data(path if path.is_dir() else path.parent)
            return
        self._controller.remember(path)
        name = path.name if path.is_dir() else path.stem
        self._find(finding.find_sections_steps(path), path.absolute().parent / f"{name}-prepared")

    def use_sample(self) -> None:
        """Make the sample's synthetic sections, the first time, and list them."""
        from napari_stexp.dataset import PrepareSettings
        from napari_stexp.files import cache_folder
        from napari_stexp.study import preset

        folder = cache_folder("sample")
        self.training.prepare_settings = PrepareSettings(**finding.SAMPLE_SETTINGS)
        self.training.settings = preset("small")
        self._find(finding.sample_steps(folder / "sections"), folder / "prepared")

    def _find(self, steps: tasks.Steps, folder: Path) -> None:
        self.folder_proposed.emit(folder)
        self._controller.start(
            "sections",
            steps,
            title="Looking for sections",
            unit="sections",
            on_yield=self._take_sections,
            on_return=lambda _: self._fit_settings(),
        )

    def _take_sections(self, progress: Progress) -> None:
        new = progress.new
        if isinstance(new, tuple):
            self._controller.guard("sections", self.training.set_sources, *new)
        elif new is not None:
            self._controller.guard("sections", self.training.set_row, new)

    def _fit_settings(self) -> None:
        training = self.training
        spots = sum(row.n_spots or 0 for row in training.sections if row.usable)
        training.prepare_settings = finding.fit_to(training.prepare_settings, spots)

    def open_data(self, folder: str | Path) -> None:
        """Open data that were prepared before."""
        folder = Path(folder)
        self._controller.remember(folder)
        self._controller.start(
            "sections",
            tasks.open_dataset_steps(folder),
            title=f"Opening {folder.name}",
            on_return=self._take_dataset,
        )

    def set_prepare_settings(self, settings: Any, genes_file: Path | None) -> None:
        """Set how data will be prepared."""
        self.training.genes_file = genes_file
        self.training.prepare_settings = settings

    def prepare(self, folder: str | Path) -> None:
        """Prepare the sections that are ticked for anything."""
        training = self.training
        if missing := training.missing_to_prepare():
            self._fail("prepare", "there is nothing to prepare", " ".join(missing))
            return
        steps = tasks.prepare_steps(
            training.chosen_sources(),
            Path(folder),
            training.prepare_settings,
            training.genes_file,
        )
        self._controller.start(
            "prepare",
            steps,
            title="Preparing the sections",  # counts sections first, then spots
            on_return=self._take_dataset,
            patient=True,
        )

    def _take_dataset(self, dataset: Dataset) -> None:
        self.training.set_dataset(dataset)
        self.memory.remember(dataset=Path(dataset.folder))

    def clear(self) -> None:
        """Begin anew with other data."""
        for area in ("sections", "prepare", "train", "evaluate"):
            self._controller.cleared.emit(area)
        self._controller.guard("sections", self.training.clear)

    def set_use(self, name: str, use: Use) -> None:
        """Use a section for something."""
        self._controller.guard("sections", self.training.set_use, name, use)

    def set_split(self, split: Any) -> None:
        """Hold out whole patients, or single sections."""
        self._controller.guard("sections", self.training.set_split, split)

    # ---- training ------------------------------------------------------------------------

    def set_settings(self, settings: Any) -> None:
        """Set how the next training runs."""
        self.training.settings = settings

    def set_device(self, device: str) -> None:
        """Set where the next training computes."""
        self.training.device = device

    def train(self) -> None:
        """Start a new training, in a folder of its own."""
        training = self.training
        if missing := training.missing():
            self._fail("train", "not ready to train", " ".join(missing))
            return
        from napari_stexp.study import RunPlan, TrainingRun

        dataset = training.dataset
        plan = RunPlan(
            training=training.names("train"),
            validation=training.names("validate"),
            held_out=training.names("hold out"),
        )
        run = TrainingRun.of(dataset, plan, training.settings)
        folder = propose_run_folder(Path(dataset.folder))
        training.begin_run(folder)
        self._run(tasks.TrainPlan(dataset, folder, run, training.device))

    def resume(self) -> None:
        """Go on with the present run from its checkpoint."""
        training = self.training
        folder = training.run
        if training.dataset is None or folder is None or not is_resumable(folder):
            self._fail("train", "there is no training to go on with", "Press Train.")
            return
        from napari_stexp.study import TrainingRun

        try:
            run = TrainingRun.read(folder)
        except StexpError as error:
            self._controller.fail("train", error)
            return
        training.set_uses(run.plan.uses, run.split)
        training.begin_run(folder, training.log)
        self._run(tasks.TrainPlan(training.dataset, folder, run, training.device, resume=True))

    def _run(self, plan: tasks.TrainPlan) -> None:
        self.memory.remember(run=plan.folder)
        log = self.training.log
        log.epochs = plan.run.settings.epochs

        def finish(bundle: Any) -> None:
            self.training.set_outcome(
                RunOutcome(plan.folder / MODEL, held_out=plan.run.plan.held_out)
            )
            self._controller.succeeded.emit("train", describe_end(log))
            if plan.run.plan.held_out:
                self.result.test(bundle, plan)

        self._controller.start(
            "train",
            tasks.train_steps(plan),
            title=f"Training {plan.folder.name}",
            unit="steps",
            on_yield=self._take_reports,
            on_return=finish,
            patient=True,
        )

    def _take_reports(self, progress: Progress) -> None:
        if progress.new:
            log = self.training.log
            if not log.steps_per_epoch and log.epochs:
                log.steps_per_epoch = progress.total // log.epochs
            log.add(progress.new)
            self.training.log_changed.emit(log)

    def reopen(self, folder: str | Path) -> None:
        """Take up a run of an earlier window: its data, sections, settings, course and scores."""

        def take(found: tuple[Any, Dataset, TrainingLog, RunOutcome | None]) -> None:
            run, dataset, log, outcome = found
            training = self.training
            training.set_dataset(dataset)
            training.set_uses(run.plan.uses, run.split)
            training.settings = run.settings
            training.begin_run(Path(folder), log)
            training.set_outcome(outcome)

        self._controller.start(
            "sections",
            reopen_run_steps(Path(folder)),
            title=f"Opening {Path(folder).name}",
            on_return=take,
        )

    def _fail(self, area: str, what: str, hint: str) -> None:
        self._controller.fail(area, TrainingError(what, hint=hint))
