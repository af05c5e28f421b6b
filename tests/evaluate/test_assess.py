from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import (
    METHODS,
    METRICS,
    SectionEvaluation,
    assess,
    compare_labels,
    find_domains,
    score_genes,
    summarize,
)
from napari_stexp.model import SectionInfo, log_normalize
from napari_stexp.progress import exhaust
from tests.evaluate.studies import make_evaluation

SECTIONS = [("A1", "A"), ("A2", "A"), ("B1", "B")]


def _assess(sections, **settings):
    return exhaust(assess(sections, **({"n_bootstrap": 50, "algorithms": ["kmeans"]} | settings)))


@pytest.fixture(scope="module")
def study():
    sections = [make_evaluation(n, p, seed=i, n=45 + i) for i, (n, p) in enumerate(SECTIONS)]
    return _assess(sections, facts={"model": "x"})


def _value(study, metric, method="mclstexp", scale="spot", section="all"):
    table = study.summary.set_index(["metric", "method", "scale", "section"])
    return table.loc[(metric, method, scale, section)]


def test_scores_are_those_of_score_genes(study):
    assert study.methods == METHODS
    assert (study.scales, study.split) == (("spot", "gene"), "patient")
    assert len(study.scores) == 6 * 2 * 3 * 60
    for section in study.sections:
        for scale in study.scales:
            measured = log_normalize(section.counts, scale)
            predicted = section.predicted["ridge_statistics"][scale]
            expected = score_genes(predicted, measured, genes=section.genes, scale=scale)
            chosen = study.scores.query(
                "section == @section.name and scale == @scale and method == 'ridge_statistics'"
            )
            assert chosen["gene"].tolist() == list(section.genes)
            assert set(chosen["patient"]) == {section.section.patient}
            for name in ("pcc", "p", "q", "mse", "mae", "mean_measured"):
                np.testing.assert_allclose(chosen[name], expected[f"{name}_{scale}"])
            for metric in METRICS:
                value = _value(study, metric, "ridge_statistics", scale, section.name)["value"]
                assert value == pytest.approx(summarize(expected)[f"{metric}_{scale}"])


def test_overall_numbers_are_means_over_sections(study):
    for metric in METRICS:
        parts = [_value(study, metric, section=name)["value"] for name, _ in SECTIONS]
        assert _value(study, metric)["value"] == pytest.approx(np.mean(parts))
    row = _value(study, "acg_pcc")
    assert (row["n_spots"], row["n_genes"], row["patient"]) == (45 + 46 + 47, 60, "")
    assert _value(study, "heg_pcc")["n_genes"] >= 50


def test_what_was_drawn_for_an_interval(study):
    drawn = {
        section: _value(study, "mse", section=section)["resampled"] for section in ("A1", "all")
    }
    assert drawn == {"A1": "spots", "all": "patients"}
    row = _value(study, "n_significant")
    assert row["resampled"] == ""
    assert np.isnan([row["ci_low"], row["ci_high"]]).all()
    by_section = [make_evaluation(n, p, "section", seed=i) for i, (n, p) in enumerate(SECTIONS)]
    assert _value(_assess(by_section), "mse")["resampled"] == "sections"
    one_patient = [make_evaluation("A1", "A", seed=0), make_evaluation("A2", "A", seed=1)]
    assert _value(_assess(one_patient), "mse")["resampled"] == "spots"
    unknown = [make_evaluation("A1", "", seed=0), make_evaluation("A2", "", seed=1)]
    assert _value(_assess(unknown), "mse")["resampled"] == "patients"


def test_values_lie_in_their_intervals(study):
    rows = study.summary.query("resampled == 'spots' and method != 'mean' and metric != 'mse'")
    rows = rows[rows["metric"] != "mae"]
    assert len(rows) == 2 * 5 * 2 * 3
    assert (rows["ci_low"] < rows["ci_high"]).all()
    assert (rows["ci_low"] - 0.05 <= rows["value"]).all()
    assert (rows["value"] <= rows["ci_high"] + 0.05).all()


def test_the_training_mean_has_errors_but_no_correlation(study):
    assert np.isnan(_value(study, "acg_pcc", "mean")["value"])
    assert _value(study, "acg_pcc", "mean")["n_genes"] == 0
    assert _value(study, "mse", "mean")["value"] > 0


def test_domains_of_predictions_and_of_the_measurement(study):
    assert len(study.domains) == 3 * 7
    section = study.sections[0]
    known = np.arange(45) > 1  # the first two are undetermined and missing
    labels = section.labels[known]
    for method in ("mclstexp", "measured"):
        values = section.measured("spot")
        if method != "measured":
            values = section.predicted[method]["spot"]
        ari, nmi, confusion = compare_labels(labels, find_domains(values[known], 3))
        row = study.domains.query("section == 'A1' and method == @method").iloc[0]
        assert (row["ari"], row["nmi"]) == pytest.approx((ari, nmi))
        assert (row["n_classes"], row["n_domains"], row["n_spots"]) == (3, 3, 43)
        found = study.confusions["A1", method, "kmeans"]
        pd.testing.assert_frame_equal(found, confusion)
    assert study.domains.query("method == 'mean'")["ari"].abs().max() == 0


def test_domains_only_where_there_are_classes():
    assert _assess([make_evaluation(labels=False)]).domains.empty
    assert _assess([make_evaluation()], domains=False).domains.empty
    same = replace(make_evaluation(), labels=pd.Series(["cancer"] * 45))
    assert _assess([same]).domains.empty


@pytest.mark.slow  # scanpy takes ten seconds to import
def test_both_algorithms_are_the_default():
    study = exhaust(assess([make_evaluation(methods=("mclstexp",))], n_bootstrap=0))
    assert set(study.domains["algorithm"]) == {"kmeans", "leiden"}
    assert set(study.confusions) == {
        ("A1", method, algorithm)
        for method in ("mclstexp", "measured")
        for algorithm in ("kmeans", "leiden")
    }


def test_all_methods_are_scored_on_the_same_spots():
    section = make_evaluation(methods=("mclstexp", "ridge_features"))
    section.predicted["mclstexp"]["spot"][:4] = np.nan
    section.predicted["ridge_features"]["spot"][3:6] = np.nan
    study = _assess([section])
    assert set(study.scores.query("scale == 'spot'")["n_spots"]) == {39}
    assert set(study.scores.query("scale == 'gene'")["n_spots"]) == {45}
    measured = section.measured("spot")  # normalised over all spots
    expected = score_genes(section.predicted["mclstexp"]["spot"][6:], measured[6:])
    found = study.scores.query("scale == 'spot' and method == 'mclstexp'")["pcc"]
    np.testing.assert_allclose(found, expected["pcc_spot"])


def test_reports_and_repeats():
    section = make_evaluation(methods=("mclstexp", "mean"))
    reports, results = [], []
    for seed in (1, 1, 2):
        task = assess([section], n_bootstrap=20, seed=seed, algorithms=["kmeans"])
        results.append(exhaust(task, reports.append))
    assert {report.total for report in reports} == {2 + 3}
    assert [report.done for report in reports[:6]] == [0, 1, 2, 3, 4, 5]
    pd.testing.assert_frame_equal(results[0].summary, results[1].summary)
    assert not results[0].summary.equals(results[2].summary)


def test_a_section_has_the_same_interval_whatever_is_beside_it(study):
    section = study.sections[1]
    alone = _assess([section])
    for metric in ("acg_pcc", "mse"):
        row = _value(alone, metric, section="A2")
        expected = _value(study, metric, section="A2")
        assert row[["value", "ci_low", "ci_high"]].equals(expected[["value", "ci_low", "ci_high"]])


def test_no_resamples_no_intervals():
    study = _assess([make_evaluation("A1"), make_evaluation("B1", "B")], n_bootstrap=0)
    assert study.summary["ci_low"].isna().all()
    assert study.comparisons["ci_high"].isna().all()
    assert study.comparisons["difference"].notna().all()


def test_facts_are_kept_and_say_how_it_was_assessed(study):
    assert study.facts["model"] == "x"
    assert study.facts["assessment"]["n_bootstrap"] == 50
    json.dumps(study.facts)


def _broken(change):
    sections = [make_evaluation("A1"), make_evaluation("B1", "B", seed=1)]
    return [sections[0], change(sections[1])]


def _empty(section):
    section.predicted["mclstexp"]["gene"][:43] = np.nan
    return section


def _partial(section):
    section.predicted["mclstexp"]["gene"][5, 7] = np.nan
    return section


def _without(scale):
    def change(section):
        del section.predicted["tissue_density"][scale]
        return section

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: replace(s, split="section"), "never put into one table.*patient and section"),
        (lambda s: replace(s, section=SectionInfo("A1")), "names of their own"),
        (lambda s: replace(s, section=SectionInfo("all")), "none of them 'all'"),
        (lambda s: replace(s, genes=tuple(reversed(s.genes))), "differ in their genes"),
        (lambda s: replace(s, predicted={"mean": s.predicted["mean"]}), "differ in their methods"),
        (_without("gene"), "tissue_density predicted on some of the scales only"),
        (_empty, "section B1 has too few spots.*mclstexp 2"),
        (_partial, "mclstexp predicted a spot only partly.*5x1"),
    ],
)
def test_sections_that_cannot_be_assessed(change, message):
    with pytest.raises(EvaluationError, match=message):
        _assess(_broken(change))


def test_nothing_to_assess():
    with pytest.raises(EvaluationError, match="no section"):
        _assess([])
    with pytest.raises(EvaluationError, match="nothing was predicted on section A1"):
        _assess([make_evaluation(methods=())])
    with pytest.raises(EvaluationError, match="too few spots"):
        _assess([make_evaluation(n=1, labels=False, methods=("mclstexp",))])
    with pytest.raises(EvaluationError, match="can't be negative"):
        _assess([make_evaluation()], n_bootstrap=-1)


@pytest.mark.data
def test_numbers_of_the_released_evaluation(her2st, reference, extras):
    from napari_stexp.spots import read_reference

    numbers = json.loads((her2st / "reference" / "metrics.json").read_text())["metrics"]
    (table,) = read_reference([f"{her2st}:C4"])
    genes = [str(gene) for gene in reference["gene_list"]]
    ids = [str(spot) for spot in reference["spot_id_C4"]]
    section = SectionEvaluation(
        section=SectionInfo("C4", "C"),
        split="section",
        genes=tuple(genes),
        spot_ids=np.array(ids),
        centers=reference["center_C4"],
        counts=table[ids, genes].X.tocsr(),
        predicted={
            "mclstexp": {
                "spot": reference["pred_l1_spotnorm_C4"],
                "gene": reference["pred_l1_C4"],
            }
        },
    )
    study = _assess([section])
    for scale, key in (("spot", "spotnorm"), ("gene", "genenorm")):
        for metric in ("acg_pcc", "heg_pcc", "mse", "mae"):
            row = _value(study, metric, scale=scale, section="C4")
            assert row["value"] == pytest.approx(numbers[f"C4/{key}/l1"][metric], abs=1e-6)
            assert row["ci_low"] < row["value"] < row["ci_high"]


@pytest.mark.data
def test_domains_of_real_tissue_are_scikit_learns(her2st):
    from sklearn.cluster import KMeans
    from sklearn.decomposition import PCA
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    counts = pd.read_csv(her2st / "data/ST-cnts/A1.tsv.gz", sep="\t", index_col=0)
    file = her2st / "data/ST-pat/lbl/A1_labeled_coordinates.tsv"
    told = pd.read_csv(file, sep="\t").dropna(subset=["x", "y"])
    places = (
        told["x"].round().astype(int).astype(str) + "x" + told["y"].round().astype(int).astype(str)
    )
    labels = pd.Series(told["label"].to_numpy(), index=places).reindex(counts.index)
    values = log_normalize(counts.to_numpy(dtype=np.float32)[:, :800])
    section = SectionEvaluation(
        section=SectionInfo("A1", "A"),
        split="patient",
        genes=tuple(counts.columns[:800]),
        spot_ids=counts.index.to_numpy(dtype=str),
        centers=np.zeros((len(counts), 2)),
        counts=_sparse(counts.to_numpy(dtype=np.float32)[:, :800]),
        predicted={"mclstexp": {"spot": values}},
        labels=labels,
    )
    study = _assess([section], n_bootstrap=0)
    kept = (labels.notna() & (labels != "undetermined")).to_numpy()
    k = labels[kept].nunique()
    reduced = PCA(9, random_state=0).fit_transform(values[kept].astype(np.float64))
    domains = KMeans(k, n_init=10, random_state=0).fit_predict(reduced)
    row = study.domains.query("method == 'measured'").iloc[0]
    assert row["ari"] == pytest.approx(adjusted_rand_score(labels[kept], domains))
    assert row["nmi"] == pytest.approx(normalized_mutual_info_score(labels[kept], domains))
    assert (row["n_classes"], row["n_spots"]) == (5, kept.sum())


def _sparse(values):
    from scipy import sparse

    return sparse.csr_array(values)
