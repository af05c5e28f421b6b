from __future__ import annotations

import importlib.util
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from napari_stexp.compare import find_agreement
from napari_stexp.errors import EvaluationError
from napari_stexp.model import log_normalize
from napari_stexp.spots import find_sections


def _section(n=90, k=3, noise=0.3, seed=0):
    """Values in k kinds, and labels that name most of them rightly."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, k, n)
    values = np.abs(rng.normal(0, 1, (k, 20))[kind] + rng.normal(0, noise, (n, 20)))
    labels = np.array([f"class {at}" for at in kind], dtype=object)
    wrong = rng.random(n) < 0.15
    labels[wrong] = np.array([f"class {at}" for at in rng.integers(0, k, n)])[wrong]
    labels[rng.random(n) < 0.1] = "undetermined"
    labels[rng.random(n) < 0.1] = ""
    return values, labels


def _cluster(values, k, seed=0):
    reduced = PCA(9, random_state=seed).fit_transform(values)
    return reduced, KMeans(k, n_init=10, random_state=seed).fit_predict(reduced)


def _match(labels, domains):
    """Domain -> class by scipy, on a table counted here."""
    classes, found = np.unique(labels), np.unique(domains)
    table = [[((labels == c) & (domains == d)).sum() for d in found] for c in classes]
    rows, columns = linear_sum_assignment(np.array(table), maximize=True)
    return {int(found[d]): str(classes[c]) for c, d in zip(rows, columns, strict=True)}


def _check_disagreement(agreement, reduced, spots, labels, domains):
    """Compare with the definition, one spot after another; ``spots`` are the rows compared."""
    matches = _match(labels, domains)
    assert agreement.matches == matches
    scores = {}
    for at, spot in enumerate(spots):
        if matches.get(domains[at], labels[at]) != labels[at]:
            to_class = np.linalg.norm(reduced[at] - reduced[labels == labels[at]].mean(axis=0))
            to_domain = np.linalg.norm(reduced[at] - reduced[domains == domains[at]].mean(axis=0))
            scores[int(spot)] = (to_class - to_domain) / (to_class + to_domain)
    table = agreement.disagreement
    assert table["spot"].tolist() == sorted(scores, key=lambda spot: (-scores[spot], spot))
    np.testing.assert_allclose(table["score"], [scores[spot] for spot in table["spot"]])
    assert table["label"].tolist() == agreement.labels[table["spot"]].tolist()
    assert table["domain"].tolist() == agreement.domains[table["spot"]].tolist()
    assert table["matched"].tolist() == [matches[domain] for domain in table["domain"]]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0]), st.sampled_from([None, 2, 5]))
def test_the_papers_protocol_is_scikit_learns(seed, noise, n_domains):
    values, labels = _section(seed=seed, noise=noise)
    values[:2] = np.nan
    used = np.isin(labels, ["class 0", "class 1", "class 2"]) & np.isfinite(values[:, 0])
    names = labels[used].astype(str)
    reduced, domains = _cluster(values[used], n_domains or 3)
    found = find_agreement(values, labels, n_domains=n_domains)
    np.testing.assert_array_equal(found.domains[used], domains)
    assert (found.domains[~used] == -1).all()
    assert found.ari == pytest.approx(adjusted_rand_score(names, domains))
    assert found.nmi == pytest.approx(normalized_mutual_info_score(names, domains))
    assert (found.n_compared, found.n_left_out) == (used.sum(), (~used).sum())
    assert found.n_domains == (n_domains or 3)
    assert found.confusion.to_numpy().sum() == used.sum()
    _check_disagreement(found, reduced, np.flatnonzero(used), names, domains)


def test_over_all_spots_clusters_those_without_a_label_too():
    values, labels = _section()
    values[4] = np.nan
    reduced, domains = _cluster(np.delete(values, 4, axis=0), 3)
    found = find_agreement(values, labels, over="all", source="measured", scale="gene")
    np.testing.assert_array_equal(np.delete(found.domains, 4), domains)
    assert found.domains[4] == -1
    labelled = np.char.startswith(np.delete(labels, 4).astype(str), "class")
    names = np.delete(labels, 4)[labelled].astype(str)
    assert found.ari == pytest.approx(adjusted_rand_score(names, domains[labelled]))
    spots = np.delete(np.arange(90), 4)[labelled]
    _check_disagreement(found, reduced[labelled], spots, names, domains[labelled])
    assert (found.over, found.source, found.scale) == ("all", "measured", "gene")


def test_spots_that_are_mislabelled_come_first():
    values, labels = _section(noise=0.05, seed=2)
    kind = find_agreement(values, labels).domains
    truth = {domain: name for name, domain in zip(labels, kind, strict=True) if domain >= 0}
    assert len(truth) == 3
    table = find_agreement(values, labels).disagreement
    assert len(table)
    assert (table["score"] > 0.3).all()  # all of them sit in the middle of another kind
    assert (table["label"] != table["matched"]).all()


def test_missing_labels_of_any_kind_are_none():
    values, labels = _section()
    column = pd.Series(labels).where(labels != "", None).astype("category")
    found, same = find_agreement(values, column), find_agreement(values, labels)
    assert found.labels.tolist() == labels.tolist()
    np.testing.assert_array_equal(found.domains, same.domains)
    pd.testing.assert_frame_equal(found.disagreement, same.disagreement)


def test_expression_that_is_the_same_everywhere():
    found = find_agreement(np.ones((6, 4)), ["a", "a", "a", "a", "b", "b"])
    assert found.n_domains == 1
    assert found.matches == {0: "a"}
    assert found.ari == pytest.approx(0)
    assert found.disagreement["spot"].tolist() == [4, 5]
    assert found.disagreement["score"].tolist() == [0, 0]


def test_perfect_agreement_leaves_nothing_to_look_at():
    values = np.repeat(np.eye(3), 4, axis=0)
    found = find_agreement(values, np.repeat(["a", "b", "c"], 4))
    assert (found.ari, found.nmi) == (1, pytest.approx(1))
    assert found.disagreement.empty
    assert list(found.disagreement) == ["spot", "label", "domain", "matched", "score"]


@pytest.mark.parametrize(
    ("labels", "changes", "message"),
    [
        (["a"] * 4, {}, "at least two classes.*found a"),
        ([""] * 4, {}, "no labelled spot"),
        (["a", "a", "a", "b"], {}, "at least two classes.*found a"),  # the last has no values
        (["a", "b"], {}, r"of other spots \(expected 2; found \(4, 3\)"),
        (["a", "b"] * 2, {"over": "some"}, "expected labelled or all; found some"),
        (["a", "b"] * 2, {"method": "louvain"}, "kmeans or leiden"),
        (["a", "b"] * 2, {"scale": "log"}, "unknown scale"),
        (["a", "b"] * 2, {"source": "x"}, "unknown source"),
    ],
)
def test_what_cannot_be_compared(labels, changes, message):
    values = np.random.default_rng(0).random((4, 3))
    values[3] = np.nan
    with pytest.raises(EvaluationError, match=message):
        find_agreement(values, labels, **changes)


@pytest.mark.slow  # scanpy takes ten seconds to import
@pytest.mark.skipif(importlib.util.find_spec("igraph") is None, reason="needs igraph")
def test_leiden():
    values, labels = _section(noise=0.1)
    found = find_agreement(values, labels, method="leiden", n_domains=3)
    assert (found.method, found.n_domains) == ("leiden", 3)
    assert found.ari == pytest.approx(find_agreement(values, labels).ari, abs=0.2)


def _name_clusters(her2st, patient):
    """Names of a patient's clusters; the table's own commas are not quoted."""
    text = (her2st / "res" / "ST-cluster" / "motivation.csv").read_text(encoding="utf-8-sig")
    rows = re.findall(rf"^{patient},(\d+),(.+?),(?:Marker|,)", text, flags=re.MULTILINE)
    return {int(number): name.strip() for number, name in rows}


@pytest.mark.data
@pytest.mark.parametrize("name", ["pred_l1_C4", "pred_l2_C4", "truth_spotnorm_C4"])
def test_domains_of_the_reference_prediction_agree_as_scikit_learn_says(her2st, reference, name):
    """Prediction by the released code, classes by experts, clustered as in the paper."""
    path = her2st / "res" / "ST-cluster" / "lbl" / "C4-cluster-annotation.tsv.gz"
    table = pd.read_csv(path, sep="\t").set_index(["x", "y"])["label"]
    names = _name_clusters(her2st, "C")
    places = [tuple(place) for place in np.rint(reference["xy_C4"]).astype(int)]
    labels = np.array([names[table[place]] for place in places], dtype=object)
    values = reference[name]
    known = labels != "unknown"
    assert 0 < (~known).sum() < 30
    n_classes = len(set(labels[known]))
    reduced = PCA(9, random_state=0).fit_transform(values[known].astype(np.float64))
    domains = KMeans(n_classes, n_init=10, random_state=0).fit_predict(reduced)
    scale = "spot" if "spotnorm" in name else "gene"
    source = "measured" if name.startswith("truth") else "predicted"
    found = find_agreement(values, labels, source=source, scale=scale)
    assert found.ari == pytest.approx(adjusted_rand_score(labels[known], domains), abs=1e-12)
    assert found.nmi == pytest.approx(
        normalized_mutual_info_score(labels[known], domains), abs=1e-12
    )
    assert (found.n_compared, found.n_left_out) == (known.sum(), (~known).sum())
    spots, names_known = np.flatnonzero(known), labels[known].astype(str)
    _check_disagreement(found, reduced, spots, names_known, domains)


@pytest.mark.data
def test_a_pathologists_undetermined_spots_are_left_out(her2st):
    (source,) = find_sections(f"{her2st}:A1")
    adata = source.read()
    label = adata.obs["label"]
    found = find_agreement(log_normalize(adata.X), label, source="measured")
    assert (found.n_compared, found.n_left_out) == (341, 5)
    assert (found.domains[(label == "undetermined").to_numpy()] == -1).all()
    assert found.n_domains == found.confusion.shape[0] == 5
