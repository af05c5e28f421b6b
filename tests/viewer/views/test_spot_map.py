"""Which spot covers which px, and in which colour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from napari_stexp.viewer.colour import SELECTED_RING, SpotColours, colour_spots, ring_selected
from napari_stexp.viewer.views.frame import Frame
from napari_stexp.viewer.views.spot_map import map_spots, paint_spots


def nearest_spots(xy, diameter, frame):
    """Return distance to the nearest spot and which it is, at each px's centre, with SciPy."""
    width, height = frame.size
    y, x = np.mgrid[:height, :width] + 0.5
    tree = cKDTree(frame.to_screen(xy))
    distance, spot = tree.query(np.column_stack([x.ravel(), y.ravel()]))
    return distance.reshape(height, width), spot.reshape(height, width)


def colours_of(n, opaque=True):
    rng = np.random.default_rng(n)
    face = rng.uniform(0, 1, (n, 4)).astype(np.float32)
    if opaque:
        face[:, 3] = 1
    return SpotColours(face, np.zeros((n, 4), np.float32), np.zeros(n, np.float32))


@given(
    st.integers(0, 10_000),
    st.sampled_from([3, 40, 800]),
    st.floats(0.02, 0.6),
    st.floats(2, 40),
)
def test_the_nearest_spot_covers_a_pixel(seed, n, zoom, diameter):
    """Few large spots and many small ones take different ways to the same end."""
    xy = np.random.default_rng(seed).uniform(0, 300, (n, 2))
    frame = Frame((150.0, 140.0), zoom, (60, 50))
    found = map_spots(xy, diameter, frame)
    radius = max(diameter * zoom / 2, 1.0)
    distance, _ = nearest_spots(xy, diameter, frame)
    clear = np.abs(distance - radius - 0.5) > 1e-3
    covered = distance < radius + 0.5
    few = n * 2 < 60 * 50  # with more than a spot in every other px, one of them stands for all
    if few:
        np.testing.assert_array_equal((found.lookup >= 0)[clear], covered[clear])
        inside = covered & clear
        owner = found.lookup[inside]
        at = frame.to_screen(xy)
        y, x = np.nonzero(inside)
        mine = np.hypot(at[owner, 0] - x - 0.5, at[owner, 1] - y - 0.5)
        # of small spots with their centres in one px, either may have it
        slack = 1e-3 if n <= (2 * radius + 2) ** 2 else 1.42
        assert (mine - distance[inside] < slack).all()


def test_so_many_spots_that_they_share_pixels_leave_none_empty():
    grid = np.stack(np.meshgrid(np.arange(300.0), np.arange(300.0)), -1).reshape(-1, 2)
    found = map_spots(grid, 0.5, Frame((150.0, 150.0), 0.2, (60, 60)))
    assert (found.lookup >= 0).all()
    xy = grid[found.lookup[30, 30]]
    np.testing.assert_allclose(xy, (152.5, 152.5), atol=8)


def test_squares_are_square():
    found = map_spots(np.array([[50.0, 50.0]]), 20, Frame((50.0, 50.0), 1.0, (60, 60)), "square")
    y, x = np.nonzero(found.lookup >= 0)
    assert len(y) == (np.ptp(y) + 1) * (np.ptp(x) + 1)
    assert np.ptp(y) + 1 == pytest.approx(20, abs=2)


def test_a_spot_is_found_where_it_is_drawn():
    frame = Frame((50.0, 50.0), 1.0, (60, 60))
    found = map_spots(np.array([[50.0, 50.0], [70.0, 50.0]]), 10, frame)
    assert found.spot_at(*frame.to_screen((70.0, 50.0))) == 1
    assert found.spot_at(*frame.to_screen((60.0, 60.0))) is None
    assert found.spot_at(-3, 2) is None
    assert found.spot_at(2, 1000) is None


def test_spots_have_their_colours_and_opacity():
    xy = np.array([[30.0, 50.0], [70.0, 50.0]])
    frame = Frame((50.0, 50.0), 1.0, (100, 60))
    colours = colours_of(2)
    picture = paint_spots(map_spots(xy, 20, frame), colours, 0.5)
    for spot, (x, y) in enumerate(frame.to_screen(xy).astype(int)):
        blue, green, red, alpha = picture[y, x].astype(float)
        assert alpha == pytest.approx(127.5, abs=1)
        np.testing.assert_allclose([red, green, blue], colours.face[spot, :3] * 127.5, atol=1.01)
    assert picture[0, 0].tolist() == [0, 0, 0, 0]
    assert (picture[..., :3].max(axis=-1) <= picture[..., 3]).all(), "multiplied by alpha"


def test_outlines_are_smooth_and_as_large_as_the_spot():
    frame = Frame((50.0, 50.0), 1.0, (100, 100))
    picture = paint_spots(map_spots(np.array([[50.0, 50.0]]), 60, frame), colours_of(1), 1.0)
    covered = picture[..., 3].astype(float) / 255
    assert covered.sum() == pytest.approx(np.pi * 30**2, rel=0.01)
    assert ((covered > 0.1) & (covered < 0.9)).any()


def test_rings_mark_failed_waiting_and_selected_spots():
    xy = np.array([[25.0, 30.0], [55.0, 30.0], [85.0, 30.0]])
    frame = Frame((55.0, 30.0), 1.0, (110, 60))
    values = np.float32([np.nan, np.nan, 1.0])
    status = np.array(["pending", "unreadable", "ok"])
    colours = ring_selected(
        colour_spots(values, status, (0.0, 1.0)), np.array([False] * 2 + [True])
    )
    picture = paint_spots(map_spots(xy, 20, frame), colours, 1.0)
    middles = frame.to_screen(xy).astype(int)
    assert picture[middles[0, 1], middles[0, 0], 3] == 0
    assert picture[middles[1, 1], middles[1, 0], 3] == 0
    waiting, failed, selected = (picture[y, x - 10] for x, y in middles)
    assert 0 < waiting[3] < 255
    assert failed[3] > 240
    assert failed[:3].std() < 3, "grey"
    np.testing.assert_allclose(selected[2::-1] / 255, SELECTED_RING[0][:3], atol=0.03)
    assert (picture[middles[2, 1], middles[2, 0]] != selected).any()
