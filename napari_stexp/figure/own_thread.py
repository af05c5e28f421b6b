"""Work that can't stop in its middle, as a generator that can be closed at any time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from queue import Empty, Queue
from typing import Any, TypeVar

from napari_stexp.progress import Progress

__all__ = ["Report", "StoppedError", "in_own_thread"]

_EVERY = 0.1  # seconds between two reports of work that says nothing
_FAREWELL = 0.25  # seconds in which stopped work may end and clear up

#: matplotlib's settings are the whole process's: what was left to end goes before the next.
_ONE_AT_A_TIME = threading.Lock()

Result = TypeVar("Result")
#: Says how far the work is; without anything, only asks whether it is still wanted.
Report = Callable[..., None]


class StoppedError(Exception):
    """Nobody waits for the result any more."""


def in_own_thread(work: Callable[[Report], Result]) -> Generator[Progress, None, Result]:
    """Run work in a thread of its own, one at a time.

    Parameters
    ----------
    work : callable
        Takes a function that it calls with its progress, and without anything between its
        parts. The function raises `StoppedError` once the generator has been closed; until
        the next call the work goes on unheard.

    Yields
    ------
    Progress
        Each report; while there is none, the last one again, ten times a second.
    """
    said: Queue[tuple[str, Any]] = Queue()
    go_on, stopped = threading.Semaphore(0), threading.Event()

    def report(progress: Progress | None = None) -> None:
        if progress is not None and not stopped.is_set():
            said.put(("report", progress))
            go_on.acquire()  # as a generator waits where it has yielded
        if stopped.is_set():
            raise StoppedError

    def run() -> None:
        with _ONE_AT_A_TIME, suppress(StoppedError):
            try:
                report()
                said.put(("returned", work(report)))
            except StoppedError:
                raise
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                said.put(("raised", error))

    thread = threading.Thread(target=run, name="stexp-figure", daemon=True)
    thread.start()
    try:
        return (yield from _follow(said, go_on))
    finally:
        stopped.set()
        go_on.release()
        thread.join(_FAREWELL)


def _follow(
    said: Queue[tuple[str, Any]], go_on: threading.Semaphore
) -> Generator[Progress, None, Any]:
    """Pass on what the work says, until it has ended."""
    last = Progress(0, 0, "drawing")
    while True:
        try:
            kind, what = said.get(timeout=_EVERY)
        except Empty:
            yield last
            continue
        if kind == "returned":
            return what
        if kind == "raised":
            raise what
        last = what
        yield last
        go_on.release()
