"""The verdict of the report: whether, where and for which genes the model beats its baselines.

Every sentence is computed from the numbers; nothing is said that they don't say.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.evaluate.report_words import (
    describe_method,
    format_interval,
    format_number,
    in_sentence,
    join_words,
)
from napari_stexp.evaluate.results import ALL, BASELINES, MODEL

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.evaluate.results import StudyResult

__all__ = [
    "GeneGap",
    "Verdict",
    "choose_baseline",
    "judge",
    "mean_over_sections",
    "read_value",
]

_HEADLINES = {
    "ahead": "{model} beats the strongest baseline",
    "level": "{model} can't be told from the strongest baseline",
    "behind": "{model} does not beat the strongest baseline",
    "alone": "There is no baseline to compare {model} with",
    "absent": "{model} was not evaluated on this scale",
    "undefined": "No correlation of {model} is defined on this scale",
}


#: Genes named at either end.
_N_NAMED = 5


@dataclass(frozen=True)
class GeneGap:
    """A gene and its correlations, with the model and with the strongest baseline."""

    gene: str
    model: str
    baseline: str


@dataclass(frozen=True)
class Verdict:
    """What the numbers of one scale say about the model.

    Attributes
    ----------
    outcome : str
        'ahead', 'level', 'behind'; 'alone' without a baseline, 'absent' without the model,
        'undefined' where no correlation of the model is defined.
    headline : str
        The outcome in words.
    sentences : tuple of str
        The numbers behind it.
    baseline : str or None
        The strongest baseline: the one with the highest mean correlation (ACG).
    ahead, behind : tuple of GeneGap
        The genes that the model is furthest ahead for and furthest behind for.
    """

    outcome: str
    headline: str
    sentences: tuple[str, ...] = ()
    baseline: str | None = None
    ahead: tuple[GeneGap, ...] = ()
    behind: tuple[GeneGap, ...] = ()


def read_value(
    summary: pd.DataFrame, scale: str, method: str, metric: str, section: str = ALL
) -> tuple[float, float, float]:
    """Return (value, low, high) of the summary, NaN for what it doesn't hold."""
    chosen = summary[
        (summary["scale"] == scale)
        & (summary["method"] == method)
        & (summary["metric"] == metric)
        & (summary["section"] == section)
    ]
    if chosen.empty:
        return (math.nan,) * 3
    row = chosen.iloc[0]
    return float(row["value"]), float(row["ci_low"]), float(row["ci_high"])


def choose_baseline(result: StudyResult, scale: str) -> str | None:
    """Return the baseline with the highest ACG over all sections; None without one.

    A baseline whose correlations are undefined (the training mean) is not chosen.
    """
    known = {
        method: read_value(result.summary, scale, method, "acg_pcc")[0] for method in BASELINES
    }
    known = {method: value for method, value in known.items() if math.isfinite(value)}
    return max(known, key=lambda method: known[method]) if known else None


def mean_over_sections(result: StudyResult, scale: str, method: str) -> pd.Series[Any]:
    """Return the PCC per gene, mean over the sections where it is defined."""
    scores = result.scores
    chosen = scores[(scores["scale"] == scale) & (scores["method"] == method)]
    return chosen.groupby("gene", sort=False)["pcc"].mean()


def judge(result: StudyResult, scale: str) -> Verdict:
    """Compare the model with the strongest baseline on one scale."""
    baseline = choose_baseline(result, scale)
    methods = set(result.scores.loc[result.scores["scale"] == scale, "method"])
    value = read_value(result.summary, scale, MODEL, "acg_pcc")[0]
    if MODEL not in methods:
        return _verdict("absent", (), baseline)
    if not math.isfinite(value):
        return _verdict("undefined", _compare_errors(result, scale), baseline)
    if baseline is None:
        return _verdict("alone", _compare_errors(result, scale), None)
    outcome, main = _compare_means(result, scale, baseline)
    others = [
        *_compare_highest(result, scale),
        *_compare_sections(result, scale),
        *_compare_genes(result, scale, baseline),
        *_compare_errors(result, scale),
    ]
    return _verdict(outcome, (main, *others), baseline, _name_genes(result, scale, baseline))


def _verdict(
    outcome: str,
    sentences: Any,
    baseline: str | None,
    genes: tuple[tuple[GeneGap, ...], tuple[GeneGap, ...]] = ((), ()),
) -> Verdict:
    headline = _HEADLINES[outcome].format(model=describe_method(MODEL).name)
    return Verdict(outcome, headline, tuple(sentences), baseline, *genes)


def _compare_means(result: StudyResult, scale: str, baseline: str) -> tuple[str, str]:
    value, low, high = read_value(result.summary, scale, MODEL, "acg_pcc")
    other, other_low, other_high = read_value(result.summary, scale, baseline, "acg_pcc")
    text = (
        f"Averaged over all genes (ACG), {describe_method(MODEL).name} correlates with the "
        f"measurement at {_with_interval(value, low, high)}; the strongest baseline, "
        f"{in_sentence(baseline)}, at {_with_interval(other, other_low, other_high)}."
    )
    if value > 0 and other > 0:
        text += f" That is {format_number(value / other, 2)} times the baseline."
    difference, low, high = _read_difference(result, scale, baseline)
    if not (math.isfinite(low) and math.isfinite(high)):
        return ("ahead" if value > other else "behind"), (
            f"{text} No confidence interval of the difference is known."
        )
    outcome = "ahead" if low > 0 else "behind" if high < 0 else "level"
    text += f" Difference: {_with_interval(difference, low, high, _decimals_for(low, high))}"
    ending = {
        "ahead": ", above 0.",
        "behind": ", below 0.",
        "level": ": the interval holds 0, so either may be the better one.",
    }
    text += ending[outcome]
    if len(result.sections) == 1:
        text += " The interval is drawn over this section's spots: it says nothing about others."
    return outcome, text


def _with_interval(value: float, low: float, high: float, decimals: int = 3) -> str:
    interval = format_interval(low, high, decimals)
    return format_number(value, decimals) + (f" (95 % CI {interval})" if interval else "")


def _decimals_for(low: float, high: float) -> int:
    """Decimals with which neither end of an interval is printed as 0, six at most."""
    ends = [abs(end) for end in (low, high) if end != 0]
    return next((n for n in (3, 4, 5) if all(round(end, n) for end in ends)), 6)


def _compare_highest(result: StudyResult, scale: str) -> list[str]:
    """Say how the 50 most expressed genes compare, with the baseline that is best there."""
    value = read_value(result.summary, scale, MODEL, "heg_pcc")[0]
    rivals = {name: read_value(result.summary, scale, name, "heg_pcc")[0] for name in BASELINES}
    rivals = {name: other for name, other in rivals.items() if math.isfinite(other)}
    if not rivals or not math.isfinite(value):
        return []
    best = max(rivals, key=lambda name: rivals[name])
    side = "ahead of" if value > rivals[best] else "not ahead of"
    return [
        f"Over the 50 most expressed genes (HEG) it is {side} the best baseline there: "
        f"{format_number(value)} against {format_number(rivals[best])} of {in_sentence(best)}."
    ]


def _read_difference(result: StudyResult, scale: str, baseline: str) -> tuple[float, float, float]:
    """Return (difference, low, high) over all sections; NaN where it is unknown."""
    table = result.comparisons
    if table is None or table.empty:
        return (math.nan,) * 3
    chosen = table[
        (table["scale"] == scale) & (table["baseline"] == baseline) & (table["section"] == ALL)
    ]
    if chosen.empty:
        return (math.nan,) * 3
    row = chosen.iloc[0]
    return float(row["difference"]), float(row["ci_low"]), float(row["ci_high"])


def _compare_sections(result: StudyResult, scale: str) -> list[str]:
    """Say in which sections the model is ahead of the section's own strongest baseline."""
    table = result.comparisons
    if len(result.sections) < 2 or table is None:
        return []
    table = table[table["scale"] == scale]
    behind, ahead, unknown, n_sure = [], [], [], 0
    for section in result.sections:
        rows = table[table["section"] == section.name].dropna(subset=["baseline_acg"])
        if rows.empty:
            unknown.append(section.name)
            continue
        row = rows.iloc[int(rows["baseline_acg"].to_numpy(dtype=np.float64).argmax())]
        if row["difference"] > 0:
            ahead.append(section.name)
            n_sure += bool(row["ci_low"] > 0)
        else:
            value, other = format_number(row["model_acg"]), format_number(row["baseline_acg"])
            rival = in_sentence(str(row["baseline"]))
            behind.append(f"{section.name} ({value} against {other} of {rival})")
    text = "By section, against the strongest baseline of each: "
    text += f"ahead in {len(ahead)} of {len(result.sections)}"
    text += f" (in {n_sure} of them the interval lies above 0)" if ahead else ""
    text += f", not ahead in {join_words(behind)}" if behind else ""
    text += f"; not comparable in {join_words(unknown)}" if unknown else ""
    return [text + "."]


def _compare_genes(result: StudyResult, scale: str, baseline: str) -> list[str]:
    ours = mean_over_sections(result, scale, MODEL)
    theirs = mean_over_sections(result, scale, baseline).reindex(ours.index)
    difference = (ours - theirs).to_numpy(dtype=np.float64)
    ahead, known = int((difference > 0).sum()), int(np.isfinite(difference).sum())
    over = " (mean over sections)" if len(result.sections) > 1 else ""
    text = f"By gene{over}: ahead for {ahead} of {known} genes, not ahead for {known - ahead}"
    undefined = len(difference) - known
    if undefined:
        text += f"; for {undefined} more a correlation is undefined"
    positive = int((ours > 0).sum())
    return [f"{text}. The correlation is above 0 for {positive} of {len(ours)} genes."]


def _name_genes(
    result: StudyResult, scale: str, baseline: str
) -> tuple[tuple[GeneGap, ...], tuple[GeneGap, ...]]:
    """Return the genes that the model is furthest ahead and furthest behind for."""
    ours = mean_over_sections(result, scale, MODEL)
    theirs = mean_over_sections(result, scale, baseline).reindex(ours.index)
    gaps = (ours - theirs).dropna().sort_values(kind="stable")

    def name(genes: Any) -> tuple[GeneGap, ...]:
        return tuple(
            GeneGap(str(gene), format_number(ours[gene], 2), format_number(theirs[gene], 2))
            for gene in genes
        )

    ahead, behind = gaps[gaps > 0].index[::-1], gaps[gaps <= 0].index
    return name(ahead[:_N_NAMED]), name(behind[:_N_NAMED])


def _compare_errors(result: StudyResult, scale: str) -> list[str]:
    """Say how the error compares with that of the training mean."""
    ours = read_value(result.summary, scale, MODEL, "mse")[0]
    mean = read_value(result.summary, scale, "mean", "mse")[0]
    if not (math.isfinite(ours) and math.isfinite(mean) and mean > 0):
        return []
    change = 100 * (ours / mean - 1)
    side = "above" if change > 0 else "below"
    return [
        f"The mean squared error is {format_number(ours)}, {format_number(abs(change), 1)} % "
        f"{side} that of predicting the training mean everywhere ({format_number(mean)})."
    ]
