"""Rates and time left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.progress import PAUSED, Progress, RateMeter


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


def feed(meter, clock, done, seconds, stage="predicting", total=100):
    clock.now += seconds
    return meter.update(Progress(done, total, stage))


def test_the_rate_is_units_per_second_and_gives_the_time_left(clock):
    meter = RateMeter(clock=clock)
    assert feed(meter, clock, 0, 0.0) == (0.0, None)
    rate, left = feed(meter, clock, 20, 4.0)
    assert rate == pytest.approx(5.0)
    assert left == pytest.approx(16.0)


def test_a_slow_start_is_forgotten(clock):
    meter = RateMeter(window=10, clock=clock)
    feed(meter, clock, 0, 0.0)
    for done in range(1, 40):
        rate, _ = feed(meter, clock, done, 30.0 if done == 1 else 0.5)
    assert rate == pytest.approx(2.0)


@given(
    pauses=st.lists(st.tuples(st.integers(1, 19), st.integers(1, 50)), max_size=4),
)
def test_time_spent_paused_doesnt_count(pauses):
    clock = Clock()
    plain, paused = RateMeter(clock=clock), RateMeter(clock=clock)
    other = Clock()
    plain.clock = other
    waits = dict(pauses)
    for done in range(20):
        expected = feed(plain, other, done, 0.5)
        found = feed(paused, clock, done, 0.5)
        assert found == pytest.approx(expected) if expected[1] is not None else found == expected
        for i in range(waits.get(done, 0)):
            during = feed(paused, clock, done, 0.1 if i else 0.0, PAUSED)
            assert during == (found if found[1] is None else pytest.approx(found))
        if done in waits:  # the first report after the wait ends it
            feed(paused, clock, done, 0.1)
