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
    name_algorithm,
)
from napari_stexp.evaluate.results import ALGORITHMS, ALL, BASELINES, MEASURED, MODEL

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.evaluate.results import StudyResult

__all__ = [
    "Verdict",
    "choose_baseline",
    "judge",
    "judge_domains",
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
    """

    outcome: str
    headline: str
    sentences: tuple[str, ...] = ()
    baseline: str | None = None


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
        *_compare_sections(result, scale, baseline),
        *_compare_genes(result, scale, baseline),
        *_compare_errors(result, scale),
    ]
    return _verdict(outcome, (main, *others), baseline)


def _verdict(outcome: str, sentences: Any, baseline: str | None) -> Verdict:
    headline = _HEADLINES[outcome].format(model=describe_method(MODEL).name)
    return Verdict(outcome, headline, tuple(sentences), baseline)


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
    text += f" Difference: {_with_interval(difference, low, high)}"
    ending = {
        "ahead": ", above 0.",
        "behind": ", below 0.",
        "level": ": the interval holds 0, so either may be the better one.",
    }
    return outcome, text + ending[outcome]


def _with_interval(value: float, low: float, high: float) -> str:
    interval = format_interval(low, high)
    return format_number(value) + (f" (95 % CI {interval})" if interval else "")


def _read_difference(
    result: StudyResult, scale: str, baseline: str, section: str = ALL
) -> tuple[float, float, float]:
    """Return (difference, low, high) of the paired comparison; NaN where it is unknown."""
    table = result.comparisons
    if table is None or table.empty:
        return (math.nan,) * 3
    chosen = table[
        (table["scale"] == scale) & (table["baseline"] == baseline) & (table["section"] == section)
    ]
    if chosen.empty:
        return (math.nan,) * 3
    row = chosen.iloc[0]
    return float(row["difference"]), float(row["ci_low"]), float(row["ci_high"])


def _compare_sections(result: StudyResult, scale: str, baseline: str) -> list[str]:
    behind, ahead, unknown = [], [], []
    for section in result.sections:
        value = read_value(result.summary, scale, MODEL, "acg_pcc", section.name)[0]
        other = read_value(result.summary, scale, baseline, "acg_pcc", section.name)[0]
        if not (math.isfinite(value) and math.isfinite(other)):
            unknown.append(section.name)
        elif value > other:
            ahead.append(section.name)
        else:
            behind.append(f"{section.name} ({format_number(value)} against {format_number(other)})")
    if len(result.sections) < 2:
        return []
    sure = [name for name in ahead if _read_difference(result, scale, baseline, name)[1] > 0]
    text = f"By section: ahead in {len(ahead)} of {len(result.sections)}"
    text += f" (in {len(sure)} of them the interval lies above 0)" if ahead else ""
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


def judge_domains(result: StudyResult) -> list[str]:
    """Say how domains of the prediction agree with labels, beside the measurement's."""
    table = result.domains
    if table is None or table.empty:
        return []
    sentences = []
    for algorithm in [name for name in ALGORITHMS if name in set(table["algorithm"])]:
        means = table[table["algorithm"] == algorithm].groupby("method")["ari"].mean().to_dict()
        rivals = {name: means[name] for name in BASELINES if name in means}
        if MODEL not in means:
            continue
        text = (
            f"{name_algorithm(algorithm)}: domains of {describe_method(MODEL).name}'s prediction "
            f"agree with the labels at ARI {format_number(means[MODEL])}"
        )
        if MEASURED in means:
            text += f", those of the measured expression at {format_number(means[MEASURED])}"
        if rivals:
            best = max(rivals, key=lambda name: rivals[name])
            text += f"; the best baseline, {in_sentence(best)}, at {format_number(rivals[best])}"
        sentences.append(f"{text}.")
    return sentences
