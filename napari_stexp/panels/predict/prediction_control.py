"""Between the panel *Predict* and the session: runs, waits, orders and saves predictions."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, QTimer, Signal

from napari_stexp.errors import StexpError
from napari_stexp.panels.predict.prediction_run import PredictionRun
from napari_stexp.panels.text import count

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.predict import EmbeddingStore, Priority
    from napari_stexp.session.opening.steps import GridSettings
    from napari_stexp.session.prediction.steps import PredictionRequest, StartedPrediction, Where
    from napari_stexp.viewer import LayerAdapter

__all__ = ["PredictionControl"]

_VIEW_MS = 120  # between two looks at a view that moves
_NAMES = {"tissue": " on the tissue mask", "region": " in the region", "view": " in view"}


class PredictionControl(QObject):
    """Runs what the panel *Predict* asks for; its areas are predict and save.

    Parameters
    ----------
    controller : Controller
        Runs the tasks.

    Attributes
    ----------
    run : PredictionRun
        Results on their way into the session.
    """

    paused_changed = Signal(bool)

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self.session = controller.session
        self.run = PredictionRun(self.session, self)
        self._pause = Event()
        self._adapter: LayerAdapter | None = None
        self._priority: Priority | None = None
        self._embeddings: EmbeddingStore | None = None
        self._look = QTimer(self)
        self._look.setSingleShot(True)
        self._look.setInterval(_VIEW_MS)
        self._look.timeout.connect(self._follow_view)

    def close(self) -> None:
        """Let go of everything; called when the viewer goes."""
        self._pause.clear()
        self._look.stop()
        self.run.abandon()
        if self._adapter is not None:
            self._adapter.view_moved.disconnect(self._on_view_moved, missing_ok=True)
            self._adapter = None

    # ---- the view ------------------------------------------------------------------------

    def follow(self, adapter: LayerAdapter) -> None:
        """Compute first what this adapter's viewer shows."""
        self._adapter = adapter
        adapter.view_moved.connect(self._on_view_moved)

    @property
    def view(self) -> tuple[float, float, float, float] | None:
        """What is in view, (x0, y0, x1, y1) in level-0 px."""
        return None if self._adapter is None else self._adapter.view_bounds()

    def _on_view_moved(self) -> None:
        if self._priority is not None and not self._look.isActive():
            self._look.start()

    def _follow_view(self) -> None:
        if self._priority is not None:
            self._priority.bounds = self.view

    # ---- running -------------------------------------------------------------------------

    @property
    def embeddings(self) -> EmbeddingStore:
        """Image embeddings of this window's predictions, kept for the next ones."""
        if self._embeddings is None:
            from napari_stexp.predict import EmbeddingStore

            self._embeddings = EmbeddingStore()
        return self._embeddings

    def predict(self, where: Where = "tissue") -> None:
        """Predict in the background: all spots, those in the selected regions, or those in view.

        What was predicted in the same way before is extended.
        """
        from napari_stexp.session.prediction.steps import request_prediction

        try:
            request = request_prediction(self.session, where, self.view)
        except StexpError as error:
            self._controller.fail("predict", error)
            return
        self.start(request)

    def start(self, request: PredictionRequest) -> None:
        """Carry out a request in the background."""
        from napari_stexp.predict import Priority
        from napari_stexp.session.prediction.steps import predict_steps

        if self._controller.busy("predict"):
            hint = "Wait, or cancel it first."
            self._controller.fail("predict", StexpError("this is still running", hint=hint))
            return
        where = request.where
        self._pause.clear()
        self._priority = Priority(self.view)
        self.run.begin()
        steps = predict_steps(
            request, priority=self._priority, pause=self._pause, embeddings=self.embeddings
        )
        self._controller.start(
            "predict",
            steps,
            title=f"Predicting {count(request.spots.n_obs, 'spot')}"
            if where == "tissue" and request.tissue is None
            else f"Predicting spots{_NAMES[where]}",
            unit="spots",
            on_yield=self._take,
            on_return=self._tell,
            on_end=self._end,
        )

    def predict_on_grid(self, settings: GridSettings, where: Where = "tissue") -> None:
        """Lay virtual spots on the tissue, and predict them."""
        self._controller.make_grid(settings, then=lambda: self.predict(where))

    def _take(self, progress: Any) -> None:
        self._controller.guard("predict", self.run.take, progress.new)

    def _tell(self, started: StartedPrediction) -> None:
        if not started.n_spots:
            name = self.session.predictions.name_of(started.prediction)
            text = f"Nothing left to do: these spots are in “{name or started.name}” already."
            self._controller.succeeded.emit("predict", text)

    def _end(self) -> None:
        self._priority = None
        self.resume()
        self.run.end()

    # ---- waiting -------------------------------------------------------------------------

    @property
    def paused(self) -> bool:
        """Whether the run waits."""
        return self._pause.is_set()

    def pause(self) -> None:
        """Let the run wait after the present step."""
        if self._controller.busy("predict") and not self.paused:
            self._pause.set()
            self.paused_changed.emit(True)

    def resume(self) -> None:
        """Let the run go on."""
        if self.paused:
            self._pause.clear()
            self.paused_changed.emit(False)

    def stop(self) -> None:
        """Cancel a running prediction whose slide or spots go away."""
        self.run.abandon()
        self._controller.cancel("predict")

    # ---- what was predicted --------------------------------------------------------------

    def show(self, name: str) -> None:
        """Show another one of the predictions."""
        self._controller.guard("predict", self.session.show_model, name)

    def rename(self, old: str, new: str) -> None:
        """Give a prediction another name."""
        self._controller.guard("predict", self.session.predictions.rename, old, new)

    def remove(self, name: str) -> None:
        """Take a prediction away; a run that fills it is cancelled."""
        predictions = self.session.predictions
        if name in predictions and self.run.fills(predictions[name]):
            self.stop()
        self._controller.cleared.emit("predict")
        with self.session.undoing.step(f"Remove the prediction {name}"):
            self._controller.guard("predict", self.session.drop_prediction, name)

    def clear(self) -> None:
        """Take the shown prediction away."""
        if (name := self.session.predictions.active) is not None:
            self.remove(name)

    def compare(self, shown: bool = True) -> None:
        """Show the active gene in every prediction side by side, or one picture again."""
        self._controller.guard("predict", self.session.views.show, "models" if shown else "single")

    def save(self, path: str | Path) -> None:
        """Write the shown prediction in the background (.h5ad, .csv or .parquet)."""
        from napari_stexp.session.opening.steps import save_steps

        path, controller = Path(path), self._controller
        controller.remember(path)
        prediction = self.session.prediction
        if prediction is None or self.run.fills(prediction):
            controller.fail(
                "save",
                StexpError("there is no finished prediction to save", hint="Predict first."),
            )
            return

        def tell(written: Path) -> None:
            show_info(f"Saved {written}")
            controller.succeeded.emit("save", f"Saved as {written}")

        steps = save_steps(prediction.adata, path)
        controller.start("save", steps, title=f"Saving {path.name}", on_return=tell)
