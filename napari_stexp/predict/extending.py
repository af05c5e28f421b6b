"""Adding to an earlier prediction: whether it may be done, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp._version import __version__
from napari_stexp.errors import PredictionError
from napari_stexp.predict.plan import Plan

if TYPE_CHECKING:
    import torch

    from napari_stexp.predict.prediction import Prediction

__all__ = ["check_extends", "choose_rows", "find_differences", "note_run"]

# What doesn't change values, beyond rounding.
_HOW_ONLY = ("device", "batch_size", "threads")
# What predictions of earlier versions don't tell of their slide.
_TOLD_ONLY = ("objective", "scan_date", "backend", "scale_settled")


def choose_rows(
    n: int, rows: ArrayLike | None = None, into: Prediction | None = None
) -> NDArray[np.intp]:
    """Return which of n spots a run computes.

    Parameters
    ----------
    n : int
        Number of spots.
    rows : (N,) bool or (m,) int array, optional
        Spots that are asked for; default: all.
    into : Prediction, optional
        Its spots that are no longer pending are left out.

    Raises
    ------
    PredictionError
        ``rows`` doesn't fit the spots.
    """
    chosen = np.arange(n) if rows is None else _as_rows(np.asarray(rows), n)
    return chosen if into is None else chosen[into.status[chosen] == "pending"]


def find_differences(prediction: Prediction, plan: Plan) -> list[str]:
    """Say why a prediction can't be extended by a run of this plan; empty where it can."""
    from napari_stexp.predict.provenance import describe_params, describe_slide

    adata = prediction.adata
    spots, facts = plan.spots, adata.uns.get("stexp", {})
    if adata.n_obs != spots.n_obs or not (adata.obs_names == spots.obs_names).all():
        return ["other spots"]
    if not np.array_equal(np.asarray(adata.obsm["spatial"], np.float64), plan.centers):
        return ["spots at other places"]
    made, now = facts.get("model", {}), plan.bundle
    if tuple(adata.var_names) != now.genes or not _same_model(made, now):
        return ["another model"]
    problems = []
    slide = {"colour": "stored", **facts.get("slide", {})}
    now_read = {k: v for k, v in describe_slide(plan).items() if k not in _TOLD_ONLY or k in slide}
    if slide["colour"] != now_read.pop("colour"):
        problems.append("other colours of the slide")
    if any(slide.get(key) != value for key, value in now_read.items()):
        problems.append("another slide, or another scale of it")
    old = facts.get("parameters", {})
    new = describe_params(plan)
    for key in sorted({*old, *new} - {*_HOW_ONLY}):
        if old.get(key) != new.get(key):
            problems.append(f"{key.replace('_', ' ')} {old.get(key)}, now {new.get(key)}")
    return problems


def check_extends(prediction: Prediction, plan: Plan) -> None:
    """Check that a run of this plan may be added to a prediction.

    Raises
    ------
    PredictionError
        It was made from something else, or in another way.
    """
    if problems := find_differences(prediction, plan):
        raise PredictionError(
            "this prediction can't be extended: it was made otherwise",
            found="; ".join(problems),
            hint="Use the same slide, spots, model and settings, or make a new prediction.",
        )


def note_run(
    adata: Any, n: int, device: torch.device, where: str = "", *, first: bool = False
) -> None:
    """Write into the provenance that a run over some of the spots made this prediction.

    ``uns['stexp']['runs']`` holds them by number: when, where, how many spots were asked
    for, on which device. A prediction made in one go has no such list.

    Parameters
    ----------
    adata : AnnData
        The prediction.
    n : int
        Spots that the run computes.
    device : torch.device
        Where it computes.
    where : str
        In words: 'region', 'view'.
    first : bool
        Whether the prediction is begun by it.
    """
    facts = adata.uns.setdefault("stexp", {})
    runs = facts.setdefault("runs", {})
    if not first and not runs:
        runs["1"] = {
            "created": str(facts.get("created", "")),
            "software": str(facts.get("software", "")),
            "device": str(facts.get("device", {}).get("name", "")),
        }
    run = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "software": f"napari-stexp {__version__}",
        "device": str(device),
        "spots": int(n),
    }
    runs[str(len(runs) + 1)] = run | ({"where": where} if where else {})


def _same_model(made: Any, bundle: Any) -> bool:
    if made.get("sha256") or bundle.sha256:
        return bool(made.get("sha256") == bundle.sha256)
    return bool(made.get("name", "") == (bundle.header.name or ""))


def _as_rows(rows: NDArray[Any], n: int) -> NDArray[np.intp]:
    if rows.dtype == np.bool_ and rows.shape == (n,):
        return np.flatnonzero(rows)
    whole = rows.ndim == 1 and (np.issubdtype(rows.dtype, np.integer) or not rows.size)
    if not whole or (rows.size and not (rows.min() >= 0 and rows.max() < n)):
        raise PredictionError(
            "the rows to predict don't fit the spots",
            expected=f"({n},) true or false, or row numbers from 0 to {n - 1}",
            found=f"{rows.dtype}, {rows.shape}",
        )
    return np.unique(rows.astype(np.intp))
