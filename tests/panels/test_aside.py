"""Work in a thread beside the window."""

from __future__ import annotations

import threading

from napari_stexp.panels.aside import WindowAside
from napari_stexp.panels.letters import LettersAhead


def test_results_come_in_order_into_the_windows_thread(qtbot, caplog):
    aside, found = WindowAside(), []

    def work(number):
        return lambda: (number, threading.current_thread() is threading.main_thread())

    def take(result):
        found.append((*result, threading.current_thread() is threading.main_thread()))

    aside.run(work(1), take)
    aside.run(lambda: 1 / 0, take)  # nothing follows, and the next one goes on
    aside.run(work(2), take)
    assert found == []
    qtbot.waitUntil(lambda: len(found) == 2)
    assert found == [(1, False, True), (2, False, True)]
    assert "ZeroDivisionError" in caplog.text
    aside.later(lambda: found.append("later"))
    assert found[-1] != "later"
    qtbot.waitUntil(lambda: found[-1] == "later")
    aside.close()


def test_nothing_is_delivered_once_it_is_closed(qtbot):
    aside, found, go = WindowAside(), [], threading.Event()
    aside.run(lambda: go.wait(5), found.append)
    aside.run(lambda: "never begun", found.append)
    aside.later(lambda: found.append("later"))
    aside.close()
    go.set()
    aside.run(lambda: 1, found.append)
    qtbot.wait(60)
    assert found == []


class _Window:
    """As much of napari's window as letters need."""

    class _Viewer:
        def __init__(self):
            from napari._vispy.utils.qt_font import QtFontManager

            self._font_manager = QtFontManager()

    def __init__(self):
        self._qt_viewer = self._Viewer()
        self.is_shown = True

    def isVisible(self):
        return self.is_shown


def test_letters_are_rendered_while_the_window_is_shown(qtbot):
    window = _Window()
    letters = LettersAhead(window, parent := WindowAside())
    fonts = window._qt_viewer._font_manager._fonts
    qtbot.waitUntil(lambda: any(len(font._glyphs) > 2 for font in fonts.values()))
    window.is_shown = False
    qtbot.waitUntil(lambda: not letters._timer.isActive())
    other = object.__new__(_Window)  # of a napari that keeps them elsewhere
    other.is_shown = True
    gone = LettersAhead(other, parent)
    qtbot.waitUntil(lambda: not gone._timer.isActive())
