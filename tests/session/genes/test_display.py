"""Display settings and the ends of the colour scale."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_stexp.session.genes.display import DisplaySettings, effective_limits


@given(
    hnp.arrays(
        np.float32,
        st.integers(0, 50),
        elements=st.floats(-1e6, 1e6, width=32) | st.just(np.float32("nan")) | st.just(np.inf),
    )
)
def test_limits_are_finite_and_rise_whatever_the_values(values):
    low, high = effective_limits(values, DisplaySettings())
    assert np.isfinite([low, high]).all()
    assert np.float32(low) < np.float32(high)


def test_a_gene_that_is_zero_almost_everywhere_uses_its_full_range():
    values = np.zeros(1000, np.float32)
    values[3] = 2.5
    assert effective_limits(values, DisplaySettings()) == (0.0, 2.5)


def test_a_constant_gene_still_has_a_scale():
    assert effective_limits(np.full(9, 3, np.float32), DisplaySettings()) == (3.0, 4.0)
    assert effective_limits(None, DisplaySettings()) == (0.0, 1.0)


def test_one_failed_spot_does_not_spoil_the_limits():
    values = np.linspace(0, 1, 101, dtype=np.float32)
    expected = effective_limits(values, DisplaySettings())
    assert effective_limits(np.append(values, np.nan), DisplaySettings()) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"colormap": "jet"},
        {"limits_mode": "guess"},
        {"percentiles": (99.0, 1.0)},
        {"percentiles": (0.0, 101.0)},
        {"manual_limits": (1.0, 1.0)},
        {"manual_limits": (0.0, float("nan"))},
        {"size_factor": 0.0},
        {"opacity": 1.5},
        {"shape": "star"},
    ],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must|no such"):
        DisplaySettings(**wrong)
