"""The whole path in the real window, by clicks: open, predict, cancel, browse, save."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.gui


def test_open_predict_browse_and_save(
    window, slide_file, spots_file, bundle_file, regions_file, tmp_path
):
    from anndata import read_h5ad
    from qtpy.QtCore import Qt

    w = window
    w.choose(slide_file)
    w.click(w.slide.open_button)
    w.settle()
    assert w.session.slide.path == slide_file
    assert w.slide.slide_facts.text("Scale") == "1 µm/px, from the file"

    w.choose(spots_file)
    w.click(w.slide.spots.load_button)
    w.settle()
    assert w.session.spots.n_obs == 30
    assert w.session.source == "measured"
    assert w.genes.list.model.rowCount() == 7

    w.choose(regions_file)
    w.click(w.slide.annotations_button)
    w.settle()
    assert len(w.session.annotations) == 1

    w.choose(bundle_file)
    w.click(w.model.load_button)
    w.settle()
    assert w.model.facts.text("Reference") == "40 spots, 2 sections, 2 patients"
    assert w.predict.guide.isHidden()

    w.click(w.predict.predict_button)
    w.settle()
    assert w.errors == []
    prediction = w.session.prediction
    assert prediction.finished
    assert np.isfinite(prediction.adata.X).all()
    assert "30 spots predicted" in w.predict.summary.text()
    assert w.session.source == "predicted"

    first = w.session.gene
    w.genes.list.search.setFocus()
    w.qtbot.keyClicks(w.genes.list.search, "k")
    assert w.genes.list.model.rowCount() == 2  # IGKC, KRT19
    w.qtbot.keyClick(w.genes.list.search, Qt.Key.Key_Down)
    w.qtbot.keyClick(w.genes.list.search, Qt.Key.Key_Down)
    assert w.session.gene in {"IGKC", "KRT19"}
    assert w.genes.color_bar.gene == w.session.gene
    w.genes.list.search.clear()
    w.genes.list.gene_requested.emit(first)
    assert w.genes.list.table.currentIndex().row() == w.genes.list.model.row(first)

    controls = w.genes.controls
    controls.mode_box.setCurrentIndex(1)
    controls.mode_box.activated.emit(1)
    controls.high_box.setValue(9.0)
    assert w.session.limits()[1] == 9.0
    assert w.genes.color_bar.ticks()[-1] == "9"

    out = tmp_path / "out.h5ad"
    w.choose(out)
    w.click(w.predict.save_button)
    w.settle()
    saved = read_h5ad(out)
    assert np.array_equal(saved.X, prediction.adata.X)
    assert "Saved" in w.predict.notice("save").text()


def test_grid_on_an_unmeasured_slide(window, slide_file, bundle_file):
    w = window
    w.open(slide_file, bundle_file)
    w.slide.spots.grid_form.pitch_box.setValue(80)
    w.click(w.slide.spots.grid_form.button)
    w.settle()
    spots = w.session.spots
    assert 50 < spots.n_obs < 90  # a disc of 0.385 mm² at one spot per 5,543 µm²
    assert w.slide.spots.facts.text("Spots") == str(spots.n_obs)
    centre = np.linalg.norm(spots.obsm["spatial"] - (600, 450), axis=1)
    assert centre.max() < 380
    w.click(w.predict.predict_button)
    w.settle()
    assert w.session.prediction.finished
    assert w.errors == []


def test_picture_is_converted_and_takes_its_scale_from_the_spots(
    window, picture_file, spots_file, bundle_file
):
    w = window
    w.open(picture_file, bundle_file)
    assert "Pixel size unknown" in w.slide.pixel_size.notice.text()
    assert not w.slide.spots.grid_form.button.isEnabled()
    w.open(spots_file)
    assert "1 µm" in w.slide.pixel_size.notice.text()
    assert not w.predict.predict_button.isEnabled()
    w.click(w.slide.pixel_size.from_spots_button)
    assert w.session.slide.mpp == pytest.approx(1.0)
    assert w.session.slide.mpp_source == "spots"
    assert w.slide.pixel_size.notice.isHidden()
    assert w.predict.predict_button.isEnabled()


def test_layers_follow(window, slide_file, spots_file):
    from napari_stexp.panels import get_adapter

    w = window
    w.open(slide_file, spots_file)
    adapter = get_adapter(w.viewer)
    assert adapter.image_layer in w.viewer.layers
    assert len(adapter.spots_layer.data) == 30
    w.click(w.slide.spots.clear_button)
    assert w.session.spots is None
    w.click(w.slide.close_button)
    assert len(w.viewer.layers) == 0
    assert "Start here" in w.slide.guide.text()
