"""Chores that nobody asked for by name."""

from __future__ import annotations

import gc

import pytest

pytest.importorskip("qtpy.QtWidgets")

pytestmark = pytest.mark.gui


def test_a_slide_that_is_opened_at_once_only_puts_the_preparations_off(window, slide_file, qtbot):
    window.controller.open_slide(slide_file)  # before the window is idle
    assert "warm-up" not in window.controller.tasks
    window.settle()
    # What was imported is passed over from then on: a full collection takes a third of a second.
    qtbot.waitUntil(lambda: gc.get_freeze_count() > 0, timeout=30_000)


def test_a_window_that_was_closed_prepares_nothing(window, qtbot):
    window.controller.close()
    window.settle()
    qtbot.wait(600)
    assert "warm-up" not in window.controller.tasks
    assert gc.get_freeze_count() == 0
