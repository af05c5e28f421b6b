"""The histogram's axis: it holds all that is marked on it, and places go there and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_stexp.panels.genes.value_bins import bin_values

values = hnp.arrays(np.float32, st.integers(0, 40), elements=st.floats(-5, 5, width=32))


@given(values, st.floats(-6, 5), st.floats(0.01, 5), st.none() | st.floats(-7, 7))
def test_every_value_is_counted_and_every_mark_is_on_the_axis(values, low, width, threshold):
    limits = (low, low + width)
    bins = bin_values(values, limits, threshold)
    assert bins.counts.sum() == len(values)
    for mark in (*limits, *values.tolist(), *(() if threshold is None else (threshold,))):
        assert bins.low <= mark <= bins.high
        assert bins.value(bins.place(mark)) == pytest.approx(mark, abs=1e-9 + 1e-6 * abs(mark))
    assert bins.place(bins.low - 1) == 0
    assert bins.place(bins.high + 1) == 1


def test_values_that_are_missing_do_not_count():
    bins = bin_values(np.array([np.nan, 1.0, np.inf, 2.0], np.float32), (0.0, 1.0))
    assert bins.counts.sum() == 2
    assert (bins.low, bins.high) == (0.0, 2.0)
    assert bin_values(None, (0.0, 1.0)).counts.sum() == 0


def test_a_tall_bar_of_zeros_hides_no_other():
    bins = bin_values(np.array([0.0] * 900 + [1.0] * 9, np.float32), (0.0, 1.0))
    heights = bins.heights()
    assert heights[0] == 1
    assert heights[-1] == pytest.approx(0.1)
    assert bins.centers()[0] == pytest.approx(1 / 96)


def test_of_very_many_values_some_are_counted():
    many = np.tile(np.linspace(0, 1, 100, dtype=np.float32), 3000)
    counts = bin_values(many, (0.0, 1.0)).counts
    assert 40_000 <= counts.sum() <= 100_000
    assert (counts > 0).all()
