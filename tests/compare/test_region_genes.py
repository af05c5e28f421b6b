from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.stats import mannwhitneyu, norm, rankdata
from sklearn.metrics import roc_auc_score

from napari_stexp.compare import MINIMUM_SPOTS, Sides, choose_sides, rank_region_genes
from napari_stexp.compare import ranks as ranks_module
from napari_stexp.errors import EvaluationError
from napari_stexp.model import log_normalize
from napari_stexp.spots import find_sections


def _sides(inside, outside=None, **facts):
    inside = np.asarray(inside, dtype=bool)
    return Sides(inside, ~inside if outside is None else outside, "in", "out", **facts)


def _names(values):
    return [f"g{at}" for at in range(values.shape[1])]


def _rank(values, sides, **settings):
    """Rank, and put genes back into their own order."""
    names = _names(values)
    return rank_region_genes(values, names, sides, **settings).table.loc[names]


@st.composite
def _cases(draw):
    """Values with many zeros and ties or none, and two sides that leave some spots out."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_in, n_out, n_genes = draw(st.integers(1, 40)), draw(st.integers(1, 40)), 7
    n = n_in + n_out + draw(st.integers(0, 5))
    levels = draw(st.sampled_from([1, 2, 3, 10, 10**6]))
    zeros = draw(st.sampled_from([0.0, 0.5, 0.9, 1.0]))
    values = np.log10(1 + rng.integers(0, levels, (n, n_genes)) * rng.random(n_genes))
    values[rng.random(values.shape) < zeros] = draw(st.sampled_from([0.0, -0.0]))
    values = values.astype(draw(st.sampled_from([np.float32, np.float64])))
    order = rng.permutation(n)
    inside, outside = np.zeros((2, n), dtype=bool)
    inside[order[:n_in]] = outside[order[n_in : n_in + n_out]] = True
    return values, inside, outside


@settings(max_examples=150, deadline=None)
@given(_cases(), st.sampled_from([1, 20, 1 << 19]))
def test_every_column_is_its_references(case, block):
    values, inside, outside = case
    previous, ranks_module._BLOCK_VALUES = ranks_module._BLOCK_VALUES, block
    try:
        table = _rank(values, _sides(inside, outside), minimum=1)
    finally:
        ranks_module._BLOCK_VALUES = previous
    above, below = values[inside].astype(np.float64), values[outside].astype(np.float64)
    reference = mannwhitneyu(above, below, method="asymptotic", use_continuity=True)
    np.testing.assert_allclose(table["p"], reference.pvalue, rtol=1e-10)
    truth = np.r_[np.ones(len(above)), np.zeros(len(below))]
    both = np.concatenate([above, below])
    auroc = [roc_auc_score(truth, column) for column in both.T]
    np.testing.assert_allclose(table["auroc"], auroc, rtol=1e-12)
    np.testing.assert_allclose(table["mean_in"], above.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(table["mean_out"], below.mean(axis=0), rtol=1e-12)
    difference = above.mean(axis=0) - below.mean(axis=0)
    np.testing.assert_allclose(table["difference"], difference, atol=1e-12)
    fold = np.log2((10 ** above.mean(axis=0) - 1 + 1e-9) / (10 ** below.mean(axis=0) - 1 + 1e-9))
    np.testing.assert_allclose(table["log2_fold_change"], fold, atol=1e-5)


@settings(max_examples=50, deadline=None)
@given(_cases(), st.sampled_from([sparse.csr_array, sparse.csr_matrix, sparse.csc_array]))
def test_sparse_values_are_dense_ones(case, kind):
    values, inside, outside = case
    sides = _sides(inside, outside)
    table = _rank(kind(values), sides, minimum=1)
    pd.testing.assert_frame_equal(table, _rank(values, sides, minimum=1))


def test_zeros_that_a_sparse_matrix_stores():
    values = sparse.csr_array(np.log10(1 + np.arange(24.0) % 5).reshape(12, 2))
    stored = values.copy()
    stored.data[::3] = 0
    table = _rank(stored, _sides(np.arange(12) % 2), minimum=1)
    same = _rank(stored.toarray(), _sides(np.arange(12) % 2), minimum=1)
    pd.testing.assert_frame_equal(table, same)


@settings(max_examples=40, deadline=None)
@given(_cases(), st.integers(0, 2**32 - 1), st.booleans())
def test_spots_without_values_are_left_out(case, seed, as_sparse):
    values, inside, outside = case
    rng = np.random.default_rng(seed)
    empty = rng.random(len(values)) < 0.3
    empty[[np.flatnonzero(inside)[0], np.flatnonzero(outside)[0]]] = False
    holes = values.copy()
    holes[empty] = np.nan
    holes[np.flatnonzero(empty)[:1], 1:] = 0  # a single NaN makes a spot one without
    found = rank_region_genes(
        sparse.csr_array(holes) if as_sparse else holes,
        _names(values),
        _sides(inside, outside),
        minimum=1,
    )
    expected = rank_region_genes(
        values[~empty], _names(values), _sides(inside[~empty], outside[~empty]), minimum=1
    )
    pd.testing.assert_frame_equal(found.table, expected.table)
    assert found.n_inside == expected.n_inside == (inside & ~empty).sum()
    assert found.n_outside == (outside & ~empty).sum()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_that_differ_in_their_last_bit_are_no_tie(dtype):
    one = dtype(1)
    steps = [one]
    for _ in range(29):
        steps.append(np.nextafter(steps[-1], dtype(2)))
    values = np.array(steps, dtype=dtype)[:, None]
    tiny = np.nextafter(dtype(0), one)
    values = np.hstack([values, values[::-1], np.where(np.arange(30) < 11, 0, tiny)[:, None]])
    inside = np.random.default_rng(0).random(30) < 0.4
    n_in, n_out = inside.sum(), (~inside).sum()
    u = rankdata(values.astype(np.float64), axis=0)[inside].sum(axis=0) - n_in * (n_in + 1) / 2
    table = _rank(values.astype(dtype), _sides(inside), minimum=1)
    np.testing.assert_allclose(table["auroc"], u / (n_in * n_out), rtol=1e-12)


def test_more_spots_than_places_of_32_bits_add_up_to():
    rng = np.random.default_rng(0)
    values = np.log10(1 + rng.poisson(2, (150_000, 3))).astype(np.float32)
    values[:, 1] = rng.random(150_000)
    inside = rng.random(150_000) < 0.95
    table = _rank(values, _sides(inside))
    reference = mannwhitneyu(
        values[inside].astype(float), values[~inside].astype(float), method="asymptotic"
    )
    np.testing.assert_allclose(table["p"], reference.pvalue, rtol=1e-9)
    np.testing.assert_allclose(
        table["auroc"], reference.statistic / (inside.sum() * (~inside).sum()), rtol=1e-12
    )


def test_a_gene_that_is_the_same_everywhere_says_nothing():
    values = np.full((40, 3), 0.25, dtype=np.float32)
    values[:, 1] = 0
    table = _rank(values, _sides(np.arange(40) < 20))
    assert (table[["p", "q"]] == 1).all(axis=None)
    assert (table["auroc"] == 0.5).all()
    assert (table[["difference", "log2_fold_change"]] == 0).all(axis=None)
    reference = mannwhitneyu(values[:20], values[20:], method="asymptotic")
    assert (reference.pvalue == 1).all()


def test_q_counts_all_genes():
    rng = np.random.default_rng(3)
    values = rng.random((60, 50))
    values[:30, :8] += 1
    values[:, 40:] = 0  # constant genes are tests too
    table = _rank(values, _sides(np.arange(60) < 30))
    p = np.sort(table["p"])
    stepped = np.minimum.accumulate((p * 50 / np.arange(1, 51))[::-1])[::-1]
    np.testing.assert_allclose(np.sort(table["q"]), np.minimum(stepped, 1), rtol=1e-12)
    assert (table["q"] < 0.05).sum() == 8


def test_the_best_gene_comes_first():
    rng = np.random.default_rng(0)
    values = np.zeros((4000, 5))
    inside = np.arange(4000) < 2000
    values[:, 0] = rng.random(4000)
    values[inside, 1] = 1.0  # p underflows to 0 in both of these
    values[:, 2] = np.where(inside, rng.random(4000), 0.8 + rng.random(4000))
    values[:, 4] = np.where(inside, 0.2, 0) + rng.random(4000)
    found = rank_region_genes(values, list("abcde"), _sides(inside))
    assert found.table.index.tolist() == ["b", "c", "e", "a", "d"]
    assert found.table.index.name == "gene"
    assert (found.table["p"].iloc[:2] == 0).all()
    assert found.table["p"].is_monotonic_increasing
    assert (found.n_inside, found.n_outside) == (2000, 2000)


def test_sides_that_are_too_small():
    values = np.random.default_rng(0).random((40, 3))
    values[:3] = np.nan
    inside = np.arange(40) < MINIMUM_SPOTS + 2
    message = r"at least 10 on each; found 9 in 'in', 28 in 'out'; 4 left out near the border"
    with pytest.raises(EvaluationError, match=message):
        rank_region_genes(values, list("abc"), _sides(inside, n_left_out=4))
    with pytest.raises(EvaluationError, match=r"found 28 in 'in', 9 in 'out'\)"):
        rank_region_genes(values, list("abc"), _sides(~inside))
    assert rank_region_genes(values, list("abc"), _sides(inside), minimum=9).n_inside == 9
    with pytest.raises(EvaluationError, match="at least 1 on each; found 0"):
        rank_region_genes(values, list("abc"), _sides(np.zeros(40)), minimum=0)


@pytest.mark.parametrize(
    ("values", "changes", "message"),
    [
        (np.ones((40, 2)), {}, r"expected \(40 spots, 3 genes\); found \(40, 2\)"),
        (np.ones((39, 3)), {}, r"found \(39, 3\)"),
        (np.full((40, 3), -0.1), {}, "not negative.*found -0.1"),
        (np.full((40, 3), np.inf), {}, "finite.*found infinity"),
        (sparse.csr_array(np.full((40, 3), -0.1)), {}, "not negative"),
        (sparse.csr_array(np.full((40, 3), np.inf)), {}, "infinity"),
        (np.ones((40, 3)), {"scale": "log"}, "unknown scale.*expected spot or gene; found log"),
        (np.ones((40, 3)), {"source": "guessed"}, "expected predicted or measured"),
    ],
)
def test_values_that_cannot_be_compared(values, changes, message):
    with pytest.raises(EvaluationError, match=message):
        rank_region_genes(values, list("abc"), _sides(np.arange(40) < 20), **changes)


def test_values_stay_as_they_were():
    for values in (np.random.default_rng(0).random((30, 5)), sparse.random_array((30, 5))):
        table = values if isinstance(values, np.ndarray) else values.tocsr()
        before = table.copy()
        rank_region_genes(table, list("abcde"), _sides(np.arange(30) < 15))
        assert (table != before).sum() == 0


def test_whole_numbers_count_as_values():
    values = np.random.default_rng(0).integers(0, 3, (30, 2))
    sides = _sides(np.arange(30) < 15)
    pd.testing.assert_frame_equal(_rank(values, sides), _rank(values.astype(float), sides))


def test_what_has_to_be_said_next_to_the_table():
    values, sides = np.random.default_rng(0).random((30, 2)), _sides(np.arange(30) < 15)
    predicted = rank_region_genes(values, ["a", "b"], sides)
    assert "a test on predictions is not a test on measurements" in predicted.caution
    assert "not independent" in predicted.caution
    measured = rank_region_genes(values, ["a", "b"], sides, source="measured", scale="gene")
    assert "predictions" not in measured.caution
    assert "not independent" in measured.caution
    assert (measured.source, measured.scale) == ("measured", "gene")


@pytest.mark.slow  # scanpy takes ten seconds to import
@pytest.mark.parametrize("as_sparse", [False, True])
@pytest.mark.filterwarnings("ignore:invalid value encountered in divide")  # a constant gene's
def test_fold_changes_and_scores_are_scanpys(as_sparse):
    import scanpy

    rng = np.random.default_rng(1)
    values = np.log10(1 + rng.poisson(rng.exponential(2, 60), (90, 60)) * 0.7)
    values[:, 5] = 0
    values[:25, :10] *= 1.5
    inside = np.arange(90) < 25
    adata = AnnData(
        sparse.csr_matrix(values) if as_sparse else values,
        pd.DataFrame({"side": pd.Categorical(np.where(inside, "in", "out"))}, map(str, range(90))),
        pd.DataFrame(index=_names(values)),
    )
    adata.uns["log1p"] = {"base": 10}
    scanpy.tl.rank_genes_groups(adata, "side", groups=["in"], method="wilcoxon", tie_correct=True)
    theirs = scanpy.get.rank_genes_groups_df(adata, "in").set_index("names")
    ours = _rank(values, _sides(inside), source="measured")
    theirs = theirs.loc[ours.index]
    np.testing.assert_allclose(ours["log2_fold_change"], theirs["logfoldchanges"], rtol=1e-5)
    # The same z, but for the correction for continuity, which scanpy doesn't have.
    surplus = np.abs(ours["auroc"] - 0.5) * 25 * 65
    corrected = theirs["scores"].abs() * (surplus - 0.5) / surplus.where(surplus > 0)
    tested = (surplus > 0.5).to_numpy()
    assert tested.sum() > 50
    np.testing.assert_allclose(norm.isf(ours["p"] / 2)[tested], corrected[tested], rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("zeros", [0.0, 0.85])
def test_it_is_several_times_as_fast_as_scipys(zeros):
    """By turns with scipy, so that a busy machine slows both; seconds are the benchmark's."""
    rng = np.random.default_rng(0)
    values = rng.random((5_000, 500), dtype=np.float32)
    values[rng.random(values.shape) < zeros] = 0
    inside = np.arange(5_000) % 3 == 0
    sides, genes, times = _sides(inside), _names(values), []
    for _ in range(3):
        start = time.perf_counter()
        rank_region_genes(values, genes, sides)
        middle = time.perf_counter()
        mannwhitneyu(values[inside], values[~inside], method="asymptotic")
        times.append((time.perf_counter() - middle) / (middle - start))
    assert max(times) > 4, times


@pytest.mark.data
def test_known_markers_lead_where_a_pathologist_outlined_their_tissue(her2st):
    """A1's counts and labels: a HER2-positive carcinoma beside fat."""
    (source,) = find_sections(f"{her2st}:A1")
    adata = source.read()
    values, genes, labels = log_normalize(adata.X), list(adata.var_names), adata.obs["label"]

    def lead(one, other=None, n=5):
        sides = choose_sides(labels, one, other)
        found = rank_region_genes(values, genes, sides, source="measured")
        table = found.table[found.table["q"] < 0.05]
        higher = table["auroc"] > 0.5
        return found, set(table.index[higher][:n]), set(table.index[~higher][:n])

    found, in_cancer, _ = lead("invasive cancer")
    assert (found.n_inside, found.n_outside) == (282, 59)  # 5 of 346 are undetermined
    assert {"ERBB2", "MUCL1"} <= in_cancer
    found, in_fat, _ = lead("adipose tissue")
    assert found.n_inside == 12
    assert "FABP4" in in_fat
    assert found.table.index[0] == "FABP4"
    _, in_cancer, in_fat = lead("invasive cancer", "adipose tissue")
    assert "ERBB2" in in_cancer
    assert "FABP4" in in_fat
    with pytest.raises(EvaluationError, match="found 2 in 'immune infiltrate', 339 in 'all other"):
        lead("immune infiltrate")
