"""Profiles against scipy, and spots in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from napari_stexp.errors import AnnotationError, PredictionError, SpotsError
from napari_stexp.progress import Progress, exhaust
from napari_stexp.session import Session, Signature, describe_groups, start_profile
from napari_stexp.session.read_out import percentile_in, spot_facts
from tests.session.fakes import make_batch, make_prediction, make_region, make_spots

GENES = ("A", "B", "C", "D")


def predict(session, values, genes=GENES, status="ok"):
    """Predict spots in their own order; those that there are no values for stay pending."""
    session.set_prediction(make_prediction(session.spots, genes))
    session.add_batch(make_batch(range(len(values)), values, status))
    return session


def with_values(values, n_pending=0):
    values = np.asarray(values, dtype=np.float32)
    session = Session()
    session.set_spots(make_spots(len(values) + n_pending))
    return predict(session, values, [f"g{i}" for i in range(values.shape[1])])


def with_counts(counts):
    session = Session()
    session.set_spots(make_spots(len(counts), [f"g{i}" for i in range(len(counts[0]))], counts))
    return session


matrices = st.tuples(st.integers(2, 9), st.integers(1, 5), st.integers(0, 2**32 - 1)).map(
    lambda s: np.random.default_rng(s[2]).integers(0, 5, s[:2]).astype(np.float32)
)


def z_scores(values):
    """Return scipy's z-scores by column, 0 where a column doesn't vary."""
    scores = np.zeros(values.shape)
    varies = np.ptp(values, axis=0) > 1e-5
    scores[:, varies] = stats.zscore(values[:, varies].astype(np.float64), axis=0)
    return scores


# ---- profiles ----------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(matrices, st.integers(0, 3), st.data())
def test_a_spots_profile_is_z_score_and_percentile_over_the_section(values, n_pending, data):
    session = with_values(values, n_pending)
    row = data.draw(st.integers(0, len(values) - 1))
    profile = exhaust(start_profile(session, row))
    table = profile.table.loc[session.genes]
    np.testing.assert_allclose(table["z"], z_scores(values)[row], atol=1e-9)
    np.testing.assert_allclose(table["value"], values[row])
    expected = [stats.percentileofscore(column, column[row], "strict") for column in values.T]
    np.testing.assert_allclose(table["percentile"], expected)
    assert profile.n_section == len(values)
    assert (np.diff(profile.table["z"]) <= 0).all()


@settings(max_examples=30, deadline=None)
@given(matrices, st.data())
def test_the_measured_profile_is_that_of_the_dense_values(counts, data):
    session = with_counts(counts)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(counts), max_size=len(counts))))
    mask[0] |= not mask.any()
    dense = np.column_stack([session.values(gene) for gene in session.genes]).astype(np.float64)
    table = exhaust(start_profile(session, mask)).table.loc[session.genes]
    np.testing.assert_allclose(table["value"], dense[mask].mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(table["z"], z_scores(dense)[mask].mean(axis=0), atol=1e-5)
    if mask.sum() == 1:
        row = int(mask.argmax())
        expected = [stats.percentileofscore(column, column[row], "strict") for column in dense.T]
        np.testing.assert_allclose(table["percentile"], expected)
    elif not mask.all():
        np.testing.assert_allclose(table["rest"], dense[~mask].mean(axis=0), atol=1e-6)


def test_several_spots_are_compared_with_all_others():
    session = with_values([[1, 0], [3, 0], [0, 2], [2, 2]], n_pending=2)
    mask = np.array([True, True, False, False, True, False])
    profile = exhaust(start_profile(session, mask))
    assert list(profile.rows) == [0, 1]
    assert (profile.n_chosen, profile.n_section) == (3, 4)
    assert not profile.of_one
    table = profile.table.loc[["g0", "g1"]]
    assert list(table["value"]) == [2, 0]
    assert list(table["rest"]) == [1, 2]
    assert list(table["difference"]) == [1, -2]
    assert list(profile.table.index) == ["g0", "g1"]


def test_counts_are_averaged_as_counts_and_ranked_as_logs():
    session = with_values([[1.0], [2.0], [0.0]])
    session.display = replace(session.display, transform="linear")
    profile = exhaust(start_profile(session, [0, 1]))
    assert profile.transform == "linear"
    assert profile.table["value"].item() == pytest.approx((9 + 99) / 2)
    assert profile.table["rest"].item() == 0
    logs = stats.zscore(np.array([1.0, 2.0, 0.0]))
    assert profile.table["z"].item() == pytest.approx(logs[:2].mean())


def test_many_rows_are_read_in_parts(monkeypatch):
    values = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)
    session = with_values(values)
    whole = exhaust(start_profile(session, 7)).table
    monkeypatch.setattr("napari_stexp.session.reading._CELLS_AT_ONCE", 12)
    steps = start_profile(session, 7)
    parts = list(_reports(steps))
    assert len(parts) > 10
    assert all(isinstance(part, Progress) for part in parts)
    again = exhaust(start_profile(with_values(values), 7)).table
    np.testing.assert_allclose(again, whole)


def _reports(steps):
    yield from steps


def test_a_prediction_that_grows_has_another_section():
    session = Session()
    session.set_spots(make_spots(4))
    predict(session, [[0.0] * 4, [2.0] * 4])
    before = exhaust(start_profile(session, 1))
    session.add_batch(make_batch([2, 3], [[4.0] * 4] * 2))
    after = exhaust(start_profile(session, 1))
    assert before.table["z"].iloc[0] > 0 > after.table["z"].iloc[0]
    assert after.n_section == 4


def test_what_cannot_be_read_is_refused():
    session = Session()
    with pytest.raises(SpotsError, match="no spots"):
        start_profile(session, 0)
    session.set_spots(make_spots(4))
    with pytest.raises(PredictionError, match="no values"):
        start_profile(session, 0)
    predict(session, [[1.0] * 4])
    for wrong in (4, -1, [0, 9], 0.5):
        with pytest.raises(SpotsError, match="no such spot"):
            start_profile(session, wrong)
    for empty in ([], np.zeros(4, dtype=bool)):
        with pytest.raises(SpotsError, match="chosen"):
            start_profile(session, empty)
    with pytest.raises(SpotsError, match="other spots"):
        start_profile(session, np.ones(3, dtype=bool))
    with pytest.raises(PredictionError, match="none of these"):
        exhaust(start_profile(session, 2))


def test_nothing_is_read_while_values_are_hidden():
    session = with_counts([[1, 2], [3, 4]])
    session.regions.start_blinded()
    with pytest.raises(AnnotationError, match="hidden"):
        start_profile(session, 0)


def test_a_region_takes_the_spots_in_it():
    from shapely import box

    session = with_values([[1, 0], [3, 0], [0, 2], [2, 2]])
    profile = exhaust(start_profile(session, box(100, 200, 500, 400)))  # the first two
    assert list(profile.rows) == [0, 1]
    assert profile.table.loc["g0", "difference"] == 1
    with pytest.raises(SpotsError, match="no spot lies"):
        exhaust(start_profile(session, box(0, 0, 10, 10)))


@given(matrices)
def test_groups_are_described_as_pandas_does(values):
    import pandas as pd

    column = values[:, 0].copy()
    column[::4] = np.nan
    labels = np.where(np.arange(len(column)) % 3 > 0, "a", "b")
    found = describe_groups(column, {name: labels == name for name in "ab"})
    groups = pd.Series(column.astype(np.float64)).groupby(labels)
    expected = pd.DataFrame({
        "n": groups.count(), "mean": groups.mean(), "sd": groups.std(ddof=0),
        "median": groups.median(),
    })  # fmt: skip
    np.testing.assert_allclose(found.loc[expected.index], expected, atol=1e-12)


# ---- in words ----------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 7.0, np.nan]), min_size=1, max_size=12), st.data())
def test_the_percentile_is_scipys_strict_one(values, data):
    array = np.array(values, dtype=np.float32)
    value = data.draw(st.sampled_from(values))
    finite = array[np.isfinite(array)]
    expected = stats.percentileofscore(finite, value, "strict") if finite.size else np.nan
    np.testing.assert_allclose(percentile_in(array, value), expected)


def test_the_read_out_follows_the_transform_and_says_what_is_below_the_threshold():
    session = with_values([[0.0], [1.0], [2.0]])
    session.display = replace(session.display, transform="linear")
    assert "predicted 99 per 10,000, higher than 66 % of spots" in session.read_out(2)
    session.display = replace(session.display, transform="z", threshold=0.5)
    assert "predicted 1.22 SD" in session.read_out(2)
    assert "threshold" not in session.read_out(2)
    assert "below the threshold" in session.read_out(0)


def test_the_read_out_follows_gene_source_and_new_values():
    session = with_counts([[0, 4], [4, 0], [1, 1], [2, 2]])
    assert "g1 measured" in session.read_out(0, "g1")
    predict(session, [[1.0, 2.0], [2.0, 1.0]], ("g0", "g1"))
    session.gene = "g0"
    assert "g0 predicted 2, higher than 50 %" in session.read_out(1)
    session.add_batch(make_batch([2, 3], [[0.0, 0.0], [1.0, 1.0]]))
    assert "g0 predicted 2, higher than 75 %" in session.read_out(1)
    session.gene = "g1"
    assert "g1 predicted 1, higher than 25 %" in session.read_out(1)


def test_channels_and_signatures_are_read_out():
    session = with_values([[0.5, 1.0, 2.0], [1.5, 1.0, 0.25]])
    session.composite = ("g0", "g2")
    assert "predicted g0 1.5, g2 0.25 ·" in session.read_out(1)
    session.composite = ()
    session.signatures.add(Signature("stroma", ("g0", "g1")))
    session.gene = "stroma"
    assert "stroma: no value" in session.read_out(0)
    session.signatures.put_scores("stroma", session.expression, np.array([0.5, 0.25]))
    assert "stroma predicted 0.5, higher than 50 % of spots" in session.read_out(0)
    session.display = replace(session.display, transform="linear")
    assert "0.5, higher" in session.read_out(0)
    assert session.values()[0] == 0.5


def test_facts_of_a_spot():
    session = with_values([[1.0], [2.0]], n_pending=1)
    session.set_annotations([make_region(width=200, height=200)])  # of the first spot only
    facts = spot_facts(session, 0)
    assert facts["Spot"] == "spot0"
    assert facts["Class"] == "Tumor"
    assert facts["State"] == "predicted"
    assert facts["Confidence"] == "0.500, higher than 0 % of spots"
    assert spot_facts(session, 2)["State"] == "not predicted yet"
    assert "Confidence" not in spot_facts(session, 2)
    assert spot_facts(session, 99) == {}
    session.regions.start_blinded()
    hidden = spot_facts(session, 0)
    assert hidden["Class"] == "Tumor"
    assert "hidden" in hidden["State"]
    assert "Confidence" not in hidden
