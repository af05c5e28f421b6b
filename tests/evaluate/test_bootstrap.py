from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from napari_stexp.evaluate import score_genes, summarize
from napari_stexp.evaluate.bootstrap import (
    combine_sections,
    correlate_resampled,
    draw_weights,
    find_interval,
    resample_spots,
)
from napari_stexp.evaluate.metrics import choose_highest


def _sparse_pair(seed, n=30, g=70):
    """Measured counts that are zero at most spots, so that resamples are constant."""
    rng = np.random.default_rng(seed)
    measured = np.log10(1 + rng.poisson(rng.gamma(0.3, 1, g), (n, g)) * 100.0)
    return measured + rng.normal(0, rng.uniform(0.1, 3, g), (n, g)), measured


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(3, 40),
    scale=st.floats(1e-5, 1e5),
    shift=st.floats(-1e3, 1e3),
)
def test_correlations_equal_those_of_a_loop(seed, n, scale, shift):
    predicted, measured = _sparse_pair(seed, n, 12)
    (weights,) = draw_weights(n, 6, seed)
    found = correlate_resampled(predicted * scale + shift * scale, measured, weights)
    for row, weight in zip(found, weights, strict=True):
        spots = np.repeat(np.arange(n), weight.astype(int))
        expected = score_genes(predicted[spots], measured[spots])["pcc_spot"].to_numpy()
        np.testing.assert_allclose(row, expected, atol=1e-8)


def test_metrics_equal_those_of_a_loop():
    predicted, measured = _sparse_pair(3)
    other = predicted[::-1].copy()
    highest = choose_highest(measured.mean(axis=0))
    drawn = resample_spots(
        {"mclstexp": predicted, "ridge_features": other}, measured, highest, "mclstexp",
        n_resamples=40, seed=5, name="C4",
    )  # fmt: skip
    (weights,) = draw_weights(30, 40, 5, "C4")
    assert drawn.metrics.keys() == {"mclstexp", "ridge_features"}
    assert drawn.differences.keys() == {"ridge_features"}
    for i, weight in enumerate(weights):
        spots = np.repeat(np.arange(30), weight.astype(int))
        scores = score_genes(predicted[spots], measured[spots])
        summary, pcc = summarize(scores), scores["pcc_spot"]
        for metric in ("acg_pcc", "mse", "mae"):
            value = drawn.metrics["mclstexp"][metric][i]
            assert value == pytest.approx(summary[f"{metric}_spot"], abs=1e-9)
        assert drawn.metrics["mclstexp"]["heg_pcc"][i] == pytest.approx(pcc.iloc[highest].mean())
        gap = (pcc - score_genes(other[spots], measured[spots])["pcc_spot"]).mean()
        assert drawn.differences["ridge_features"][i] == pytest.approx(gap)


def test_interval_of_scipy():
    predicted, measured = _sparse_pair(1, g=8)

    def mean_correlation(spots):
        return summarize(score_genes(predicted[spots], measured[spots]))["acg_pcc_spot"]

    expected = stats.bootstrap(
        (np.arange(30),), mean_correlation, n_resamples=1500, vectorized=False,
        method="percentile", rng=np.random.default_rng(0),
    )  # fmt: skip
    drawn = resample_spots({"mean": predicted}, measured, np.arange(8), n_resamples=20_000)
    found = find_interval(drawn.metrics["mean"]["acg_pcc"])
    width = np.ptp(expected.confidence_interval)
    np.testing.assert_allclose(found, expected.confidence_interval, atol=0.08 * width)


def test_intervals_cover_the_truth_as_often_as_they_say():
    truth, hits = 0.5, 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(100, 1))
        y = truth * x + np.sqrt(1 - truth**2) * rng.normal(size=(100, 1))
        drawn = resample_spots({"mean": x}, y, np.arange(1), n_resamples=300, seed=seed)
        low, high = find_interval(drawn.metrics["mean"]["acg_pcc"])
        hits += low <= truth <= high
    assert 0.89 <= hits / 200 <= 0.99


def test_the_same_spots_are_drawn_however_many_at_once():
    whole = np.concatenate(list(draw_weights(20, 50, 1, "C4")))
    parts = np.concatenate(list(draw_weights(20, 50, 1, "C4", at_once=7)))
    np.testing.assert_array_equal(whole, parts)
    assert (whole.sum(axis=1) == 20).all()
    other = np.concatenate(list(draw_weights(20, 50, 1, "C5")))
    assert (whole != other).any()
    assert list(draw_weights(20, 0, 1)) == []


def test_constant_predictions_have_no_correlation_but_errors():
    measured = _sparse_pair(0)[1]
    drawn = resample_spots({"mean": np.full_like(measured, 0.1)}, measured, np.arange(5))
    assert np.isnan(drawn.metrics["mean"]["acg_pcc"]).all()
    assert np.isfinite(drawn.metrics["mean"]["mse"]).all()
    assert np.isnan(find_interval(drawn.metrics["mean"]["acg_pcc"])).all()


def test_a_thousand_resamples_of_a_section_take_seconds():
    predicted, measured = _sparse_pair(0, 184, 785)
    start = time.perf_counter()
    resample_spots({"mclstexp": predicted}, measured, np.arange(50), n_resamples=1000)
    assert time.perf_counter() - start < 10


def test_over_patients_patients_are_drawn():
    rng = np.random.default_rng(0)
    values = [0.1, 0.2, 0.6, 0.7]
    replicates = [value + rng.normal(0, 1e-3, 4000) for value in values]
    mean, (low, high) = combine_sections(values, replicates, ["A", "A", "B", "B"])
    assert mean == pytest.approx(0.4)
    assert (low, high) == pytest.approx((0.15, 0.65))  # AA and BB are a quarter each
    mean, (low, high) = combine_sections(values, replicates, ["A1", "A2", "B1", "B2"])
    draws = rng.choice(values, (100_000, 4)).mean(axis=1)
    assert (low, high) == pytest.approx(np.quantile(draws, [0.025, 0.975]), abs=0.011)


def test_of_a_single_patient_spots_are_drawn():
    replicates = [np.linspace(0, 1, 1001), np.linspace(0, 1, 1001)]
    mean, interval = combine_sections([0.4, 0.6], replicates, ["A", "A"])
    assert mean == pytest.approx(0.5)
    assert interval == pytest.approx((0.025, 0.975))


def test_sections_without_a_value_do_not_count():
    nothing = np.full(100, np.nan)
    mean, interval = combine_sections([0.4, np.nan], [np.full(100, 0.4), nothing], ["A", "B"])
    assert mean == pytest.approx(0.4)
    assert interval == pytest.approx((0.4, 0.4))
    mean, interval = combine_sections([np.nan, np.nan], [nothing, nothing], ["A", "B"])
    assert np.isnan([mean, *interval]).all()
