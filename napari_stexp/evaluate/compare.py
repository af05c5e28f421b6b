"""A prediction against the counts that were measured at the same spots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import EvaluationError, StexpError
from napari_stexp.evaluate.metrics import score_genes, summarize

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

__all__ = ["EvaluationResult", "compare_prediction", "normalize_measured", "scale_of"]


@dataclass(frozen=True)
class EvaluationResult:
    """How a prediction agrees with the measurement.

    Attributes
    ----------
    scale : str
        Expression scale of all numbers, ``'spot'`` or ``'gene'``.
    scores : DataFrame
        Per gene (:func:`score_genes`).
    summary : dict
        Overall (:func:`summarize`).
    missing_genes : tuple of str
        Predicted genes that weren't measured.
    n_unpredicted : int
        Spots measured and asked for, but without a prediction (NaN).
    """

    scale: str
    scores: pd.DataFrame
    summary: dict[str, Any]
    missing_genes: tuple[str, ...] = ()
    n_unpredicted: int = 0


def compare_prediction(prediction: AnnData, measured: AnnData) -> EvaluationResult:
    """Score a prediction on the scale that its provenance names.

    Parameters
    ----------
    prediction : AnnData
        As ``napari_stexp.predict`` makes it: expression on the scale in
        ``uns['stexp']``, NaN for spots that weren't predicted.
    measured : AnnData
        Raw counts of *one section*. They are brought to the same scale here, over the
        predicted genes that were measured, and over all measured spots (per-gene scale:
        as the released evaluation does), before spots are matched.

    Raises
    ------
    EvaluationError
        The prediction doesn't say its scale, nothing is in common, or the measurement
        holds no counts.
    """
    truth = normalize_measured(prediction, measured)
    scale, genes = scale_of(prediction), list(truth.var_names)
    scores = score_genes(prediction, truth, genes=genes, scale=scale)
    shared = prediction.obs_names.isin(measured.obs_names)
    empty = ~np.isfinite(np.asarray(prediction.X)[shared]).all(axis=1)
    return EvaluationResult(
        scale=scale,
        scores=scores,
        summary=summarize(scores),
        missing_genes=tuple(prediction.var_names[~prediction.var_names.isin(genes)]),
        n_unpredicted=int(empty.sum()),
    )


def normalize_measured(prediction: AnnData, measured: AnnData) -> AnnData:
    """Bring counts to the scale of a prediction, over its genes that were measured.

    Parameters
    ----------
    prediction, measured : AnnData
        As for `compare_prediction`.

    Returns
    -------
    AnnData
        The spots of ``measured``, the genes in the order of the prediction.

    Raises
    ------
    EvaluationError
        As `compare_prediction`.
    """
    from anndata import AnnData

    scale = scale_of(prediction)
    known = prediction.var_names.isin(measured.var_names)
    genes = list(prediction.var_names[known])
    if not genes:
        raise EvaluationError(
            "none of the predicted genes was measured",
            expected=f"genes such as {list(prediction.var_names[:3])}",
            found=list(measured.var_names[:3]) or "spots without counts",
        )
    if not measured.var_names.is_unique:
        raise EvaluationError("the measurement names genes twice", expected="each once")
    values = _normalize(measured[:, genes].X, scale)
    return AnnData(X=values, obs=measured.obs[[]].copy(), var=measured.var.loc[genes, []].copy())


def scale_of(prediction: AnnData) -> str:
    """Return the expression scale that a prediction's provenance names.

    Raises
    ------
    EvaluationError
        It names none.
    """
    facts = prediction.uns.get("stexp")
    facts = facts if isinstance(facts, Mapping) else {}
    for part in (facts, facts.get("parameters"), facts.get("params")):
        if isinstance(part, Mapping) and part.get("scale"):
            return str(part["scale"])
    raise EvaluationError(
        "the prediction doesn't say its expression scale",
        expected="uns['stexp']['scale'], 'spot' or 'gene'",
        hint="Is this a prediction of napari-stexp?",
    )


def _normalize(counts: Any, scale: str) -> Any:
    from napari_stexp.model import log_normalize

    try:
        return log_normalize(counts, scale)
    except StexpError as error:
        raise EvaluationError(
            "the measurement can't be brought to the prediction's scale", found=error.what
        ) from error
