"""Batches that are read ahead in threads."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from napari_stexp.slide import PatchReader, open_slide
from napari_stexp.slide.ahead import read_ahead


def test_jobs_are_asked_for_no_earlier_than_they_can_be_read() -> None:
    asked = []

    def jobs():
        for n in range(10):
            asked.append(n)
            yield n

    found = read_ahead(jobs(), lambda job, _: job * 2, threads=2, prefetch=3)
    assert next(found) == (0, 0)
    assert asked == [0, 1, 2, 3]
    assert list(found) == [(n, 2 * n) for n in range(1, 10)]


def test_a_failure_ends_all_of_it() -> None:
    def fail(job: int, _: threading.Event) -> int:
        if job == 2:
            raise ValueError("no batch")
        return job

    found = read_ahead(iter(range(10)), fail, threads=2, prefetch=2)
    assert [next(found)[0] for _ in range(2)] == [0, 1]
    with pytest.raises(ValueError, match="no batch"):
        next(found)
    assert not [t for t in threading.enumerate() if t.name.startswith("stexp-patch")]


def test_closing_a_stream_stops_its_threads(exact_slide: Path) -> None:
    centers = np.random.default_rng(0).uniform(0, 2000, (2000, 2))
    with open_slide(exact_slide) as slide:
        stream = PatchReader(slide, 224, threads=2).stream(centers, 16, prefetch=3)
        next(stream)
        stream.close()
    assert not [t for t in threading.enumerate() if t.name.startswith("stexp-")]
