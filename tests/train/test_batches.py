from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from napari_stexp.train.batches import draw_batches, plan_batches, read_ahead

from .conftest import tiny


@hypothesis_settings(max_examples=50, deadline=None)
@given(n=st.integers(2, 400), size=st.integers(2, 150), epoch=st.integers(0, 3))
def test_batches_hold_every_spot_once_and_none_is_tiny(n: int, size: int, epoch: int) -> None:
    rows = np.arange(n) * 3
    parts = draw_batches(rows, tiny(batch_size=size), epoch)
    assert sorted(np.concatenate(parts).tolist()) == rows.tolist()
    lengths = [len(part) for part in parts]
    assert max(lengths) - min(lengths) <= 1
    assert max(lengths) <= max(2 * size, 2)


def test_order_is_new_in_each_epoch_and_seeded() -> None:
    rows = np.arange(100)

    def order(epoch: int, **changes) -> list[int]:
        return np.concatenate(draw_batches(rows, tiny(**changes), epoch)).tolist()

    assert order(0) == order(0)
    assert order(0) != order(1)
    assert order(0) != order(0, seed=1)


def test_batches_go_on_anywhere() -> None:
    rows, settings = np.arange(50), tiny(epochs=3, batch_size=10)
    whole = list(plan_batches(rows, settings))
    assert [(b.epoch, b.step, b.last) for b in whole[3:7]] == [
        (0, 3, False),
        (0, 4, True),
        (1, 0, False),
        (1, 1, False),
    ]
    rest = list(plan_batches(rows, settings, (1, 2)))
    assert [b.rows.tolist() for b in rest] == [b.rows.tolist() for b in whole[7:]]


def test_devices_share_batches_evenly_and_sections_lie_together() -> None:
    parts = draw_batches(np.arange(53), tiny(batch_size=18), 0, 4)
    assert [len(part) % 4 for part in parts] == [0, 0, 0]
    for part in draw_batches(np.arange(53), tiny(batch_size=18, attention="section"), 0):
        assert (np.diff(part) > 0).all()


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_reading_ahead_keeps_the_order(workers: int) -> None:
    def read(item: int) -> int:
        time.sleep(0.01 * (item % 3))
        return item * item

    assert list(read_ahead(read, range(12), workers)) == [(i, i * i) for i in range(12)]
    assert list(read_ahead(read, [], workers)) == []


def test_the_next_batch_is_read_while_this_one_is_used() -> None:
    begun = threading.Event()

    def read(item: int) -> int:
        if item == 1:
            begun.set()
        return item

    stream = read_ahead(read, range(100), 1)
    next(stream)
    assert begun.wait(5)
    stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("stexp-read")]


def test_what_fails_while_reading_fails_the_reader() -> None:
    def read(item: int) -> int:
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        list(read_ahead(read, range(5), 2))
