"""The workbench's training: runs, the test on what was held out, the model that comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import TrainingError
from napari_stexp.progress import Progress
from napari_stexp.session.opening.importing import ImportRequest, import_steps
from napari_stexp.session.opening.steps import load_bundle_steps
from napari_stexp.session.training import result, steps
from napari_stexp.session.training.run import MODEL, is_resumable, propose_run_folder
from napari_stexp.session.training.training import RunOutcome
from napari_stexp.session.workbench.train_data import WorkbenchTrainData

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle
    from napari_stexp.train import TrainSettings

__all__ = ["WorkbenchTrain"]


class WorkbenchTrain(WorkbenchTrainData):
    """Makes models; the part of `Workbench` for the dock Train."""

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
            task = result.evaluate_steps(bundle, plan)
            outcome = self._run("evaluate", "Testing the model", task)
            training.set_outcome(outcome)
        return outcome

    def open_training(self, folder: str | Path) -> RunOutcome | None:
        """Take up a run: its data, sections, settings, course and, once finished, outcome."""
        folder, training = Path(folder), self.training
        task = result.reopen_run_steps(folder)
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
        task = result.evaluate_again_steps(training.run, training.dataset, training.device)
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
