"""The workbench's training: sections, prepared data, runs, the test on what was held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import TrainingError
from napari_stexp.progress import Progress
from napari_stexp.session.opening.importing import ImportRequest, import_steps
from napari_stexp.session.opening.steps import load_bundle_steps
from napari_stexp.session.training import steps
from napari_stexp.session.training.run import MODEL, is_resumable, propose_run_folder
from napari_stexp.session.training.training import RunOutcome
from napari_stexp.session.workbench.base import WorkbenchBase

if TYPE_CHECKING:
    from napari_stexp.dataset import Dataset
    from napari_stexp.model import ModelBundle
    from napari_stexp.session.training.training import SectionRow, Split, Training, Use
    from napari_stexp.train import TrainSettings

__all__ = ["WorkbenchTrain"]


class WorkbenchTrain(WorkbenchBase):
    """Makes models; the part of `Workbench` for the dock Train."""

    @property
    def training(self) -> Training:
        """Sections with their uses, data, settings, run, losses and outcome."""
        return self.session.training

    # ---- data ----------------------------------------------------------------------------

    def find_sections(self, path: str | Path | None = None) -> tuple[SectionRow, ...]:
        """Look for measured sections, and propose what each is used for.

        Parameters
        ----------
        path : path-like, optional
            A folder or a list of sections (docs/dataset.md); default: the sample's
            synthetic sections, which are made the first time.

        Returns
        -------
        tuple of SectionRow
            Those with a ``problem`` can't be used.

        Raises
        ------
        SpotsError
            There are none.
        """
        training = self.training
        if path is None:
            from napari_stexp.dataset import PrepareSettings
            from napari_stexp.files import cache_folder
            from napari_stexp.study import preset

            training.prepare_settings = PrepareSettings(**steps.SAMPLE_SETTINGS)
            training.settings = preset("small")
            task = steps.sample_steps(cache_folder("sample") / "sections")
        else:
            task = steps.find_sections_steps(Path(path))

        def take(progress: Progress) -> None:
            if isinstance(progress.new, tuple):
                training.set_sources(*progress.new)
            elif progress.new is not None:
                training.set_row(progress.new)

        self._run("sections", "Looking for sections", task, take)
        spots = sum(row.n_spots or 0 for row in training.sections if row.usable)
        training.prepare_settings = steps.fit_to(training.prepare_settings, spots)
        return training.sections

    def use_sections(self, by: Split | None = None, **uses: Use) -> dict[str, Use]:
        """Say what sections are used for.

        Parameters
        ----------
        by : {'patient', 'section'}, optional
            Whether all sections of a patient have the same use (the default), or each its own.
        **uses : {'train', 'validate', 'hold out', 'leave out'}
            By the name of the section: ``use_sections(A1="hold out")``.

        Returns
        -------
        dict of str to str
            The use of every section.
        """
        if by is not None:
            self.training.set_split(by)
        known = {row.name for row in self.training.sections}
        if missing := sorted(set(uses) - known):
            raise TrainingError(
                "there are no such sections", expected=", ".join(sorted(known)),
                found=", ".join(missing),
            )  # fmt: skip
        for name, use in uses.items():
            self.training.set_use(name, use)
        return self.training.uses

    def prepare_data(
        self, folder: str | Path, genes_file: str | Path | None = None, **settings: Any
    ) -> Dataset:
        """Choose genes and cut the patches of the sections that are used for anything.

        Parameters
        ----------
        folder : path-like
            Where the data are kept.
        genes_file : path-like, optional
            A list of genes in place of those that the data would choose.
        **settings
            Fields of `napari_stexp.dataset.PrepareSettings`: ``patch_px``, ``mpp``, ``top`` …

        Raises
        ------
        TrainingError
            No sections are chosen.
        """
        training = self.training
        if settings:
            training.prepare_settings = replace(training.prepare_settings, **settings)
        training.genes_file = None if genes_file is None else Path(genes_file)
        self._check(training.missing_to_prepare(), "there is nothing to prepare")
        task = steps.prepare_steps(
            training.chosen_sources(), Path(folder), training.prepare_settings, training.genes_file
        )
        return self._take_data(self._run("prepare", "Preparing the sections", task))

    def open_data(self, folder: str | Path) -> Dataset:
        """Open data that were prepared before."""
        folder = Path(folder)
        task = steps.open_dataset_steps(folder)
        return self._take_data(self._run("sections", f"Opening {folder.name}", task))

    def _take_data(self, dataset: Dataset) -> Dataset:
        self.training.set_dataset(dataset)
        return dataset

    # ---- training ------------------------------------------------------------------------

    def set_training(self, preset: str | None = None, **settings: Any) -> TrainSettings:
        """Set how the next training runs.

        Parameters
        ----------
        preset : str, optional
            One of `napari_stexp.study`'s: 'paper', 'small' …; default: as it is.
        **settings
            Fields of `napari_stexp.train.TrainSettings`: ``encoder``, ``epochs`` …
        """
        if preset is not None:
            from napari_stexp.study import preset as find_preset

            self.training.settings = find_preset(preset)
        self.training.settings = replace(self.training.settings, **settings)
        return self.training.settings

    def train(self, folder: str | Path | None = None, *, device: str | None = None) -> RunOutcome:
        """Train a model, and test it on the sections that were held out.

        Parameters
        ----------
        folder : path-like, optional
            Of the run; default: a new one beside the data.
        device : str, optional
            'auto', 'cpu', 'cuda' …; default: as it is.

        Returns
        -------
        RunOutcome
            Where the model is, its scores, and the report.

        Raises
        ------
        TrainingError
            Something is missing.
        """
        from napari_stexp.study import RunPlan, TrainingRun

        training = self.training
        training.device = training.device if device is None else device
        self._check(training.missing(), "not ready to train")
        plan = RunPlan(
            training=training.names("train"),
            validation=training.names("validate"),
            held_out=training.names("hold out"),
        )
        data = training.dataset
        assert data is not None
        run = TrainingRun.of(data, plan, training.settings)
        place = propose_run_folder(Path(data.folder)) if folder is None else Path(folder)
        training.begin_run(place)
        return self._train(steps.TrainPlan(data, place, run, training.device))

    def resume_training(self, folder: str | Path | None = None) -> RunOutcome:
        """Go on with a training that was stopped, from its checkpoint; see `train`.

        Parameters
        ----------
        folder : path-like, optional
            Of the run; default: the present one.
        """
        if folder is not None:
            self.open_training(folder)
        training = self.training
        if training.dataset is None or training.run is None or not is_resumable(training.run):
            raise TrainingError("there is no training to go on with", hint="Begin one: train().")
        from napari_stexp.study import TrainingRun

        run: Any = TrainingRun.read(training.run)
        training.set_uses(run.plan.uses, run.split)
        training.begin_run(training.run, training.log)
        return self._train(
            steps.TrainPlan(training.dataset, training.run, run, training.device, resume=True)
        )

    def _train(self, plan: steps.TrainPlan) -> RunOutcome:
        training, log = self.training, self.training.log
        log.epochs = plan.run.settings.epochs

        def take(progress: Progress) -> None:
            if progress.new:
                if not log.steps_per_epoch and log.epochs:
                    log.steps_per_epoch = progress.total // log.epochs
                log.add(progress.new)
                training.log_changed.emit(log)

        title = f"Training {plan.folder.name}"
        bundle = self._run("train", title, steps.train_steps(plan), take)
        outcome = RunOutcome(plan.folder / MODEL, held_out=plan.run.plan.held_out)
        training.set_outcome(outcome)
        if plan.run.plan.held_out:
            task = steps.evaluate_steps(bundle, plan)
            outcome = self._run("evaluate", "Testing the model", task)
            training.set_outcome(outcome)
        return outcome

    def open_training(self, folder: str | Path) -> RunOutcome | None:
        """Take up a run: its data, sections, settings, course and, once finished, outcome."""
        folder, training = Path(folder), self.training
        task = steps.reopen_run_steps(folder)
        run, data, log, outcome = self._run("sections", f"Opening {folder.name}", task)
        self._take_data(data)
        training.set_uses(run.plan.uses, run.split)
        training.settings = run.settings
        training.begin_run(folder, log)
        training.set_outcome(outcome)
        found: RunOutcome | None = outcome
        return found

    # ---- result --------------------------------------------------------------------------

    def test_model(self) -> RunOutcome:
        """Test the present run's model once more on what was held out."""
        training = self.training
        if training.run is None or training.dataset is None or training.outcome is None:
            raise TrainingError("there is no model to test", hint="Train one first.")
        task = steps.evaluate_again_steps(training.run, training.dataset, training.device)
        outcome: RunOutcome = self._run("evaluate", "Testing the model", task)
        training.set_outcome(outcome)
        return outcome

    def load_trained(self) -> ModelBundle:
        """Make the new model the one that predicts."""
        if self.training.outcome is None:
            raise TrainingError("there is no model yet", hint="Train one first.")
        path = self.training.outcome.model
        task = load_bundle_steps(path)
        bundle: ModelBundle = self._run("model", f"Loading {path.name}", task)
        self.session.set_bundle(bundle)
        return bundle

    def import_model(
        self,
        checkpoint: str | Path,
        genes: str | Path,
        sections: Sequence[str | Path],
        output: str | Path,
        **settings: Any,
    ) -> ModelBundle:
        """Make a model of a released checkpoint, save it, and load it.

        Parameters
        ----------
        checkpoint, genes : path-like
            The ``.pt`` file and its list of genes.
        sections : sequence of path-like
            Of the reference: folders, h5ad files, or ``'FOLDER:C2,C3'``.
        output : path-like
            Where it is written (``.safetensors``).
        **settings
            Other fields of `napari_stexp.session.opening.importing.ImportRequest`: ``k`` …
        """
        names = tuple(map(str, sections))
        request = ImportRequest(Path(checkpoint), Path(genes), names, Path(output), **settings)
        title = f"Importing {request.checkpoint.name}"
        bundle: ModelBundle = self._run("model", title, import_steps(request))
        self.session.set_bundle(bundle)
        return bundle

    @staticmethod
    def _check(missing: list[str], what: str) -> None:
        if missing:
            raise TrainingError(what, hint=" ".join(missing))
