"""A bar in a terminal or a notebook that shows how far a long task is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.progress import Progress, RateMeter

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["BarReport", "describe_speed", "format_time", "make_bar"]


class BarReport:
    """Feeds a rich bar, one line per stage."""

    def __init__(self, bar: Any, unit: str) -> None:
        self._bar, self._unit = bar, unit
        self._stage: str | None = None
        self._task: Any = None
        self._meter = RateMeter()

    def __call__(self, progress: Progress) -> None:
        """Show a report."""
        if self._task is None or progress.stage != self._stage:
            self._stage, self._meter = progress.stage, RateMeter()
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._task = self._bar.add_task(progress.stage or "working", speed="")
        rate, left = self._meter.update(progress)
        self._bar.update(
            self._task,
            completed=progress.done,
            total=progress.total or None,
            speed=describe_speed(rate, left, self._unit),
        )


def describe_speed(rate: float, left: float | None, unit: str) -> str:
    """Say how fast it goes and how long it will take; empty while that is unknown."""
    if left is None:
        return ""
    speed = f"{rate:,.{0 if rate >= 10 else 1}f} {unit}/s, " if unit else ""
    return f"{speed}{format_time(left)} left"


def format_time(seconds: float) -> str:
    """Write a duration as people say it: '8 s', '3 min 20 s', '2 h 5 min'."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def make_bar(console: Console) -> Any:
    """Return a bar with stage, count and speed, which goes when it is done."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}", style="cyan"),
        console=console,
        transient=True,
    )
