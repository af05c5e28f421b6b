"""Tables whose columns are asked for, and stores with a choice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

pytestmark = pytest.mark.gui

XY = np.column_stack([np.arange(6) * 100.0 + 300, np.arange(6) * 50.0 + 200])


def _write(path, scale=1.0, x="X_pos", y="Y_pos"):
    table = pd.DataFrame({"bc": [f"s{i}" for i in range(6)], x: XY[:, 0] * scale})
    table[y] = XY[:, 1] * scale
    for gene in ("ERBB2", "KRT5", "CD74"):
        table[gene] = np.arange(6)
    table.to_csv(path, index=False)
    return path


def test_columns_are_asked_once_for_each_kind_of_table(window, slide_file, tmp_path):
    w = window
    w.open(slide_file)
    w.controller.load_spots(_write(tmp_path / "one.csv"))
    w.settle()
    dialog = w.slide.spots.columns_row.dialog
    assert dialog.isVisible()
    assert dialog.roles["x"].currentText() == "X_pos"
    assert not dialog.read_button.isEnabled()
    assert "pixels of the slide, or µm" in dialog.notice.text()
    # Nothing of the table's counts is hidden while nothing is blinded.
    assert dialog.preview.horizontalHeaderItem(1).text().startswith("x (across)")
    assert dialog.preview.item(5, 3).text() == "5"
    w.choose_item(dialog.units, "µm")
    assert "All of them lie on the slide" in dialog.notice.text()
    w.choose_item(dialog.roles["y"], "X_pos")
    assert "chosen for two things" in dialog.notice.text()
    w.choose_item(dialog.roles["y"], "Y_pos")
    w.choose_item(dialog.roles["id"], "bc")
    w.click(dialog.read_button)
    w.settle()
    assert w.session.spots.obs_names[0] == "s0"
    np.testing.assert_allclose(w.session.spots.obsm["spatial"], XY)  # at 1 µm/px
    assert w.session.spots.var_names.tolist() == ["ERBB2", "KRT5", "CD74"]

    w.controller.load_spots(_write(tmp_path / "two.csv", 1.5))
    w.settle()
    assert not w.slide.spots.columns_row.dialog.isVisible()  # answered before
    np.testing.assert_allclose(w.session.spots.obsm["spatial"], XY * 1.5)

    w.click(w.slide.spots.columns_row.button)
    w.settle()
    dialog = w.slide.spots.columns_row.dialog
    assert dialog.units.currentText() == "µm"
    w.choose_item(dialog.units, "pixels of the slide")
    w.choose_item(dialog.genes, "no counts: positions only")
    w.click(dialog.read_button)
    w.settle()
    assert w.session.spots.n_vars == 0
    assert w.errors == []


def test_counts_are_hidden_while_the_annotation_is_blinded(qtbot, tmp_path):
    from napari_stexp.panels.slide.columns_dialog import ColumnsDialog
    from napari_stexp.session.opening.spot_questions import ask_about_spots

    counts = pd.DataFrame({"A": [1, 2]}, index=["s0", "s1"])
    counts.to_csv(tmp_path / "counts.csv")
    question, _ = ask_about_spots(_write(tmp_path / "one.csv"), tmp_path / "counts.csv")
    dialog = ColumnsDialog(question, hides_values=True)
    qtbot.addWidget(dialog)
    assert dialog.preview.item(5, 3).text() == "hidden"
    assert dialog.preview.item(5, 1).text() == "800.0"
    assert dialog.genes.currentData() == "file"
    answers = []
    dialog.answered.connect(lambda *answer: answers.append(answer))
    dialog.units.setCurrentIndex(2)
    assert "open the slide" in dialog.notice.text()  # µm without a scale
    dialog.units.setCurrentIndex(1)
    assert "found by the spots' names" in dialog.notice.text()
    dialog.roles["id"].setCurrentIndex(1)
    dialog.read_button.click()
    ((options, file, keep),) = answers
    assert (options.units, file.name, keep) == ("px", "counts.csv", True)


def test_a_store_with_a_choice(window, tmp_path, slide_file):
    import shapely

    from tests.spots.test_spatialdata import IDS, put_group, put_shapes, put_table, transform

    store = tmp_path / "a.zarr"
    put_group(store, {"spatialdata_attrs": {}})
    for name, shift in (("spots", 0), ("cells", 9)):
        points = shapely.points(XY[:3] + shift)
        frames = [transform("identity"), transform("scale", "half", scale=[0.5, 0.5])]
        put_shapes(store, name, points, ["a", "b", "c"], *frames, radius=[5.0, 5, 5])
        put_table(store, name, name, IDS)
    w = window
    w.open(slide_file)
    w.controller.load_spots(store)
    w.settle()
    dialog = w.slide.spots.columns_row.dialog
    assert [dialog.spots.itemData(i) for i in range(2)] == ["cells", "spots"]
    w.choose_item(dialog.spots, "spots (shapes), table spots")
    assert dialog.frame.currentData() == "global"
    w.choose_item(dialog.frame, "of half")
    w.click(dialog.read_button)
    w.settle()
    assert w.errors == []
    np.testing.assert_allclose(w.session.spots.obsm["spatial"], XY[[1, 0, 2]] / 2)
    assert w.slide.spots.columns_row.button.text() == "Other spots…"
