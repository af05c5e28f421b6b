"""Running moments against numpy's."""

from __future__ import annotations

import numpy as np
from anndata import AnnData
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import random as sparse_random

from napari_stexp.session.genes.measurement import MeasuredExpression
from napari_stexp.session.genes.statistics import GeneStatistics


@given(st.lists(st.integers(0, 7), max_size=8), st.integers(0, 2**32 - 1))
def test_batches_add_up_to_the_whole(sizes, seed):
    random = np.random.default_rng(seed)
    # A large offset is what makes naive sums of squares cancel.
    batches = [random.normal(1e4, 1.0, (size, 3)).astype(np.float32) for size in sizes]
    statistics = GeneStatistics(3)
    for batch in batches:
        statistics.add(batch)
    whole = np.concatenate([*batches, np.empty((0, 3))]).astype(np.float64)
    assert statistics.count == len(whole)
    if len(whole):
        np.testing.assert_allclose(statistics.mean, whole.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(statistics.variance, whole.var(axis=0), atol=1e-6)


def test_failed_spots_do_not_count():
    statistics = GeneStatistics(2)
    assert np.isnan(statistics.mean).all()
    statistics.add(np.float32([[1, 2], [np.nan, np.nan], [3, 2]]))
    np.testing.assert_allclose(statistics.mean, [2, 2])
    np.testing.assert_allclose(statistics.variance, [1, 0])


def test_sparse_counts_give_the_moments_of_their_dense_logs():
    counts = sparse_random(40, 7, 0.3, format="csr", random_state=1, dtype=np.float32)
    counts.data = np.ceil(counts.data * 9)
    for scale in ("spot", "gene"):
        expression = MeasuredExpression(AnnData(counts), scale=scale)
        dense = np.stack([expression.values(gene) for gene in expression.genes], axis=1)
        np.testing.assert_allclose(expression.statistics.mean, dense.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(expression.statistics.variance, dense.var(axis=0), rtol=1e-4)
