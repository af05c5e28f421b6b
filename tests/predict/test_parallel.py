"""Batches beside each other: in order, one torch thread each, nothing left behind."""

from __future__ import annotations

import threading
import time

import pytest
import torch

from napari_stexp.predict.parallel import map_in_order


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_order(workers):
    def slow_for_even(n):
        time.sleep(0.01 if n % 2 == 0 else 0)
        return n * n

    assert list(map_in_order(slow_for_even, range(20), workers)) == [n * n for n in range(20)]
    assert list(map_in_order(slow_for_even, [], workers)) == []


def test_several_are_under_way_at_a_time_but_not_more():
    running, most, lock = set(), [], threading.Lock()

    def note(n):
        with lock:
            running.add(n)
            most.append(len(running))
        time.sleep(0.02)
        with lock:
            running.discard(n)

    list(map_in_order(note, range(12), 3))
    assert max(most) == 3


def test_items_are_drawn_here_and_only_as_needed():
    drawn = []

    def source():
        for n in range(100):
            drawn.append(threading.current_thread())
            yield n

    results = map_in_order(lambda n: n, source(), 2)
    next(results)
    results.close()
    assert len(drawn) <= 4
    assert set(drawn) == {threading.current_thread()}


def test_torch_has_one_thread_there_and_as_many_as_before_elsewhere():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        inside = list(map_in_order(lambda _: torch.get_num_threads(), range(8), 4))
        assert inside == [1] * 8
        assert torch.get_num_threads() == 3
        later = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert later == [3]
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_arrives_and_the_threads_end(workers):
    before = set(threading.enumerate())

    def fail(n):
        if n == 4:
            raise ValueError("four")
        return n

    seen = []
    with pytest.raises(ValueError, match="four"):
        seen.extend(map_in_order(fail, range(100), workers))
    assert set(threading.enumerate()) <= before


def test_closing_waits_for_what_has_begun_and_drops_the_rest():
    before = set(threading.enumerate())
    begun = []

    def slow(n):
        begun.append(n)
        time.sleep(0.05)
        return n

    results = map_in_order(slow, range(1000), 2)
    assert next(results) == 0
    results.close()
    assert len(begun) <= 4
    assert set(threading.enumerate()) <= before
