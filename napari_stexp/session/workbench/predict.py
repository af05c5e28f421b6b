"""The workbench's predictions: of the tissue, of a region, of what is in view."""

from __future__ import annotations

from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import PredictionError, StexpError
from napari_stexp.progress import Progress
from napari_stexp.session.prediction.steps import (
    PredictionRequest,
    StartedPrediction,
    predict_steps,
    request_prediction,
)
from napari_stexp.session.workbench.base import Bounds, WorkbenchBase

if TYPE_CHECKING:
    from napari_stexp.predict import Prediction, PredictParams
    from napari_stexp.predict.devices import DeviceInfo

__all__ = ["WorkbenchPredict"]


class WorkbenchPredict(WorkbenchBase):
    """Predicts, and keeps several predictions; the part of `Workbench` for the dock Predict."""

    _waits: Event | None = None  # set while a run shall wait
    _cancelled = False

    def set_params(self, **settings: Any) -> PredictParams:
        """Change how the next prediction is made.

        Parameters
        ----------
        **settings
            Fields of `napari_stexp.PredictParams`: ``k``, ``metric``, ``scale``, ``device``,
            ``exclude_sections`` …
        """
        self.session.params = replace(self.session.params, **settings)
        return self.session.params

    def predict(self, where: str | Bounds = "tissue", *, again: bool = False) -> Prediction:
        """Predict expression at the spots, and show it.

        A run over a part extends the prediction that was made of the same things in the same
        way, if there is one. Image embeddings are kept: predicting again with another k,
        metric, scale or reference doesn't run the image encoder again.

        Parameters
        ----------
        where : 'tissue', 'region', 'view' or (x0, y0, x1, y1)
            All spots; those in the selected regions (in all of them, where none is
            selected); those in view; those in a rectangle, level-0 px.
        again : bool
            Begin a new prediction in any case.

        Returns
        -------
        Prediction
            Its ``adata`` holds values, status and provenance.

        Raises
        ------
        PredictionError
            Something is missing, or there are no spots there.
        AnnotationError
            There is no region.
        DeviceError
            The memory wasn't enough.
        """
        if isinstance(where, str):
            bounds = self._host.view() if where == "view" else None
            request = request_prediction(self.session, where, bounds)  # type: ignore[arg-type]
        else:
            request = request_prediction(self.session, "view", where)
        if again:
            request = replace(request, existing=())
        made = self._host.predict(request)
        return self._predict(request) if made is None else made

    def _predict(self, request: PredictionRequest) -> Prediction:
        session = self.session
        found: list[Prediction] = []

        def take(progress: Progress) -> None:
            if self._cancelled:
                raise StexpError("this was cancelled")
            new = progress.new
            if isinstance(new, StartedPrediction):
                found.append(new.prediction)
                known = session.predictions.name_of(new.prediction)
                name = known or session.predictions.free_name(new.name)
                session.set_prediction(new.prediction, name)
            elif new is not None:
                session.add_batch(new, found[0])

        self._waits, self._cancelled = Event(), False
        task = predict_steps(request, pause=self._waits, embeddings=self._host.embeddings())
        title = f"Predicting {request.spots.n_obs:,} spots"
        self._run("predict", title, task, take)
        return found[0]

    def pause(self) -> None:
        """Let a prediction wait that runs in another thread, or in the window."""
        if not self._host.pause(True) and self._waits is not None:
            self._waits.set()

    def resume(self) -> None:
        """Let it go on."""
        if not self._host.pause(False) and self._waits is not None:
            self._waits.clear()

    def cancel(self) -> None:
        """Stop a prediction; what has been predicted until then is kept."""
        if not self._host.cancel():
            self._cancelled = True
            self.resume()

    def list_devices(self) -> list[DeviceInfo]:
        """Return what can compute here, for ``set_params(device=…)``."""
        from napari_stexp.predict.devices import available_devices

        return available_devices()

    # ---- several -------------------------------------------------------------------------

    @property
    def predictions(self) -> list[str]:
        """Names of all predictions of these spots, oldest first."""
        return list(self.session.predictions)

    def show_prediction(self, name: str) -> None:
        """Show another one of `predictions`.

        Raises
        ------
        PredictionError
            There is none of this name.
        """
        self.session.show_model(name)

    def rename_prediction(self, old: str, new: str) -> None:
        """Give a prediction another name."""
        self.session.predictions.rename(old, new)

    def drop_prediction(self, name: str | None = None) -> None:
        """Forget a prediction; default: the one that is shown."""
        name = self.session.predictions.active if name is None else name
        if name is None:
            raise PredictionError("there is no prediction to drop")
        with self.session.undoing.step("Discard the prediction"):
            self.session.drop_prediction(name)

    # ---- taking away ---------------------------------------------------------------------

    def clear_spots(self) -> None:
        """Take the spots away, and their predictions with them."""
        with self.session.undoing.step("Remove the spots"):
            self.session.set_spots(None)

    def clear_regions(self) -> None:
        """Take all outlines away."""
        self.session.set_annotations(None)

    def unload_model(self) -> None:
        """Forget the model; a prediction that is shown stays."""
        self.session.set_bundle(None)
