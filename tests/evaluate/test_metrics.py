from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.sparse import csr_matrix

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import score_genes, summarize


def _pair(n=40, g=12, seed=0):
    rng = np.random.default_rng(seed)
    measured = rng.gamma(2, 1, (n, g))
    return measured + rng.normal(0, rng.uniform(0.1, 3, g), (n, g)), measured


def _adata(values, spots=None, genes=None):
    n, g = values.shape
    return AnnData(
        X=values,
        obs=pd.DataFrame(index=list(spots) if spots is not None else [f"s{i}" for i in range(n)]),
        var=pd.DataFrame(index=list(genes) if genes is not None else [f"g{i}" for i in range(g)]),
    )


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(3, 60), scale=st.floats(1e-6, 1e6))
def test_equal_to_scipy(seed, n, scale):
    predicted, measured = _pair(n, 5, seed)
    scores = score_genes(predicted * scale, measured)
    for gene in range(5):
        expected = stats.pearsonr(predicted[:, gene], measured[:, gene])
        row = scores.loc[gene]
        assert row["pcc_spot"] == pytest.approx(expected.statistic, abs=1e-9)
        assert row["p_spot"] == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
        error = predicted[:, gene] * scale - measured[:, gene]
        assert row["mse_spot"] == pytest.approx((error**2).mean())
        assert row["mae_spot"] == pytest.approx(np.abs(error).mean())
        assert row["mean_measured_spot"] == pytest.approx(measured[:, gene].mean())
    expected_q = stats.false_discovery_control(scores["p_spot"])
    np.testing.assert_allclose(scores["q_spot"], expected_q)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_named_tables_match_in_any_order(seed):
    rng = np.random.default_rng(seed)
    predicted, measured = _pair(seed=seed)
    a, b = _adata(predicted), _adata(measured)
    shuffled = b[rng.permutation(b.n_obs), rng.permutation(b.n_vars)].copy()
    pd.testing.assert_frame_equal(score_genes(a, b), score_genes(a, shuffled))


def test_only_what_both_have_counts():
    predicted, measured = _pair()
    a, b = _adata(predicted), _adata(measured)
    scores = score_genes(a[5:, 2:], b[:30, :9])
    assert list(scores.index) == [f"g{i}" for i in range(2, 9)]
    assert set(scores["n_spots"]) == {25}
    expected = stats.pearsonr(predicted[5:30, 3], measured[5:30, 3]).statistic
    assert scores.loc["g3", "pcc_spot"] == pytest.approx(expected)


def test_chosen_genes_in_the_chosen_order():
    predicted, measured = _pair()
    scores = score_genes(_adata(predicted), _adata(measured), genes=["g5", "g1"])
    assert list(scores.index) == ["g5", "g1"]
    with pytest.raises(EvaluationError, match="1 of the genes asked for are not in the measure"):
        score_genes(_adata(predicted), _adata(measured)[:, :3], genes=["g1", "g5"])


def test_sparse_and_frames():
    predicted, measured = _pair()
    plain = score_genes(_adata(predicted), _adata(measured))
    sparse = score_genes(_adata(csr_matrix(predicted)), _adata(csr_matrix(measured)))
    frames = score_genes(_adata(predicted).to_df(), _adata(measured).to_df())
    pd.testing.assert_frame_equal(plain, sparse)
    pd.testing.assert_frame_equal(plain, frames)


def test_spots_without_prediction_do_not_count():
    predicted, measured = _pair()
    predicted[[3, 7]] = np.nan
    scores = score_genes(predicted, measured)
    kept = np.delete(np.arange(40), [3, 7])
    pd.testing.assert_frame_equal(scores, score_genes(predicted[kept], measured[kept]))
    assert set(scores["n_spots"]) == {38}


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("value", [0.0, 0.1, 1 / 3, 1e8])
def test_constant_genes_have_no_correlation(side, value):
    pair = _pair()
    pair[side][:, 4] = value
    scores = score_genes(*pair)
    assert np.isnan(scores.loc[4, ["pcc_spot", "p_spot", "q_spot"]]).all()
    assert np.isfinite(scores.loc[4, ["mse_spot", "mae_spot"]]).all()
    assert scores.drop(index=4).notna().all(axis=None)
    summary = summarize(scores)
    assert summary["n_undefined_spot"] == 1
    assert summary["acg_pcc_spot"] == pytest.approx(scores["pcc_spot"].drop(index=4).mean())


def test_perfect_and_opposite():
    _, measured = _pair()
    scores = score_genes(measured, measured)
    np.testing.assert_allclose(scores["pcc_spot"], 1)
    np.testing.assert_allclose(scores["p_spot"], 0, atol=1e-30)
    np.testing.assert_allclose(score_genes(-measured, measured)["pcc_spot"], -1)


def test_two_spots_have_no_p_value_and_none_have_nothing():
    scores = score_genes(np.array([[1.0], [2.0]]), np.array([[1.0], [3.0]]))
    assert scores["pcc_spot"].tolist() == pytest.approx([1.0])
    assert np.isnan(scores["p_spot"]).all()
    empty = score_genes(np.full((3, 2), np.nan), np.ones((3, 2)))
    assert empty["n_spots"].tolist() == [0, 0]
    assert np.isnan(summarize(empty)["mse_spot"])


def test_names_carry_the_scale():
    predicted, measured = _pair()
    for scale in ("spot", "gene"):
        scores = score_genes(predicted, measured, scale=scale)
        assert all(name.endswith(f"_{scale}") for name in scores.columns if name != "n_spots")
        summary = summarize(scores)
        assert summary["scale"] == scale
        assert f"heg_pcc_{scale}" in summary
    with pytest.raises(EvaluationError, match="spot or gene"):
        score_genes(predicted, measured, scale="cell")
    both = pd.concat(
        [score_genes(predicted, measured), score_genes(predicted, measured, scale="gene")], axis=1
    )
    with pytest.raises(EvaluationError, match="exactly one expression scale"):
        summarize(both)


def test_heg_is_the_mean_over_the_fifty_highest():
    predicted, measured = _pair(g=80)
    measured += np.linspace(0, 5, 80)[::-1]
    scores = score_genes(predicted, measured)
    highest = np.argsort(-measured.mean(axis=0))[:50]
    summary = summarize(scores)
    assert summary["heg_pcc_spot"] == pytest.approx(scores["pcc_spot"].iloc[highest].mean())
    assert summary["heg_pcc_spot"] != pytest.approx(summary["acg_pcc_spot"])


def test_errors_are_over_all_spots_and_genes():
    predicted, measured = _pair()
    predicted[:10, 0] = np.nan  # one gene with fewer spots weighs less
    summary = summarize(score_genes(predicted, measured))
    error = (predicted - measured)[np.isfinite(predicted)]
    assert summary["mse_spot"] == pytest.approx((error**2).mean())
    assert summary["mae_spot"] == pytest.approx(np.abs(error).mean())


@pytest.mark.parametrize(
    ("predicted", "measured", "message"),
    [
        (np.ones((3, 2)), np.ones((3, 3)), "other shapes"),
        (np.ones(3), np.ones(3), "other shapes"),
        (np.ones((0, 2)), np.ones((0, 2)), "other shapes"),
        (_adata(np.ones((3, 2))), np.ones((3, 2)), "with names can't be matched"),
        (_adata(np.ones((2, 2))), _adata(np.ones((2, 2)), spots=["x", "y"]), "no spot in common"),
        (_adata(np.ones((2, 2))), _adata(np.ones((2, 2)), genes=["x", "y"]), "no gene in common"),
        (np.array([["a", "b"]]), np.array([["a", "b"]]), "must be numbers"),
    ],
)
def test_what_cannot_be_matched(predicted, measured, message):
    with pytest.raises(EvaluationError, match=message):
        score_genes(predicted, measured)


def test_names_given_twice():
    twice = _adata(np.ones((2, 2)))
    twice.obs.index = ["a", "a"]
    with pytest.raises(EvaluationError, match="prediction's barcodes are not unique"):
        score_genes(twice, _adata(np.ones((2, 2))))
    with pytest.raises(EvaluationError, match="each once"):
        score_genes(_adata(np.ones((2, 2))), _adata(np.ones((2, 2))), genes=["g0", "g0"])
    with pytest.raises(EvaluationError, match="one name per gene"):
        score_genes(np.ones((2, 2)), np.ones((2, 2)), genes=["a"])


@pytest.mark.data
@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize(
    ("scale", "key", "suffix"), [("gene", "genenorm", ""), ("spot", "spotnorm", "_spotnorm")]
)
def test_numbers_of_the_released_evaluation(her2st, metric, scale, key, suffix):
    reference = json.loads((her2st / "reference" / "metrics.json").read_text())["metrics"]
    with np.load(her2st / "reference" / "reference.npz") as arrays:
        predicted = arrays[f"pred_{metric}{suffix}_C4"]
        measured = arrays[f"truth{suffix}_C4"]
    summary = summarize(score_genes(predicted, measured, scale=scale))
    expected = reference[f"C4/{key}/{metric}"]
    for name in ("acg_pcc", "heg_pcc", "mse", "mae"):
        assert summary[f"{name}_{scale}"] == pytest.approx(expected[name], abs=1e-6)
    assert summary[f"n_undefined_{scale}"] == expected["nan_genes"]
