"""Reading batches in threads, ahead of whoever uses them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TypeVar

__all__ = ["read_ahead"]

Job = TypeVar("Job")
Batch = TypeVar("Batch")


def read_ahead(
    jobs: Iterator[Job], read: Callable[[Job, Event], Batch], threads: int, prefetch: int
) -> Generator[tuple[Job, Batch], None, None]:
    """Read batches in threads, and yield each with its job, in the jobs' order.

    Closing it stops the threads and waits for them.

    Parameters
    ----------
    jobs : iterator
        Each is asked for when it is about to be read.
    read : callable
        ``read(job, stop)`` gives a batch, of no use once ``stop`` is set. A thread reads
        whole batches: sharing out the tiles of one costs more than it gains.
    threads : int
    prefetch : int
        How many batches are read ahead, at least one for each thread.
    """
    stop = Event()
    waiting: deque[tuple[Job, Future[Batch]]] = deque()
    pool = ThreadPoolExecutor(threads, "stexp-patch")

    def submit() -> None:
        for job in jobs:
            waiting.append((job, pool.submit(read, job, stop)))
            return

    try:
        for _ in range(max(1, prefetch, threads)):
            submit()
        while waiting:
            job, future = waiting.popleft()
            batch = future.result()
            submit()
            yield job, batch
    finally:
        stop.set()
        pool.shutdown(cancel_futures=True)
