"""Scores of gene sets, against scanpy's own."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_matrix, csr_matrix

from napari_stexp.errors import GeneListError
from napari_stexp.gene import score_genes, score_sets
from napari_stexp.gene.scoring import choose_controls, mean_per_gene
from napari_stexp.progress import exhaust


def names_of(n):
    return [f"G{i}" for i in range(n)]


def scanpy_scores(matrix, genes, **options):
    """Return what scanpy finds, computing means in float64 as `score_genes` does."""
    sc = pytest.importorskip("scanpy")
    from anndata import AnnData

    adata = AnnData(
        np.asarray(matrix, dtype=np.float64), var=pd.DataFrame(index=names_of(matrix.shape[1]))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sc.tl.score_genes(adata, genes, **options)
    return adata.obs["score"].to_numpy()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_spots=st.integers(1, 30),
    n_genes=st.integers(12, 160),
    n_listed=st.integers(1, 12),
    steps=st.sampled_from([2, 8, 4096]),
    options=st.fixed_dictionaries(
        {}, optional={"ctrl_size": st.integers(1, 60), "n_bins": st.integers(2, 30)}
    ),
)
def test_scores_are_scanpys(seed, n_spots, n_genes, n_listed, steps, options):
    rng = np.random.default_rng(seed)
    # Eighths have exact sums, so that ties of means are ties for both.
    matrix = rng.integers(0, steps, (n_spots, n_genes)) / 8
    genes = [f"G{i}" for i in rng.permutation(n_genes)[:n_listed]]
    try:
        ours = score_genes(matrix, names_of(n_genes), genes, **options)
    except GeneListError:
        with pytest.raises(RuntimeError, match="No control genes"):
            scanpy_scores(matrix, genes, **options)
        return

    np.testing.assert_allclose(ours, scanpy_scores(matrix, genes, **options), atol=1e-12)


def test_another_seed_draws_other_genes_as_in_scanpy():
    matrix = np.random.default_rng(0).normal(1, 1, (20, 2000))
    genes = ["G3", "G500", "G1700"]

    ours = score_genes(matrix, names_of(2000), genes, seed=7)

    np.testing.assert_allclose(ours, scanpy_scores(matrix, genes, random_state=7), atol=1e-12)
    assert not np.allclose(ours, score_genes(matrix, names_of(2000), genes))


@pytest.mark.parametrize("kind", [csr_matrix, csc_matrix])
def test_a_sparse_matrix_scores_as_a_dense_one(kind):
    rng = np.random.default_rng(1)
    matrix = rng.poisson(0.5, (40, 300)).astype(np.float32)
    genes = ["G1", "G20", "G299"]

    np.testing.assert_allclose(
        score_genes(kind(matrix), names_of(300), genes),
        score_genes(matrix, names_of(300), genes),
        atol=1e-12,
    )


def test_spots_without_values_have_no_score_and_no_say():
    rng = np.random.default_rng(2)
    matrix = rng.normal(1, 1, (30, 100)).astype(np.float32)
    holed = matrix.copy()
    holed[[3, 17]] = np.nan
    holed[5, 40] = np.nan
    whole = np.delete(matrix, [3, 5, 17], axis=0)

    scores = score_genes(holed, names_of(100), ["G1", "G2", "G3"])

    assert np.flatnonzero(np.isnan(scores)).tolist() == [3, 5, 17]
    expected = score_genes(whole, names_of(100), ["G1", "G2", "G3"])
    np.testing.assert_allclose(scores[np.isfinite(scores)], expected)


def test_nothing_predicted_yet_is_no_error():
    empty = np.full((5, 60), np.nan, np.float32)

    assert np.isnan(score_genes(empty, names_of(60), ["G1"])).all()


def test_many_rows_are_read_in_parts(monkeypatch):
    monkeypatch.setattr("napari_stexp.gene.scoring._ROWS_AT_ONCE", 7)
    rng = np.random.default_rng(3)
    matrix = rng.normal(1, 1, (30, 100)).astype(np.float32)
    matrix[12] = np.nan
    sets = {"one": ["G1", "G2"], "two": ["G50"], "unknown": ["NOSUCH"]}

    steps = score_sets(matrix, names_of(100), sets)
    seen = []
    scores = exhaust(steps, seen.append)

    assert set(scores) == {"one", "two"}
    assert scores["one"].dtype == np.float32
    monkeypatch.undo()
    for name in scores:
        expected = score_genes(matrix, names_of(100), sets[name])
        np.testing.assert_allclose(scores[name], expected, rtol=1e-6, atol=1e-7)
    assert [report.done for report in seen][-1] == 30
    assert all(report.total == 30 for report in seen)


def test_a_sparse_matrix_is_scored_for_many_sets_at_once():
    matrix = csc_matrix(np.random.default_rng(4).poisson(0.5, (20, 90)).astype(np.float32))

    scores = exhaust(score_sets(matrix, names_of(90), {"a": ["G1"], "b": ["G2", "G3"]}))

    for name, genes in {"a": ["G1"], "b": ["G2", "G3"]}.items():
        np.testing.assert_allclose(
            scores[name], score_genes(matrix, names_of(90), genes), rtol=1e-6, atol=1e-7
        )


def test_no_set_that_can_be_scored_gives_nothing():
    assert exhaust(score_sets(np.ones((3, 4)), names_of(4), {"x": ["NOSUCH"]})) == {}


def test_a_set_of_unknown_genes_is_refused():
    with pytest.raises(GeneListError, match="none of the signature's genes is known"):
        score_genes(np.ones((3, 30)), names_of(30), ["NOSUCH", "NEITHER"])


def test_a_set_of_all_genes_has_nothing_to_be_compared_with():
    with pytest.raises(GeneListError, match="no other genes to compare"):
        score_genes(np.ones((3, 5)), names_of(5), names_of(5))


def test_controls_are_expressed_alike():
    means = np.arange(240, dtype=float)

    controls = choose_controls(means, [100], ctrl_size=5)

    # 240 genes in bins of ten: ranks 100 … 109 are the positions 99 … 108.
    assert len(controls) in (4, 5)
    assert set(controls) <= set(range(99, 109)) - {100}


def test_means_count_complete_spots_only():
    matrix = np.array([[1.0, 2.0], [np.nan, 9.0], [3.0, 4.0]])

    means, complete = mean_per_gene(matrix)

    assert means.tolist() == [2.0, 3.0]
    assert complete.tolist() == [True, False, True]


@pytest.mark.data
def test_real_values_score_as_in_scanpy(reference):
    matrix = reference["truth_spotnorm_C4"].astype(np.float64)
    genes = [str(gene) for gene in reference["gene_list"]]
    listed = ["IGKC", "CD79A", "JCHAIN", "IGHG3"]

    ours = score_genes(matrix, genes, listed)

    positions = [f"G{genes.index(gene)}" for gene in listed]
    np.testing.assert_allclose(ours, scanpy_scores(matrix, positions), atol=1e-12)
