from __future__ import annotations

import numpy as np
import pytest

from napari_stexp.evaluate import assess, beaten_by_baseline
from napari_stexp.progress import exhaust
from tests.evaluate.studies import make_evaluation


def _assess(*sections, n_bootstrap=60):
    return exhaust(assess(sections, n_bootstrap=n_bootstrap, domains=False))


def _swap(section, first="mclstexp", second="ridge_statistics"):
    """Let the baseline be the better one."""
    predicted = section.predicted
    predicted[first], predicted[second] = predicted[second], predicted[first]
    return section


@pytest.fixture(scope="module")
def study():
    return _assess(make_evaluation("A1", "A"), _swap(make_evaluation("B1", "B", seed=4)))


def _pcc(study, method, section, scale="spot"):
    chosen = study.scores.query("method == @method and section == @section and scale == @scale")
    return chosen.set_index("gene")["pcc"]


def test_differences_are_of_the_same_genes(study):
    for section in ("A1", "B1"):
        row = study.comparisons.query(
            "section == @section and scale == 'spot' and baseline == 'tissue_density'"
        ).iloc[0]
        gap = _pcc(study, "mclstexp", section) - _pcc(study, "tissue_density", section)
        assert row["difference"] == pytest.approx(gap.mean())
        assert row["difference"] == pytest.approx(row["model_acg"] - row["baseline_acg"])
        assert (row["n_genes"], row["n_genes_ahead"]) == (gap.notna().sum(), (gap > 0).sum())
        assert row["ci_low"] < row["difference"] < row["ci_high"]


def test_all_sections_are_their_mean(study):
    rows = study.comparisons.query("scale == 'gene' and baseline == 'ridge_features'")
    rows = rows.set_index("section")
    for name in ("difference", "model_acg", "baseline_acg"):
        assert rows.loc["all", name] == pytest.approx(rows.loc[["A1", "B1"], name].mean())
    assert rows["resampled"].to_dict() == {"A1": "spots", "B1": "spots", "all": "patients"}
    assert rows.loc["all", "n_spots"] == 90
    low, high = rows.loc["all", ["ci_low", "ci_high"]]
    extremes = sorted(rows.loc[["A1", "B1"], "difference"])
    assert [low, high] == pytest.approx(extremes)  # of two patients: one of them twice


def test_pairing_makes_the_interval_of_like_methods_narrow():
    section = make_evaluation(methods=("mclstexp", "ridge_statistics"))
    for scale, values in section.predicted["mclstexp"].items():
        noise = np.random.default_rng(0).normal(0, 1e-3, values.shape)
        section.predicted["ridge_statistics"][scale] = (values + noise).astype(np.float32)
    study = _assess(section)
    row = study.comparisons.iloc[0]
    alone = study.summary.query("method == 'mclstexp' and metric == 'acg_pcc'").iloc[0]
    assert row["ci_high"] - row["ci_low"] < 0.05 * (alone["ci_high"] - alone["ci_low"])


def test_a_baseline_without_correlations_is_not_compared(study):
    assert "mean" not in set(study.comparisons["baseline"])
    only_mean = _assess(make_evaluation(methods=("mclstexp", "mean")))
    assert only_mean.comparisons.empty
    assert beaten_by_baseline(only_mean).empty


def test_without_a_model_or_a_baseline_there_is_nothing_to_compare():
    for methods in (("mclstexp",), ("mean", "ridge_statistics")):
        study = _assess(make_evaluation(methods=methods))
        assert study.comparisons is None
        assert beaten_by_baseline(study).empty


def test_sections_and_genes_that_are_not_beaten(study):
    table = beaten_by_baseline(study)
    means = table[table["gene"] == ""].set_index(["scale", "section"])
    assert ("spot", "A1") not in means.index
    assert means.loc[("spot", "B1"), "verdict"] == "behind"
    assert means.loc[("spot", "B1"), "baseline"] == "ridge_statistics"
    assert ("spot", "all") in means.index  # one ahead and one behind: the interval holds 0
    for section in ("A1", "B1"):
        gap = _pcc(study, "mclstexp", section) - _pcc(study, "ridge_statistics", section)
        chosen = table.query("scale == 'spot' and section == @section and gene != ''")
        assert set(chosen["gene"]) == set(gap.index[gap <= 0])
        assert set(chosen["baseline"]) == {"ridge_statistics"}
        np.testing.assert_allclose(chosen["difference"], gap[chosen["gene"]])
        assert (chosen["verdict"] == "behind").all()


def test_a_lead_within_the_interval_is_undecided():
    section = make_evaluation(methods=("mclstexp", "ridge_statistics"))
    for scale, values in section.predicted["mclstexp"].items():
        section.predicted["ridge_statistics"][scale] = values.copy()
        values[0] = section.measured(scale)[0]  # better at a single spot
    table = beaten_by_baseline(_assess(section, n_bootstrap=400))
    means = table[table["gene"] == ""]
    assert means["section"].tolist() == ["A1", "A1"]  # one section: no row of all
    assert set(means["verdict"]) == {"undecided"}
    assert (means["difference"] > 0).all()


def test_a_gene_that_the_model_predicts_as_constant_is_not_beaten():
    section = make_evaluation(methods=("mclstexp", "ridge_statistics"))
    section.predicted["mclstexp"]["spot"][:, 3] = 1.0
    table = beaten_by_baseline(_assess(section)).query("scale == 'spot' and gene == 'g3'")
    assert table["verdict"].tolist() == ["undefined"]
