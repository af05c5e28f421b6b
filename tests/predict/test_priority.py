"""The order in which spots are predicted: the view first, and it may move."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.predict import PredictParams, Priority, points_in, predict_spots
from napari_stexp.progress import exhaust

CPU = PredictParams(device="cpu", batch_size=3)


def grid(n=12, pitch=10.0):
    y, x = np.divmod(np.arange(n * n), n)
    return np.column_stack([x, y]) * pitch


def cut(points, size):
    order = np.arange(len(points))
    return [order[i : i + size] for i in range(0, len(order), size)]


def test_without_a_view_the_usual_order_holds():
    points = grid()
    batches = cut(points, 5)
    found = list(Priority().arrange(batches, points))
    assert all(a is b for a, b in zip(found, batches, strict=True))


@given(
    size=st.integers(1, 20),
    bounds=st.tuples(*[st.floats(-50, 200)] * 4),
)
def test_batches_in_view_come_first_by_their_nearest_spot(size, bounds):
    points = grid()
    batches = cut(points, size)
    found = list(Priority(bounds).arrange(batches, points))
    assert sorted(int(batch[0]) for batch in found) == [int(batch[0]) for batch in batches]
    x0, x1 = sorted(bounds[::2])
    y0, y1 = sorted(bounds[1::2])
    middle = np.array([x0 + x1, y0 + y1]) / 2

    def key(batch):  # brute force
        seen = [p for p in points[batch] if x0 <= p[0] <= x1 and y0 <= p[1] <= y1]
        return min((((p - middle) ** 2).sum() for p in seen), default=np.inf)

    keys = [key(batch) for batch in found]
    assert keys == sorted(keys)
    beyond = [int(b[0]) for b, k in zip(found, keys, strict=True) if k == np.inf]
    assert beyond == sorted(beyond)  # the rest in the usual order


@given(moves=st.lists(st.tuples(st.integers(0, 47), st.floats(0, 110)), max_size=5))
def test_a_view_that_moves_loses_no_spot_and_takes_effect_at_once(moves):
    points, priority = grid(), Priority((0, 0, 20, 20))
    batches = cut(points, 3)
    moved = dict(moves)
    done: list[int] = []
    for step, batch in enumerate(priority.arrange(batches, points)):
        left = np.setdiff1d(np.arange(len(points)), done)
        view = priority.bounds
        if view is not None and points_in(points[left], view).any():
            assert points_in(points[batch], view).any()
        done.extend(batch.tolist())
        if step in moved:
            place = moved[step]
            priority.bounds = None if place > 105 else (place, place, place + 25, place + 25)
    assert sorted(done) == list(range(len(points)))


def test_points_in_is_closed_and_takes_corners_in_any_order():
    points = np.array([[0.0, 0], [5, 5], [10, 10], [10.1, 5]])
    assert points_in(points, (10, 10, 0, 0)).tolist() == [True, True, True, False]


def test_a_bad_view_is_refused():
    with pytest.raises((TypeError, ValueError)):
        Priority((1, 2, 3))


def order_of(slide, spots, bundle, **options):
    """Return rows in the order in which they came, and the result."""
    rows: list[int] = []

    def note(progress):
        if progress.new is not None and "outside" not in progress.new.status:
            rows.extend(progress.new.index.tolist())

    adata = exhaust(predict_spots(slide, spots, bundle, CPU, **options), note)
    return rows, adata


def test_a_prediction_is_the_same_bit_by_bit_whatever_is_in_view(slide, spots, bundle):
    usual, expected = order_of(slide, spots, bundle)
    xy = np.asarray(spots.obsm["spatial"])
    for bounds in ((500, 300, 800, 600), (0, 0, 250, 200), (9000, 9000, 9100, 9100)):
        rows, found = order_of(slide, spots, bundle, priority=Priority(bounds))
        np.testing.assert_array_equal(found.X, expected.X)
        assert found.obs.equals(expected.obs)
        assert sorted(rows) == sorted(usual)
        seen = points_in(xy[rows], bounds)
        if seen.any():  # nothing in view waits for a batch without any
            last = int(np.flatnonzero(seen)[-1])
            assert (last + 1) <= seen.sum() * CPU.batch_size
        else:
            assert rows == usual


def test_the_cut_of_the_first_batch_doesnt_depend_on_the_view(slide, make_spots, bundle):
    """Batches that the view puts first aren't cut, the usual first one is: same numbers."""
    rng = np.random.default_rng(3)
    spots = make_spots(rng.uniform([20, 20], [780, 580], (60, 2)))
    params = PredictParams(device="cpu", batch_size=20)
    reports: list = []
    expected = exhaust(predict_spots(slide, spots, bundle, params))
    view = Priority((600, 400, 800, 600))
    found = exhaust(predict_spots(slide, spots, bundle, params, priority=view), reports.append)
    np.testing.assert_array_equal(found.X, expected.X)
    sizes = [len(r.new) for r in reports if r.new is not None]
    assert sizes[0] == 20
    assert sorted(sizes) == [4, 16, 20, 20]


def test_the_order_follows_a_view_that_moves_during_the_run(slide, make_spots, bundle):
    n = 14
    y, x = np.divmod(np.arange(n * n), n)
    spots = make_spots(np.column_stack([30 + 52 * x, 30 + 40 * y]))
    xy, view = np.asarray(spots.obsm["spatial"]), Priority((0, 0, 200, 150))
    second = (500, 400, 700, 550)
    rows: list[int] = []
    moved_at = None
    for progress in predict_spots(slide, spots, bundle, CPU, priority=view):
        if progress.new is None:
            continue
        rows.extend(progress.new.index.tolist())
        if moved_at is None and len(rows) >= 6:
            view.bounds, moved_at = second, len(rows)
    wanted = np.flatnonzero(points_in(xy, second))
    places = np.sort([rows.index(row) for row in wanted])
    # a few batches were under way already
    assert places[-1] - moved_at < 3 * len(wanted) + 40
    assert places[-1] < len(rows) / 2
