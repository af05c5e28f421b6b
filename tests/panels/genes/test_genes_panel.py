"""Browsing genes: keys, limits, colours, sources, and the legend's words."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.gui


@pytest.fixture
def measured(window, slide_file, spots_file):
    window.open(slide_file, spots_file)
    return window


@pytest.fixture
def predicted(measured, bundle_file):
    measured.open(bundle_file)
    measured.click(measured.predict.predict_button)
    measured.settle()
    return measured


def key(w, widget, name):
    from qtpy.QtCore import Qt

    w.qtbot.keyClick(widget, getattr(Qt.Key, f"Key_{name}"))


def test_says_what_to_do_while_there_is_nothing(window):
    assert "Open a slide" in window.genes.guide.text()
    assert window.genes.list.isHidden()
    assert window.genes.controls.isHidden()


def test_arrow_keys_step_from_the_list_and_from_the_search_box(measured):
    w = measured
    genes = w.genes.list
    names = [genes.model.gene(row) for row in range(genes.model.rowCount())]
    assert names == sorted(names)
    genes.table.selectRow(0)
    assert w.session.gene == names[0]
    key(w, genes.table, "Down")
    assert w.session.gene == names[1]
    key(w, genes.search, "Down")
    assert w.session.gene == names[2]
    key(w, genes.search, "Up")
    assert w.session.gene == names[1]
    key(w, genes.search, "PageDown")
    assert w.session.gene == names[-1]
    key(w, genes.search, "Down")
    assert w.session.gene == names[-1]  # the list ends there


def test_search_narrows_the_list_and_keeps_the_gene(measured):
    w = measured
    genes = w.genes.list
    genes.table.selectRow(genes.model.row("CD74"))
    w.qtbot.keyClicks(genes.search, "col")
    assert genes.model.rowCount() == 1
    assert w.session.gene == "CD74"
    assert "1 of 7 genes" in genes.line.text()
    key(w, genes.search, "Return")
    assert w.session.gene == "COL1A1"
    genes.search.setText("no such")
    assert "None of the 7 genes" in genes.line.text()
    genes.search.clear()
    assert genes.model.gene(genes.table.currentIndex().row()) == "COL1A1"


def test_session_s_gene_is_marked_without_asking_again(measured):
    w = measured
    asked = []
    w.genes.gene_requested.connect(asked.append)
    w.session.gene = "SFRP2"
    assert asked == []
    assert w.genes.list.model.gene(w.genes.list.table.currentIndex().row()) == "SFRP2"
    assert w.genes.color_bar.gene == "SFRP2"


def test_means_are_listed(measured):
    from napari_stexp.panels.genes.gene_model import MEAN

    w = measured
    w.settle()
    model = w.genes.list.model
    expected = float(np.mean(w.session.values("ERBB2")))
    shown = model.data(model.index(model.row("ERBB2"), MEAN))
    assert float(shown) == pytest.approx(expected, rel=0.01)


def test_predicted_and_measured(predicted):
    w = predicted
    assert not w.genes.source_row.isHidden()
    gene = w.session.gene
    before = w.session.values()
    w.click(w.genes.measured_button)
    assert w.session.source == "measured"
    assert w.session.gene == gene
    assert not np.allclose(w.session.values(), before)
    assert "measured" in w.genes.color_bar.unit
    w.click(w.genes.predicted_button)
    assert np.array_equal(w.session.values(), before)


def test_measured_alone_offers_no_choice(measured):
    assert measured.genes.source_row.isHidden()


def test_colour_map_size_opacity_and_visibility(measured):
    from napari_stexp.panels import get_adapter

    w = measured
    controls = w.genes.controls
    controls.colormap_box.setCurrentText("magma")
    controls.size_slider.setValue(150)
    controls.opacity_slider.setValue(40)
    display = w.session.display
    assert (display.colormap, display.size_factor, display.opacity) == ("magma", 1.5, 0.4)
    assert w.genes.color_bar.colormap == "magma"
    layer = get_adapter(w.viewer).spots_layer
    assert layer.opacity == pytest.approx(0.4)
    controls.visible_box.click()
    assert not layer.visible
    layer.visible = True  # by hand, in napari's layer list
    assert controls.visible_box.isChecked()


def test_limits_by_percentile_and_by_hand(measured):
    w = measured
    controls = w.genes.controls
    values = w.session.values()
    controls.percentile_slider.setValue((10.0, 90.0))
    assert w.session.display.percentiles == (10.0, 90.0)
    assert w.session.limits() == pytest.approx(tuple(np.percentile(values, [10, 90])), rel=1e-5)
    assert controls.percentile_label.text() == "10 to 90 %"
    before = w.session.limits()
    controls.mode_box.setCurrentIndex(1)
    controls.mode_box.activated.emit(1)
    assert w.session.limits() == pytest.approx(before)  # by hand starts where it was
    controls.low_box.setValue(0.5)
    controls.high_box.setValue(2.0)
    assert w.session.limits() == (0.5, 2.0)
    controls.low_box.setValue(2.5)  # beyond the other end: not taken
    assert w.session.limits() == (0.5, 2.0)
    assert controls.low_box.value() == 0.5
    w.session.gene = "SFRP2"
    assert w.session.limits() == (0.5, 2.0)
    controls.mode_box.setCurrentIndex(0)
    controls.mode_box.activated.emit(0)
    assert w.session.display.limits_mode == "percentile"


def test_legend_tells_spots_without_a_value(predicted):
    from napari_stexp.predict import Prediction

    w = predicted
    assert w.genes.key.isHidden()
    adata = w.session.prediction.adata.copy()
    adata.X[:5] = np.nan
    adata.obs["status"] = ["unreadable"] * 3 + ["pending"] * 2 + ["ok"] * 25
    w.session.set_prediction(Prediction(adata))
    text = w.genes.key.text()
    assert "3 spots" in text
    assert "unreadable" in text
    assert "2 spots" in text
    assert "not predicted" in text


def test_icons_show_the_colour_map(qapp):
    from napari.utils.colormaps import ensure_colormap

    from napari_stexp.panels.genes.color_bar import draw_gradient

    image = draw_gradient("inferno", 20, 2)
    for x, position in ((0, 0.0), (19, 1.0)):
        expected = np.round(ensure_colormap("inferno").map(position).ravel() * 255)
        color = image.pixelColor(x, 1)
        assert [color.red(), color.green(), color.blue()] == list(expected[:3])


def test_wheel_over_a_box_changes_nothing_unless_it_has_been_clicked(measured):
    from qtpy.QtCore import QPoint, QPointF, Qt
    from qtpy.QtGui import QWheelEvent
    from qtpy.QtWidgets import QApplication

    box = measured.genes.controls.colormap_box
    before = box.currentText()
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(box, event)
    assert box.currentText() == before
