"""How far a task is, and in which words to say so."""

from __future__ import annotations

from dataclasses import dataclass

from napari_stexp.panels.text import describe_time
from napari_stexp.progress import Progress

__all__ = ["TaskReport"]


@dataclass(frozen=True)
class TaskReport:
    """How far a running task is, with what the reports so far say about its speed.

    Attributes
    ----------
    progress : Progress
        The last report; ``total`` 0 means that the end isn't known.
    rate : float
        Units per second, 0 while unknown.
    seconds_left : float or None
        Estimated time left, None while unknown.
    """

    progress: Progress
    rate: float = 0.0
    seconds_left: float | None = None

    def describe(self, unit: str = "") -> str:
        """Return one line for a person: stage, count, rate and time left."""
        progress = self.progress
        parts = [progress.stage[:1].upper() + progress.stage[1:]] if progress.stage else []
        if progress.total > 1:
            parts.append(f"{progress.done:,} / {progress.total:,} {unit}".strip())
        if self.rate and unit and progress.total > 1:
            parts.append(f"{self.rate:.2g} {unit}/s")
        if self.seconds_left is not None and progress.done < progress.total:
            parts.append(f"{describe_time(self.seconds_left)} left")
        return " · ".join(parts)
