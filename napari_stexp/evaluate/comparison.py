"""Where a model doesn't beat its baselines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate.bootstrap import combine_sections, find_interval
from napari_stexp.evaluate.results import ALL, BASELINES, MODEL

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.evaluate.results import StudyResult
    from napari_stexp.evaluate.scoring import SectionScores

__all__ = ["COMPARISON_COLUMNS", "beaten_by_baseline", "compare_methods"]

#: Of `StudyResult.comparisons`.
COMPARISON_COLUMNS = (
    *("baseline", "split", "scale", "section", "patient", "model_acg", "baseline_acg"),
    *("difference", "ci_low", "ci_high", "n_genes", "n_genes_ahead", "n_spots", "resampled"),
)
_NOT_BEATEN = (
    *("split", "scale", "section", "gene", "baseline", "model_pcc", "baseline_pcc"),
    *("difference", "ci_low", "ci_high", "verdict"),
)


def compare_methods(
    scored: Sequence[SectionScores], units: Mapping[str, str], resampled: str, seed: int = 0
) -> pd.DataFrame:
    """Subtract each baseline's mean correlation from the model's.

    Both are taken over the genes where both correlations are defined, in the section as in
    every resample of its spots, so that the interval is that of the paired difference. A
    baseline without any (the training mean) has no row.

    Parameters
    ----------
    scored : sequence of SectionScores
        One per section and scale.
    units : mapping
        Section -> what is drawn for the rows of all sections (`combine_sections`).
    resampled : str
        The word for that.
    seed : int
        Of that draw.

    Returns
    -------
    DataFrame
        With `COMPARISON_COLUMNS`: one row per baseline, scale and section, and one with
        section ``'all'``, the mean over sections. ``n_genes_ahead`` counts genes whose
        correlation is higher with the model (all sections: of the mean over sections).
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for scale in dict.fromkeys(part.scale for part in scored):
        parts = [part for part in scored if part.scale == scale]
        for baseline in BASELINES:
            pairs = [_Pair(part, baseline) for part in parts if baseline in part.differences]
            pairs = [pair for pair in pairs if pair.n_genes]
            if not pairs:
                continue
            rows += [pair.describe() for pair in pairs]
            if len(pairs) == len(parts):
                rows.append(_describe_all(pairs, units, resampled, seed))
    return pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))


class _Pair:
    """The model and a baseline on one section."""

    def __init__(self, part: SectionScores, baseline: str) -> None:
        self.part, self.baseline = part, baseline
        model, other = part.pcc(MODEL), part.pcc(baseline)
        defined = np.isfinite(model) & np.isfinite(other)
        self.model = np.where(defined, model, np.nan)
        self.other = np.where(defined, other, np.nan)
        self.n_genes = int(defined.sum())
        self.replicates: NDArray[np.float64] = part.differences[baseline]

    @property
    def acg(self) -> tuple[float, float]:
        """Mean correlation of the model and of the baseline."""
        return float(np.nanmean(self.model)), float(np.nanmean(self.other))

    def describe(self) -> dict[str, Any]:
        mine, theirs = self.acg
        low, high = find_interval(self.replicates)
        section = self.part.section
        return {
            "baseline": self.baseline,
            "split": section.split,
            "scale": self.part.scale,
            "section": section.name,
            "patient": section.section.patient,
            "model_acg": mine,
            "baseline_acg": theirs,
            "difference": mine - theirs,
            "ci_low": low,
            "ci_high": high,
            "n_genes": self.n_genes,
            "n_genes_ahead": int((self.model > self.other).sum()),
            "n_spots": self.part.n_spots,
            "resampled": "spots",
        }


def _describe_all(
    pairs: Sequence[_Pair], units: Mapping[str, str], resampled: str, seed: int
) -> dict[str, Any]:
    mine, theirs = np.mean([pair.acg for pair in pairs], axis=0)
    difference, (low, high) = combine_sections(
        [pair.acg[0] - pair.acg[1] for pair in pairs],
        [pair.replicates for pair in pairs],
        [units[pair.part.section.name] for pair in pairs],
        seed,
    )
    gaps = np.array([pair.model - pair.other for pair in pairs])
    defined = np.isfinite(gaps).any(axis=0)
    mean_gaps = np.nanmean(gaps[:, defined], axis=0)
    return pairs[0].describe() | {
        "section": ALL,
        "patient": "",
        "model_acg": float(mine),
        "baseline_acg": float(theirs),
        "difference": difference,
        "ci_low": low,
        "ci_high": high,
        "n_genes": int(defined.sum()),
        "n_genes_ahead": int((mean_gaps > 0).sum()),
        "n_spots": sum(pair.part.n_spots for pair in pairs),
        "resampled": resampled,
    }


def beaten_by_baseline(result: StudyResult) -> pd.DataFrame:
    """List the sections and genes in which the model doesn't beat the strongest baseline.

    The strongest baseline of a section is the one with the highest mean correlation on
    this scale. It is the same for all genes: the best of several methods gene by gene
    would be the best by chance.

    Parameters
    ----------
    result : StudyResult
        With the model and at least one baseline.

    Returns
    -------
    DataFrame
        ``split``, ``scale``, ``section`` (with several, ``'all'`` too: their means), ``gene``
        (empty: the mean over all genes), ``baseline``, ``model_pcc``, ``baseline_pcc``,
        ``difference``, ``ci_low``, ``ci_high`` (of means over genes only) and ``verdict``:
        ``'behind'``, the model's correlation is not higher; ``'undecided'``, it is, but
        the interval of a mean's difference reaches 0; ``'undefined'``, the model's
        correlation of this gene is undefined and the baseline's is not.
    """
    import pandas as pd

    table = result.comparisons
    rows: list[dict[str, Any]] = []
    if table is not None:
        if len(result.sections) == 1:
            table = table[table["section"] != ALL]  # the same as the section's
        for _, group in table.groupby(["scale", "section"], sort=False):
            best = int(group["baseline_acg"].to_numpy(dtype=np.float64).argmax())
            strongest = dict(group.iloc[best])
            rows += _judge_mean(strongest)
            rows += _judge_genes(result.scores, strongest)
    return pd.DataFrame(rows, columns=list(_NOT_BEATEN))


def _judge_mean(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    # Written so that an undefined interval is undecided.
    verdict = "behind" if not row["difference"] > 0 else "undecided"
    if verdict == "behind" or not row["ci_low"] > 0:
        yield {
            **{name: row[name] for name in ("split", "scale", "section", "baseline")},
            "gene": "",
            "model_pcc": row["model_acg"],
            "baseline_pcc": row["baseline_acg"],
            **{name: row[name] for name in ("difference", "ci_low", "ci_high")},
            "verdict": verdict,
        }


def _judge_genes(scores: pd.DataFrame, row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    mine = _take_pcc(scores, MODEL, row)
    theirs = _take_pcc(scores, row["baseline"], row).reindex(mine.index)
    for gene, model, other in zip(mine.index, mine, theirs, strict=True):
        if np.isfinite(other) and not model > other:
            yield {
                **{name: row[name] for name in ("split", "scale", "section", "baseline")},
                "gene": gene,
                "model_pcc": model,
                "baseline_pcc": other,
                "difference": model - other,
                "ci_low": np.nan,
                "ci_high": np.nan,
                "verdict": "behind" if np.isfinite(model) else "undefined",
            }


def _take_pcc(scores: pd.DataFrame, method: str, row: Mapping[str, Any]) -> pd.Series:
    """Correlation per gene in the row's section, or its mean over sections."""
    chosen = scores[(scores["method"] == method) & (scores["scale"] == row["scale"])]
    if row["section"] != ALL:
        chosen = chosen[chosen["section"] == row["section"]]
    pcc: pd.Series = chosen.groupby("gene", sort=False)["pcc"].mean()
    return pcc
