"""Limits and thresholds that keep their spots when the scale of the values changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_stexp.session import DisplaySettings, Session, Signature, with_transform
from napari_stexp.session.genes.display import transform_values
from napari_stexp.session.genes.scales import convert_value, find_percentile
from tests.session.fakes import make_prediction, make_spots

logs = hnp.arrays(np.float32, 12, elements=st.floats(0, 4, width=32))
scales = st.sampled_from(["log", "linear", "z"])


@pytest.fixture
def session():
    session = Session()
    spots = make_spots(6)
    prediction = make_prediction(spots, ["A", "B"])
    prediction.adata.X[:] = np.array([[0.2, 0.5, 1.0, 1.5, 2.0, 3.0]] * 2, np.float32).T
    session.set_spots(spots)
    session.set_prediction(prediction)
    session.gene = "A"
    return session


@given(logs, scales, scales)
def test_a_converted_value_is_the_transformed_one(values, before, after):
    given_values = transform_values(values, before)
    found = [convert_value(float(value), values, before, after) for value in given_values]
    expected = transform_values(values, after)
    if np.isnan(found).any():  # all values are the same: they have no z-scores
        assert np.ptp(values) <= 1e-4
    elif np.ptp(values) > 1e-2:
        assert found == pytest.approx(expected, rel=1e-2, abs=1e-2)


def test_what_has_no_place_on_a_scale():
    values = np.array([1.0, 2.0], np.float32)
    assert np.isnan(convert_value(-2.0, values, "linear", "log"))
    assert np.isnan(convert_value(1e4, values, "log", "linear"))
    assert np.isnan(convert_value(1.0, None, "log", "z"))
    assert convert_value(1.0, values, "z", "z") == 1.0


def test_the_same_spots_stay_in_colour(session):
    session.display = DisplaySettings(limits_mode="manual", manual_limits=(0.4, 1.6), threshold=0.9)
    for transform in ("linear", "z", "linear", "log"):
        session.display = with_transform(session, transform)
        shown, (low, high) = session.shown_values(), session.limits()
        assert list((shown >= low) & (shown <= high)) == [False, True, True, True, False, False]
        assert list(shown >= session.display.threshold) == [False, False, True, True, True, True]
    assert session.display.manual_limits == pytest.approx((0.4, 1.6), rel=1e-5)


def test_limits_that_make_no_sense_there_are_the_usual_ones(session):
    session.display = DisplaySettings(transform="linear", manual_limits=(-5.0, 2.0), threshold=-3.0)
    found = with_transform(session, "log")
    assert found.manual_limits == DisplaySettings().manual_limits
    assert found.threshold is None


def test_a_signature_s_score_has_no_counts(session):
    session.signatures.add(Signature("mine", ("A", "B")))
    session.signatures.put_scores("mine", session.expression, np.linspace(-1, 1, 6))
    session.gene = "mine"
    session.display = DisplaySettings(threshold=-0.5)
    assert with_transform(session, "linear").threshold == -0.5
    z = with_transform(session, "z").threshold
    assert z == pytest.approx(-0.5 / np.std(np.linspace(-1, 1, 6)))


@given(logs, st.floats(0, 100))
def test_a_percentile_is_found_again(values, percentile):
    value = float(np.percentile(values.astype(np.float64), percentile))
    found = find_percentile(values, value)
    again = float(np.percentile(values.astype(np.float64), found))
    assert again == pytest.approx(value, abs=1e-6)


def test_percentiles_beyond_the_values():
    values = np.array([1, 2, np.nan, 3], np.float32)
    assert find_percentile(values, 0) == 0
    assert find_percentile(values, 2) == 50
    assert find_percentile(values, 9) == 100
    assert find_percentile(values[:1], 9) == 0


def test_without_values_the_settings_still_change():
    session = Session()
    session.display = replace(session.display, threshold=1.0)
    assert with_transform(session, "linear").threshold == pytest.approx(9.0)
