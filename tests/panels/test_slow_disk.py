"""A slide on a slow disk, and a huge one: the window never waits for a file."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from napari_stexp.panels import get_adapter
from napari_stexp.slide.decoding import StoredLevel
from tests.panels.heartbeat import Heartbeat
from tests.slide.builders.shared_tiles import write_shared_slide

pytestmark = [pytest.mark.gui]

SIDE = 100_000
SECONDS = 0.05  # per read


@pytest.fixture(scope="module")
def huge_slide(tmp_path_factory):
    rng = np.random.default_rng(0)
    texture = rng.integers(90, 255, (512, 512, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
    return write_shared_slide(tmp_path_factory.mktemp("huge") / "huge.tif", SIDE, texture, step=4)


@pytest.fixture
def reads(monkeypatch):
    """Make each read slow; return the list of the threads that read."""
    threads, read = [], StoredLevel.read

    def slow(self, source, row, col):
        threads.append(threading.current_thread())
        time.sleep(SECONDS)
        return read(self, source, row, col)

    monkeypatch.setattr(StoredLevel, "read", slow)
    return threads


def look_around(w, steps):
    """Zoom in to the cells and pan there, faster than a slow disk can follow."""
    camera = w.viewer.scene.camera
    whole = camera.zoom
    for zoom in whole * np.geomspace(1, 0.7 / whole / 0.5, steps):
        camera.zoom = zoom
        w.qtbot.wait(30)
    for step in range(steps):
        y, x = camera.center[-2:]
        angle = 0.2 * step
        shift = np.array([np.sin(angle), np.cos(angle)]) * 200 / camera.zoom
        camera.center = (0.0, *(np.array([y, x]) + shift))
        w.qtbot.wait(30)


def test_window_never_reads_and_gets_sharp(shown_window, huge_slide, reads):
    w = shown_window
    w.open(huge_slide)
    adapter = get_adapter(w.viewer)
    layer = adapter.image_layer
    look_around(w, 8)
    assert layer.data_level == 0
    w.wait(lambda: not adapter.live.draw_news())
    assert threading.main_thread() not in reads
    assert len(reads) < 8 * 60, "views that were left were read to the end"

    (top, left), (bottom, right) = layer.corner_pixels[:, :2]
    height, width = int(bottom - top) + 1, int(right - left) + 1
    drawn = layer.get_value(
        (top + 0.5, left + 0.5), view_direction=None, dims_displayed=[0, 1], world=False
    )
    slide, x, y = w.session.slide, int(left), int(top)
    np.testing.assert_array_equal(drawn[1], slide.read_region(x, y, 1, 1)[0, 0])
    seen = np.asarray(layer.data[0][y : y + height, x : x + width])
    np.testing.assert_array_equal(seen, slide.read_region(x, y, width, height))

    # scripts get the pixels of the file anywhere, also where nothing was looked at
    assert layer.data[0][50_000:50_001, 77:78].shape == (1, 1, 3)
    w.controller.close_slide()
    assert not adapter.live.draw_news()


@pytest.mark.timing
@pytest.mark.timeout(300)
@pytest.mark.parametrize("slow", [False, True])
def test_panning_a_huge_slide_is_fluid(shown_window, huge_slide, request, slow):
    if slow:
        request.getfixturevalue("reads")
    w, beat = shown_window, Heartbeat()
    w.open(huge_slide)
    w.qtbot.wait(4000)
    longest = []
    for _ in range(5):
        beat.reset()
        look_around(w, 20)
        w.qtbot.wait(500)
        longest.append(beat.longest)
        get_adapter(w.viewer).fit()
        w.qtbot.wait(500)
    beat.stop()
    print(f"{'slow disk' if slow else 'disk'}: {[round(1e3 * one) for one in longest]} ms")
    assert max(longest) < 0.1
