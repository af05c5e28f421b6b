"""The real window: what is drawn, and how fast."""

from __future__ import annotations

import time

import numpy as np
import pytest

from napari_stexp.session import Session
from napari_stexp.viewer import LayerAdapter
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots

pytestmark = pytest.mark.gui

# napari's dark canvas, the made slide and overlays are grey; what is drawn of spots is not.
YELLOW, PURPLE = (253, 231, 37), (68, 1, 84)


def count_pixels(image, colour, tolerance=40):
    difference = np.abs(image[..., :3].astype(int) - colour)
    return int((difference.max(axis=-1) < tolerance).sum())


@pytest.fixture
def shown(make_napari_viewer, qtbot):
    """A viewer with a grey slide and twelve large spots, half of them waiting."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1000, 700)
    session = Session()
    adapter = LayerAdapter(session, viewer)
    session.set_slide(FakeSlide(shape=(1000, 2000)))
    session.set_spots(make_spots(12, first=(150.0, 500.0), step=150.0))
    genes = ("ERBB2", "COL1A1")
    session.set_prediction(make_prediction(session.spots, genes, var={"pcc_spot": [0.9, 0.1]}))
    session.display = _opaque(session.display)
    yield session, adapter, viewer
    adapter.close()


def _opaque(display):
    from dataclasses import replace

    return replace(display, opacity=1.0)


def photograph(viewer):
    return viewer.screenshot(canvas_only=True, flash=False)


def test_spots_take_colour_as_values_come(shown):
    session, _, viewer = shown
    before = photograph(viewer)
    values = np.stack([np.linspace(0, 1, 6), np.linspace(1, 0, 6)], axis=1)
    session.add_batch(make_batch(range(6), values))
    after = photograph(viewer)
    spot = np.pi * (110 / 2 * 0.5 * viewer.scene.camera.zoom) ** 2
    assert count_pixels(before, YELLOW) < 20
    # one spot is at the top of the scale, and the colour bar ends there too
    assert count_pixels(after, YELLOW) > 0.7 * spot
    assert (before != after).any(axis=-1).sum() > 4 * spot


def test_spots_have_their_true_diameter_on_screen(shown):
    session, _, viewer = shown
    session.add_batch(make_batch(range(12), np.ones((12, 2))))  # all at the low end
    viewer.scene.camera.center = (0, 250, 325)
    viewer.scene.camera.zoom = 2.0  # screen px per µm
    image = photograph(viewer)
    middle = image[image.shape[0] // 2, :, :3].astype(int)
    covered = np.abs(middle - PURPLE).max(axis=-1) < 40
    runs = np.diff(np.flatnonzero(np.diff(np.r_[0, covered, 0])))[::2]
    assert np.median(runs) == pytest.approx(55 * 2.0, abs=4)


def test_a_failed_spot_is_drawn_unlike_a_waiting_one(shown):
    session, _, viewer = shown
    waiting = photograph(viewer)
    session.add_batch(make_batch(range(12), np.full((12, 2), np.nan), "unreadable", np.nan))
    failed = photograph(viewer)
    assert (waiting != failed).any(axis=-1).sum() > 500


def test_the_title_is_above_the_colour_bar(make_napari_viewer, qtbot):
    """Also when the values are there before the layer is."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(1000, 700)
    session = Session()
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(3, ("A", "B"), [[1, 1], [0, 4], [3, 1]]))
    adapter = LayerAdapter(session, viewer)
    image = photograph(viewer)
    corner = image[:, image.shape[1] * 2 // 3 :, :3].astype(int)
    bar = np.flatnonzero((np.abs(corner - YELLOW).max(axis=-1) < 40).sum(axis=1) > 10)
    # the rows of white letters, which are wider than the bar's white frame
    title = np.flatnonzero((corner.min(axis=-1) > 200).sum(axis=1) > 40)
    assert title.min() < bar.min()
    assert bar.min() - title.min() < 80
    adapter.close()


def test_changing_the_gene_costs_little_more_than_a_redraw(make_napari_viewer):
    """5,000 spots: with the redraw that follows, at most one and a half times a bare one."""
    viewer = make_napari_viewer(show=True)
    session = Session()
    adapter = LayerAdapter(session, viewer)
    random = np.random.default_rng(0)
    spots = make_spots(5000)
    spots.obsm["spatial"] = random.uniform((0, 0), (2000, 1000), (5000, 2))
    session.set_slide(FakeSlide())
    session.set_spots(spots)
    session.set_prediction(make_prediction(spots, ("A", "B")))
    session.add_batch(make_batch(range(5000), random.random((5000, 2))))

    def change():
        session.gene = "B" if session.gene == "A" else "A"

    bare = _median_time(lambda: viewer.screenshot(canvas_only=True, flash=False))
    changed = _median_time(change)
    print(f"redraw {bare * 1e3:.1f} ms, another gene {changed * 1e3:.1f} ms before it")
    assert changed < 0.5 * bare
    adapter.close()


def _median_time(task, repeats=15):
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        task()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def test_the_plugin_menu_opens_the_sample_and_the_panels(make_napari_viewer):
    """What the manifest promises is in napari's menus under the plugin's name."""
    from napari._app_model import get_app_model

    make_napari_viewer()
    commands = {command for command, _ in get_app_model().commands}
    assert "napari-stexp.all_panels" in commands
    assert "napari-stexp.breast_synthetic" in commands
