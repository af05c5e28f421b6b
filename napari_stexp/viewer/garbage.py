"""Keeps Python's garbage collector, and its lock, from stopping the window.

A full collection looks at every object there is, and no thread runs meanwhile: with torch
imported that takes a quarter of a second. It comes several times in an import, and napari
asks for one whenever a layer goes. What was imported stays anyway, and is spared.

The lock: each of the hundreds of calls that draw a picture gives it up, and waits to have it back
where a worker computes in Python.
"""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collect_all_again", "hand_over_sooner", "spare_what_is_there", "without_collecting"]


class _Pauses:
    """Counts those who want no collections now; several imports may overlap."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n = 0
        self._was_on = True

    def begin(self) -> None:
        with self._lock:
            if not self._n:
                self._was_on = gc.isenabled()
                gc.disable()
            self._n += 1

    def end(self) -> None:
        with self._lock:
            self._n -= 1
            if not self._n and self._was_on:
                gc.enable()


_PAUSES = _Pauses()


@contextmanager
def without_collecting() -> Iterator[None]:
    """Put collections off while something is imported, in whatever threads."""
    _PAUSES.begin()
    try:
        yield
    finally:
        _PAUSES.end()


def spare_what_is_there() -> None:
    """Let later collections pass over all objects that there are now.

    Those among them that end in a ring of references stay in memory until
    `collect_all_again`; so this is for moments after large imports only.
    """
    gc.freeze()


def collect_all_again() -> None:
    """Let collections look at everything again: a window has been closed."""
    gc.unfreeze()


_SWITCH_S = 0.0005  # Python's own is ten times that


def hand_over_sooner() -> None:
    """Let a thread that asks for Python's lock have it after half a millisecond."""
    sys.setswitchinterval(min(sys.getswitchinterval(), _SWITCH_S))
