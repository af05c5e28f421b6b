"""Score every method on one section and one expression scale."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate.bootstrap import find_interval, resample_spots
from napari_stexp.evaluate.metrics import choose_highest, score_genes, summarize
from napari_stexp.evaluate.results import METRICS, MODEL, SectionEvaluation

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SectionScores", "find_common_spots", "score_section"]

_LEAST_SPOTS = 3


@dataclass(frozen=True)
class SectionScores:
    """All methods' scores on one section and one scale.

    Attributes
    ----------
    section : SectionEvaluation
        What was scored.
    scale : {'spot', 'gene'}
        On which scale.
    scores : mapping
        Method -> `score_genes`, without the scale in the names of the columns.
    values : mapping
        Method -> metric -> value over the section (`summarize`).
    replicates : mapping
        Method -> metric -> (B,), over resampled spots; not of 'n_significant'.
    differences : mapping
        Baseline -> (B,): the model's mean correlation minus the baseline's.
    highest : int array
        The genes of HEG.
    n_spots : int
        Spots that every method predicted: all methods are scored on the same ones.
    """

    section: SectionEvaluation
    scale: str
    scores: Mapping[str, pd.DataFrame]
    values: Mapping[str, Mapping[str, float]]
    replicates: Mapping[str, Mapping[str, NDArray[np.float64]]]
    differences: Mapping[str, NDArray[np.float64]]
    highest: NDArray[np.intp]
    n_spots: int

    def pcc(self, method: str) -> NDArray[np.float64]:
        """Correlation of each gene, (G,)."""
        return self.scores[method]["pcc"].to_numpy(dtype=np.float64)

    def counted_genes(self, method: str, metric: str) -> NDArray[np.bool_]:
        """Genes that a metric is the mean over, (G,)."""
        counted = np.isfinite(self.pcc(method))
        if metric == "heg_pcc":
            chosen = np.zeros(len(counted), dtype=bool)
            chosen[self.highest] = True
            return counted & chosen
        return counted if metric in ("acg_pcc", "n_significant") else np.ones_like(counted)

    def interval(self, method: str, metric: str) -> tuple[float, float]:
        """Percentile interval over resampled spots; NaN where there is none."""
        found = self.replicates[method].get(metric)
        return find_interval(found) if found is not None else (float("nan"), float("nan"))


def score_section(
    section: SectionEvaluation, scale: str, n_bootstrap: int = 1000, seed: int = 0
) -> SectionScores:
    """Score every method of a section on one scale.

    Parameters
    ----------
    section : SectionEvaluation
        With predictions on this scale.
    scale : {'spot', 'gene'}
        The measurement is brought to it over all measured spots; scored are the spots that
        every method predicted.
    n_bootstrap, seed : int
        Resamples of the spots; 0: no intervals.

    Raises
    ------
    EvaluationError
        Fewer than three spots that every method predicted; a prediction that is NaN in
        some genes of a spot, or infinite; unusable counts.
    """
    rows = find_common_spots(section, scale)
    measured = section.measured(scale)[rows].astype(np.float64)
    predicted = {
        method: np.asarray(section.predicted[method][scale], dtype=np.float64)[rows]
        for method in section.methods
        if scale in section.predicted[method]
    }
    tables = {
        method: score_genes(values, measured, genes=section.genes, scale=scale)
        for method, values in predicted.items()
    }
    level = measured.mean(axis=0)
    highest = choose_highest(level)
    drawn = resample_spots(
        predicted,
        measured,
        highest,
        MODEL,
        n_resamples=n_bootstrap,
        seed=seed,
        name=section.name,
    )
    suffix = f"_{scale}"
    return SectionScores(
        section=section,
        scale=scale,
        scores={
            method: table.rename(columns=lambda name: str(name).removesuffix(suffix))
            for method, table in tables.items()
        },
        values={m: _take_metrics(summarize(table), suffix) for m, table in tables.items()},
        replicates=drawn.metrics,
        differences=drawn.differences,
        highest=highest,
        n_spots=len(rows),
    )


def _take_metrics(summary: Mapping[str, Any], suffix: str) -> dict[str, float]:
    return {metric: float(summary[metric + suffix]) for metric in METRICS}


def find_common_spots(section: SectionEvaluation, scale: str) -> NDArray[np.intp]:
    """Return the spots that every method predicted on a scale.

    Raises
    ------
    EvaluationError
        Fewer than three; a spot that is NaN in some genes only; infinite values.
    """
    common = np.ones(section.n_spots, dtype=bool)
    numbers = []
    for method in section.methods:
        if scale not in section.predicted[method]:
            continue
        values = np.asarray(section.predicted[method][scale])
        whole, empty = np.isfinite(values).all(axis=1), np.isnan(values).all(axis=1)
        if not (whole | empty).all():
            spot = section.spot_ids[np.flatnonzero(~(whole | empty))[0]]
            raise EvaluationError(
                f"section {section.name}: {method} predicted a spot only partly",
                expected="finite values of all genes, or NaN in all of them",
                found=f"NaN or infinite values at spot {spot}",
            )
        numbers.append(f"{method} {int(whole.sum())}")
        common &= whole
    if common.sum() < _LEAST_SPOTS:
        raise EvaluationError(
            f"section {section.name} has too few spots for a correlation",
            expected=f"{_LEAST_SPOTS} or more that every method predicted",
            found=f"{int(common.sum())} of {section.n_spots} ({', '.join(numbers)})",
            hint="Leave the section out.",
        )
    return np.flatnonzero(common)
