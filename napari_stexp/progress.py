"""What long tasks yield, whoever consumes them: a panel, the command line, a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

__all__ = ["PAUSED", "Progress", "RateMeter", "exhaust"]

#: Stage of a task that waits until it is told to go on.
PAUSED = "paused"

Result = TypeVar("Result")


@dataclass(frozen=True)
class Progress:
    """How far a long task is.

    Attributes
    ----------
    done, total : int
        Finished and expected units of work.
    stage : str
        What is being done, in words for a progress bar.
    new : object
        What has come since the last report; its type is the task's own.
    """

    done: int
    total: int
    stage: str = ""
    new: Any = None

    @property
    def fraction(self) -> float:
        """``done / total``, 1.0 for an empty task."""
        return self.done / self.total if self.total else 1.0


def exhaust(
    task: Generator[Progress, None, Result], report: Callable[[Progress], None] | None = None
) -> Result:
    """Run a long task to its end and return its result.

    Parameters
    ----------
    task : generator of Progress
        The task; its ``return`` value is its result.
    report : callable, optional
        Called with every progress report.
    """
    while True:
        try:
            progress = next(task)
        except StopIteration as stop:
            return stop.value
        if report is not None:
            report(progress)


@dataclass
class RateMeter:
    """Units per second and the seconds left, from the reports of one task.

    The rate is taken over the last ``window`` seconds, so that a slow start
    (a model being loaded) doesn't spoil the estimate. Time in the stage `PAUSED`
    doesn't count.
    """

    window: float = 10.0
    clock: Callable[[], float] = time.monotonic
    _seen: list[tuple[float, int]] = field(default_factory=list)
    _waited: float = 0.0
    _waits_since: float | None = None

    def update(self, progress: Progress) -> tuple[float, float | None]:
        """Return (units per second, seconds left or None while unknown)."""
        now = self._working_time(progress.stage == PAUSED)
        if self._seen and progress.done < self._seen[-1][1]:
            self._seen.clear()  # a new stage counts from zero
        if progress.stage != PAUSED or not self._seen:
            self._seen.append((now, progress.done))
        while len(self._seen) > 2 and now - self._seen[0][0] > self.window:
            self._seen.pop(0)
        (t0, n0), (t1, n1) = self._seen[0], self._seen[-1]
        rate = (n1 - n0) / (t1 - t0) if t1 > t0 else 0.0
        return rate, (progress.total - progress.done) / rate if rate > 0 else None

    def _working_time(self, paused: bool) -> float:
        """Return the clock without what was spent waiting."""
        now = self.clock()
        if self._waits_since is not None:
            self._waited += now - self._waits_since
        self._waits_since = now if paused else None
        return now - self._waited
