"""Which spots are learned from together, and reading them ahead of their step."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_stexp.train.settings import TrainSettings

__all__ = ["Batch", "batches_per_epoch", "draw_batches", "plan_batches", "read_ahead"]

_ORDER = 1  # keeps these random numbers apart from others of the same seed

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Batch:
    """One step of a training.

    Attributes
    ----------
    epoch, step : int
        From 0; the step counts within the epoch.
    last : bool
        Whether it ends the epoch.
    rows : ndarray, (B,) int
        Spots over all sections.
    """

    epoch: int
    step: int
    last: bool
    rows: NDArray[np.intp]

    def windows(self, section: NDArray[np.integer]) -> list[slice]:
        """Return which parts of the batch lie in one section each.

        Parameters
        ----------
        section : ndarray, (N,) int
            Of all spots.
        """
        here = section[self.rows]
        edges = [0, *(np.flatnonzero(np.diff(here)) + 1).tolist(), len(here)]
        return [slice(a, b) for a, b in pairwise(edges)]


def draw_batches(
    rows: NDArray[np.intp], settings: TrainSettings, epoch: int, multiple: int = 1
) -> list[NDArray[np.intp]]:
    """Shuffle spots into batches of nearly equal size, the same for the same seed and epoch.

    Parameters
    ----------
    rows : ndarray, (n,) int
        Spots to learn from.
    settings : TrainSettings
        Batch size and seed.
    epoch : int
    multiple : int
        Batches are cut to a multiple of this (the number of devices).
    """
    generator = np.random.default_rng([settings.seed, _ORDER, epoch])
    parts = np.array_split(generator.permutation(rows), batches_per_epoch(len(rows), settings))
    parts = [part[: len(part) // multiple * multiple] for part in parts]
    # Rows of a section lie together in the reference, so that sorting makes windows of them.
    return [np.sort(part) for part in parts] if settings.attention == "section" else parts


def batches_per_epoch(n: int, settings: TrainSettings) -> int:
    """Return how many batches n spots make."""
    return max(1, round(n / settings.batch_size))


def plan_batches(
    rows: NDArray[np.intp],
    settings: TrainSettings,
    start: tuple[int, int] = (0, 0),
    multiple: int = 1,
) -> Iterator[Batch]:
    """Yield all batches of a training from (epoch, step) on."""
    for epoch in range(start[0], settings.epochs):
        drawn = draw_batches(rows, settings, epoch, multiple)
        for step in range(start[1] if epoch == start[0] else 0, len(drawn)):
            yield Batch(epoch, step, step == len(drawn) - 1, drawn[step])


def read_ahead(
    read: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[tuple[Item, Result], None, None]:
    """Yield (item, ``read(item)``) in order, while threads read what comes next.

    Parameters
    ----------
    read : callable
        Runs in ``workers`` threads; with none, in the caller's.
    items : iterable
    workers : int
        One item more than this is read ahead.

    Notes
    -----
    Closing it waits for what is being read.
    """
    if not workers:
        for item in items:
            yield item, read(item)
        return
    source = iter(items)
    with ThreadPoolExecutor(workers, "stexp-read") as pool:
        waiting = deque((item, pool.submit(read, item)) for item in islice(source, workers + 1))
        try:
            while waiting:
                item, future = waiting.popleft()
                result = future.result()
                waiting.extend((i, pool.submit(read, i)) for i in islice(source, 1))
                yield item, result
        finally:
            for _, future in waiting:
                future.cancel()
