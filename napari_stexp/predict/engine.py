"""The generators behind panel, command line and cluster: slide and spots in, values out."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from numpy.typing import ArrayLike

from napari_stexp.predict.devices import choose_device
from napari_stexp.predict.extending import check_extends, choose_rows, note_run
from napari_stexp.predict.overlap import warn_of_overlap
from napari_stexp.predict.params import PredictParams
from napari_stexp.predict.plan import Plan, make_plan
from napari_stexp.predict.prediction import Prediction, make_empty
from napari_stexp.predict.predictor import SpotPredictor
from napari_stexp.predict.provenance import make_provenance
from napari_stexp.progress import PAUSED, Progress

if TYPE_CHECKING:
    import torch
    from anndata import AnnData

    from napari_stexp.model import ModelBundle
    from napari_stexp.predict.embeddings import EmbeddingStore
    from napari_stexp.predict.priority import Priority
    from napari_stexp.slide import Slide

__all__ = ["Flag", "predict_batches", "predict_spots", "start_prediction"]

_PAUSE_STEP = 0.1  # seconds between two reports of a run that waits


class Flag(Protocol):
    """What ``pause`` has to offer; a `threading.Event` does."""

    def is_set(self) -> bool:
        """Whether the run shall wait."""


def start_prediction(
    slide: Slide,
    spots: AnnData,
    bundle: ModelBundle,
    params: PredictParams | None = None,
    *,
    rows: ArrayLike | None = None,
    into: Prediction | None = None,
    where: str = "",
) -> Prediction:
    """Check the inputs and make an empty prediction with its provenance.

    For a consumer that keeps partial results: feed it the batches of
    `predict_batches`, called with the same arguments.

    Parameters
    ----------
    slide, spots, bundle, params
        See `predict_spots`.
    rows : (N,) bool or (m,) int array, optional
        The spots that the run is about; the provenance then says how many.
    into : Prediction, optional
        An earlier one of the same, to which the run is added: it is returned,
        with the run in its provenance.
    where : str
        What ``rows`` are, in words ('region', 'view'), for the provenance.

    Raises
    ------
    StexpError
        As `predict_spots`.
    """
    plan = make_plan(slide, spots, bundle, params)
    return _open_prediction(plan, choose_device(plan.params.device), rows, into, where)


def predict_spots(  # noqa: PLR0913 - the last six are for who runs only a part, or waits for it
    slide: Slide,
    spots: AnnData,
    bundle: ModelBundle,
    params: PredictParams | None = None,
    *,
    rows: ArrayLike | None = None,
    priority: Priority | None = None,
    pause: Flag | None = None,
    embeddings: EmbeddingStore | None = None,
    into: Prediction | None = None,
    where: str = "",
) -> Generator[Progress, None, AnnData]:
    """Predict expression at spots of a slide.

    Results come as they are computed: `Progress.new` is a `SpotBatch`, in an
    order that reuses decoded tiles. Closing the generator stops it; no thread
    is left running. The same inputs on the same machine give the same numbers,
    whatever the order.

    Parameters
    ----------
    slide : Slide
        The image.
    spots : AnnData
        ``obsm['spatial']`` (N, 2), (x, y) in level-0 pixels.
    bundle : ModelBundle
        Model and reference bank.
    params : PredictParams, optional
        Settings; the bundle's own where not given.
    rows : (N,) bool or (m,) int array, optional
        Spots to predict; the others stay 'pending'. Default: all.
    priority : Priority, optional
        A view: its spots are computed first, also when it moves meanwhile.
    pause : threading.Event, optional
        While it is set, nothing new is begun, and `Progress` of the stage 'paused' comes
        about ten times a second.
    embeddings : EmbeddingStore, optional
        Where image embeddings are kept: spots that it knows aren't encoded again, whatever k,
        metric, scale and reference sections are.
    into : Prediction, optional
        An earlier prediction of the same spots, model and settings. It is extended in place;
        its spots aren't computed again.
    where : str
        What ``rows`` are, in words, for the provenance ('region', 'view').

    Yields
    ------
    Progress
        Of the spots to compute; stage ``loading the model``, then ``predicting``.

    Returns
    -------
    AnnData
        The prediction, in the order of ``spots`` (docs/architecture.md).

    Raises
    ------
    SpotsError, ScaleError, PredictionError
        The inputs can't be used together, or not with ``rows`` or ``into``.
    DeviceError
        The device is missing, or not even one patch fits into its memory.

    Warns
    -----
    UserWarning
        The reference holds the section or its patient, and they are not left out.
    """
    plan = make_plan(slide, spots, bundle, params)
    device = choose_device(plan.params.device)
    chosen = choose_rows(spots.n_obs, rows, into)
    prediction = _open_prediction(plan, device, rows, into, where)
    warn_of_overlap(plan)
    with closing(_run(plan, device, chosen, priority, pause, embeddings)) as reports:
        for progress in reports:
            if progress.new is not None:
                prediction.add(progress.new)
            yield progress
    return prediction.adata


def predict_batches(
    slide: Slide,
    spots: AnnData,
    bundle: ModelBundle,
    params: PredictParams | None = None,
    *,
    rows: ArrayLike | None = None,
    priority: Priority | None = None,
    pause: Flag | None = None,
    embeddings: EmbeddingStore | None = None,
) -> Generator[Progress, None, None]:
    """Do as `predict_spots`, for a consumer that gathers the batches itself.

    Nothing is gathered here: a window that shows results in its own thread makes the
    prediction by `start_prediction` and adds each `Progress.new` there.

    Raises
    ------
    StexpError
        As `predict_spots`.
    """
    plan = make_plan(slide, spots, bundle, params)
    warn_of_overlap(plan)
    chosen = choose_rows(spots.n_obs, rows)
    yield from _run(plan, choose_device(plan.params.device), chosen, priority, pause, embeddings)


def _run(
    plan: Plan,
    device: torch.device,
    rows: ArrayLike,
    priority: Priority | None,
    pause: Flag | None,
    embeddings: EmbeddingStore | None,
) -> Generator[Progress, None, None]:
    """Compute some rows; yield their batches."""
    chosen = choose_rows(plan.spots.n_obs, rows)
    start = Progress(0, len(chosen), "loading the model")
    yield start
    yield from _wait(start, pause)
    predictor = SpotPredictor(plan, device, embeddings)
    predictor.prepare(chosen)
    now = replace(start, stage="predicting")
    yield now
    with closing(predictor.batches(chosen, priority)) as batches:
        for batch in batches:
            now = replace(now, done=now.done + len(batch))
            yield replace(now, new=batch)
            yield from _wait(now, pause)


def _wait(now: Progress, pause: Flag | None) -> Generator[Progress, None, None]:
    while pause is not None and pause.is_set():
        yield replace(now, stage=PAUSED)
        time.sleep(_PAUSE_STEP)


def _open_prediction(
    plan: Plan,
    device: torch.device,
    rows: ArrayLike | None,
    into: Prediction | None,
    where: str,
) -> Prediction:
    """Make an empty prediction, or check one that is to be extended; note a run of a part."""
    if into is not None:
        check_extends(into, plan)
    chosen = choose_rows(plan.spots.n_obs, rows, into)
    if into is None:
        header = plan.bundle.header
        provenance = make_provenance(plan, device)
        into = Prediction(make_empty(plan.spots, header.genes, plan.bundle.scores, provenance))
        if rows is not None:
            note_run(into.adata, len(chosen), device, where, first=True)
    elif len(chosen):
        note_run(into.adata, len(chosen), device, where)
    return into
