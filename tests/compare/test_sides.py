from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely
from anndata import AnnData
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_stexp.annotation import Region, label_spots
from napari_stexp.compare import Sides, choose_sides, sides_of_shape
from napari_stexp.errors import EvaluationError, ScaleError

LABELS = np.array(["a", "b", "", "c", None, np.nan, "undetermined", "a"], dtype=object)
BOX = shapely.box(0, 0, 100, 100)


@pytest.mark.parametrize(
    ("other", "outside", "name"),
    [
        (None, [1, 3], "all other classes"),
        ("", [1, 2, 3, 4, 5, 6], "all other spots"),
        ("c", [3], "c"),
        ("undetermined", [6], "undetermined"),
    ],
)
@pytest.mark.parametrize("labels", [LABELS, pd.Series(LABELS, dtype="category")])
def test_one_class_against_others(labels, other, outside, name):
    sides = choose_sides(labels, "a", other)
    assert np.flatnonzero(sides.inside).tolist() == [0, 7]
    assert np.flatnonzero(sides.outside).tolist() == outside
    assert (sides.name_inside, sides.name_outside) == ("a", name)
    assert (sides.margin_um, sides.n_left_out) == (0, 0)


@pytest.mark.parametrize(
    ("choice", "error", "message"),
    [
        ({"one": "tumour"}, EvaluationError, "no spot is labelled 'tumour'.*expected a, b, c"),
        ({"one": "a", "other": "z"}, EvaluationError, "no spot is labelled 'z'"),
        ({"one": "a", "other": "a"}, EvaluationError, "compared with itself"),
        ({"one": "a", "margin_um": -1}, EvaluationError, "can't be negative"),
        ({"one": "a", "margin_um": np.nan}, EvaluationError, "can't be negative"),
        ({"one": "a", "margin_um": 5}, ScaleError, "needs the size of a pixel.*found none"),
        ({"one": "a", "margin_um": 5, "mpp": 0.0}, ScaleError, "needs the size of a pixel"),
        ({"one": "a", "margin_um": 5, "mpp": 0.5}, EvaluationError, "centres.*found none"),
        (
            {"one": "a", "margin_um": 5, "mpp": 0.5, "xy": np.zeros((3, 2))},
            EvaluationError,
            r"expected \(8, 2\); found \(3, 2\)",
        ),
        (
            {"one": "a", "margin_um": 5, "mpp": 1, "xy": np.zeros((8, 2)), "regions": []},
            EvaluationError,
            "no region has the class 'a'",
        ),
    ],
)
def test_sides_that_cannot_be_chosen(choice, error, message):
    with pytest.raises(error, match=message):
        choose_sides(LABELS, **choice)


def test_a_spot_is_on_one_side():
    yes, no = np.array([True, True]), np.array([False, True])
    with pytest.raises(EvaluationError, match=r"both sides \(found 1 are\)"):
        Sides(yes, no, "in", "out")
    with pytest.raises(EvaluationError, match="other spots"):
        Sides(yes, np.zeros(3, bool), "in", "out")
    with pytest.raises(EvaluationError, match="yes or no"):
        Sides(yes.astype(int), no, "in", "out")


def _square_ring(x, y, half, hole):
    shape = shapely.box(x - half, y - half, x + half, y + half)
    return shape.difference(shapely.box(x - hole, y - hole, x + hole, y + hole))


blobs = st.lists(
    st.tuples(
        *(st.integers(0, 100),) * 2, st.integers(5, 60), st.floats(0.1, 0.8), st.integers(0, 89)
    ),
    min_size=1,
    max_size=5,
)


def _polygon(parts, turn=True):
    """Join squares with holes in them, turned or not."""
    rings = [_square_ring(x, y, half, half * hole) for x, y, half, hole, _ in parts]
    turns = [angle * turn for *_, angle in parts]
    turned = [shapely.affinity.rotate(ring, a) for ring, a in zip(rings, turns, strict=True)]
    return shapely.union_all(turned)


@settings(max_examples=60, deadline=None)
@given(blobs, st.floats(0, 30), st.floats(0.2, 3), st.integers(0, 1000))
def test_spots_of_a_shape_are_shapelys_point_by_point(parts, margin_um, mpp, seed):
    shape = _polygon(parts)
    xy = np.random.default_rng(seed).uniform(-50, 150, (80, 2))
    sides = sides_of_shape(shape, xy, mpp=mpp, margin_um=margin_um)
    left_out = 0
    for at, point in enumerate(shapely.Point(*place) for place in xy):
        distance = shape.boundary.distance(point) * mpp
        if abs(distance - margin_um) < 1e-6:
            return  # on the edge of the margin, where rounding decides
        near = margin_um > 0 and distance <= margin_um
        left_out += near
        assert sides.inside[at] == (shape.contains(point) and not near)
        assert sides.outside[at] == (not shape.contains(point) and not near)
    assert sides.n_left_out == left_out


def test_the_border_itself_and_a_hole():
    ring = _square_ring(50, 50, 50, 20)
    xy = np.array([[0, 50], [10, 50], [50, 50], [35, 50], [200, 50.0]])
    sides = sides_of_shape(ring, xy)
    assert sides.inside.tolist() == [False, True, False, False, False]
    assert (sides.name_inside, sides.name_outside) == ("drawn region", "all other spots")
    sides = sides_of_shape(ring, xy, mpp=0.5, margin_um=5, name="nest")
    assert sides.inside.tolist() == [False] * 5
    assert sides.outside.tolist() == [False, False, True, False, True]
    assert (sides.name_inside, sides.margin_um, sides.n_left_out) == ("nest", 5, 3)


def test_shapes_drawn_by_hand():
    bow = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])
    inside = sides_of_shape(bow, [[1, 5], [9, 5], [5, 1], [5, 9]]).inside
    assert inside.tolist() == [True, True, False, False]
    for shape in (shapely.Point(0, 0), shapely.Polygon(), shapely.LineString([(0, 0), (1, 1)])):
        with pytest.raises(EvaluationError, match="can't lie in this shape"):
            sides_of_shape(shape, np.zeros((1, 2)))
    with pytest.raises(ScaleError, match="needs the size of a pixel"):
        sides_of_shape(BOX, np.zeros((1, 2)), margin_um=1)
    with pytest.raises(EvaluationError, match=r"expected \(N, 2\)"):
        sides_of_shape(BOX, np.zeros(2))


def _paint(regions, name):
    """The class's area by another way: large regions first, smaller ones painted over them."""
    area = shapely.Polygon()
    order = sorted(enumerate(regions), key=lambda pair: (-pair[1].geometry.area, -pair[0]))
    for _, region in order:
        if region.class_name is not None:
            paint = shapely.union if region.class_name == name else shapely.difference
            area = paint(area, region.geometry)
    return area


classes = st.sampled_from(["a", "a", "b", "c", None])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(classes, blobs.filter(lambda parts: len(parts) < 3)), max_size=6),
    st.floats(0.5, 20),
    st.integers(0, 1000),
)
def test_the_margin_follows_what_label_spots_calls_the_class(drawn, margin_um, seed):
    # Not turned, so that painting leaves no slivers of its own.
    regions = [Region(_polygon(parts, turn=False), class_name=name) for name, parts in drawn]
    regions.append(Region(BOX, class_name="a"))
    xy = np.random.default_rng(seed).uniform(-50, 150, (60, 2))
    labels = label_spots(AnnData(np.zeros((60, 0)), obsm={"spatial": xy}), regions)
    if not (labels == "a").any():
        return
    area = _paint(regions, "a")
    distance = shapely.distance(area.boundary, shapely.points(xy)) * 0.5
    clear = np.abs(distance - margin_um) > 0.01
    sides = choose_sides(labels, "a", "", xy=xy, mpp=0.5, regions=regions, margin_um=margin_um)
    expected = (labels == "a").to_numpy() & (distance > margin_um)
    np.testing.assert_array_equal(sides.inside[clear], expected[clear])
    expected = (labels != "a").to_numpy() & (distance > margin_um)
    np.testing.assert_array_equal(sides.outside[clear], expected[clear])
    assert sides.inside.sum() + sides.outside.sum() + sides.n_left_out == 60


def test_neighbours_of_one_class_have_no_border_between_them_where_corners_do_not_meet():
    slanted = shapely.Polygon([(0, 0), (100, 0), (101, 99), (0, 99)])
    part = shapely.Polygon([(100 + 1 / 3, 33), (200, 0), (200, 99), (100 + 2 / 3, 66)])
    regions = [Region(slanted, "a"), Region(part, "a")]
    xy = np.array([[100.5, 50], [100.6, 60], [0.5, 50]])
    sides = choose_sides(["a"] * 3, "a", xy=xy, mpp=1, regions=regions, margin_um=5)
    assert sides.inside.tolist() == [True, True, False]


def test_a_nest_in_a_region_and_a_border_between_two_of_one_class():
    left, right = shapely.box(0, 0, 100, 100), shapely.box(100, 0, 200, 100)
    nest = shapely.box(40, 40, 60, 60)
    regions = [Region(left, "a"), Region(right, "a"), Region(nest, "b"), Region(BOX, None)]
    xy = np.array([[95, 50], [35, 50], [50, 50], [20, 50], [205, 50], [45, 50]], dtype=float)
    labels = ["a", "a", "b", "a", "", "b"]
    sides = choose_sides(labels, "a", xy=xy, mpp=1, regions=regions, margin_um=8)
    assert sides.inside.tolist() == [True, False, False, True, False, False]
    assert sides.outside.tolist() == [False, False, True, False, False, False]
    assert sides.n_left_out == 2  # the unlabelled spot is near too, but was on no side


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "b", "c", "", "undetermined"]), min_size=2, max_size=40),
    st.sampled_from([None, "", "b"]),
    st.floats(0.1, 30),
    st.integers(0, 1000),
)
def test_without_regions_the_border_is_halfway_to_the_next_spot(names, other, margin_um, seed):
    labels = np.array(["a", "b", *names], dtype=object)
    xy = np.random.default_rng(seed).uniform(0, 100, (len(labels), 2))
    sides = choose_sides(labels, "a", other, xy=xy, mpp=0.7, margin_um=margin_um)
    plain = choose_sides(labels, "a", other)
    left_out = 0
    for at, place in enumerate(xy):
        if labels[at] == "a":
            there = [p for p, name in zip(xy, labels, strict=True) if _is_other(name, other)]
        else:
            there = xy[labels == "a"]
        near = min(np.hypot(*(place - p)) for p in there) / 2 * 0.7 <= margin_um
        assert sides.inside[at] == (plain.inside[at] and not near)
        assert sides.outside[at] == (plain.outside[at] and not near)
        left_out += near and (plain.inside[at] or plain.outside[at])
    assert sides.n_left_out == left_out


def _is_other(name, other):
    return name in ("b", "c") or (other == "" and name != "a")


def test_a_class_that_has_all_spots_has_no_border():
    xy = np.arange(6.0).reshape(3, 2)
    sides = choose_sides(["a"] * 3, "a", xy=xy, mpp=1, margin_um=100)
    assert sides.inside.all()
    assert not sides.outside.any()
    assert sides.n_left_out == 0
