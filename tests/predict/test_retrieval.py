"""The search against a naive one in float64, and against the released code's outputs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from napari_stexp.errors import DeviceError, PredictionError
from napari_stexp.predict import Neighbours, Retriever, average_expression, retrieve


def naive(query, bank, k, metric):
    """Every pair, in float64: similarities, and weights of the k best by (-similarity, index)."""
    q, b = query.astype(np.float64), bank.astype(np.float64)
    lengths = np.maximum(np.linalg.norm(q, axis=1), 1e-12)[:, None] * np.maximum(
        np.linalg.norm(b, axis=1), 1e-12
    )
    similarity = (q @ b.T) / lengths
    distance = np.linalg.norm(q[:, None] - b[None], axis=2, ord={"l1": 1, "l2": 2}[metric])
    return similarity, distance


def naive_weights(distance):
    exact = distance == 0
    share = exact.astype(float) if exact.any() else 1 / distance**2
    return share / share.sum()


@st.composite
def searches(draw):
    """Queries and banks with many equal rows, parallel rows, zero rows and exact matches."""
    width = draw(st.integers(1, 6))
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kinds = draw(st.integers(1, n))
    rows = rng.normal(size=(kinds, width)) * rng.choice([1e-3, 1.0, 50.0], size=(kinds, 1))
    if draw(st.booleans()):
        rows = np.round(rows)  # zeros, parallel rows
    bank = rows[rng.integers(0, kinds, n)].astype(np.float32)
    query = rng.normal(size=(draw(st.integers(0, 5)), width)).astype(np.float32)
    if len(query) and draw(st.booleans()):
        query[0] = bank[rng.integers(n)]
    k = draw(st.sampled_from(sorted({1, n, draw(st.integers(1, n))})))
    return query, bank, k, draw(st.sampled_from(["l1", "l2"]))


@settings(max_examples=300, deadline=None)
@given(searches())
def test_it_agrees_with_the_naive_search(case):
    query, bank, k, metric = case
    found = retrieve(query, bank, k, metric)
    similarity, distance = naive(query, bank, k, metric)
    assert found.indices.shape == found.similarity.shape == found.weights.shape == (len(query), k)
    for row in range(len(query)):
        index = found.indices[row]
        assert len(set(index)) == k
        # the k highest similarities, in order ...
        best = np.sort(similarity[row])[::-1][:k]
        np.testing.assert_allclose(found.similarity[row], best, atol=1e-12)
        np.testing.assert_allclose(similarity[row][index], found.similarity[row], atol=1e-12)
        # ... and the weights of those spots
        expected = naive_weights(distance[row][index])
        np.testing.assert_allclose(found.weights[row], expected, rtol=1e-9, atol=1e-12)


@settings(max_examples=200, deadline=None)
@given(searches())
def test_equal_spots_are_taken_by_index(case):
    """Of spots with the very same embedding, the ones with lower indices come first."""
    query, bank, k, metric = case
    found = retrieve(query, bank, k, metric)
    _, kind = np.unique(bank, axis=0, return_inverse=True)
    for index in found.indices:
        for group in set(kind[index]):
            members = np.flatnonzero(kind == group)
            taken = [i for i in index if kind[i] == group]
            assert taken == list(members[: len(taken)])


@settings(max_examples=60, deadline=None)
@given(searches(), st.integers(0, 10**6))
def test_blocks_change_nothing(case, memory):
    query, bank, k, metric = case
    whole = retrieve(query, bank, k, metric)
    parts = retrieve(query, bank, k, metric, memory_limit=memory)
    for name in ("indices", "similarity", "weights"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))


def test_blocks_change_nothing_in_a_bank_of_many_blocks():
    """With duplicates all over the bank, more than the spare candidates hold."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(40, 16))
    bank = rows[rng.integers(0, 40, 5000)].astype(np.float32)
    query = rng.normal(size=(7, 16)).astype(np.float32)
    small = retrieve(query, bank, 150, "l2", memory_limit=1)  # blocks of 256 spots, 1 query
    large = retrieve(query, bank, 150, "l2")
    np.testing.assert_array_equal(small.indices, large.indices)
    similarity, _ = naive(query, rows.astype(np.float32), 1, "l2")
    kind = np.argmin(np.linalg.norm(bank[:, None] - rows[None], axis=2), axis=1)
    order = np.lexsort((np.broadcast_to(np.arange(5000), (7, 5000)), -similarity[:, kind]), axis=1)
    np.testing.assert_array_equal(small.indices, order[:, :150])


def test_the_order_of_queries_doesnt_matter():
    rng = np.random.default_rng(2)
    query, bank = rng.normal(size=(50, 8)), rng.normal(size=(300, 8))
    together = retrieve(query, bank, 20)
    for row in (0, 17, 49):
        alone = retrieve(query[row : row + 1], bank, 20)
        np.testing.assert_array_equal(alone.indices[0], together.indices[row])
        np.testing.assert_array_equal(alone.weights[0], together.weights[row])


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("copies", [1, 3])
def test_an_exact_match_gives_its_own_expression(metric, copies):
    rng = np.random.default_rng(3)
    bank = rng.normal(size=(20, 8)).astype(np.float32)
    bank[:copies] = bank[0]
    expression = rng.random((20, 5), dtype=np.float32)
    found = retrieve(bank[:1], bank, 10, metric)
    np.testing.assert_allclose(
        average_expression(expression, found)[0], expression[:copies].mean(axis=0), rtol=1e-6
    )
    assert found.effective_k[0] == pytest.approx(copies)


def test_tiny_distances_neither_overflow_nor_vanish():
    bank = np.array([[1.0], [1.0 + 1e-7], [2.0]], dtype=np.float32) * np.float32(1e-30)
    found = retrieve(np.array([[1.0000002e-30]], dtype=np.float32), bank, 3, "l2")
    assert np.isfinite(found.weights).all()
    assert found.weights.sum() == pytest.approx(1)


def test_large_embeddings_dont_overflow():
    rng = np.random.default_rng(4)
    bank = rng.normal(size=(50, 8)).astype(np.float32)
    plain = retrieve(bank[:3] + 1, bank, 5)
    huge = retrieve((bank[:3] + 1) * np.float32(2.0**100), bank * np.float32(2.0**100), 5)
    np.testing.assert_array_equal(plain.indices, huge.indices)
    np.testing.assert_allclose(plain.weights, huge.weights, rtol=1e-12)


def test_averages_are_of_float64_and_sparse_agrees_with_dense():
    rng = np.random.default_rng(5)
    expression = (rng.random((100, 30)) * (rng.random((100, 30)) < 0.3)).astype(np.float32)
    found = retrieve(rng.normal(size=(6, 4)), rng.normal(size=(100, 4)), 40)
    expected = np.stack(
        [
            w @ expression[i].astype(np.float64)
            for w, i in zip(found.weights, found.indices, strict=True)
        ]
    )
    dense = average_expression(expression, found)
    assert dense.dtype == np.float32
    np.testing.assert_array_equal(dense, expected.astype(np.float32))
    for kind in (sparse.csr_array, sparse.csr_matrix):
        np.testing.assert_array_equal(average_expression(kind(expression), found), dense)


def test_k_beyond_the_bank_names_both_numbers():
    with pytest.raises(PredictionError, match=r"k = 9 .* the 5 spots"):
        retrieve(np.ones((1, 3)), np.ones((5, 3)), 9)


@pytest.mark.parametrize(
    ("query", "bank", "k", "metric", "words"),
    [
        (np.ones((1, 3)), np.ones((5, 3)), 0, "l1", "at least 1"),
        (np.ones((1, 3)), np.ones((5, 3)), 2, "cosine", "unknown metric"),
        (np.ones((1, 3)), np.ones((5, 3)), 2, "softmax:0", "unknown metric"),
        (np.ones((1, 3)), np.ones((0, 3)), 1, "l1", "no spots"),
        (np.ones((1, 4)), np.ones((5, 3)), 1, "l1", "wrong shape"),
        (np.ones(3), np.ones((5, 3)), 1, "l1", "wrong shape"),
        (np.full((1, 3), np.nan), np.ones((5, 3)), 1, "l1", "image embeddings are not finite"),
        (np.ones((1, 3)), np.full((5, 3), np.inf), 1, "l1", "bank's embeddings are not finite"),
    ],
)
def test_what_cant_be_searched_is_refused(query, bank, k, metric, words):
    with pytest.raises(PredictionError, match=words):
        retrieve(query, bank, k, metric)


def test_the_callers_arrays_stay_as_they_are():
    rng = np.random.default_rng(6)
    query, bank = (rng.normal(size=(4, 8)).astype(np.float32) for _ in range(2))
    before = query.copy(), bank.copy()
    retrieve(query, bank, 2)
    np.testing.assert_array_equal(query, before[0])
    np.testing.assert_array_equal(bank, before[1])


def test_memory_that_runs_out_is_halved_and_changes_nothing(monkeypatch):
    rng = np.random.default_rng(7)
    query, bank = rng.normal(size=(40, 8)), rng.normal(size=(500, 8))
    expected = retrieve(query, bank, 10)
    retriever = Retriever(bank, 10)
    original = Retriever._find_block

    def starve(self, block):
        if len(block) > 3:
            raise MemoryError
        return original(self, block)

    monkeypatch.setattr(Retriever, "_find_block", starve)
    np.testing.assert_array_equal(retriever.find(query).indices, expected.indices)


def test_memory_that_never_suffices_is_a_device_error(monkeypatch):
    def starve(self, block):
        raise RuntimeError("MPS backend out of memory")

    monkeypatch.setattr(Retriever, "_find_block", starve)
    with pytest.raises(DeviceError, match="not enough memory on cpu"):
        retrieve(np.ones((2, 3)), np.ones((5, 3)), 1)


def test_memory_stays_within_the_limit():
    """Searching 60,000 spots for 2,000 queries never holds anything like their 480 MB matrix."""
    import torch

    rng = np.random.default_rng(8)
    bank = rng.normal(size=(60_000, 16)).astype(np.float32)
    query = rng.normal(size=(2000, 16)).astype(np.float32)
    limit = 16 * 1024**2
    retriever = Retriever(bank, 50, memory_limit=limit)
    peak = _peak_of_torch(torch, lambda: retriever.find(query))
    assert 0 < peak < 1.5 * limit, f"{peak / 1024**2:.0f} MiB"


def _peak_of_torch(torch, run):
    """Largest sum of live CPU tensor bytes while ``run`` runs, by torch's own profiler."""
    with torch.profiler.profile(
        activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
    ) as profile:
        run()
    live = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            live += event.nbytes()
            peak = max(peak, live)
    return peak


def test_measures_of_neighbours():
    found = Neighbours(
        np.array([[0, 1], [1, 0]]),
        np.array([[0.5, 0.1], [0.4, 0.2]]),
        np.array([[0.5, 0.5], [1.0, 0.0]]),
    )
    np.testing.assert_allclose(found.mean_similarity, [0.3, 0.4])
    np.testing.assert_allclose(found.effective_k, [2.0, 1.0])


# ---- the released code's outputs -----------------------------------------------------------


@pytest.mark.data
@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("memory", [1, 512 * 1024**2])
def test_neighbours_weights_and_averages_are_the_released_ones(reference, metric, memory):
    found = retrieve(
        reference["image_embeddings_C4"],
        reference["spot_embeddings"],
        200,
        metric,
        memory_limit=memory,
    )
    for ours, theirs, gap in zip(
        found.indices, reference["topk_C4"], reference["topk_gap_C4"], strict=True
    ):
        swapped = set(ours) ^ set(theirs)
        assert len(swapped) <= (2 if gap < 1e-6 else 0)
    # by spot, so that the order among nearly equal similarities plays no part
    weights = np.zeros((184, 726))
    theirs = np.zeros((184, 726))
    np.put_along_axis(weights, found.indices, found.weights, axis=1)
    np.put_along_axis(
        theirs, reference["topk_C4"].astype(np.int64), reference[f"weights_{metric}_C4"], axis=1
    )
    np.testing.assert_allclose(weights, theirs, atol=1e-7)
    for key, suffix in (("expression_key", ""), ("expression_key_spotnorm", "_spotnorm")):
        np.testing.assert_allclose(
            average_expression(reference[key], found),
            reference[f"pred_{metric}{suffix}_C4"],
            atol=1e-5,
        )


@pytest.mark.data
def test_the_weights_tell_l1_from_l2(reference):
    """Else the test above couldn't: predictions of the two differ by less than 0.006."""
    query, bank = reference["image_embeddings_C4"], reference["spot_embeddings"]
    l1 = retrieve(query, bank, 200, "l1").weights
    assert np.abs(l1 - reference["weights_l2_C4"]).max() > 1e-5


@settings(max_examples=50, deadline=None)
@given(searches(), st.floats(0.01, 10))
def test_softmax_weighs_the_same_neighbours_by_their_similarity(case, temperature):
    query, bank, k, _ = case
    found = retrieve(query, bank, k, f"softmax:{temperature}")
    assert np.array_equal(found.indices, retrieve(query, bank, k, "l2").indices)
    for similarity, weights in zip(found.similarity, found.weights, strict=True):
        expected = np.exp((similarity - similarity.max()) / temperature)
        np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-9)
