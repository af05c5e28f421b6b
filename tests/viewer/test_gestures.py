"""From where the mouse went to shapes."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import LineString, box

from napari_stexp.viewer.gestures import close_outline, join_rings, make_stroke, thin_out

places = st.tuples(st.integers(0, 200), st.integers(0, 200))


@given(st.lists(places, max_size=12))
def test_whatever_is_drawn_is_valid_or_nothing(points):
    shape = close_outline(points)
    if shape is None:
        return
    assert shape.is_valid
    assert shape.geom_type in ("Polygon", "MultiPolygon")
    hull = shapely.MultiPoint(points).convex_hull
    assert shape.difference(hull.buffer(1e-6)).area < 1e-6


@given(st.lists(places, min_size=3, max_size=12, unique=True))
def test_an_outline_that_is_valid_stays_as_it_is(points):
    outline = shapely.Polygon(points)
    if outline.is_valid and outline.area >= 1:
        assert close_outline(points).equals(outline)


def test_an_overshooting_outline_has_no_hole():
    """The end of a lasso crosses its beginning; what it encloses twice belongs to it."""
    loop = [(0, 0), (100, 0), (100, 100), (0, 100), (0, -10), (30, 20), (-10, 30)]
    shape = close_outline(loop)
    assert not shapely.get_parts(shape)[0].interiors
    assert shape.contains(shapely.Point(5, 10))


@settings(deadline=None)
@given(st.lists(places, min_size=1, max_size=8), st.integers(2, 60))
def test_a_stroke_covers_what_is_within_half_a_diameter(points, diameter):
    stroke = make_stroke(points, diameter)
    way = shapely.Point(points[0]) if len(set(points)) == 1 else LineString(points)
    assert stroke.is_valid
    x, y = np.random.default_rng(0).uniform(-40, 240, (2, 400))
    inside = shapely.contains_xy(stroke, x, y)
    distance = shapely.distance(way, shapely.points(x, y))
    assert inside[distance < 0.47 * diameter].all()
    assert not inside[distance > 0.53 * diameter].any()


def test_rings_are_joined_by_what_an_odd_number_encloses():
    rings = [np.array(box(*bounds).exterior.coords) for bounds in
             ((0, 0, 90, 90), (10, 10, 50, 50), (20, 20, 30, 30), (200, 0, 220, 20))]  # fmt: skip
    shape = join_rings(rings)
    assert shape.area == 90**2 - 40**2 + 10**2 + 20**2
    assert join_rings([np.array([(0, 0), (1, 1), (2, 2)])]) is None


def test_a_line_of_fewer_points_stays_near():
    angle = np.linspace(0, 6, 500)
    line = np.column_stack([angle * 100, np.sin(angle) * 100])
    thin = thin_out(line, 0.5)
    assert len(thin) < 60
    assert LineString(line).hausdorff_distance(LineString(thin)) == pytest.approx(0.5, abs=0.5)
