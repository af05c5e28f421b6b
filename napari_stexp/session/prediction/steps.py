"""Predicting what a session has open: which spots, into which prediction, under which name."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import AnnotationError, PredictionError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle
    from napari_stexp.predict import EmbeddingStore, Prediction, PredictParams, Priority
    from napari_stexp.predict.engine import Flag
    from napari_stexp.predict.priority import Bounds
    from napari_stexp.session.state import Session
    from napari_stexp.slide import Slide, TissueMask

__all__ = [
    "PredictionRequest",
    "StartedPrediction",
    "Where",
    "find_rows",
    "predict_steps",
    "request_prediction",
]

Where = Literal["tissue", "region", "view"]


@dataclass(frozen=True)
class PredictionRequest:
    """All that a run needs of a session, taken when it was asked for.

    Attributes
    ----------
    slide, spots, bundle, params
        What is open.
    where : {'tissue', 'region', 'view'}
        Which spots.
    shapes : tuple of shapely geometry
        The regions, level-0 px.
    bounds : (float, float, float, float) or None
        The view, (x0, y0, x1, y1) in level-0 px.
    existing : tuple of Prediction
        One of them is extended, if it was made in the same way.
    tissue : TissueMask or None
        All spots are those on it, where it is given.
    """

    slide: Slide
    spots: Any
    bundle: ModelBundle
    params: PredictParams
    where: Where = "tissue"
    shapes: tuple[Any, ...] = ()
    bounds: Bounds | None = None
    existing: tuple[Prediction, ...] = ()
    tissue: TissueMask | None = None


@dataclass(frozen=True)
class StartedPrediction:
    """What a run fills.

    Attributes
    ----------
    prediction : Prediction
        An empty one, or an earlier one.
    name : str
        What to call an empty one, if the name is free.
    is_new : bool
        Whether it is an empty one.
    n_spots : int
        Spots that will be computed.
    """

    prediction: Prediction
    name: str
    is_new: bool
    n_spots: int


def request_prediction(
    session: Session, where: Where = "tissue", bounds: Bounds | None = None
) -> PredictionRequest:
    """Take from a session what a run needs.

    Parameters
    ----------
    session : Session
        With slide, spots and model.
    where : {'tissue', 'region', 'view'}
        All spots, those in the selected regions (in all regions where none is
        selected), or those in view.
    bounds : (float, float, float, float), optional
        What is in view, (x0, y0, x1, y1) in level-0 px.

    Raises
    ------
    PredictionError
        Something is missing, or there is no view.
    AnnotationError
        There is no region.
    """
    if where not in get_args(Where):
        raise PredictionError(
            "no such part to predict", expected=", ".join(get_args(Where)), found=where
        )
    if missing := session.missing():
        raise PredictionError("not ready to predict", hint=" ".join(missing))
    if where == "view" and bounds is None:
        raise PredictionError("nothing is in view", hint="Open the slide in the window first.")
    shapes: tuple[Any, ...] = ()
    if where == "region":
        regions, chosen = session.regions.items, session.regions.selected
        picked = [region for region in regions if region.id in chosen] or list(regions)
        if not picked:
            raise AnnotationError(
                "there is no region to predict", hint="Draw one in the tab Annotations."
            )
        shapes = tuple(region.geometry for region in picked)
    assert session.slide is not None
    assert session.bundle is not None
    return PredictionRequest(
        session.slide,
        session.spots,
        session.bundle,
        session.params,
        where,
        shapes,
        bounds,
        tuple(session.predictions[name] for name in _by_use(session)),
        session.tissue.mask if session.tissue.limits else None,
    )


def predict_steps(
    request: PredictionRequest,
    *,
    priority: Priority | None = None,
    pause: Flag | None = None,
    embeddings: EmbeddingStore | None = None,
) -> Generator[Progress, None, StartedPrediction]:
    """Predict; the first report with something new brings a `StartedPrediction`.

    The others bring a `SpotBatch`, to be given to `Session.add_batch`. Nothing of the
    session is changed here.

    Parameters
    ----------
    request : PredictionRequest
        Of `request_prediction`.
    priority, pause, embeddings
        See `napari_stexp.predict.predict_spots`.

    Raises
    ------
    StexpError
        As `napari_stexp.predict.predict_spots`; or there are no spots there.
    """
    yield Progress(0, 0, "preparing")
    from napari_stexp.predict import predict_batches
    from napari_stexp.predict.extending import choose_rows

    inputs = request.slide, request.spots, request.bundle, request.params
    rows = find_rows(request)
    into = _find_extendable(request)
    chosen = choose_rows(request.spots.n_obs, rows, into)
    started = _start(request, rows, into, len(chosen))
    yield Progress(0, len(chosen), "preparing", new=started)
    if len(chosen):
        yield from predict_batches(
            *inputs, rows=chosen, priority=priority, pause=pause, embeddings=embeddings
        )
    return started


def find_rows(request: PredictionRequest) -> NDArray[np.bool_] | None:
    """Return which spots a request is about, (N,); None for all of them.

    Raises
    ------
    PredictionError
        There are none.
    """
    from napari_stexp.predict import points_in

    xy = np.asarray(request.spots.obsm["spatial"], dtype=np.float64)
    if request.where == "tissue":
        if request.tissue is None:
            return None
        rows = request.tissue.contains(xy)
        if not rows.any():
            raise PredictionError(
                "there are no spots on the tissue mask",
                hint="Edit the mask, or predict spots off it, too.",
            )
        return rows
    if request.where == "view" and request.bounds is not None:
        rows = points_in(xy, request.bounds)
        if not rows.any():
            raise PredictionError(
                "there are no spots in view", hint="Move the view to spots, or zoom out."
            )
        return rows
    rows = _inside(xy, request.shapes)
    if not rows.any():
        raise PredictionError(
            "there are no spots in the region", hint="Select or draw one that holds spots."
        )
    return rows


def _inside(xy: NDArray[np.float64], shapes: Sequence[Any]) -> NDArray[np.bool_]:
    """Tell which of (N, 2) points lie in one of the shapes, the outline included."""
    import shapely

    tree = shapely.STRtree(shapely.points(xy))
    hits = tree.query(np.asarray(shapes, dtype=object), predicate="intersects")[1]
    found = np.zeros(len(xy), dtype=np.bool_)
    found[hits] = True
    return found


def _find_extendable(request: PredictionRequest) -> Prediction | None:
    from napari_stexp.predict import find_differences, make_plan

    if not request.existing:
        return None
    plan = make_plan(request.slide, request.spots, request.bundle, request.params)
    return next((one for one in request.existing if not find_differences(one, plan)), None)


def _start(
    request: PredictionRequest, rows: Any, into: Prediction | None, n: int
) -> StartedPrediction:
    from napari_stexp.predict import start_prediction, suggest_name

    where = "" if request.where == "tissue" and request.tissue is None else request.where
    prediction = start_prediction(
        request.slide,
        request.spots,
        request.bundle,
        request.params,
        rows=rows,
        into=into,
        where=where,
    )
    name = suggest_name(request.bundle, request.params)
    return StartedPrediction(prediction, name, into is None, n)


def _by_use(session: Session) -> list[str]:
    """Return the names of the predictions, the one that is shown first."""
    names = list(session.predictions)
    return sorted(names, key=lambda name: name != session.predictions.active)
