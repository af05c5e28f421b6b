"""run_task: order of signals, cancelling, and no error that goes unheard."""

from __future__ import annotations

import threading
import time

import pytest

pytest.importorskip("qtpy.QtWidgets")

from napari_stexp.errors import DeviceError, PredictionError, SpotsError
from napari_stexp.panels.reports import TaskReport
from napari_stexp.panels.workers import run_task
from napari_stexp.progress import Progress

pytestmark = pytest.mark.gui


class Watcher:
    """Collects what a task tells, and in which thread."""

    def __init__(self):
        self.told = []
        self.threads = set()

    def hear(self, kind):
        def slot(*arguments):
            self.told.append((kind, *arguments))
            self.threads.add(threading.current_thread())

        return slot

    def run(self, qtbot, task, **options):
        return run_task(
            task,
            title="a test",
            unit="things",
            on_yield=self.hear("yield"),
            on_return=self.hear("return"),
            on_error=self.hear("error"),
            on_cancel=self.hear("cancel"),
            on_finish=self.hear("finish"),
            **options,
        )

    @property
    def kinds(self):
        return [kind for kind, *_ in self.told]


@pytest.fixture
def watcher():
    return Watcher()


def finished(watcher):
    return lambda: "finish" in watcher.kinds


def test_result_and_new_things_arrive_in_order_in_the_main_thread(qtbot, watcher):
    worker_threads = set()

    def task():
        for done in range(1, 6):
            worker_threads.add(threading.current_thread())
            yield Progress(done, 5, "counting", new=done)
        return "result"

    watcher.run(qtbot, task())
    qtbot.waitUntil(finished(watcher), timeout=5000)
    assert watcher.kinds == ["yield"] * 5 + ["return", "finish"]
    assert [p.new for kind, p in watcher.told[:5]] == [1, 2, 3, 4, 5]
    assert watcher.told[5] == ("return", "result")
    assert watcher.threads == {threading.main_thread()}
    assert threading.main_thread() not in worker_threads


def test_reports_without_news_are_thinned_out(qtbot, watcher):
    def task():
        for done in range(20_000):
            yield Progress(done, 20_000)

    watcher.run(qtbot, task())
    qtbot.waitUntil(finished(watcher), timeout=20_000)
    assert 1 <= watcher.kinds.count("yield") < 500


def test_cancel_closes_the_generator_in_the_worker_thread(qtbot, watcher):
    closed_in = []

    def task():
        try:
            while True:
                time.sleep(0.02)
                yield Progress(0, 0)
        finally:
            closed_in.append(threading.current_thread())

    handle = watcher.run(qtbot, task())
    qtbot.waitUntil(lambda: "yield" in watcher.kinds, timeout=5000)
    start = time.monotonic()
    handle.cancel()
    assert handle.cancelling
    qtbot.waitUntil(finished(watcher), timeout=5000)
    assert time.monotonic() - start < 1.0
    assert watcher.kinds[-2:] == ["cancel", "finish"]
    assert "return" not in watcher.kinds
    assert len(closed_in) == 1
    assert closed_in[0] is not threading.main_thread()


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), DeviceError, "memory"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), PredictionError, "mat1"),
        (MemoryError(), DeviceError, "memory"),
        (SpotsError("no spots", hint="Load some."), SpotsError, "Load some."),
        (ZeroDivisionError("division by zero"), PredictionError, "division by zero"),
    ],
)
def test_no_error_is_swallowed(qtbot, watcher, error, kind, words):
    def task():
        yield Progress(0, 1)
        raise error

    watcher.run(qtbot, task())
    qtbot.waitUntil(finished(watcher), timeout=5000)
    assert watcher.kinds[-2:] == ["error", "finish"]
    told = watcher.told[-2][1]
    assert type(told) is kind
    assert words in told.message
    assert told is error or told.__cause__ is error


def test_error_after_cancelling_counts_as_cancelled(qtbot, watcher):
    told_to_stop = threading.Event()

    def task():
        yield Progress(0, 1, new="started")
        told_to_stop.wait(5)
        raise SpotsError("its file was closed under it")

    handle = watcher.run(qtbot, task())
    qtbot.waitUntil(lambda: "yield" in watcher.kinds, timeout=5000)
    handle.cancel()
    told_to_stop.set()
    qtbot.waitUntil(finished(watcher), timeout=5000)
    assert watcher.kinds[-2:] == ["cancel", "finish"]


def test_warnings_of_a_library_are_no_error(qtbot, watcher):
    import warnings

    def task():
        yield Progress(0, 1)
        warnings.warn("deprecated somewhere deep", FutureWarning, stacklevel=1)
        return "done"

    watcher.run(qtbot, task())
    qtbot.waitUntil(finished(watcher), timeout=5000)
    assert ("return", "done") in watcher.told


def test_nothing_is_told_after_the_owner_is_gone(qtbot, watcher):
    from qtpy.QtCore import QObject

    ended = threading.Event()

    def task():
        try:
            while True:
                time.sleep(0.01)
                yield Progress(0, 0, new="news")
        finally:
            ended.set()

    owner = QObject()
    watcher.run(qtbot, task(), parent=owner)
    qtbot.waitUntil(lambda: "yield" in watcher.kinds, timeout=5000)
    owner.deleteLater()
    qtbot.waitUntil(ended.is_set, timeout=5000)
    qtbot.wait(50)
    told = len(watcher.told)
    qtbot.wait(100)
    assert len(watcher.told) == told
    assert "finish" not in watcher.kinds


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (
            TaskReport(Progress(12, 100, "predicting"), 4.0, 22.0),
            "Predicting · 12 / 100 spots · 4 spots/s · 22 s left",
        ),
        (TaskReport(Progress(0, 0, "opening the slide")), "Opening the slide"),
        (
            TaskReport(Progress(100, 100, "predicting"), 4.0, 0.0),
            "Predicting · 100 / 100 spots · 4 spots/s",
        ),
        (
            TaskReport(Progress(5, 4000, "predicting"), 0.5, 7990.0),
            "Predicting · 5 / 4,000 spots · 0.5 spots/s · 2 h 13 min left",
        ),
    ],
)
def test_report_in_words(report, text):
    assert report.describe("spots") == text
