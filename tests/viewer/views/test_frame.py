"""One camera for all cells, and their arrangement."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.viewer.views.frame import Frame, arrange, fit_frame

places = st.floats(-1e5, 1e5)
frames = st.builds(
    Frame,
    st.tuples(places, places),
    st.floats(0.01, 8),
    st.tuples(st.integers(20, 900), st.integers(20, 900)),
)


@given(frames, st.tuples(places, places))
def test_screen_and_slide_are_each_others_inverse(frame, xy):
    np.testing.assert_allclose(frame.to_level0(frame.to_screen(xy)), xy, atol=1e-6)


@given(frames, st.floats(0.2, 5), st.tuples(st.floats(0, 900), st.floats(0, 900)))
def test_what_is_under_the_mouse_stays_there(frame, factor, at):
    zoomed = frame.zoomed(factor, at)
    np.testing.assert_allclose(zoomed.to_level0(at), frame.to_level0(at), atol=1e-5)


@given(frames, st.floats(-300, 300), st.floats(-300, 300))
def test_dragging_moves_the_slide_with_the_mouse(frame, dx, dy):
    place = (10.0, 20.0)
    there = (10.0 + dx, 20.0 + dy)
    np.testing.assert_allclose(
        frame.moved(dx, dy).to_screen(frame.to_level0(place)), there, atol=1e-5
    )


@given(
    st.lists(st.tuples(places, places), min_size=1, max_size=20),
    st.tuples(st.integers(20, 900), st.integers(20, 900)),
)
def test_all_spots_are_in_view_at_first(xy, size):
    xy = np.array(xy)
    at = fit_frame(xy, 5.0, size).to_screen(xy)
    assert (at > -1e-6).all()
    assert (at < np.array(size) + 1e-6).all()


@given(st.integers(1, 16), st.tuples(st.integers(200, 2000), st.integers(200, 2000)),
       st.tuples(st.floats(1, 100), st.floats(1, 100)))  # fmt: skip
def test_no_other_arrangement_shows_the_tissue_larger(n, size, extent):
    head = 20

    def scale(rows, columns):
        height = max(size[1] / rows - head, 1.0)
        return min(size[0] / columns / extent[0], height / extent[1])

    rows, columns = arrange(n, size, extent, head)
    assert rows * columns >= n
    assert (rows - 1) * columns < n, "no row is empty"
    for other in range(1, n + 1):
        assert scale(rows, columns) >= scale(math.ceil(n / other), other) * (1 - 1e-6)


def test_four_square_sections_make_a_square():
    assert arrange(4, (800, 840), (1, 1), 20) == (2, 2)
    assert arrange(16, (800, 880), (1, 1), 20) == (4, 4)
