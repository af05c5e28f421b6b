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
    w.choose_item(controls.mode_box, "by hand")
    assert w.session.limits() == pytest.approx(before)  # by hand starts where it was
    controls.low_box.setValue(0.5)
    controls.high_box.setValue(2.0)
    assert w.session.limits() == (0.5, 2.0)
    controls.low_box.setValue(2.5)  # beyond the other end: not taken
    assert w.session.limits() == (0.5, 2.0)
    assert controls.low_box.value() == 0.5
    w.session.gene = "SFRP2"
    assert w.session.limits() == (0.5, 2.0)
    w.choose_item(controls.mode_box, "percentiles")
    assert w.session.display.limits_mode == "percentile"


def test_limits_that_are_the_same_for_all_sources(predicted):
    w = predicted
    w.choose_item(w.genes.controls.mode_box, "same for all")
    limits = w.session.limits()
    both = np.concatenate(w.session.values_everywhere())
    assert limits == pytest.approx(tuple(np.percentile(both, [1, 99])), rel=1e-5)
    w.click(w.genes.measured_button)
    assert w.session.limits() == pytest.approx(limits)
    assert w.genes.controls.limit_stack.currentIndex() == 0


def drag(w, bar, start, to):
    """Drag a handle of the colour bar from one value to another."""
    from qtpy.QtCore import QPoint, Qt

    height = int(bar._axis().center().y())
    places = [QPoint(round(bar.x_of(value)), height) for value in (start, to)]
    w.qtbot.mousePress(bar, Qt.MouseButton.LeftButton, pos=places[0])
    w.qtbot.mouseMove(bar, places[1])
    w.qtbot.mouseRelease(bar, Qt.MouseButton.LeftButton, pos=places[1])


def test_limits_are_dragged_in_the_histogram(measured):
    from qtpy.QtCore import Qt

    w = measured
    bar = w.genes.color_bar
    bar.resize(300, bar.height())
    low, high = w.session.limits()
    aim = low + (high - low) * 0.6
    drag(w, bar, high, aim)
    assert w.session.display.limits_mode == "percentile"  # the next gene's follow
    assert w.session.limits() == (pytest.approx(low), pytest.approx(aim, abs=(high - low) / 100))
    drag(w, bar, low, high)  # not beyond the other end
    assert w.session.limits()[0] < w.session.limits()[1]
    w.qtbot.mouseDClick(bar, Qt.MouseButton.LeftButton)
    assert w.session.limits() == pytest.approx((low, high))
    w.choose_item(w.genes.controls.mode_box, "by hand")
    drag(w, bar, low, aim)
    assert w.session.display.manual_limits == (
        pytest.approx(aim, abs=(high - low) / 100),
        pytest.approx(high),
    )


def test_threshold(measured):
    w = measured
    controls, bar = w.genes.controls, w.genes.color_bar
    w.click(controls.more.button)
    bar.resize(300, bar.height())
    low, _ = w.session.limits()
    controls.threshold_box.click()
    assert w.session.display.threshold == pytest.approx(low)
    controls.threshold_value.setValue(1.5)
    assert w.session.display.threshold == 1.5
    assert bar.threshold == 1.5
    drag(w, bar, 1.5, 2.0)
    assert w.session.display.threshold == pytest.approx(2.0, abs=0.05)
    assert controls.threshold_value.value() == pytest.approx(2.0, abs=0.05)
    controls.threshold_box.click()
    assert w.session.display.threshold is None
    assert not controls.threshold_value.isEnabled()


def test_scales_and_heat_map_and_reset(measured):
    from napari_stexp.session import DisplaySettings

    w = measured
    controls = w.genes.controls
    logs = w.session.shown_values()
    w.choose_item(controls.mode_box, "by hand")
    limits = w.session.limits()
    w.choose_item(controls.transform_box, "counts")
    assert w.session.shown_values() == pytest.approx(10**logs - 1, rel=1e-4)
    assert w.session.limits() == pytest.approx(tuple(10 ** np.array(limits) - 1), rel=1e-4)
    assert "log10" not in w.genes.color_bar.unit
    w.choose_item(controls.transform_box, "z-score")
    assert np.mean(w.session.shown_values()) == pytest.approx(0, abs=1e-5)
    w.choose_item(controls.draw_box, "heat map")
    assert w.session.display.mode == "heat map"
    w.click(controls.more.button)
    w.click(controls.reset_button)
    assert w.session.display == DisplaySettings()
    assert controls.draw_box.currentText() == "spots"


def test_genes_are_found_by_common_names(measured):
    w = measured
    genes = w.genes.list
    w.settle()
    w.qtbot.keyClicks(genes.search, "HER2")
    key(w, genes.search, "Return")
    assert w.session.gene == "ERBB2"
    assert genes.model.data(genes.model.index(0, 1)) == "ERBB2  (HER2)"
    genes.search.setText("PD-L1")
    assert genes.line.text().startswith("CD274 (PD-L1) is not among these 7 genes")


def click_star(w, gene):
    w.click_cell(w.genes.list.table, w.genes.list.model.row(gene), 0)


def test_favourites(measured):
    w = measured
    genes = w.genes.list
    gene = w.session.gene
    w.choose_item(genes.choice, "★")
    assert "No favourites" in genes.line.text()
    w.choose_item(genes.choice, "All")
    click_star(w, "KRT19")
    click_star(w, "CD74")
    assert w.session.marks.favourites == ("KRT19", "CD74")
    assert w.session.gene == gene  # a star is no choice
    w.choose_item(genes.choice, "★")
    assert genes.top_genes(9) == ["CD74", "KRT19"]
    genes.table.selectRow(0)
    assert w.session.gene == "CD74"
    key(w, genes.table, "Space")
    assert genes.top_genes(9) == ["KRT19"]
    w.choose_item(genes.choice, "All")
    assert len(genes.top_genes(9)) == 7


def test_recent_genes_are_those_that_were_looked_at(measured):
    w = measured
    genes = w.genes.list
    for row in (0, 1, 2):  # passed by
        genes.table.selectRow(row)
    last = w.session.gene
    w.wait(lambda: w.session.marks.recent == (last,), timeout=10_000)
    w.choose_item(genes.choice, "Recent")
    assert genes.top_genes(9) == [last]


def test_columns_and_morans_i(measured):
    from napari_stexp.gene import find_morans_i
    from napari_stexp.panels.genes.gene_model import MEAN, MORAN, VARIANCE
    from napari_stexp.progress import exhaust

    w = measured
    genes = w.genes.list
    assert genes.table.shown_columns() == {MEAN}
    genes.sort_by(VARIANCE)
    assert genes.table.shown_columns() == {MEAN, VARIANCE}
    ranked = w.session.rank_genes("variance")
    assert genes.top_genes(7) == ranked
    genes.menu.aboutToShow.emit()
    moran = [action for action in genes.menu.actions() if action.text() == "Moran's I"]
    moran[1].trigger()
    w.settle()
    matrix = w.session.measurement.matrix().toarray()
    expected = exhaust(find_morans_i(w.session.spots.obsm["spatial"], matrix))
    row = genes.model.row("ERBB2")
    at = w.session.genes.index("ERBB2")
    assert genes.model.data(genes.model.index(row, MORAN)) == f"{expected[at]:.2f}"
    genes.sort_by(MORAN)
    assert genes.top_genes(1) == [w.session.genes[int(np.argmax(expected))]]
    assert w.session.marks.columns == ("mean", "variance", "morans_i")


def test_several_genes_are_selected_and_copied(measured):
    from qtpy.QtCore import Qt
    from qtpy.QtGui import QGuiApplication

    w = measured
    genes = w.genes.list
    table = genes.table
    table.selectRow(0)
    place = table.visualRect(genes.model.index(2, 1)).center()
    w.qtbot.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier, place
    )
    names = [genes.model.gene(0), genes.model.gene(2)]
    assert genes.selected_genes() == names
    assert w.session.gene == names[1]
    menu = table.make_menu()
    actions = {action.text(): action for action in menu.actions()}
    actions["Copy names"].trigger()
    assert QGuiApplication.clipboard().text() == "\n".join(names)
    actions["Add to favourites"].trigger()
    assert list(w.session.marks.favourites) == names
    menu.deleteLater()


def test_letters_in_the_list_go_to_the_search_box(measured):
    w = measured
    w.qtbot.keyClicks(w.genes.list.table, "k")
    assert w.genes.list.search.text() == "k"
    assert w.genes.list.top_genes(9) == ["KRT19", "IGKC"]


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
