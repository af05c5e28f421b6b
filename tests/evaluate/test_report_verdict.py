"""The verdict of the report says what the numbers say, and no more."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_stexp.evaluate.comparison import beaten_by_baseline
from napari_stexp.evaluate.report_domains import judge_domains
from napari_stexp.evaluate.report_verdict import choose_baseline, judge
from napari_stexp.evaluate.report_words import format_interval, format_number, format_p, join_words
from napari_stexp.evaluate.results import StudyResult
from tests.evaluate.report_studies import SKILL, make_section, make_study


@pytest.fixture(scope="module")
def study() -> StudyResult:
    return make_study(
        [
            make_section("S1", seed=1, scales=("spot",)),
            make_section("S2", seed=2, scales=("spot",), skill=SKILL | {"mclstexp": 0.15}),
        ]
    )


def _with_interval(study: StudyResult, low: float, high: float) -> StudyResult:
    assert study.comparisons is not None
    comparisons = study.comparisons.assign(ci_low=low, ci_high=high)
    return dataclasses.replace(study, comparisons=comparisons)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [(0.01, 0.2, "ahead"), (-0.01, 0.2, "level"), (-0.2, -0.01, "behind"), (0.0, 0.1, "level")],
)
def test_the_outcome_follows_the_interval_of_the_difference(
    study: StudyResult, low: float, high: float, outcome: str
) -> None:
    assert judge(_with_interval(study, low, high), "spot").outcome == outcome


def test_the_strongest_baseline_has_the_highest_acg(study: StudyResult) -> None:
    table = study.summary[(study.summary["section"] == "all")]
    table = table[table["metric"] == "acg_pcc"].set_index("method")["value"]
    assert choose_baseline(study, "spot") == table.drop("mclstexp").idxmax() == "ridge_statistics"


def test_ratio_sections_and_genes_are_those_of_the_scores(study: StudyResult) -> None:
    text = " ".join(judge(study, "spot").sentences)
    scores = study.scores.pivot_table(index=["section", "gene"], columns="method", values="pcc")
    per_section = scores.groupby("section")[["mclstexp", "ridge_statistics"]].mean()
    ratio = per_section["mclstexp"].mean() / per_section["ridge_statistics"].mean()
    assert f"That is {ratio:.2f} times the baseline." in text
    behind = per_section.loc["S2"]
    assert "ahead in 1 of 2" in text
    assert (
        f"not ahead in S2 ({behind['mclstexp']:.3f} against {behind['ridge_statistics']:.3f} of "
        "ridge on colour" in text
    )
    genes = scores.groupby("gene").mean()
    ahead = int((genes["mclstexp"] > genes["ridge_statistics"]).sum())
    assert f"ahead for {ahead} of 30 genes, not ahead for {30 - ahead}" in text


def test_a_section_is_compared_with_its_own_strongest_baseline() -> None:
    better = SKILL | {"ridge_statistics": 0.25, "ridge_features": 0.45, "mclstexp": 0.3}
    study = make_study(
        [
            *(make_section(f"S{at}", seed=at, scales=("spot",)) for at in range(3)),
            make_section("S3", seed=3, scales=("spot",), skill=better),
        ]
    )
    assert choose_baseline(study, "spot") == "ridge_statistics"
    text = " ".join(judge(study, "spot").sentences)
    assert "ahead in 3 of 4" in text
    assert "of ridge on the model's image features)" in text
    lost = beaten_by_baseline(study)
    assert list(lost.loc[lost["gene"] == "", "section"]) == ["S3"]


def test_the_most_expressed_genes_are_judged_by_themselves(study: StudyResult) -> None:
    table = study.summary[(study.summary["section"] == "all")]
    values = table[table["metric"] == "heg_pcc"].set_index("method")["value"]
    best = values.drop("mclstexp").max()
    side = "ahead of" if values["mclstexp"] > best else "not ahead of"
    (sentence,) = [text for text in judge(study, "spot").sentences if "HEG" in text]
    assert f"it is {side} the best baseline there: {values['mclstexp']:.3f} against {best:.3f}" in (
        sentence
    )


def test_genes_at_both_ends_are_named(study: StudyResult) -> None:
    verdict = judge(study, "spot")
    scores = study.scores.pivot_table(index="gene", columns="method", values="pcc")
    gap = (scores["mclstexp"] - scores["ridge_statistics"]).sort_values()
    assert [item.gene for item in verdict.ahead] == list(gap.index[::-1][:5])
    assert [item.gene for item in verdict.behind] == list(gap.index[: min(5, (gap <= 0).sum())])
    for item in (*verdict.ahead, *verdict.behind):
        assert item.model == format_number(scores.loc[item.gene, "mclstexp"], 2)
        assert item.baseline == format_number(scores.loc[item.gene, "ridge_statistics"], 2)


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(0.00032, 0.02, "0.0003 to 0.0200"), (-0.2, -0.00004, "−0.20000 to −0.00004")],  # noqa: RUF001
)
def test_an_interval_beside_0_is_not_rounded_to_it(
    study: StudyResult, low: float, high: float, text: str
) -> None:
    assert text in judge(_with_interval(study, low, high), "spot").sentences[0]


def test_error_is_compared_with_the_training_mean(study: StudyResult) -> None:
    table = study.summary[(study.summary["section"] == "all") & (study.summary["metric"] == "mse")]
    values = table.set_index("method")["value"]
    change = 100 * (values["mclstexp"] / values["mean"] - 1)
    side = "above" if change > 0 else "below"
    assert f"{abs(change):.1f} % {side} that of predicting" in judge(study, "spot").sentences[-1]


def test_domains_are_judged_beside_the_measurement(study: StudyResult) -> None:
    (sentence,) = judge_domains(study)
    means = study.domains.groupby("method")["ari"].mean()
    rival = means.drop(["mclstexp", "measured"])
    for value in (means["mclstexp"], means["measured"], rival.max()):
        assert format_number(value) in sentence


def test_without_labels_nothing_is_said_of_domains() -> None:
    assert judge_domains(make_study([make_section(labels=False, scales=("gene",))])) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.1234, "0.123"), (-0.05, "\N{MINUS SIGN}0.050"), (-0.0001, "0.000"), (np.nan, "–")],  # noqa: RUF001
)
def test_numbers_as_they_are_printed(value: float, text: str) -> None:
    assert format_number(value) == text


def test_p_values_as_they_are_printed() -> None:
    assert format_p(0.0321) == "0.032"
    assert format_p(3.2e-12) == "3e\N{MINUS SIGN}12"
    assert format_p(0.0) == "< 1e\N{MINUS SIGN}300"
    assert format_interval(np.nan, 1.0) == ""


def test_words_are_joined_and_the_rest_counted() -> None:
    assert [join_words(list("abc"[:n])) for n in range(4)] == ["", "a", "a and b", "a, b and c"]
    assert join_words(list("abcd"), 2) == "a, b and 2 more"
