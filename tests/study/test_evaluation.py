"""From a model to numbers: what was held out is found, and the two splits never meet."""

from __future__ import annotations

import numpy as np
import pytest

from napari_stexp.errors import EvaluationError
from napari_stexp.model import load_bundle, save_bundle
from napari_stexp.progress import exhaust
from napari_stexp.study import (
    choose_held_out,
    evaluate_bundle,
    strongest_baseline,
    with_study_scores,
)


@pytest.fixture(scope="module")
def result(trained, dataset):
    task = evaluate_bundle(trained, dataset, ["C1"], device="cpu", n_bootstrap=20)
    return exhaust(task)


def test_the_split_is_found(trained, dataset) -> None:
    assert choose_held_out(trained, dataset, ["C1"]) == (["C1"], "patient")
    assert choose_held_out(trained, dataset, ["B2", "A2"]) == (["B2", "A2"], "section")
    assert choose_held_out(trained, dataset, split="patient") == (["C1"], "patient")
    assert choose_held_out(trained, dataset, split="section") == (["A2", "B2"], "section")


@pytest.mark.parametrize("names", [None, ["A2", "C1"]])
def test_both_splits_are_never_put_together_unasked(trained, dataset, names) -> None:
    with pytest.raises(EvaluationError, match="never put into one table") as caught:
        choose_held_out(trained, dataset, names)
    assert "patient: C1" in caught.value.message
    assert "section: A2" in caught.value.message


def test_named_sections_may_be_counted_with_the_weaker_split(trained, dataset) -> None:
    assert choose_held_out(trained, dataset, ["A2", "C1"], "section") == (["A2", "C1"], "section")
    with pytest.raises(EvaluationError, match="found A2"):
        choose_held_out(trained, dataset, ["A2", "C1"], "patient")


def test_a_model_that_has_seen_everything_can_not_be_judged(trained, dataset) -> None:
    from dataclasses import replace

    seen = [info.to_json() for info in dataset.sections]
    header = replace(trained.header, training={"validation_sections": seen})
    with pytest.raises(EvaluationError, match="no section that was held out") as caught:
        choose_held_out(replace(trained, header=header), dataset)
    assert "C1 (seen)" in caught.value.message


def test_the_result_says_what_it_is_about(result, trained) -> None:
    assert result.split == "patient"
    assert set(result.summary["split"]) == {"patient"}
    assert set(result.summary["scale"]) == {"spot", "gene"}
    facts = result.facts
    assert facts["trained_on"] == ["A1 (patient A)", "B1 (patient B)"]
    assert facts["retrieval"] == {"k": 10, "metric": "l1", "reference_spots": 72}
    assert facts["model"]["sha256"] == trained.sha256
    assert facts["baselines_fitted_on"] == ["A1", "B1"]
    assert facts["ridge"]["gene"]["ridge_statistics"]["alpha"] > 0
    assert "torch" in facts["versions"]
    assert not facts["remarks"]


def test_the_model_has_learned_the_two_colours(result) -> None:
    table = result.summary
    rows = table[(table["metric"] == "acg_pcc") & (table["section"] == "all")]
    values = rows.set_index(["method", "scale"])["value"]
    assert values["mclstexp", "spot"] > 0.3
    assert not values["mean", "spot"] > 0.0  # of a constant there is no correlation


def test_leaving_a_patient_out_of_the_bank_does_not_change_the_split(trained, dataset) -> None:
    task = evaluate_bundle(
        trained,
        dataset,
        ["A2"],
        exclude_patients=["A"],
        device="cpu",
        n_bootstrap=0,
        domains=False,
    )
    result = exhaust(task)
    assert result.split == "section"
    siblings, remark = result.facts["remarks"]
    assert "Other sections of the same patients were in training" in siblings
    assert "the encoder had seen these patients" in remark
    assert result.facts["retrieval"]["reference_spots"] == 36
    assert result.facts["excluded_patients"] == ["A"]


def test_scores_go_into_the_bundle_with_scale_and_split(result, trained, tmp_path) -> None:
    scored = with_study_scores(trained, result)
    path = save_bundle(scored, tmp_path / "scored.safetensors")
    loaded = load_bundle(path)
    table = result.scores
    for scale in ("spot", "gene"):
        mine = table[(table["method"] == "mclstexp") & (table["scale"] == scale)]
        expected = mine.set_index("gene")["pcc"].loc[list(trained.genes)]
        np.testing.assert_allclose(loaded.scores[f"pcc_{scale}"], expected, atol=1e-6)
        assert f"baseline_pcc_{scale}" in loaded.scores
    evaluation = loaded.header.evaluation
    assert evaluation["split"] == "patient"
    assert evaluation["sections"] == ["C1"]
    assert evaluation["scales"] == ["spot", "gene"]
    assert evaluation["strongest_baseline"]["spot"] == strongest_baseline(result, "spot")
    assert {row["scale"] for row in evaluation["overall"]} == {"spot", "gene"}


def test_the_strongest_baseline_is_one_with_a_correlation(result) -> None:
    table = result.summary
    rows = table[(table["metric"] == "acg_pcc") & (table["section"] == "all")]
    for scale in ("spot", "gene"):
        values = rows[rows["scale"] == scale].set_index("method")["value"].drop("mclstexp")
        assert strongest_baseline(result, scale) == values.idxmax()


def test_scores_of_other_genes_are_refused(result, trained) -> None:
    from dataclasses import replace

    header = replace(trained.header, genes=(*trained.genes[:-1], "OTHER"))
    with pytest.raises(EvaluationError, match=r"1 without a score \(OTHER\)"):
        with_study_scores(replace(trained, header=header), result)
