"""Tasks in napari's activity dock, whose bars process events whenever they change."""

from __future__ import annotations

import weakref

import pytest

pytest.importorskip("qtpy.QtWidgets")

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_stexp.panels import activity
from napari_stexp.panels.activity import ActivityBoard
from napari_stexp.panels.reports import TaskReport
from napari_stexp.progress import Progress

pytestmark = pytest.mark.gui


class EagerBar:
    """Processes events for longer than a tick whenever it changes, as napari's bar may."""

    depth = 0
    deepest = 0
    open_bars = 0
    qtbot = None

    def __init__(self, total, desc, file):
        self.total, self.desc, self.n = total, desc, 0
        EagerBar.open_bars += 1
        self._change()

    @classmethod
    def _change(cls):
        cls.depth += 1
        cls.deepest = max(cls.deepest, cls.depth)
        cls.qtbot.wait(30)
        cls.depth -= 1

    def update(self, more):
        self.n += more
        self._change()

    def set_description(self, words):
        self.desc = words
        self._change()

    def close(self):
        EagerBar.open_bars -= 1
        self._change()


@pytest.fixture
def board(monkeypatch, qtbot):
    monkeypatch.setattr(activity, "progress", EagerBar)
    monkeypatch.setattr(activity, "_FIRST_S", 0.0)
    monkeypatch.setattr(activity, "_EVERY_MS", 5)
    EagerBar.depth = EagerBar.deepest = EagerBar.open_bars = 0
    EagerBar.qtbot = qtbot
    return ActivityBoard(QApplication.instance())


def test_bars_never_change_within_each_other(board, qtbot):
    """A timer that fires within its own slot and is deleted there hangs PyQt."""
    reports = {name: TaskReport(Progress(0, 9, name)) for name in ("one", "two")}
    entries = [board.add(lambda name=name: reports[name]) for name in reports]
    qtbot.waitUntil(lambda: EagerBar.open_bars == 2)
    reports["one"] = TaskReport(Progress(4, 9, "one"))
    qtbot.wait(100)
    assert entries[0]._bar.n == 4
    owner = QObject()
    owner.destroyed.connect(entries[0].stop)
    owner.deleteLater()  # as a task's handle ends, within a bar's change or between two
    qtbot.waitUntil(lambda: EagerBar.open_bars == 1)
    entries[1].stop()
    qtbot.waitUntil(lambda: EagerBar.open_bars == 0)
    assert EagerBar.deepest == 1


def test_a_task_that_is_over_at_once_gets_no_bar(board, qtbot):
    board.add(lambda: TaskReport(Progress(0, 1, "short"))).stop()
    qtbot.wait(50)
    assert EagerBar.deepest == 0
    assert not board._entries


def test_a_stopped_task_is_neither_read_nor_kept(board, qtbot):
    class Task:
        report = TaskReport(Progress(0, 1, "here"))

    task = Task()
    entry = board.add(lambda task=task: task.report)
    qtbot.waitUntil(lambda: EagerBar.open_bars == 1)
    left = weakref.ref(task)
    del task
    entry.stop()
    assert left() is None
    qtbot.waitUntil(lambda: EagerBar.open_bars == 0)
