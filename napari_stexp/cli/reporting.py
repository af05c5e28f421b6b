"""What a command tells while it runs (stderr) and in the end (stdout)."""

from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from napari_stexp.progress import Progress, RateMeter, exhaust
from napari_stexp.session.progress_bar import BarReport, describe_speed, format_time, make_bar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

__all__ = ["Reporter", "format_time", "print_error", "print_facts", "print_json"]

Result = TypeVar("Result")
Report = Callable[[Progress], None]

#: Between two lines of progress where there is no terminal, in seconds.
_LINE_INTERVAL = 10.0


class Reporter:
    """Progress and notices on stderr: a bar on a terminal, a line now and then elsewhere.

    Parameters
    ----------
    quiet : bool
        Say nothing.
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        if not quiet:
            logger = logging.getLogger("napari_stexp")
            logger.handlers = [_Notices(self)]

    def note(self, text: str) -> None:
        """Print what the user should know though it is no error."""
        if not self.quiet:
            _stderr().print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)

    def tell(self, text: str) -> None:
        """Print a line about a task that goes on as it should."""
        if not self.quiet:
            _stderr().print(text, markup=False, highlight=False, soft_wrap=True)

    def run(
        self,
        task: Generator[Progress, None, Result],
        *,
        unit: str = "",
        on_report: Report | None = None,
        gently: bool = False,
    ) -> Result:
        """Run a long task to its end, showing how far it is, and return its result.

        However it ends (Ctrl-C included), the task is closed, so that nothing
        of it is left running.

        Parameters
        ----------
        task : generator of Progress
            The task.
        unit : str
            What it counts, for the rate ('spots').
        on_report : callable, optional
            Called with each report, before it is shown.
        gently : bool
            A first Ctrl-C waits for the next report, so that the task is closed
            between two steps; a second one doesn't.
        """
        try:
            with self._shown(unit) as show, self._interrupts(gently) as check:

                def tell(progress: Progress) -> None:
                    check()
                    if on_report is not None:
                        on_report(progress)
                    show(progress)

                return exhaust(task, tell)
        finally:
            task.close()

    @contextmanager
    def _interrupts(self, gently: bool) -> Iterator[Callable[[], None]]:
        """Keep a first Ctrl-C until the check that is yielded is called."""
        usual = signal.getsignal(signal.SIGINT)
        elsewhere = threading.current_thread() is not threading.main_thread()
        if not gently or elsewhere or usual is not signal.default_int_handler:
            yield lambda: None
            return
        pressed: list[int] = []

        def keep(number: int, frame: Any) -> None:
            signal.signal(signal.SIGINT, usual)
            pressed.append(number)
            self.note("Stopping after this step; Ctrl-C once more stops at once.")

        def check() -> None:
            if pressed:
                raise KeyboardInterrupt

        signal.signal(signal.SIGINT, keep)
        try:
            yield check
        finally:
            signal.signal(signal.SIGINT, usual)

    @contextmanager
    def _shown(self, unit: str) -> Iterator[Report]:
        console = _stderr()
        if self.quiet:
            yield lambda _: None
        elif console.is_terminal:
            with make_bar(console) as bar:
                yield BarReport(bar, unit)
        else:
            yield _LineReport(console, unit)


class _Notices(logging.Handler):
    """Shows the core's warnings as notices, above a running bar."""

    def __init__(self, reporter: Reporter) -> None:
        super().__init__(logging.WARNING)
        self._reporter = reporter

    def emit(self, record: logging.LogRecord) -> None:
        self._reporter.note(record.getMessage())


class _LineReport:
    """Prints a line when a stage begins and every few seconds."""

    def __init__(self, console: Console, unit: str) -> None:
        self._console, self._unit = console, unit
        self._stage: str | None = None
        self._printed = 0.0
        self._meter = RateMeter()

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage != self._stage:
            self._meter = RateMeter()
        speed = describe_speed(*self._meter.update(progress), self._unit)
        if progress.stage == self._stage and now - self._printed < _LINE_INTERVAL:
            return
        self._stage, self._printed = progress.stage, now
        line = progress.stage or "working"
        if progress.total:
            line += f": {progress.done} of {progress.total}"
        if speed:
            line += f", {speed}"
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True)


def print_error(message: str) -> None:
    """Print one line on stderr."""
    line = " ".join(f"Error: {message}".split())
    _stderr().print(line, style="red", markup=False, highlight=False, soft_wrap=True)


def print_json(facts: Any) -> None:
    """Print facts as JSON on stdout; NaN and infinities become null."""
    sys.stdout.write(json.dumps(_as_json(facts), indent=2, ensure_ascii=False, allow_nan=False))
    sys.stdout.write("\n")


def _as_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _as_json(entry) for key, entry in value.items()}
    if hasattr(value, "tolist"):  # numpy's scalars and arrays
        return _as_json(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_as_json(entry) for entry in value]
    if isinstance(value, float) and value - value != 0:  # NaN or infinite
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def print_facts(facts: dict[str, Any]) -> None:
    """Print facts on stdout for people, a line each; nested ones indented."""
    for line in _lines(facts):
        sys.stdout.write(line.rstrip() + "\n")


def _lines(facts: dict[str, Any], indent: str = "") -> Iterator[str]:
    shown = {key: value for key, value in facts.items() if value not in (None, "", [], {})}
    width = max((len(str(key)) for key in shown), default=0)
    for key, value in shown.items():
        name = f"{indent}{str(key).replace('_', ' '):<{width}}"
        if isinstance(value, dict):
            yield name
            yield from _lines(value, indent + "  ")
        elif isinstance(value, (list, tuple)) and isinstance(value[0], dict):
            yield name
            yield from (f"{indent}  {_write(entry)}" for entry in value)
        elif isinstance(value, (list, tuple)):
            yield f"{name}  {_join(value)}"
        else:
            yield f"{name}  {_write(value)}"


def _join(values: list[Any] | tuple[Any, ...], most: int = 12) -> str:
    text = ", ".join(_write(value) for value in values[:most])
    return text + (f" … ({len(values)} in all)" if len(values) > most else "")


def _write(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        known = {key: entry for key, entry in value.items() if entry not in (None, "")}
        return ", ".join(f"{key} {_write(entry)}" for key, entry in known.items())
    return str(value)
