"""What becomes of a trained model: tested, shown in a report, made the one that predicts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices

from napari_stexp.errors import TrainingError
from napari_stexp.session.training import result
from napari_stexp.session.training import steps as tasks

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller

__all__ = ["ResultControl"]


class ResultControl:
    """Runs what the panel *Train* asks for below *Result*; the area is evaluate.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.training = controller.session.training

    def test(self, bundle: Any, plan: tasks.TrainPlan) -> None:
        """Test a model that was just trained on what its plan holds out."""
        self._run(result.evaluate_steps(bundle, plan))

    def evaluate(self) -> None:
        """Test the present run's model on what was held out, after a test that failed."""
        training = self.training
        folder, dataset = training.run, training.dataset
        if folder is None or dataset is None or training.outcome is None:
            error = TrainingError("there is no model to test", hint="Train one first.")
            self._controller.fail("evaluate", error)
            return
        self._run(result.evaluate_again_steps(folder, dataset, training.device))

    def _run(self, steps: tasks.Steps) -> None:
        self._controller.start(
            "evaluate",
            steps,
            title="Testing the model",
            unit="spots",
            on_return=self.training.set_outcome,
            patient=True,
        )

    def load_model(self) -> None:
        """Make the new model the one that predicts."""
        if outcome := self.training.outcome:
            controller = self._controller
            done = "This model predicts from now on: see the tabs Model and Predict."
            controller.load_bundle(
                outcome.model, then=lambda: controller.succeeded.emit("evaluate", done)
            )

    def open_report(self) -> None:
        """Show the evaluation's report in the browser."""
        outcome = self.training.outcome
        if outcome is None or outcome.report is None:
            return
        shown = QDesktopServices.openUrl(QUrl.fromLocalFile(str(outcome.report)))
        if not shown:
            self._controller.fail(
                "evaluate",
                TrainingError(
                    "no program opened the report",
                    path=outcome.report,
                    hint="Open this file in a web browser.",
                ),
            )
