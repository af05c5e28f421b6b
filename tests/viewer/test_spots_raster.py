"""Many spots as a raster: which pixel shows which spot, in which colour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from napari_stexp.errors import SpotsError
from napari_stexp.viewer.colour import (
    FAILED_RING,
    PENDING_RING,
    SELECTED_RING,
    colour_spots,
    map_to_bytes,
    map_values,
    pack_colours,
    paint_table,
)
from napari_stexp.viewer.spot_discs import draw_codes
from napari_stexp.viewer.spot_grid import SpotGrid
from napari_stexp.viewer.spots_raster import SIDE, SpotsRaster

places = st.lists(
    st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=1, max_size=60
).map(lambda rows: np.array(rows, dtype=float))


def unpack(packed):
    return np.ascontiguousarray(packed).view(np.uint8).reshape(*packed.shape, 4)


@given(places, st.tuples(st.floats(-600, 600), st.floats(-600, 600)), st.floats(0.5, 900))
def test_the_nearest_spot_is_that_of_a_tree(xy, place, radius):
    found = SpotGrid(xy).nearest(*place, radius)
    distance, _ = cKDTree(xy).query(place)
    if found is None:
        assert distance >= radius * (1 - 1e-9)
    else:
        assert np.hypot(*(xy[found] - place)) == pytest.approx(distance)


@given(places, st.floats(-600, 600), st.floats(-600, 600), st.floats(0, 700), st.floats(0, 700))
def test_a_box_holds_the_spots_whose_centres_lie_in_it(xy, left, top, width, height):
    inside = ((xy >= (left, top)) & (xy <= (left + width, top + height))).all(axis=1)
    found = SpotGrid(xy).in_box(left, top, left + width, top + height)
    np.testing.assert_array_equal(found, np.flatnonzero(inside))


def test_spots_at_no_place_are_never_found():
    grid = SpotGrid([[0, 0], [np.nan, 5], [10, 0]])
    np.testing.assert_array_equal(grid.in_box(-99, -99, 99, 99), [0, 2])
    assert grid.nearest(5, 5, 99) in (0, 2)
    assert SpotGrid(np.empty((0, 2))).nearest(0, 0, 9) is None


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(3.5, 40), st.sampled_from(["disc", "square"]))
def test_pixels_show_the_spot_that_they_lie_in(seed, diameter, shape):
    """Against the distance of every pixel's centre from every spot; spots lie apart."""
    rng = np.random.default_rng(seed)
    side, pitch = 48, 1.5 * diameter
    steps = np.arange(-1, side / pitch + 2)
    xy = np.stack(np.meshgrid(steps, steps), -1).reshape(-1, 2) * pitch + rng.uniform(0, pitch, 2)
    corner, step = np.array([1000.0, -50.0]), np.array([2.0, 2.0])
    grid = SpotGrid(xy * step + corner)
    codes, cover = draw_codes(grid, corner, step, side, diameter * 2, shape)
    centres = np.stack(np.meshgrid(np.arange(side), np.arange(side)), -1) + 0.5
    away = np.abs(centres[:, :, None] - xy)
    distance = away.max(axis=-1) if shape == "square" else np.hypot(away[..., 0], away[..., 1])
    nearest, radius = distance.argmin(axis=-1), diameter / 2
    depth = radius - distance.min(axis=-1)
    clear = np.abs(depth) > 0.51  # no pixel of an edge
    np.testing.assert_array_equal(codes[clear & (depth < 0)], 3 * len(xy))
    np.testing.assert_array_equal((codes % len(xy))[clear & (depth > 0)], nearest[depth > 0.51])
    assert (cover[depth > 0.51] == 255).all()
    edge = ~clear & (codes < 3 * len(xy))
    np.testing.assert_allclose(cover[edge] / 255, (depth[edge] + 0.5).clip(0, 1), atol=0.02)
    ring = max(diameter * FAILED_RING[1], 1.0)
    zone = codes // len(xy)
    assert (zone[depth > ring + 0.01] == 0).all()
    assert (zone[clear & (depth > 0) & (depth < ring - 0.01)] >= 1).all()


def test_tiny_spots_stay_visible_and_dense_ones_leave_no_gap():
    grid = SpotGrid(np.stack(np.meshgrid(np.arange(300.0), np.arange(300.0)), -1).reshape(-1, 2))
    codes, cover = draw_codes(grid, np.array([20.0, 20.0]), np.ones(2), 64, 0.5)
    assert cover is None
    assert (codes < 3 * len(grid.xy)).all()
    lone = SpotGrid([[32.0, 32.0]])
    codes, _ = draw_codes(lone, np.zeros(2), np.ones(2), 64, 0.001)
    assert (codes == 1).sum() == 4, "two by two pixels, in the colour of its ring"


def test_colours_as_bytes_are_those_of_the_points():
    values = np.float32([-1, 0, 0.3, 1, 2, np.nan, np.nan, 0.8])
    status = np.array(["ok"] * 5 + ["pending", "unreadable", "ok"])
    selection = np.arange(8) == 7
    table = unpack(paint_table(values, status, (0.0, 1.0), threshold=0.2, selection=selection))
    points = colour_spots(values, status, (0.0, 1.0), threshold=0.2)
    np.testing.assert_allclose(table[0] / 255, points.face, atol=1 / 255)
    np.testing.assert_allclose(table[2, 5] / 255, PENDING_RING[0], atol=1 / 255)
    np.testing.assert_array_equal(table[1, 5], 0)
    np.testing.assert_allclose(table[1:, 6] / 255, [FAILED_RING[0]] * 2, atol=1 / 255)
    np.testing.assert_allclose(table[1:, 7] / 255, [SELECTED_RING[0]] * 2, atol=1 / 255)
    assert (points.face[:2] == 0).all(), "below the threshold there is no colour"
    assert (points.ring_width[:5] == 0).all(), "and no ring"


@given(st.lists(st.floats(-3, 9, width=32), min_size=1, max_size=50))
def test_bytes_are_the_same_colours(values):
    values = np.float32(values)
    exact = unpack(pack_colours(map_values(values, (0.0, 5.0))))
    assert (np.abs(unpack(map_to_bytes(values, (0.0, 5.0))).astype(int) - exact) <= 3).all()


def make_raster(n=20, pitch=50.0):
    steps = np.arange(n) * pitch
    xy = np.stack(np.meshgrid(steps + 1000, steps + 2000), -1).reshape(-1, 2)
    raster = SpotsRaster(SpotGrid(xy), 0.6 * pitch)
    raster.paint(np.tile(np.arange(1, n * n + 1, dtype=np.uint32) | 0xFF000000, (3, 1)))
    return raster, xy


def test_every_level_shows_the_spots_at_their_places():
    raster, xy = make_raster()
    for level in raster.levels:
        height, width = level.shape[:2]
        extent = np.multiply(raster.shapes[0], raster.step)[::-1]
        at = ((xy - raster.origin) / (extent / (width, height))).astype(int)
        whole = np.asarray(level)
        found = np.ascontiguousarray(whole[at[:, 1], at[:, 0]]).view(np.uint32)[:, 0]
        np.testing.assert_array_equal(found & 0xFFFFFF, np.arange(1, len(xy) + 1))


def test_a_part_is_the_same_as_of_the_whole():
    raster, _ = make_raster()
    level = raster.levels[1]
    whole = np.asarray(level)
    rows, columns = slice(SIDE - 40, SIDE + 300), slice(3, 2 * SIDE + 9)
    np.testing.assert_array_equal(level[rows, columns], whole[rows, columns])
    np.testing.assert_array_equal(level[rows, columns, :3], whole[rows, columns, :3])
    np.testing.assert_array_equal(level[5:50:7, 3:9:2], whole[5:50:7, 3:9:2])


def test_other_colours_need_no_new_shapes(monkeypatch):
    from napari_stexp.viewer import spot_tiles

    raster, _ = make_raster()
    before = raster.levels[1][:600, :600].copy()
    monkeypatch.setattr(spot_tiles, "draw_codes", None)
    raster.paint(np.full((3, 400), 0xFF0000FF, np.uint32))
    after = raster.levels[1][:600, :600]
    np.testing.assert_array_equal(before[..., 3], after[..., 3])
    assert (after[after[..., 3] > 0][:, :3] == (255, 0, 0)).all()


def test_another_size_is_drawn_anew():
    raster, _ = make_raster()
    before = (np.asarray(raster.levels[2])[..., 3] > 0).mean()
    assert raster.reshape(45.0, "disc")
    assert not raster.reshape(45.0, "disc")
    after = (np.asarray(raster.levels[2])[..., 3] > 0).mean()
    assert after / before == pytest.approx((45 / 30) ** 2, rel=0.1)


def test_a_picture_too_large_for_memory_is_refused():
    xy = np.array([[0.0, 0.0], [1e6, 1e6]])
    raster = SpotsRaster(SpotGrid(xy), 10.0)
    with pytest.raises(SpotsError, match="too large"):
        np.asarray(raster.levels[0])
    assert raster.levels[0][:10, :10].shape == (10, 10, 4)
