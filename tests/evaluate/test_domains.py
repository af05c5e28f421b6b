from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import compare_labels, find_domains
from napari_stexp.evaluate.domains import _search_resolution, is_labelled


def _blobs(k=4, n=120, g=30, noise=0.3, seed=0):
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % k
    return rng.normal(0, 1, (k, g))[kind] + rng.normal(0, noise, (n, g)), kind


def test_kmeans_is_scikit_learns():
    values, _ = _blobs(noise=3.0)
    reduced = PCA(9, random_state=0).fit_transform(values)
    expected = KMeans(4, n_init=10, random_state=0).fit_predict(reduced)
    np.testing.assert_array_equal(find_domains(values, 4), expected)


def test_separate_kinds_are_found():
    values, kind = _blobs()
    assert adjusted_rand_score(kind, find_domains(values, 4)) == pytest.approx(1)


@pytest.mark.slow  # scanpy and umap take ten seconds to import
def test_leiden_is_scanpys_and_has_as_many_domains_as_asked_for():
    import scanpy

    values, kind = _blobs()
    found = find_domains(values, 4, "leiden")
    assert adjusted_rand_score(kind, found) == pytest.approx(1)
    values, _ = _blobs(noise=2.0)
    for n_domains in (2, 3, 5):
        assert find_domains(values, n_domains, "leiden").max() + 1 == n_domains
    adata = AnnData(PCA(9, random_state=0).fit_transform(values).astype(np.float32))
    scanpy.pp.neighbors(adata, n_neighbors=15, use_rep="X")
    scanpy.tl.leiden(adata, flavor="igraph", directed=False, n_iterations=-1)
    same = find_domains(values, None, "leiden")
    assert adjusted_rand_score(adata.obs["leiden"], same) == pytest.approx(1)
    np.testing.assert_array_equal(same, find_domains(values, None, "leiden"))


@pytest.mark.parametrize(("wanted", "expected"), [(1, 1), (4, 4), (6, 5), (90, 60)])
def test_the_resolution_is_searched_for(wanted, expected):
    """Of a graph without exactly so many communities, the nearest number is taken."""

    def divide(resolution):
        n = min(int(1 + 3 * resolution), 60)
        return np.arange(60) % (5 if n == 6 else n)

    assert _search_resolution(divide, wanted).max() + 1 == expected


def test_small_or_constant_expression():
    assert (find_domains(np.ones((5, 3)), 3) == 0).all()
    assert (find_domains(np.eye(5), 1) == 0).all()
    assert find_domains(np.repeat(np.eye(3), 4, axis=0), 5).max() == 2  # no more than distinct
    assert set(find_domains(np.array([[0.0], [1.0]]), 2)) == {0, 1}


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        (np.array([[1.0, np.nan]]), {"n_domains": 2}, "all finite.*1 NaN"),
        (np.zeros((0, 4)), {"n_domains": 2}, r"\(0, 4\)"),
        (np.eye(3), {"n_domains": None}, "needs the number of domains"),
        (np.eye(3), {"n_domains": 2, "method": "louvain"}, "kmeans or leiden; found louvain"),
    ],
)
def test_what_has_no_domains(values, settings, message):
    with pytest.raises(EvaluationError, match=message):
        find_domains(values, **settings)


def test_leiden_without_its_packages(monkeypatch):
    known = importlib.util.find_spec
    monkeypatch.setattr(
        "napari_stexp.evaluate.domains.find_spec",
        lambda name: None if name == "scanpy" else known(name),
    )
    with pytest.raises(EvaluationError, match=r'no scanpy.*pip install "napari-stexp\[train\]"'):
        find_domains(np.eye(5), 2, "leiden")
    find_domains(np.eye(5), 2)


def test_words_that_are_no_label():
    labels = ["adipose tissue", "undetermined", "Undetermined ", "", None, np.nan, "x"]
    assert is_labelled(pd.Series(labels)).tolist() == [True] + [False] * 5 + [True]
    assert is_labelled(pd.Series(labels, dtype="category")).tolist() == [True] + [False] * 5 + [
        True
    ]


def test_agreement_over_labelled_spots_only():
    rng = np.random.default_rng(0)
    labels = np.array(["a", "b", "c"], dtype=object)[rng.integers(0, 3, 60)]
    domains = rng.integers(0, 4, 60)
    truth = labels.copy()
    labels[:20] = ["undetermined", np.nan] * 10
    ari, nmi, confusion = compare_labels(pd.Series(labels), domains)
    assert ari == pytest.approx(adjusted_rand_score(truth[20:], domains[20:]))
    assert nmi == pytest.approx(normalized_mutual_info_score(truth[20:], domains[20:]))
    assert confusion.to_numpy().sum() == 40
    for label in "abc":
        for domain in range(4):
            expected = ((truth[20:] == label) & (domains[20:] == domain)).sum()
            assert confusion.loc[label, domain] == expected


def test_labels_that_cannot_be_compared():
    with pytest.raises(EvaluationError, match="of other spots"):
        compare_labels(["a"], [0, 1])
    with pytest.raises(EvaluationError, match="no spot has a pathologist's label"):
        compare_labels(["undetermined", np.nan], [0, 1])


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["kmeans", "leiden"])
def test_the_number_of_threads_stays_as_it_was(algorithm) -> None:
    """A training that comes afterwards has to sum in the same order."""
    code = (
        "import numpy, torch; from napari_stexp.evaluate import find_domains; "
        "before = torch.get_num_threads(); values = numpy.random.default_rng(0).random((40, 9)); "
        f"find_domains(values, 3, {algorithm!r}); assert torch.get_num_threads() == before"
    )
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
