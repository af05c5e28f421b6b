"""The tissue in the real window: found, painted, taken back, and a grid on it."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scipy.spatial import KDTree
from shapely import box

from napari_stexp.panels.slide.tissue_control import COUNT
from napari_stexp.progress import Progress
from tests.panels.align.test_align_panel import drag

pytestmark = pytest.mark.gui


def test_find_paint_undo_and_a_grid_for_each_region(shown_window, slide_file, tmp_path):
    w = shown_window
    w.open(slide_file)
    form, tissue = w.slide.tissue_form, w.session.tissue
    form.set_opened(True)
    w.click(form.find_button)
    w.settle()
    found = tissue.mask
    disc = np.pi * 0.35**2
    assert found.area_mm2(1.0) == pytest.approx(disc, rel=0.05)
    layer = w.viewer.layers["Tissue"]
    assert layer.data.sum() == found.n_pixels

    # erase a stroke through the middle, add one on the glass
    w.click(form.edit_button)
    w.click(form.tool_buttons["erase"])
    form.brush_box.setValue(60)
    drag(w, (400, 450), (800, 450))
    assert not tissue.mask.contains([[600, 450]])[0]
    assert tissue.mask.contains([[600, 300]])[0]
    assert "edited by hand" in form.line.text()
    w.click(form.tool_buttons["paint"])
    drag(w, (60, 80), (180, 80))
    assert tissue.mask.contains([[120, 80]])[0]
    assert w.session.undoing.undo_text == "Paint tissue"
    w.press(w.slide, "Z", "Control")
    assert not tissue.mask.contains([[120, 80]])[0]
    assert layer.data.sum() == tissue.mask.n_pixels
    w.click(form.edit_button)
    assert tissue.tool == "none"

    # other pieces and holes leave what was painted
    form.hole_box.setValue(0.5)
    w.qtbot.wait(300)
    w.settle()
    assert tissue.mask.settings.max_hole_mm2 == 0.5
    assert not tissue.mask.contains([[600, 450]])[0]

    # a finer grid in a region
    w.session.regions.add(box(450, 500, 700, 700), "Tumor")
    grid = w.slide.spots.grid_form
    grid.pitch_box.setValue(100)
    grid.diameter_box.setValue(20)
    w.slide.spots.grid_fold.set_opened(True)
    w.qtbot.wait(100)
    check, pitch, _ = grid.table.rows["Tumor"]
    w.click(check)
    pitch.setValue(30)
    w.wait(lambda: "spots" in grid.number.text())
    w.settle()
    w.click(grid.button)
    w.settle()
    spots = w.session.spots
    assert grid.number.text().startswith(f"{spots.n_obs:,} spots")
    xy = spots.obsm["spatial"]
    assert tissue.mask.contains(xy).all()
    fine = xy[spots.obs["grid_area"] == "Tumor"]
    assert ((fine >= (450, 500)) & (fine <= (700, 700))).all()
    assert KDTree(fine).query(fine, 2)[0][:, 1].min() == pytest.approx(30)
    assert set(spots.obs["grid_area"]) == {"Tumor", "rest"}

    # kept in a file, and read from it
    w.choose(tmp_path / "mask.geojson")
    w.click(form.save_button)
    w.settle()
    mine = tissue.mask
    w.click(form.discard_button)
    assert tissue.mask is None
    assert "Tissue" not in w.viewer.layers
    w.click(form.load_button)
    w.settle()
    assert tissue.mask.n_pixels * tissue.mask.downsample**2 == pytest.approx(
        mine.n_pixels * mine.downsample**2, rel=0.01
    )
    assert w.errors == []


def test_a_grid_is_counted_as_soon_as_its_form_is_looked_at(shown_window, slide_file):
    w = shown_window
    grid, asked = w.slide.spots.grid_form, []
    grid.count_wanted.connect(lambda settings, unasked: asked.append((settings, unasked)))
    w.bring_forward(w.genes)
    w.open(slide_file)
    w.qtbot.wait(1500)
    assert not any(settings for settings, _ in asked)  # somebody looks at genes
    w.bring_forward(w.slide)
    w.wait(grid.number.isVisible)
    counted = grid.number.text()
    assert [unasked for settings, unasked in asked if settings] == [True]

    # what the tissue or the regions leave as it was isn't counted again
    w.session.regions.add(box(450, 500, 700, 700), "Tumor")
    w.qtbot.wait(100)
    assert grid.number.text() == counted
    # another scale is another question
    w.controller.set_mpp(2.0)
    assert grid.number.isHidden()
    w.wait(grid.number.isVisible)
    assert grid.number.text() != counted
    w.settle()
    w.click(grid.button)
    w.settle()
    assert grid.number.text() == f"{w.session.spots.n_obs:,} spots."
    assert w.errors == []


def test_finding_tissue_to_count_gives_way_to_what_runs(shown_window, slide_file):
    w = shown_window
    grid, running = w.slide.spots.grid_form, True

    def long():
        while running:
            time.sleep(0.01)
            yield Progress(0, 0, "working")

    begun = []
    w.controller.task_started.connect(lambda area, _: begun.append(area))
    w.open(slide_file)
    w.controller.start("predict", long(), title="Predicting", on_return=lambda _: None)
    w.qtbot.wait(1800)
    assert COUNT not in begun
    assert grid.number.isHidden()
    running = False
    w.wait(grid.number.isVisible)
    assert COUNT in begun
    w.settle()
    assert w.errors == []
