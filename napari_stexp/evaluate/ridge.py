"""Ridge regression whose penalty is chosen inside the training sections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate.bootstrap import correlate_resampled

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

__all__ = ["ALPHAS", "RidgeChoice", "fit_ridge"]

#: Penalties to choose from, for standardised columns and the sum of squared errors.
ALPHAS: tuple[float, ...] = (50, 150, 500, 1500, 5000, 15_000, 50_000, 150_000, 500_000)

_MOST_FOLDS = 8
_SPOT_FOLDS = 5
_LEAST_SPOTS = 3  # of a section whose correlations say anything


@dataclass(frozen=True)
class RidgeChoice:
    """Which penalty was chosen, and why.

    Attributes
    ----------
    alpha : float
        The penalty.
    scores : dict
        alpha -> mean correlation over genes (ACG), mean over the left-out sections; NaN
        where there is none.
    folds : str
        What was left out to choose.
    """

    alpha: float
    scores: dict[float, float]
    folds: str


def fit_ridge(
    features: NDArray[np.floating],
    target: NDArray[np.floating],
    section: NDArray[np.integer],
    alphas: Sequence[float] = ALPHAS,
    seed: int = 0,
) -> tuple[Pipeline, RidgeChoice]:
    """Choose the penalty by leaving sections out, then fit on all spots.

    Each section is left out in turn (with more than eight sections, eight groups of
    them), and the alpha with the highest mean correlation over genes on the left-out
    sections is taken, the larger of equally good ones. With one section, five random
    fifths of its spots are left out instead: their neighbours remain, so that the alpha
    comes out on the small side.

    Parameters
    ----------
    features : (N, W)
        Finite. Standardised over the spots that are fitted.
    target : (N, G)
        Expression on one scale.
    section : (N,) int
        Which section each spot belongs to.
    alphas : sequence of float
        Positive.
    seed : int
        Of the folds of spots.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Scaler and ridge, fitted.
    RidgeChoice

    Raises
    ------
    EvaluationError
        No alphas, or some that are not positive.
    """
    alphas = sorted({float(alpha) for alpha in alphas}, reverse=True)
    if not alphas or not alphas[-1] > 0:
        raise EvaluationError("ridge needs penalties above 0", found=alphas)
    x, y = np.asarray(features, dtype=np.float64), np.asarray(target, dtype=np.float64)
    scores, folds = _score_alphas(x, y, section, alphas, seed)
    ranked = np.where(np.isfinite(scores), scores, -np.inf)
    alpha = alphas[int(ranked.argmax())]  # the first of equals, which is the largest
    choice = RidgeChoice(alpha, dict(zip(alphas, scores.tolist(), strict=True)), folds)
    return _make_model(alpha).fit(x, y), choice


def _make_model(alpha: float) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), Ridge(alpha=alpha))


def _score_alphas(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    section: NDArray[np.integer],
    alphas: Sequence[float],
    seed: int,
) -> tuple[NDArray[np.float64], str]:
    """ACG of the predictions for left-out spots, mean over sections (or folds), per alpha."""
    folds, words = _make_folds(section, seed)
    scores: list[list[float]] = [[] for _ in alphas]
    for fitted, held in folds:
        parts = [held[section[held] == one] for one in np.unique(section[held])]
        parts = [spots for spots in parts if len(spots) >= _LEAST_SPOTS]
        for alpha, found in zip(alphas, scores, strict=True):
            model = _make_model(alpha).fit(x[fitted], y[fitted])
            found += [_acg(model.predict(x[spots]), y[spots]) for spots in parts]
    return np.array([_mean_defined(found) for found in scores]), words


def _make_folds(
    section: NDArray[np.integer], seed: int
) -> tuple[list[tuple[NDArray[np.intp], NDArray[np.intp]]], str]:
    from sklearn.model_selection import GroupKFold, KFold

    n_sections, n = len(np.unique(section)), len(section)
    splits: Iterator[Any] = iter(())
    if n_sections > 1:
        k = min(n_sections, _MOST_FOLDS)
        splits = GroupKFold(k).split(section, groups=section)
        words = "one section" if k == n_sections else f"one of {k} groups of sections"
    elif n >= 2 * _SPOT_FOLDS:
        splits = KFold(_SPOT_FOLDS, shuffle=True, random_state=seed).split(section)
        words = "a fifth of the spots of the only section"
    else:
        words = "nothing: too few spots, the largest penalty is taken"
    return list(splits), words


def _acg(predicted: NDArray[np.float64], measured: NDArray[np.float64]) -> float:
    return _mean_defined(correlate_resampled(predicted, measured, np.ones((1, len(measured))))[0])


def _mean_defined(values: Any) -> float:
    values = np.asarray(values, dtype=np.float64)
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")
