"""When the canvas is drawn."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets")

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMainWindow

from napari_stexp.panels.redraw import draw_in_a_turn_of_its_own

pytestmark = pytest.mark.gui


@pytest.fixture
def drawn(shown_window, slide_file, qtbot):
    """The window with a slide, all of it drawn, and what has happened since."""
    shown_window.open(slide_file)
    qtbot.wait(500)
    shown_window.happened = []
    canvas = shown_window.viewer.window._qt_viewer.canvas._scene_canvas
    canvas.events.draw.connect(lambda _: shown_window.happened.append("drawn"))
    return shown_window


def test_what_waits_comes_between_a_change_and_its_picture(drawn, qtbot):
    happened = drawn.happened
    for _ in range(3):  # one picture for all three
        drawn.viewer.scene.camera.zoom *= 1.5
    timer = QTimer(singleShot=True, interval=0)  # singleShot() would be earlier than any timer
    timer.timeout.connect(lambda: happened.append("a key"))
    timer.start()
    qtbot.waitUntil(lambda: "drawn" in happened)
    qtbot.wait(300)
    assert happened[:2] == ["a key", "drawn"]
    assert happened.count("drawn") <= 2  # the other where tiles of the slide have come


def test_a_screenshot_shows_the_change(drawn):
    before = drawn.viewer.screenshot(flash=False)
    drawn.viewer.layers[0].visible = False
    after = drawn.viewer.screenshot(flash=False)
    assert np.abs(after.astype(int) - before).max() > 50


def test_other_windows_are_left_alone(qtbot):
    window = QMainWindow()
    qtbot.addWidget(window)
    draw_in_a_turn_of_its_own(window)
