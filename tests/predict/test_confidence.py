"""Confidence as the agreement of the retrieved spots."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from napari_stexp.predict import Agreement, Neighbours, average_expression


def make_neighbours(indices, weights):
    weights = np.asarray(weights, float)
    weights = weights / weights.sum(axis=1, keepdims=True)
    return Neighbours(np.asarray(indices), np.zeros(weights.shape), weights)


def confidence(expression, neighbours):
    return Agreement(expression).confidence(neighbours, average_expression(expression, neighbours))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.booleans())
def test_it_is_the_formula(seed, k, as_sparse):
    """1 - within / total, both unbiased, with all variances written out gene by gene."""
    rng = np.random.default_rng(seed)
    expression = rng.gamma(1.0, size=(30, 6)).astype(np.float32)
    index = rng.permutation(30)[:k]
    weights = rng.random(k) + 0.01
    weights /= weights.sum()
    e = expression.astype(np.float64)
    mean = weights @ e[index]
    within = (weights @ (e[index] - mean) ** 2).sum() / (1 - (weights**2).sum())
    expected = np.clip(1 - within / e.var(axis=0, ddof=1).sum(), 0, 1)
    given_as = sparse.csr_array(expression) if as_sparse else expression
    found = confidence(given_as, make_neighbours([index], [weights]))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [expected], atol=1e-5)


def test_random_spots_agree_as_little_as_the_bank_and_equal_ones_fully():
    rng = np.random.default_rng(0)
    expression = rng.normal(2, 1, (400, 50)).astype(np.float32)
    expression[:10] = expression[0]
    random = make_neighbours(
        np.stack([rng.permutation(400)[:20] for _ in range(300)]), np.ones((300, 20))
    )
    assert np.mean(confidence(expression, random)) < 0.1
    alike = make_neighbours([np.arange(10)], np.ones((1, 10)))
    assert confidence(expression, alike)[0] == pytest.approx(1, abs=1e-5)


def test_spots_of_one_kind_agree_more_than_a_mixture():
    rng = np.random.default_rng(1)
    kind = np.repeat([0, 1], 50)
    expression = rng.normal(0, 0.3, (100, 20)) + kind[:, None] * 2.0
    pure, mixed = np.arange(20), np.arange(40, 60)
    found = confidence(
        expression.astype(np.float32), make_neighbours([pure, mixed], np.ones((2, 20)))
    )
    assert found[0] > 0.8
    assert found[1] < 0.1


def test_there_is_none_where_one_spot_decides():
    expression = np.random.default_rng(2).random((5, 3), dtype=np.float32)
    found = confidence(expression, make_neighbours([[0, 1], [0, 1]], [[1, 0], [1, 1]]))
    assert np.isnan(found[0])
    assert np.isfinite(found[1])
    assert np.isnan(confidence(expression, make_neighbours([[3]], [[1]]))).all()


def test_there_is_none_where_the_bank_doesnt_vary():
    expression = np.ones((5, 3), np.float32)
    assert np.isnan(confidence(expression, make_neighbours([[0, 1]], [[1, 1]]))).all()
    assert np.isnan(confidence(expression[:1], make_neighbours([[0]], [[1]]))).all()


@pytest.mark.data
def test_it_ranks_errors_on_real_tissue(her2st):
    """On C4, spots of higher confidence have smaller errors (the model is weak, so not by much)."""
    from scipy.stats import spearmanr

    from napari_stexp.predict import retrieve

    with np.load(her2st / "reference" / "reference.npz", allow_pickle=False) as z:
        found = retrieve(z["image_embeddings_C4"], z["spot_embeddings"], 200)
        for key, truth in (
            ("expression_key", "truth_C4"),
            ("expression_key_spotnorm", "truth_spotnorm_C4"),
        ):
            values = average_expression(z[key], found)
            error = ((values - z[truth]) ** 2).mean(axis=1)
            result = spearmanr(Agreement(z[key]).confidence(found, values), error)
            assert result.statistic < -0.1
            assert result.pvalue < 0.05
