"""Metrics per gene and overall.

Every number is named with the expression scale that it was computed on
(``pcc_spot``, ``acg_pcc_gene``): the per-gene scale leaves sequencing depth in every
gene, and correlations on it are higher for that reason alone. Numbers of two scales
are never compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate.matching import match_tables

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["choose_highest", "score_genes", "summarize"]

_SCALES = ("spot", "gene")
#: HEG is the mean over so many most expressed genes (Min et al. 2024).
N_HIGHEST = 50


def score_genes(
    predicted: Any, measured: Any, genes: Sequence[str] | None = None, scale: str = "spot"
) -> pd.DataFrame:
    """Score each gene over the spots of one section.

    Parameters
    ----------
    predicted, measured : AnnData, DataFrame or array (N, G)
        Expression, both on ``scale`` (``napari_stexp.model.log_normalize`` brings counts
        there). Tables with names are matched by barcode and gene, in the order of the
        prediction; arrays by place. Spots that are NaN in either (not predicted) don't
        count.
    genes : sequence of str, optional
        Genes to score, which both tables must have; for arrays, names of the columns.
    scale : {'spot', 'gene'}
        The expression scale of both, for the names of the columns.

    Returns
    -------
    DataFrame
        Indexed by gene; with S for the scale:

        - ``pcc_S``: Pearson correlation, NaN where either side is constant;
        - ``p_S``: its two-sided p value (exact for bivariate normal data, as
          ``scipy.stats.pearsonr``), NaN with fewer than three spots;
        - ``q_S``: p adjusted over the genes (Benjamini and Hochberg 1995);
        - ``mse_S``, ``mae_S``: mean squared and mean absolute error;
        - ``mean_measured_S``: mean of the measurement over all spots that count;
        - ``n_spots``: spots that count.

    Raises
    ------
    EvaluationError
        The tables can't be matched, or the scale is unknown.
    """
    import pandas as pd

    if scale not in _SCALES:
        raise EvaluationError(
            "unknown expression scale", expected=" or ".join(_SCALES), found=scale
        )
    matched = match_tables(predicted, measured, genes)
    x, y = matched.predicted, matched.measured
    counted = np.isfinite(x) & np.isfinite(y)
    n_spots = counted.sum(axis=0)
    x, y = np.where(counted, x, np.nan), np.where(counted, y, np.nan)
    pcc = _correlate(x, y, n_spots)
    p_values = _p_values(pcc, n_spots)
    error = x - y
    columns = {
        f"pcc_{scale}": pcc,
        f"p_{scale}": p_values,
        f"q_{scale}": _adjust(p_values),
        f"mse_{scale}": _mean(error**2, n_spots),
        f"mae_{scale}": _mean(np.abs(error), n_spots),
        f"mean_measured_{scale}": _mean(y, n_spots),
        "n_spots": n_spots,
    }
    return pd.DataFrame(columns, index=matched.genes.rename("gene"))


def _mean(values: NDArray[np.float64], n_spots: NDArray[np.intp]) -> NDArray[np.float64]:
    """Mean over axis 0 without NaN; NaN where there is nothing."""
    total = np.nansum(values, axis=0)
    return np.divide(total, n_spots, out=np.full(len(n_spots), np.nan), where=n_spots > 0)


def _correlate(
    x: NDArray[np.float64], y: NDArray[np.float64], n_spots: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Pearson correlation of each column; NaN where one side is constant."""
    dx, dy = x - _mean(x, n_spots), y - _mean(y, n_spots)
    product = np.nansum(dx * dy, axis=0)
    # Square roots first: the product of two small variances would underflow.
    norm = np.sqrt(np.nansum(dx**2, axis=0)) * np.sqrt(np.nansum(dy**2, axis=0))
    varies = _varies(x) & _varies(y) & (norm > 0)
    pcc = np.divide(product, norm, out=np.full(len(norm), np.nan), where=varies)
    return np.clip(pcc, -1.0, 1.0)


def _varies(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a column holds two values: of a constant one, rounding leaves a variance."""
    highest = np.fmax.reduce(values, axis=0)
    lowest = np.fmin.reduce(values, axis=0)
    return highest > lowest


def _p_values(pcc: NDArray[np.float64], n_spots: NDArray[np.intp]) -> NDArray[np.float64]:
    """Two-sided p of r, whose null distribution is a beta distribution on [-1, 1]."""
    from scipy import special

    half = np.where(n_spots > 2, n_spots / 2 - 1, np.nan)
    return np.minimum(2 * special.betainc(half, half, (1 - np.abs(pcc)) / 2), 1.0)


def _adjust(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    from scipy.stats import false_discovery_control

    adjusted = np.full(len(p_values), np.nan)
    known = np.isfinite(p_values)
    if known.any():
        adjusted[known] = false_discovery_control(p_values[known], method="bh")
    return adjusted


def summarize(scores: pd.DataFrame) -> dict[str, Any]:
    """Summarize the scores of one section's genes.

    Parameters
    ----------
    scores : DataFrame
        Of :func:`score_genes`.

    Returns
    -------
    dict
        With S for the scale: ``acg_pcc_S``, the mean correlation over all considered
        genes; ``heg_pcc_S``, over the 50 with the highest mean measurement (both without
        genes whose correlation is undefined, which ``n_undefined_S`` and
        ``n_undefined_heg_S`` count; the released code lets one of those spoil HEG);
        ``mse_S``, ``mae_S``, over all spots and genes; ``n_significant_S``, genes with a
        positive correlation and q < 0.05; ``n_genes``, ``n_spots`` and ``scale``.
    """
    scale = _scale_of(scores)
    pcc = scores[f"pcc_{scale}"].to_numpy(dtype=np.float64)
    level = scores[f"mean_measured_{scale}"].to_numpy(dtype=np.float64)
    highest = choose_highest(level)
    n_spots = scores["n_spots"].to_numpy(dtype=np.float64)
    significant = (scores[f"q_{scale}"] < 0.05) & (scores[f"pcc_{scale}"] > 0)
    return {
        "scale": scale,
        f"acg_pcc_{scale}": _mean_defined(pcc),
        f"heg_pcc_{scale}": _mean_defined(pcc[highest]),
        f"mse_{scale}": _weighted(scores[f"mse_{scale}"].to_numpy(), n_spots),
        f"mae_{scale}": _weighted(scores[f"mae_{scale}"].to_numpy(), n_spots),
        f"n_significant_{scale}": int(significant.sum()),
        f"n_undefined_{scale}": int(np.isnan(pcc).sum()),
        f"n_undefined_heg_{scale}": int(np.isnan(pcc[highest]).sum()),
        "n_genes": len(scores),
        "n_spots": int(n_spots.max(initial=0)),
    }


def choose_highest(level: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the places of the 50 genes with the highest mean measurement: those of HEG."""
    # Stable, so that ties at the border don't depend on the sorting algorithm.
    return np.argsort(np.where(np.isfinite(level), -level, np.inf), kind="stable")[:N_HIGHEST]


def _scale_of(scores: pd.DataFrame) -> str:
    found = [scale for scale in _SCALES if f"pcc_{scale}" in scores.columns]
    if len(found) != 1:
        raise EvaluationError(
            "scores of exactly one expression scale are needed",
            expected="the result of score_genes",
            found=", ".join(map(str, scores.columns[:8])),
        )
    return found[0]


def _mean_defined(values: NDArray[np.float64]) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else float("nan")


def _weighted(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    total = weights.sum()
    return float(np.nansum(values * weights) / total) if total else float("nan")
