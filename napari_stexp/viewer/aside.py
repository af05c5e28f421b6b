"""Work that is done beside the window: handed in here, its result taken in the window's thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

__all__ = ["Aside", "AtOnce"]


class Aside(Protocol):
    """Does work, here or elsewhere."""

    @property
    def at_once(self) -> bool:
        """Whether results are there when `run` returns."""

    def run(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do some work, and hand its result on.

        Parameters
        ----------
        work : callable
            Takes nothing; where this isn't done at once, called in another thread, one
            after the other in the order of the calls.
        then : callable
            Takes what ``work`` returned, in the thread that this belongs to.
        """

    def later(self, then: Callable[[], None]) -> None:
        """Do something in a later turn of the event loop, where there is one."""


class AtOnce:
    """Does all work where it is asked for: in scripts, and where there is no window."""

    at_once = True

    def run(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Do some work, and hand its result on."""
        then(work())

    def later(self, then: Callable[[], None]) -> None:
        """Do something now."""
        then()
