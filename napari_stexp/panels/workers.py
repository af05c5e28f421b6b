"""Long tasks of the core in napari's worker threads, watched from the main thread."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import logging
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from typing import Any

from napari.qt.threading import GeneratorWorker, create_worker
from qtpy.QtCore import QObject, QTimer, Signal, Slot

from napari_stexp.errors import DeviceError, PredictionError, StexpError
from napari_stexp.panels.activity import ActivityEntry, activity_board
from napari_stexp.panels.precedence import step_back
from napari_stexp.panels.reports import TaskReport
from napari_stexp.progress import Progress, RateMeter

__all__ = ["TaskHandle", "as_stexp_error", "run_task"]

_LOG = logging.getLogger(__name__)
_PATIENCE_MS = 700  # how long a cancelled task may take to notice it before we go on without
_REPORT_EVERY = 0.05  # seconds; a bar needs no more, and the main thread must not drown

_OWN: set[TaskHandle] = set()  # running tasks without an owner

Task = Generator[Progress, None, Any]


@dataclass(frozen=True)
class _Outcome:
    """How a task ended; travels from the worker to the main thread as its return value."""

    kind: str  # 'returned' | 'cancelled' | 'errored'
    value: Any = None


class _StoppableWorker(GeneratorWorker):
    """A napari worker that ends its generator in its own thread when told to quit.

    napari's own ``quit`` drops the generator between two yields and leaves its
    ``finally`` blocks to the garbage collector, in whatever thread that runs.
    """

    stop: threading.Event

    def quit(self) -> None:
        """Let the generator end itself at its next yield."""
        self.stop.set()


def _drive(task: Task, stop: threading.Event) -> Generator[Progress, None, _Outcome]:
    """Pass a task's reports on until it ends, fails or is told to stop; then close it.

    Every exception becomes part of the outcome: napari's worker would swallow
    a ``RuntimeError`` (CUDA out of memory is one) without any signal.
    """
    step_back()
    last = -_REPORT_EVERY
    try:
        while not stop.is_set():
            try:
                progress = next(task)
            except StopIteration as end:
                return _Outcome("returned", end.value)
            now = time.monotonic()
            if progress.new is None and now - last < _REPORT_EVERY:
                continue
            last = now
            yield progress
        return _Outcome("cancelled")
    except Exception as error:  # noqa: BLE001 - whatever it is, the user must hear of it
        if stop.is_set():  # its slide may have been closed under it: that is what was asked for
            return _Outcome("cancelled")
        return _Outcome("errored", as_stexp_error(error))
    finally:
        task.close()


def as_stexp_error(error: Exception) -> StexpError:
    """Return an error that a person can act on, with the original as its cause."""
    if isinstance(error, StexpError):
        return error
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        wrapped: StexpError = DeviceError(
            "the memory was not enough",
            found=text,
            hint="Choose another device under Predict, or close other programs, and try again.",
        )
    else:
        wrapped = PredictionError(
            "something unexpected went wrong",
            found=text,
            hint="Please report this; the details are in napari's console output.",
        )
        _LOG.error("unexpected error in a task", exc_info=error)
    wrapped.__cause__ = error
    return wrapped


class TaskHandle(QObject):
    """A running task as the main thread sees it.

    All signals are emitted in the main thread, in the order of the reports;
    exactly one of ``returned``, ``errored`` and ``cancelled`` is, followed by
    ``finished``.

    Attributes
    ----------
    title : str
        What is being done, for a person.
    unit : str
        What is counted ('spots').
    patient : bool
        Whether a cancelled task is waited for, however long its next yield takes.
    report : TaskReport
        The last report.
    """

    yielded = Signal(object)  # Progress
    reported = Signal(object)  # TaskReport
    returned = Signal(object)
    errored = Signal(object)  # StexpError
    cancelled = Signal()
    finished = Signal()

    def __init__(
        self, title: str, unit: str = "", parent: QObject | None = None, *, patient: bool = False
    ) -> None:
        super().__init__(parent)
        self.title = title
        self.unit = unit
        self.patient = patient
        self.report = TaskReport(Progress(0, 0, title))
        self._meter = RateMeter()
        self._stop = threading.Event()
        self._activity: ActivityEntry | None = None
        self._running = False

    @property
    def running(self) -> bool:
        """Whether the task has not ended yet."""
        return self._running

    @property
    def cancelling(self) -> bool:
        """Whether it was told to stop and has not stopped yet."""
        return self._running and self._stop.is_set()

    def start(self, task: Task) -> None:
        """Run ``task`` in a worker thread."""
        stop = self._stop

        def drive() -> Generator[Progress, None, _Outcome]:
            return (yield from _drive(task, stop))

        # napari lists running workers by their function when the window is closed.
        drive.__qualname__ = self.title
        worker = create_worker(
            drive,
            _start_thread=False,
            _worker_class=_StoppableWorker,
            _ignore_errors=True,
        )
        worker.stop = stop
        _wait_at_exit()
        _log_warnings(worker)
        worker.yielded.connect(self._on_yielded)
        worker.returned.connect(self._on_returned)
        worker.errored.connect(self._on_errored)
        self._running = True
        handle, first = weakref.ref(self), self.report

        def read() -> TaskReport:  # the board outlives windows, and must not keep one
            found = handle()
            return first if found is None else found.report

        self._activity = activity_board().add(read)
        self.destroyed.connect(self._activity.stop)
        worker.start()

    def cancel(self) -> None:
        """Stop at the task's next yield; nothing happens if it has ended.

        Where that yield is long in coming, the task counts as cancelled all
        the same: its worker ends by itself, and nobody hears of it any more.
        Unless it is a ``patient`` one, which may have a file to finish.
        """
        if self._running and not self._stop.is_set():
            self._stop.set()
            if not self.patient:
                QTimer.singleShot(_PATIENCE_MS, self._detach)

    @Slot(object)
    def _on_yielded(self, progress: Progress) -> None:
        if not self._running:
            return
        rate, left = self._meter.update(progress)
        self.report = TaskReport(progress, rate, left)
        self.yielded.emit(progress)
        self.reported.emit(self.report)

    @Slot(object)
    def _on_returned(self, outcome: _Outcome) -> None:
        if not self._running:
            return
        self._running = False
        if self._activity is not None:
            self._activity.stop()
        if outcome.kind == "returned":
            self.returned.emit(outcome.value)
        elif outcome.kind == "errored":
            self.errored.emit(outcome.value)
        else:
            self.cancelled.emit()
        self.finished.emit()

    @Slot()
    def _detach(self) -> None:
        self._on_returned(_Outcome("cancelled"))

    @Slot(object)
    def _on_errored(self, error: Exception) -> None:
        self._on_returned(_Outcome("errored", as_stexp_error(error)))


@cache
def _wait_at_exit() -> None:
    """End workers before the interpreter goes: napari does so only when its event loop ran."""
    atexit.register(GeneratorWorker.await_workers)


def _log_warnings(worker: Any) -> None:
    """Send a library's warnings to the log: they mean nothing to the person at the window."""
    with contextlib.suppress(TypeError, RuntimeError):  # nothing was connected
        worker.warned.disconnect()
    worker.warned.connect(_log_warning)


def _log_warning(arguments: tuple[Any, ...]) -> None:
    _LOG.info("%s", warnings.formatwarning(*itertools.islice(arguments, 4)).strip())


def run_task(  # noqa: PLR0913 - one callback per way of ending
    task: Task,
    *,
    title: str,
    unit: str = "",
    on_yield: Callable[[Progress], None] | None = None,
    on_return: Callable[[Any], None] | None = None,
    on_error: Callable[[StexpError], None] | None = None,
    on_cancel: Callable[[], None] | None = None,
    on_finish: Callable[[], None] | None = None,
    parent: QObject | None = None,
    patient: bool = False,
) -> TaskHandle:
    """Run a generator of `Progress` in a worker thread.

    Parameters
    ----------
    task : generator of Progress
        Not started yet; it is advanced and closed in the worker thread only.
    title : str
        What is being done, in words; shown in napari's activity dock.
    unit : str
        What its progress counts.
    on_yield, on_return, on_error, on_cancel, on_finish : callable, optional
        Called in the main thread.
    parent : QObject, optional
        Owner of the handle. When it is destroyed the task is cancelled and no
        callback follows.
    patient : bool
        Whether a cancelled task counts as running until it has really ended.

    Returns
    -------
    TaskHandle
        Its ``cancel`` takes effect at the task's next yield.
    """
    handle = TaskHandle(title, unit, parent, patient=patient)
    handle.destroyed.connect(handle._stop.set)
    for signal, callback in (
        (handle.yielded, on_yield),
        (handle.returned, on_return),
        (handle.errored, on_error),
        (handle.cancelled, on_cancel),
        (handle.finished, on_finish),
    ):
        if callback is not None:
            signal.connect(callback)
    handle.finished.connect(handle.deleteLater)
    if parent is None:  # nobody else needs to keep it
        _OWN.add(handle)
        handle.finished.connect(lambda: _OWN.discard(handle))
    handle.start(task)
    return handle
