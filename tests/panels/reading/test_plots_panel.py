"""Reading by clicks: a spot's profile, that of several spots, and plots that select spots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

pytestmark = pytest.mark.gui

PROFILE, HISTOGRAM, CLASSES, PAIR = range(4)


@pytest.fixture
def desk(shown_window, slide_file, spots_file):
    """Measured spots, the dock *Plots* in front."""
    w = shown_window
    w.open(slide_file, spots_file)
    w.plots.parent().raise_()
    w.qtbot.wait(100)
    return w


def turn_to(w, tab):
    w.plots.tabs.setCurrentIndex(tab)
    w.qtbot.wait(150)
    w.settle()


def click_spot(w, row):
    """Click a spot on the slide, as napari's canvas tells its viewer of it."""
    from tests.viewer.mouse import Mouse

    Mouse(w.viewer, w.session.world_mpp).click(*w.session.spots.obsm["spatial"][row])
    w.qtbot.wait(150)
    w.settle()


def column(table, number):
    model = table.model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


def drag(w, plot, places):
    """Drag the mouse over a plot, from place to place in its data's units."""
    from qtpy.QtCore import QPoint, Qt

    axes, canvas = plot.figure.axes[0], plot.canvas
    ratio = canvas.device_pixel_ratio
    points = [
        QPoint(round(x / ratio), round(canvas.height() - y / ratio))
        for x, y in axes.transData.transform(places)
    ]
    w.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=points[0])
    for point in points[1:]:
        w.qtbot.mouseMove(canvas, point)
        w.qtbot.wait(10)
    w.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=points[-1])


def wait_for_plot(w, plot):
    w.wait(lambda: plot.isVisible() and plot.draw_ms > 0)
    w.qtbot.wait(200)


# ---- what to do next ---------------------------------------------------------------------


def test_the_dock_says_what_is_missing(window, slide_file, spots_file):
    w, panel = window, window.plots
    assert "load spots" in panel.guide.text()
    assert panel.tabs.isHidden()
    w.open(slide_file, spots_file)
    w.qtbot.wait(150)
    assert panel.guide.text() == ""
    assert not panel.tabs.isHidden()


# ---- profile -----------------------------------------------------------------------------


def test_a_click_on_a_spot_brings_its_profile_forward(desk):
    w, view = desk, desk.plots.profile_view
    turn_to(w, HISTOGRAM)
    w.bring_forward(w.slide)
    w.wait(lambda: not w.plots.is_seen)
    click_spot(w, 7)
    assert w.session.focus == 7
    assert w.plots.is_seen
    assert w.plots.tabs.currentIndex() == PROFILE
    assert view.box.currentText() == f"Spot {w.session.spots.obs_names[7]}"
    table = view.tables[True]
    assert not table.isHidden()
    genes = w.session.genes
    z = {g: stats.zscore(w.session.values(g).astype(float))[7] for g in genes}
    assert column(table, 0) == sorted(genes, key=lambda g: -z[g])
    assert column(table, 2)[0] == f"{max(z.values()):+.2f}"
    assert w.errors == []


def test_a_click_on_a_gene_shows_it_and_search_finds_it(desk):
    w, view = desk, desk.plots.profile_view
    click_spot(w, 3)
    table = view.tables[True]
    wanted = next(i for i, g in enumerate(column(table, 0)) if g != w.session.gene)
    w.click_cell(table, wanted)
    assert w.session.gene == column(table, 0)[wanted]
    view.search.setText("erb")
    assert column(table, 0) == ["ERBB2"]


def test_the_profile_follows_what_was_chosen_last(desk):
    from shapely import box

    w, view = desk, desk.plots.profile_view
    click_spot(w, 3)
    mask = np.arange(30) < 12
    w.session.select_spots(mask)
    w.qtbot.wait(150)
    w.settle()
    assert view.box.currentText() == "12 selected spots"
    assert not view.tables[False].isHidden()
    gene = column(view.tables[False], 0)[0]
    values = w.session.values(gene)
    found = view.profile.table.loc[gene]
    assert found["difference"] == pytest.approx(
        values[mask].mean() - values[~mask].mean(), abs=1e-5
    )
    assert view.facts.text("Spots") == "12 of the section's 30"
    region = w.session.regions.add(box(300, 200, 400, 400), "Tumor")
    w.session.regions.select([region.id])
    w.qtbot.wait(150)
    w.settle()
    assert view.box.currentText() == "1 selected region"
    assert list(view.profile.rows) == [0, 6]
    w.choose_item(view.box, "Class Tumor")
    w.settle()
    assert list(view.profile.rows) == [0, 6]
    click_spot(w, 5)
    assert view.profile.of_one


def test_a_spot_without_values_says_so_and_is_no_error(desk):
    from tests.session.fakes import make_batch, make_prediction

    w, view = desk, desk.plots.profile_view
    genes = w.session.genes
    w.session.set_prediction(make_prediction(w.session.spots, genes))
    w.session.add_batch(make_batch(range(5), np.eye(5, len(genes))))
    w.session.source = "predicted"
    click_spot(w, 20)
    assert "none of these spots has a value" in view.hint.text()
    assert view.facts.text("State") == "not predicted yet"
    assert w.errors == []
    click_spot(w, 2)
    assert view.hint.text() == ""
    assert view.facts.text("Confidence").startswith("0.500")
    assert column(view.tables[True], 0)[0] == genes[2]


def test_a_profile_is_copied_and_saved(desk, tmp_path):
    import pandas as pd
    from qtpy.QtGui import QGuiApplication

    w, view = desk, desk.plots.profile_view
    click_spot(w, 3)
    view.search.setText("c")
    table = view.tables[True]
    w.press(table, "C", "Control")
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines[0].split("\t") == ["Gene", "Value", "z", "Higher than"]
    assert [line.split("\t")[0] for line in lines[1:]] == column(table, 0)
    path = tmp_path / "profile.csv"
    w.choose(path)
    w.click(view.save_button)
    w.settle()
    saved = pd.read_csv(path, comment="#", index_col="gene")
    pd.testing.assert_frame_equal(saved, view.profile.table, check_names=False)
    assert "measured values" in path.read_text().splitlines()[0]


def test_nothing_is_shown_while_values_are_hidden(desk):
    w, panel = desk, desk.plots
    click_spot(w, 3)
    turn_to(w, HISTOGRAM)
    w.session.regions.start_blinded()
    w.qtbot.wait(150)
    assert "Hidden until" in panel.guide.text()
    assert all(view.isHidden() for view in panel.views)
    w.bring_forward(w.slide)
    w.wait(lambda: not panel.is_seen)
    click_spot(w, 4)
    assert not panel.is_seen
    assert w.controller.tasks == {}


# ---- plots -------------------------------------------------------------------------------


def test_a_range_of_the_histogram_selects_spots_and_back(desk):
    w, view = desk, desk.plots.histogram_view
    turn_to(w, HISTOGRAM)
    wait_for_plot(w, view.plot)
    values = w.session.shown_values()
    low, high = float(values.min()), float(values.max())
    middle = (low + high) / 2
    top = view.plot.figure.axes[0].get_ylim()[1] / 2
    drag(w, view.plot, [(middle, top), ((middle + high) / 2, top), (high + 0.01, top)])
    w.wait(lambda: w.session.selection is not None)
    chosen = w.session.selection
    assert values[chosen].min() >= middle - 0.05
    assert values[~chosen].max() <= middle + 0.05
    w.qtbot.wait(200)
    assert column(view.table, 0) == ["the section", "the selection", "all others"]
    assert column(view.table, 1) == ["30", str(chosen.sum()), str((~chosen).sum())]
    w.click(view.none_button)
    assert w.session.selection is None


def test_the_histogram_follows_the_transform(desk):
    w, view = desk, desk.plots.histogram_view
    turn_to(w, HISTOGRAM)
    wait_for_plot(w, view.plot)
    w.session.display = replace(w.session.display, transform="z")
    w.wait(lambda: "SD of" in view.plot.figure.axes[0].get_xlabel())
    assert column(view.table, 3)[0] == "1"


def test_violins_by_class_select_the_spots_of_one(desk):
    from shapely import box

    w, view = desk, desk.plots.classes_view
    turn_to(w, CLASSES)
    assert "no classes yet" in view.hint.text()
    w.session.regions.add(box(300, 200, 600, 700), "Tumor")
    w.session.regions.add(box(600, 200, 900, 700), "Stroma")
    w.qtbot.wait(150)
    wait_for_plot(w, view.plot)
    assert sorted(column(view.table, 0)) == ["Stroma", "Tumor"]
    assert len(view.plot.figure.axes[0].collections) == 2
    row = column(view.table, 0).index("Tumor")
    w.click_cell(view.table, row)
    source = w.session.labelling.source
    assert np.array_equal(w.session.selection, source.values == "Tumor")


def test_a_lasso_around_two_genes_selects_spots(desk):
    from napari_stexp.panels.reading.pair_view import describe_correlation

    w, view = desk, desk.plots.pair_view
    turn_to(w, PAIR)
    wait_for_plot(w, view.plot)
    assert view.other is not None
    assert view.other != w.session.gene
    view.field.setFocus()
    view.field.setText("igkc" if w.session.gene != "IGKC" else "cd74")
    w.press(view.field, "Return")
    w.qtbot.wait(250)
    assert view.other in ("IGKC", "CD74")
    x, y = w.session.shown_values(), w.session.shown_values(view.other)
    assert f"Pearson r = {stats.pearsonr(x, y)[0]:.3f}" in view.words.text()
    assert f"Spearman r = {stats.spearmanr(x, y)[0]:.3f}" in describe_correlation(x, y)
    axes = view.plot.figure.axes[0]
    assert axes.get_ylabel().startswith(view.other)
    ordered = np.unique(x)
    gap = int(np.argmax(np.diff(ordered)))
    left = (ordered[gap] + ordered[gap + 1]) / 2
    (_, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    inset = (high - low) / 100
    corners = [(left, low + inset), (right, low + inset), (right, high - inset),
               (left, high - inset), (left, low + inset)]  # fmt: skip
    drag(w, view.plot, corners)
    w.wait(lambda: w.session.selection is not None)
    assert np.array_equal(w.session.selection, x > left)


def test_swapping_shows_the_other_gene(desk):
    w, view = desk, desk.plots.pair_view
    turn_to(w, PAIR)
    shown, other = w.session.gene, view.other
    w.click(view.swap_button)
    w.qtbot.wait(150)
    assert (w.session.gene, view.other) == (other, shown)


def test_nothing_is_drawn_behind_another_tab(desk):
    w, plot = desk, desk.plots.histogram_view.plot
    turn_to(w, HISTOGRAM)
    wait_for_plot(w, plot)
    w.bring_forward(w.slide)
    drawn = []
    plot.drawn.connect(lambda: drawn.append(w.session.gene))
    w.session.gene = next(gene for gene in w.session.genes if gene != w.session.gene)
    w.qtbot.wait(400)
    assert drawn == []
    w.bring_forward(w.plots)
    w.wait(lambda: drawn == [w.session.gene])


def test_a_late_profile_of_other_spots_is_dropped(desk):
    w, view = desk, desk.plots.profile_view
    w.session.focus_spot(3)
    w.plots.refresh()
    w.session.set_spots(None)
    w.settle()
    w.qtbot.wait(150)
    assert view.profile is None
    assert w.errors == []
