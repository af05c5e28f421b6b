"""Comparing by clicks: genes of a region, agreement, measured and predicted, the report."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytestmark = pytest.mark.gui

GENES, AGREEMENT, MEASURED, REPORT = range(4)


@pytest.fixture
def measured(window, slide_file, spots_file):
    """Spots with counts; 15 in the class 'Tumor', 15 in 'Stroma'."""
    window.open(slide_file, spots_file)
    return outline(window)


@pytest.fixture
def predicted(measured, bundle_file):
    return predict(measured, bundle_file)


def outline(w):
    from shapely import box

    w.session.regions.add(box(300, 200, 600, 700), "Tumor")
    w.session.regions.add(box(600, 200, 900, 700), "Stroma")
    w.qtbot.wait(150)
    return w


def predict(w, bundle_file):
    w.open(bundle_file)
    w.click(w.predict.predict_button)
    w.settle()
    w.qtbot.wait(150)
    return w


def turn_to(w, tab):
    w.compare.tabs.setCurrentIndex(tab)
    w.qtbot.wait(20)


def column(table, number):
    model = table.model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


# ---- what to do next ---------------------------------------------------------------------


def test_each_part_says_what_is_missing(window, slide_file, spots_file):
    w, panel = window, window.compare
    assert "load spots" in panel.guide.text()
    assert panel.tabs.isHidden()
    w.open(slide_file, spots_file)
    w.wait(lambda: not panel.tabs.isHidden())
    for tab, words in (
        (GENES, "Outline regions in the tab Annotations"),
        (AGREEMENT, "at least two classes"),
        (MEASURED, "Predict first"),
    ):
        turn_to(w, tab)
        assert words in panel.hint.text()
        assert panel.views[tab].isHidden()
    outline(w)
    turn_to(w, GENES)
    assert panel.hint.isHidden()
    assert not panel.genes_view.isHidden()


def test_unmeasured_spots_have_nothing_to_compare_before_and_no_measurement_after(
    window, slide_file, bundle_file
):
    w, panel = window, window.compare
    w.open(slide_file)
    w.slide.spots.grid_form.pitch_box.setValue(80)
    w.click(w.slide.spots.grid_form.button)
    w.settle()
    w.wait(lambda: "predict first" in panel.guide.text())
    predict(w, bundle_file)
    turn_to(w, MEASURED)
    assert "no measurement" in panel.hint.text()


# ---- labels ------------------------------------------------------------------------------


def test_labels_are_chosen_and_shown(measured):
    w, labels = measured, measured.compare.labels
    assert labels.box.currentText() == "Regions"
    assert labels.legend.isHidden()
    w.click(labels.check)
    w.wait(lambda: not labels.legend.isHidden())
    assert w.session.labelling.shown
    for words in ("Tumor", "Stroma", "15"):
        assert words in labels.legend.text()
    import pandas as pd

    names = w.session.spots.obs_names
    w.session.labelling.add_table("by hand", pd.Series("all alike", index=names))
    w.wait(lambda: labels.box.currentText() == "by hand")
    assert "all&nbsp;alike" in labels.legend.text()
    w.choose_item(labels.box, "Regions")
    assert w.session.labelling.active == "regions"


# ---- region genes ------------------------------------------------------------------------


def test_both_sides_are_counted_as_they_are_chosen(measured):
    w, view = measured, measured.compare.genes_view
    w.wait(lambda: "15 spots in Tumor, 15 in all other classes" in view.counts.text())
    w.choose_item(view.form.one_box, "Stroma")
    w.choose_item(view.form.other_box, "Tumor")
    w.wait(lambda: "15 spots in Stroma, 15 in Tumor" in view.counts.text())
    view.form.margin_box.setValue(60)  # the border is at 600, spots at 550 and 650
    w.wait(lambda: "left out at the border" in view.counts.text())
    w.choose_item(view.form.other_box, "everything else")
    w.wait(lambda: "all other spots" in view.counts.text())


def test_genes_of_a_region_are_ranked_sorted_found_and_shown(predicted, tmp_path):
    import pandas as pd
    from qtpy.QtCore import Qt

    w, view = predicted, predicted.compare.genes_view
    assert view.form.source == "predicted"
    w.click(view.button)
    w.settle()
    assert w.errors == []
    w.wait(lambda: not view.table.isHidden())
    assert "Tumor (15) against all other classes (15), predicted" in view.title.text()
    assert "not a test on measurements" in view.caution.text()
    ranked = w.session.comparison.genes.table
    assert column(view.table, 0) == list(ranked.index)
    header = view.table.horizontalHeader()
    w.qtbot.mouseClick(
        header.viewport(),
        Qt.MouseButton.LeftButton,
        pos=w_point(header.sectionViewportPosition(3) + 10),
    )
    assert column(view.table, 0)[0] == ranked["auroc"].idxmax()  # the highest on top at once
    gene = column(view.table, 0)[4]
    w.click_cell(view.table, 4)
    assert w.session.gene == gene
    w.qtbot.keyClicks(view.search, "krt")
    assert column(view.table, 0) == ["KRT19"]
    w.choose(tmp_path / "genes.csv")
    w.click(view.save_button)
    w.settle()
    saved = pd.read_csv(tmp_path / "genes.csv", comment="#", index_col=0)
    pd.testing.assert_frame_equal(saved, ranked, check_names=False)
    assert "Tumor (15 spots)" in (tmp_path / "genes.csv").read_text()


def w_point(x, y=8):
    from qtpy.QtCore import QPoint

    return QPoint(x, y)


def test_a_region_just_drawn_is_a_side_and_too_few_spots_are_refused(measured):
    from shapely import box

    w, view = measured, measured.compare.genes_view
    w.session.regions.add(box(300, 200, 500, 700), "Necrosis")  # drawn: it is selected
    w.wait(lambda: view.form.one_box.findText("the selected region") >= 0)
    w.choose_item(view.form.one_box, "the selected region")
    w.wait(lambda: "10 spots in Necrosis, 20 in all other spots" in view.counts.text())
    w.click(view.button)
    w.settle()
    assert w.session.comparison.genes.n_inside == 10
    w.session.select_spots(np.arange(30) < 3)
    w.wait(lambda: view.form.one_box.findText("the 3 selected spots") >= 0)
    w.choose_item(view.form.one_box, "the 3 selected spots")
    w.click(view.button)
    w.settle()
    message = w.compare.notice("rank").text()
    assert "too few spots" in message
    assert "at least 10" in message


def test_results_go_with_their_spots(measured, spots_file):
    w, view = measured, measured.compare.genes_view
    w.click(view.button)
    w.settle()
    assert w.session.comparison.genes is not None
    w.click(w.slide.spots.clear_button)
    w.wait(lambda: "load spots" in w.compare.guide.text())
    w.open(spots_file)
    w.wait(lambda: not view.isHidden())
    assert view.table.isHidden()


def test_ranking_for_other_spots_is_dropped(measured, spots_file, monkeypatch):
    from napari_stexp.panels.compare import compare_tasks
    from napari_stexp.progress import Progress

    w = measured

    def slow(*_):
        for _ in range(20):
            yield Progress(0, 0, "slowly")
            time.sleep(0.02)
        return "of the old spots"

    monkeypatch.setattr(compare_tasks, "rank_steps", slow)
    w.click(w.compare.genes_view.button)
    w.controller.clear_spots()
    w.settle()
    assert w.session.comparison.genes is None


# ---- agreement ---------------------------------------------------------------------------


def test_domains_are_found_and_cells_and_spots_lead_to_the_slide(predicted):
    from sklearn.metrics import adjusted_rand_score

    w, view = predicted, predicted.compare.agreement_view
    turn_to(w, AGREEMENT)
    w.click(view.button)
    w.settle()
    assert w.errors == []
    agreement = w.session.comparison.agreement
    expected = adjusted_rand_score(agreement.labels, agreement.domains)
    assert view.facts.text("ARI, NMI").startswith(f"{expected:.3f}, ")
    assert "0 is chance" in view.words.text() or "than chance" in view.words.text()
    counts = agreement.confusion
    assert view.confusion.rowCount() == 2
    shown = [[view.confusion.item(r, c).text() for c in range(2)] for r in range(2)]
    assert shown == [[str(n) if n else "·" for n in row] for row in counts.to_numpy()]
    row, col = np.argwhere(counts.to_numpy() > 0)[0]
    w.click_cell(view.confusion, row, col)
    chosen = w.session.selection
    assert chosen.sum() == counts.to_numpy()[row, col]
    assert set(agreement.labels[chosen]) == {counts.index[row]}
    assert any(key.startswith("domains:") for key in w.session.labelling.keys)
    if len(agreement.disagreement):
        w.click_cell(view.table, 0)
        spot = int(agreement.disagreement["spot"].iloc[0])
        y, x = w.viewer.scene.camera.center[-2:]
        assert (x, y) == pytest.approx(tuple(w.session.spots.obsm["spatial"][spot]), abs=1)
        assert np.flatnonzero(w.session.selection).tolist() == [spot]


# ---- measured ----------------------------------------------------------------------------


def test_lasso_on_the_scatter_selects_spots_on_the_slide_and_back(
    shown_window, slide_file, spots_file, bundle_file
):
    w = shown_window
    w.open(slide_file, spots_file)
    predict(w, bundle_file)
    view = w.compare.measured_view
    w.bring_forward(w.compare)
    turn_to(w, MEASURED)
    gene = w.session.gene
    w.wait(lambda: view.scatter.canvas is not None and view.scatter.draw_ms > 0)
    measured, given = w.session.paired_values(gene)
    expected = np.corrcoef(measured, given)[0, 1]
    axes = view.scatter.figure.axes[0]
    assert axes.get_title() == f"{gene}: r = {expected:.3f}, 30 spots"
    ordered = np.unique(measured)
    wanted = measured > ordered[np.argmax(np.diff(ordered))]  # where there is most room
    with w.qtbot.waitSignal(view.scatter.drawn):
        drag_around(w, view.scatter, wanted, measured)
    chosen = w.session.selection
    assert np.array_equal(chosen, wanted)
    w.wait(lambda: len(view.scatter.figure.axes[0].collections[1].get_offsets()) == chosen.sum())
    assert not view.none_button.isHidden()
    w.click(view.none_button)
    assert w.session.selection is None


def drag_around(w, scatter, wanted, values):
    """Drag a lasso around the dots to the right of those not wanted."""
    from qtpy.QtCore import QPoint, Qt

    axes, canvas = scatter.figure.axes[0], scatter.canvas
    left = (values[wanted].min() + values[~wanted].max()) / 2
    low, high = axes.get_ylim()
    right = axes.get_xlim()[1]
    corners = [(left, low), (right, low), (right, high), (left, high), (left, low)]
    ratio = canvas.device_pixel_ratio
    places = [
        QPoint(round(x / ratio), round(canvas.height() - y / ratio))
        for x, y in axes.transData.transform(corners)
    ]
    inward = [QPoint(0, -1), QPoint(-2, -1), QPoint(-2, 2), QPoint(0, 2), QPoint(0, -1)]
    places = [place + by for place, by in zip(places, inward, strict=True)]
    w.qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=places[0])
    for place in places[1:]:
        w.qtbot.mouseMove(canvas, place)
        w.qtbot.wait(10)
    w.qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=places[-1])


def test_all_genes_are_scored_and_a_click_shows_one(predicted):
    w, view = predicted, predicted.compare.measured_view
    turn_to(w, MEASURED)
    w.click(view.button)
    w.settle()
    assert w.errors == []
    scores = w.session.comparison.scores.scores["pcc_spot"]
    assert column(view.table, 0) == list(scores.sort_values(ascending=False).index)
    assert "over 7 genes, per spot" in view.summary.text()
    w.click_cell(view.table, 3)
    assert w.session.gene == column(view.table, 0)[3]
    w.session.gene = column(view.table, 0)[0]  # chosen elsewhere: marked here
    assert view.table.currentIndex().row() == 0


def test_side_by_side_follows_its_box(predicted):
    w, view = predicted, predicted.compare.measured_view
    turn_to(w, MEASURED)
    w.click(view.side_check)
    assert w.session.comparison.side_by_side
    w.controller.predicting.clear()
    assert not w.session.comparison.side_by_side


# ---- plots -------------------------------------------------------------------------------


def test_shown_gene_is_drawn_per_class(shown_window, slide_file, spots_file):
    w = shown_window
    w.open(slide_file, spots_file)
    outline(w)
    plot = w.compare.genes_view.plot
    w.bring_forward(w.compare)
    w.wait(lambda: plot.draw_ms > 0)
    axes = plot.figure.axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["Tumor\n15", "Stroma\n15"]
    other = next(gene for gene in w.session.genes if gene != w.session.gene)
    with w.qtbot.waitSignal(plot.drawn):
        w.session.gene = other
    assert plot.figure.axes[0].get_title() == f"{other}, measured"
    w.session.regions.start_blinded()
    w.wait(lambda: plot.isHidden() or not plot.isVisible())


# ---- report ------------------------------------------------------------------------------


def test_report_is_written_and_opened(predicted, tmp_path, monkeypatch):
    from qtpy.QtGui import QDesktopServices

    w, form = predicted, predicted.compare.report_form
    w.click(w.compare.genes_view.button)
    w.settle()
    turn_to(w, REPORT)
    best = w.session.comparison.genes.table
    best = [g for g in best.index if best.loc[g, "auroc"] > 0.5]
    assert form.genes.text().split(", ")[0] == best[0]
    assert not form.checks["agreement"].isEnabled()
    assert form.checks["genes"].isEnabled()
    form.genes.setText("KRT19")
    form.checks["figures"].setChecked(False)
    form.path.setText(str(tmp_path / "report.html"))
    assert form.open_button.isHidden()
    w.click(form.button)
    w.settle()
    assert w.errors == []
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "KRT19" in text
    assert "Tumor" in text
    assert [path.name for path in tmp_path.iterdir() if "report" in path.name] == ["report.html"]
    opened = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url) or True)
    w.click(form.open_button)
    assert opened[0].toLocalFile() == str(tmp_path / "report.html")


def test_report_that_can_t_be_written_says_where(predicted, tmp_path):
    w, form = predicted, predicted.compare.report_form
    turn_to(w, REPORT)
    (tmp_path / "file").write_text("")
    form.path.setText(str(tmp_path / "file" / "report.html"))
    w.click(form.button)
    w.settle()
    assert "report.html" in w.compare.notice("report").text().replace("\u200b", "")
