"""Annotating by clicks and keys: classes, tools, undo, list, blinding, layers, files, export."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytestmark = pytest.mark.gui

AREA = 200 * 200 / 1e6  # mm², of a box at 1 µm/px


@pytest.fixture
def desk(window, slide_file):
    window.open(slide_file)
    return window


def box_at(x, y, side=200):
    from shapely import box

    return box(x, y, x + side, y + side)


def draw(w, *places, class_name="Tumor"):
    """Draw boxes as the tools on the slide do it."""
    w.session.regions.active_class = class_name
    return [w.session.regions.add(box_at(*place)) for place in places]


def row_of(w, name):
    table = w.annotations.palette_view.table
    return [table.item(row, 2).text() for row in range(table.rowCount())].index(name)


def cells(w, name):
    table = w.annotations.palette_view.table
    return [table.item(row_of(w, name), column).text() for column in (0, 2, 3, 4)]


# ---- what to do next ---------------------------------------------------------------------


def test_says_what_to_do_next(window, slide_file):
    w = window
    assert "open a slide" in w.annotations.guide.text()
    assert not w.annotations.tools.buttons["polygon"].isEnabled()
    w.open(slide_file)
    assert "Choose a class" in w.annotations.guide.text()
    assert w.annotations.tools.buttons["polygon"].isEnabled()
    draw(w, (300, 200))
    assert w.annotations.guide.isHidden()


# ---- classes -----------------------------------------------------------------------------


def test_click_on_a_class_makes_it_the_one_drawn_next(desk):
    w = desk
    w.click_cell(w.annotations.palette_view.table, row_of(w, "Stroma"), 2)
    assert w.session.regions.active_class == "Stroma"
    w.session.regions.add(box_at(300, 200))
    assert w.session.regions.items[0].class_name == "Stroma"
    w.wait(lambda: cells(w, "Stroma")[2:] == ["1", "0.040 mm²"])
    assert cells(w, "Stroma")[0] == "3"  # its key


def test_class_is_added_renamed_and_recoloured(desk, monkeypatch):
    from qtpy.QtGui import QColor
    from qtpy.QtWidgets import QColorDialog

    w, palette = desk, desk.annotations.palette_view
    w.qtbot.keyClicks(palette.box, "Vessel")
    w.press(palette.box, "Return")
    assert w.session.regions.active_class == "Vessel"
    draw(w, (300, 200), class_name="Vessel")
    palette.table.item(row_of(w, "Vessel"), 2).setText("Blood vessel")  # what its editor does
    assert w.session.regions.items[0].class_name == "Blood vessel"
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor(1, 2, 3))
    w.click_cell(palette.table, row_of(w, "Blood vessel"), 1)
    assert w.session.regions.items[0].color == (1, 2, 3)


def test_class_in_use_is_not_removed_and_says_so(desk):
    w = desk
    draw(w, (300, 200))
    palette = w.annotations.palette_view
    menu = palette.menu(row_of(w, "Tumor"))
    next(action for action in menu.actions() if action.text() == "Remove").trigger()
    assert "regions have this class" in w.annotations.notice("edit").text()
    assert row_of(w, "Tumor") == 0
    menu = palette.menu(row_of(w, "Necrosis"))
    next(action for action in menu.actions() if action.text() == "Remove").trigger()
    assert "Necrosis" not in [one.name for one in w.session.regions.classes]
    assert w.annotations.notice("edit").isHidden()  # the refusal is over


# ---- tools and undo ----------------------------------------------------------------------


def test_tools_are_buttons_of_which_one_is_down(desk):
    w, tools = desk, desk.annotations.tools
    w.click(tools.buttons["brush"])
    assert w.session.regions.tool == "brush"
    assert not tools.brush_row.isHidden()
    tools.brush_box.setValue(350)
    assert w.session.regions.brush_um == 350
    tools.slider.setValue(0)
    assert w.session.regions.brush_um == 10
    w.session.regions.tool = "none"  # as Escape or another layer does it
    assert tools.buttons["none"].isChecked()
    assert tools.brush_row.isHidden()


@pytest.mark.parametrize("keys", [("Z", "Control", "Shift"), ("Y", "Control")])
def test_keys_undo_and_redo_and_say_what(shown_window, slide_file, keys):
    w = shown_window
    w.open(slide_file)
    w.bring_forward(w.annotations)
    draw(w, (300, 200), (600, 400))
    assert w.annotations.tools.undo_button.toolTip() == "Undo: Draw Tumor (Ctrl+Z)"
    w.annotations.list.setFocus()
    w.press(w.annotations.list, "Z", "Control")
    assert len(w.session.regions.items) == 1
    assert "Do again: Draw Tumor" in w.annotations.tools.redo_button.toolTip()
    w.press(w.annotations.list, *keys)
    assert len(w.session.regions.items) == 2
    assert not w.annotations.tools.redo_button.isEnabled()


def test_keys_on_the_slide_undo(desk):
    from app_model.types import KeyBinding

    w = desk
    draw(w, (300, 200))
    for key, left in (("Ctrl+Z", 0), ("Ctrl+Y", 1), ("Ctrl+Z", 0), ("Ctrl+Shift+Z", 1)):
        w.viewer.keymap[KeyBinding.from_str(key)](w.viewer)
        assert len(w.session.regions.items) == left


# ---- list --------------------------------------------------------------------------------


def test_click_in_the_list_selects_and_flies_there(desk):
    w = desk
    first, second = draw(w, (300, 200), (700, 500))
    w.click_cell(w.annotations.list, 0)
    assert w.session.regions.selected == {first.id}
    y, x = w.viewer.scene.camera.center[-2:]
    assert (x, y) == pytest.approx((400, 300), abs=1)
    w.session.regions.select([second.id])  # as a click on the slide does it
    assert w.annotations.list.selected() == [second.id]


def test_delete_removes_and_a_locked_region_stays(desk):
    w = desk
    first, second = draw(w, (300, 200), (700, 500))
    w.click_cell(w.annotations.list, 0, 3)  # the lock
    assert w.session.regions.find(first.id).locked
    w.click_cell(w.annotations.list, 0)
    w.press(w.annotations.list, "Delete")
    assert len(w.session.regions.items) == 2
    assert "locked" in w.annotations.notice("edit").text()
    w.click_cell(w.annotations.list, 1)
    w.press(w.annotations.list, "Delete")
    assert [region.id for region in w.session.regions.items] == [first.id]
    assert second.id not in w.session.regions.selected


def test_regions_are_named_and_classified_from_the_list(desk):
    from qtpy.QtWidgets import QLineEdit

    w, rows = desk, desk.annotations.list
    region, _ = draw(w, (300, 200), (700, 500))
    w.click_cell(rows, 0)
    menu = rows.menu()
    classes = menu.actions()[0].menu()
    next(action for action in classes.actions() if action.text() == "Adipose").trigger()
    assert w.session.regions.find(region.id).class_name == "Adipose"
    rows.edit(rows.model().index(0, 1))
    editor = rows.findChild(QLineEdit)
    editor.setText("left nest")
    w.press(editor, "Return")
    w.wait(lambda: w.session.regions.find(region.id).name == "left nest")
    assert w.session.regions.undo_text == "Rename"


def test_list_keeps_its_place_when_regions_change(desk):
    from napari_stexp.annotation import Region

    w, rows = desk, desk.annotations.list
    regions = [Region(box_at(3 * i, 100, 2), class_name="Tumor") for i in range(300)]
    w.session.set_annotations(regions)
    w.session.regions.select([regions[200].id])
    resets = []
    rows.model().modelReset.connect(lambda: resets.append(1))
    w.session.regions.remove([regions[10].id])
    w.session.regions.add(box_at(300, 200))
    w.session.regions.rename(regions[50].id, "x")
    assert rows.model().rowCount() == 300
    assert rows.model().index(49, 1).data() == "x"
    assert resets == []
    w.session.regions.select([regions[200].id])
    assert rows.currentIndex().row() == 199


def test_a_hundred_thousand_rows_are_listed_at_once(qtbot):
    import time

    import shapely

    from napari_stexp.annotation import DEFAULT_CLASSES, Region
    from napari_stexp.panels.annotate.region_list import RegionList
    from napari_stexp.panels.annotate.region_numbers import count_by_class

    shapes = shapely.buffer(
        shapely.points(np.random.default_rng(0).uniform(0, 1e4, (100_000, 2))), 5
    )
    regions = tuple(Region(shape, class_name="Tumor") for shape in shapes)
    rows = RegionList()
    qtbot.addWidget(rows)
    rows.resize(300, 400)
    rows.show()
    start = time.perf_counter()
    rows.show_regions(regions, DEFAULT_CLASSES, 0.5)
    rows.show_selected(frozenset({regions[99_999].id}))
    rows.show_regions((*regions[:70_000], *regions[70_001:]), DEFAULT_CLASSES, 0.5)
    rows.selectAll()
    assert len(rows.selected()) == 99_999
    assert time.perf_counter() - start < 3  # a second when nothing else runs
    n, area = count_by_class(regions)["Tumor"]
    assert (n, area) == (100_000, pytest.approx(shapely.area(shapes).sum()))


# ---- blinding ----------------------------------------------------------------------------


def test_blinded_until_locked(desk, spots_file, bundle_file):
    w, row = desk, desk.annotations.blinding
    w.click(row.start_button)
    assert "hidden" in row.question.notice.text()
    w.click(row.question.buttons["Not now"])
    assert not row.start_button.isHidden()
    w.click(row.start_button)
    w.click(row.question.buttons["Begin"])
    assert w.session.hides_values
    w.open(spots_file, bundle_file)
    w.click(w.predict.predict_button)
    w.settle()
    assert w.genes.list.isHidden()
    assert "Hidden until the annotation is locked" in w.genes.guide.text()
    w.qtbot.wait(100)
    assert "Hidden until the annotation is locked" in w.compare.guide.text()
    assert w.compare.tabs.isHidden()
    w.click(row.lock_button)
    assert "at least one region" in w.annotations.notice("edit").text()
    draw(w, (300, 200))
    w.click(row.lock_button)
    assert not w.session.hides_values
    assert not w.genes.list.isHidden()
    w.wait(lambda: not w.compare.tabs.isHidden())
    assert "1 region annotated blinded in 0:0" in row.notice.text()
    for widget in (w.annotations.sources.open_button, w.annotations.tools.buttons["brush"]):
        assert not widget.isEnabled()
    assert not w.annotations.tools.undo_button.isEnabled()
    w.click(row.unlock_button)
    assert w.session.regions.blinding.n_unlocks == 1
    assert w.annotations.tools.undo_button.isEnabled()
    w.click(row.lock_button)
    assert "Unlocked 1 time since" in row.notice.text()


def test_clock_runs(desk):
    w, row = desk, desk.annotations.blinding
    w.session.regions.start_blinded()
    assert "Blinded, 0:00" in row.notice.text()
    w.wait(lambda: "Blinded, 0:01" in row.notice.text(), 5000)


# ---- layers and files --------------------------------------------------------------------


def test_takes_what_was_drawn_with_napari_s_own_tools(desk):
    w = desk
    assert not w.annotations.sources.layers_menu().actions()[0].isEnabled()
    corners = np.array([[100, 300], [100, 500], [300, 500], [300, 300]])  # y, x
    layer = w.viewer.add_shapes(
        [corners], shape_type="polygon", features={"class": ["Stroma"]}, name="mine",
        units=("um", "um"),
    )  # fmt: skip
    (action,) = w.annotations.sources.layers_menu().actions()
    assert action.text() == "mine"
    action.trigger()
    w.settle()
    assert w.errors == []
    (region,) = w.session.regions.items
    assert region.class_name == "Stroma"
    assert region.geometry.bounds == pytest.approx((300, 100, 500, 300), abs=1)
    assert not layer.visible


def test_opens_regions_and_asks_before_drawn_ones_go(desk, regions_file):
    w, sources = desk, desk.annotations.sources
    w.choose(regions_file)
    w.click(sources.open_button)
    w.settle()
    assert len(w.session.regions.items) == 1  # nothing drawn: nothing to ask
    draw(w, (700, 500))
    w.click(sources.open_button)
    w.settle()
    assert "2 regions that are in no file" in sources.clash.notice.text()
    w.click(sources.clash.buttons["Leave it"])
    assert len(w.session.regions.items) == 2
    w.click(sources.open_button)
    w.settle()
    w.click(sources.clash.buttons["Add"])
    assert len({region.id for region in w.session.regions.items}) == 3
    w.click(sources.open_button)
    w.settle()
    w.click(sources.clash.buttons["Replace"])
    assert len(w.session.regions.items) == 1


def test_table_of_labels_asks_for_its_column(desk, spots_file, tmp_path):
    w, sources = desk, desk.annotations.sources
    table = tmp_path / "labels.csv"
    lines = [f"{x}x{y},{'left' if x < 3 else 'right'},{y % 2}" for y in range(5) for x in range(6)]
    table.write_text("\n".join(["barcode,side,batch", *lines]) + "\n")
    w.choose(table)
    w.click(sources.open_button)
    assert "Load the spots first" in w.annotations.notice("labels").text()
    w.errors.clear()
    w.open(spots_file)
    w.click(sources.open_button)
    w.settle()
    assert "several columns" in w.annotations.notice("labels").text()
    w.choose_item(sources.box, "side")
    w.click(sources.use_button)
    w.settle()
    assert w.errors == []
    assert w.session.labelling.source.count() == {"left": 15, "right": 15}
    assert sources.column_row.isHidden()


def test_damaged_file_is_told(desk, tmp_path):
    w = desk
    bad = tmp_path / "bad.geojson"
    bad.write_text('{"type": "FeatureColl')
    w.choose(bad)
    w.click(w.annotations.sources.open_button)
    w.settle()
    assert "bad.geojson" in w.annotations.notice("annotations").text().replace("\u200b", "")


def test_exports(desk, spots_file, tmp_path):
    from anndata import read_h5ad

    w, form = desk, desk.annotations.export_form
    w.annotations.export_fold.set_opened(True)
    assert not form.buttons["geojson"].isEnabled()
    w.open(spots_file)
    draw(w, (300, 200), class_name="Tumor")
    w.choose(tmp_path / "regions.geojson")
    w.click(form.buttons["geojson"])
    w.settle()
    (feature,) = json.loads((tmp_path / "regions.geojson").read_text())["features"]
    assert feature["properties"]["classification"]["name"] == "Tumor"
    form.genes.setText("KRT19")
    w.choose(tmp_path / "qupath.geojson")
    w.click(form.buttons["qupath"])
    w.settle()
    found = json.loads((tmp_path / "qupath.geojson").read_text())["features"]
    assert len(found) == 31
    assert "KRT19" in json.dumps(found[-1])
    w.session.regions.start_blinded()
    w.session.regions.lock()
    w.choose(tmp_path / "labelled.h5ad")
    w.click(form.buttons["h5ad"])
    w.settle()
    assert w.errors == []
    saved = read_h5ad(tmp_path / "labelled.h5ad")
    record = saved.uns["stexp_annotation"]
    assert (record["state"], record["n_regions"]) == ("locked", 1)
    assert record["seen_before"], "the spots' counts were shown before"
    assert (saved.obs["region"] == "Tumor").sum() == w.session.labelling.source.count()["Tumor"]
    assert "Saved as" in w.annotations.notice("export").text()


# ---- saving by itself --------------------------------------------------------------------


def wait_for_autosave(w):
    w.wait(lambda: "saved automatically" in w.annotations.line.text().lower(), 5000)


def test_every_edit_is_saved_and_offered_again(desk, slide_file, make_napari_viewer, monkeypatch):
    from tests.panels.conftest import Window, end

    w = desk
    draw(w, (300, 200), (700, 500))
    wait_for_autosave(w)
    assert "2 regions · saved automatically" in w.annotations.line.text()
    again = Window(make_napari_viewer(), w.qtbot, monkeypatch)
    again.open(slide_file)
    sources = again.annotations.sources
    again.wait(lambda: not sources.found.isHidden())
    assert "2 regions" in sources.found.notice.text()
    again.click(sources.found.buttons["Restore"])
    assert [r.geometry.area for r in again.session.regions.items] == [40_000, 40_000]
    assert sources.found.isHidden()
    end(again)


def test_restored_regions_are_joined_with_those_drawn_since(desk, slide_file):
    w = desk
    (old,) = draw(w, (300, 200))
    wait_for_autosave(w)
    w.click(w.slide.close_button)
    w.open(slide_file)
    found = w.annotations.sources.found
    w.wait(lambda: not found.isHidden())
    (new,) = draw(w, (700, 500))
    wait_for_autosave(w)  # in the same place
    w.click(found.buttons["Restore"])
    assert {region.id for region in w.session.regions.items} == {old.id, new.id}


def test_discarded_regions_are_not_offered_again(desk, slide_file):
    w = desk
    draw(w, (300, 200))
    wait_for_autosave(w)
    for offered in (True, False):
        w.click(w.slide.close_button)
        w.open(slide_file)
        w.settle()
        found = w.annotations.sources.found
        assert found.isHidden() is not offered
        if offered:
            w.click(found.buttons["Discard"])
    assert w.session.regions.items == ()


def test_exported_regions_are_not_offered_again(desk, slide_file, tmp_path):
    w = desk
    draw(w, (300, 200))
    wait_for_autosave(w)
    w.choose(tmp_path / "regions.geojson")
    w.click(w.annotations.export_form.buttons["geojson"])
    w.settle()
    w.click(w.slide.close_button)
    w.open(slide_file)
    w.settle()
    assert w.annotations.sources.found.isHidden()


def test_what_was_drawn_last_is_saved_when_the_window_goes(desk):
    from napari_stexp.session import autosave_path, find_autosave

    w = desk
    path = autosave_path(w.session.slide)
    draw(w, (300, 200))
    w.controller.close()  # before the half second is over
    assert find_autosave(path).n_regions == 1


def test_failing_autosave_is_told(desk, tmp_path, monkeypatch):
    w = desk
    blocked = tmp_path / "a file"
    blocked.write_text("")
    monkeypatch.setenv("STEXP_DATA_DIR", str(blocked))
    w.controller.annotating.autosaver._path = None
    draw(w, (300, 200))
    w.wait(lambda: bool(w.errors))
    assert "not saved" in w.annotations.line.text().lower()
