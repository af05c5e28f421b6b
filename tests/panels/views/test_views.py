"""Pictures beside each other in the real window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from shapely import box

from napari_stexp.annotation import Region
from napari_stexp.panels.views.views_canvas import ViewsCanvas
from napari_stexp.session import Signature
from napari_stexp.viewer.colour import map_values
from tests.panels.conftest import GENES, Window, build_spots
from tests.session.fakes import make_batch, make_prediction

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def shown(shown_window, slide_file):
    """30 spots, measured and predicted by two models, on a slide."""
    w = shown_window
    w.open(slide_file)
    w.session.set_spots(build_spots())
    rng = np.random.default_rng(3)
    for name in ("first", "second"):
        w.session.set_prediction(make_prediction(w.session.spots, GENES), name)
        w.session.add_batch(make_batch(range(30), rng.uniform(0, 2, (30, len(GENES)))))
    w.session.display = replace(w.session.display, opacity=1.0)
    w.settle()
    return w


def canvas_of(w: Window) -> ViewsCanvas | None:
    found = [one for one in w.slide.window().findChildren(ViewsCanvas) if one.isVisible()]
    return found[-1] if found else None


def drawn(w: Window) -> ViewsCanvas:
    """Wait until all cells are drawn, the slide below them."""
    w.wait(lambda: canvas_of(w) is not None and canvas_of(w).is_done)
    canvas = canvas_of(w)
    w.wait(lambda: bool(canvas._layers))
    return canvas


def color_at(canvas, place):
    image = canvas.grab().toImage()
    ratio = image.devicePixelRatio()
    color = image.pixelColor(round(place.x() * ratio), round(place.y() * ratio))
    return np.array([color.redF(), color.greenF(), color.blueF()])


def turn_wheel(w, canvas, place, steps=1):
    for _ in range(abs(steps)):
        event = QWheelEvent(
            QPointF(place), QPointF(canvas.mapToGlobal(place)), QPoint(0, 0),
            QPoint(0, 120 if steps > 0 else -120), Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        canvas.wheelEvent(event)
    w.wait(lambda: canvas.is_done)


def state(w):
    camera, layers = w.viewer.scene.camera, w.viewer.layers
    return (
        [(id(layer), layer.name, layer.visible) for layer in layers],
        layers.selection.active, camera.center, camera.zoom, w.viewer.canvas.grid.enabled,
    )  # fmt: skip


def test_each_gene_has_its_colours_in_its_cell(shown):
    w, session = shown, shown.session
    session.views.show("genes", GENES[:4])
    canvas = drawn(w)
    for index, gene in enumerate(GENES[:4]):
        values = session.shown_values(gene)
        expected = map_values(values, session.limits(values, gene))
        for spot in (0, 17, 29):
            place = canvas.where(index, session.spots.obsm["spatial"][spot])
            np.testing.assert_allclose(color_at(canvas, place), expected[spot, :3], atol=0.03)


def test_the_cells_have_one_camera(shown):
    w, session = shown, shown.session
    session.views.show("genes", GENES[:4])
    canvas = drawn(w)
    xy = session.spots.obsm["spatial"][14]
    before = [canvas.where(index, xy) for index in range(4)]
    turn_wheel(w, canvas, before[2], 6)
    assert canvas.where(2, xy) == before[2], "what is under the mouse stays there"
    w.qtbot.mousePress(canvas, LEFT, pos=before[2])
    for step in (10, 25):
        w.qtbot.mouseMove(canvas, before[2] + QPoint(step, -step))
    w.qtbot.mouseRelease(canvas, LEFT, pos=before[2] + QPoint(25, -25))
    for index in range(4):
        moved = canvas.where(index, xy) - before[index]
        assert (moved - QPoint(25, -25)).manhattanLength() <= 2
    drawn(w)
    values = session.shown_values(GENES[3])
    expected = map_values(values, session.limits(values, GENES[3]))[14, :3]
    np.testing.assert_allclose(color_at(canvas, canvas.where(3, xy)), expected, atol=0.03)
    x0, y0, x1, y1 = canvas.frame.bounds
    from napari_stexp.panels.registry import get_adapter

    assert get_adapter(w.viewer).view_bounds() == (x0, y0, x1, y1)


def test_a_click_chooses_gene_and_spot_and_escape_leaves(shown):
    w, session = shown, shown.session
    before = state(w)
    session.views.show("genes", GENES)
    canvas = drawn(w)
    place = canvas.where(5, session.spots.obsm["spatial"][7])
    w.qtbot.mouseClick(canvas, LEFT, pos=place)
    assert (session.gene, session.focus) == (GENES[5], 7)
    session.focus_spot(None)
    w.press(canvas, "Escape")
    assert session.views.kind == "single"
    assert canvas_of(w) is None
    session.gene = session.gene
    after = state(w)
    assert after[2:] == before[2:]
    assert len(after[0]) == len(before[0])


def test_the_mouse_reads_out_each_cell(shown, monkeypatch):
    w, session = shown, shown.session
    said = []
    monkeypatch.setattr("napari_stexp.panels.views.views_canvas.QToolTip.showText",
                        lambda _place, text, _widget: said.append(text))  # fmt: skip
    session.views.show("genes", GENES[:2])
    canvas = drawn(w)
    w.qtbot.mouseMove(canvas, canvas.where(1, session.spots.obsm["spatial"][3]))
    w.wait(lambda: bool(said))
    value = session.shown_values(GENES[1])[3]
    assert said[-1] == f"{session.spots.obs_names[3]} · {GENES[1]}: {value:.3g}"


def test_models_and_sides_follow_the_gene(shown):
    w, session = shown, shown.session
    session.views.show("models")
    canvas = drawn(w)
    session.gene = GENES[2]
    drawn(w)
    for item in canvas.pictures.items:
        expected = session.expression_of(item.cell.name).values(GENES[2])
        np.testing.assert_array_equal(item.view.values, expected)
    session.comparison.side_by_side = True
    canvas = drawn(w)
    measured, predicted = session.paired_values(GENES[2])
    shown_values = [item.view.values for item in canvas.pictures.items]
    for found, expected in zip(shown_values, (measured, predicted, predicted - measured),
                               strict=True):  # fmt: skip
        np.testing.assert_allclose(found, expected)
    session.display = replace(session.display, mode="heat map")
    drawn(w)
    assert all(item.heat is not None for item in canvas.pictures.items)


def test_a_prediction_that_goes_takes_its_cell_along(shown):
    w, session = shown, shown.session
    session.views.show("models")
    canvas = drawn(w)
    session.drop_prediction("second")
    drawn(w)
    assert [item.cell.name for item in canvas.pictures.items] == ["first"]
    session.drop_prediction("first")
    assert session.views.kind == "single"


@pytest.mark.parametrize("change", ["blinded", "spots", "slide"])
def test_what_can_no_longer_be_shown_ends_it(shown, change):
    w, session = shown, shown.session
    session.views.show("genes", GENES[:4])
    drawn(w)
    if change == "blinded":
        session.regions.start_blinded()
    elif change == "spots":
        session.set_spots(build_spots())
    else:
        session.set_slide(None)
    assert session.views.kind == "single"
    assert canvas_of(w) is None
    assert w.errors == []


def test_outlines_are_drawn_with_the_mouse_in_a_cell(shown):
    w, session = shown, shown.session
    session.set_annotations([Region(box(400, 300, 600, 500), class_name="Tumor")])
    session.views.show("genes", GENES[:4])
    canvas = drawn(w)
    session.regions.tool = "lasso"
    corners = [(500, 400), (700, 400), (700, 600), (500, 600)]
    places = [canvas.where(3, corner) for corner in corners]
    w.qtbot.mousePress(canvas, LEFT, pos=places[0])
    for place in places[1:]:
        w.qtbot.mouseMove(canvas, place)
        w.qtbot.wait(10)
    frame = canvas.frame
    w.qtbot.mouseRelease(canvas, LEFT, pos=places[-1])
    assert canvas.frame == frame, "the slide stays where it is"
    assert len(session.regions.items) == 2
    assert session.regions.items[-1].geometry.intersection(
        box(500, 400, 700, 600)
    ).area == pytest.approx(200 * 200, rel=0.1)
    session.regions.tool = "none"


def test_selected_spots_have_rings_in_all_cells(shown):
    w, session = shown, shown.session
    session.views.show("genes", GENES[:2])
    canvas = drawn(w)
    turn_wheel(w, canvas, canvas.where(0, session.spots.obsm["spatial"][14]), 4)
    session.select_spots(np.arange(30) == 14)
    drawn(w)
    radius = canvas.pictures.map.radius
    for index in range(2):
        edge = canvas.where(index, session.spots.obsm["spatial"][14]) + QPoint(round(radius) - 2, 0)
        np.testing.assert_allclose(color_at(canvas, edge), (0, 1, 1), atol=0.1)


def test_on_a_screen_of_twice_the_pixels_cells_are_sharp_and_picked_where_they_are(
    shown, monkeypatch
):
    w, session = shown, shown.session
    monkeypatch.setattr(ViewsCanvas, "devicePixelRatioF", lambda _: 2.0)
    session.views.show("genes", GENES[:4])
    canvas = drawn(w)
    xy = session.spots.obsm["spatial"]
    turn_wheel(w, canvas, canvas.where(0, xy[14]), 3)
    width, height = canvas.frame.size
    assert canvas.pictures.map.shape == (2 * height, 2 * width)
    image = canvas.pictures.items[0].image
    assert (image.width(), image.devicePixelRatio()) == (2 * width, 2.0)
    w.wait(lambda: canvas._ground is not None)
    assert canvas._ground.width() == 2 * width
    for index, spot in ((0, 14), (3, 8)):
        w.qtbot.mouseClick(canvas, LEFT, pos=canvas.where(index, xy[spot]))
        assert (session.gene, session.focus) == (GENES[index], spot)
    radius = canvas.pictures.diameter * canvas.frame.zoom / 2
    for step, found in ((0.8, 14), (1.3, None)):
        place = canvas.where(0, xy[14]) + QPoint(round(step * radius), 0)
        w.qtbot.mouseClick(canvas, LEFT, pos=place)
        assert session.focus == found
    values = session.shown_values(GENES[1])
    expected = map_values(values, session.limits(values, GENES[1]))[14, :3]
    np.testing.assert_allclose(color_at(canvas, canvas.where(1, xy[14])), expected, atol=0.03)
    monkeypatch.undo()
    canvas.repaint()
    w.wait(lambda: canvas.is_done)
    assert canvas.pictures.map.shape == (height, width), "the other screen is followed"


def test_mixed_genes_and_classes_come_and_go_with_their_legend(shown):
    w, session = shown, shown.session
    session.views.show("sides")
    wide = drawn(w)._layout.area.width()
    session.composite = GENES[:3]
    canvas = drawn(w)
    assert [item.cell.name for item in canvas.pictures.items] == ["measured", "predicted"]
    xy = session.spots.obsm["spatial"]
    for index in range(2):
        faces = canvas.pictures.items[index].view.faces
        color = color_at(canvas, canvas.where(index, xy[17]))
        np.testing.assert_allclose(color, faces[17, :3], atol=0.03)
    session.set_annotations([Region(box(0, 0, 10000, 10000), class_name="Tumor")])
    session.labelling.shown = True
    canvas = drawn(w)
    assert [item.cell.kind for item in canvas.pictures.items] == ["classes", "sides", "sides"]
    red = np.array(session.labelling.source.colours["Tumor"]) / 255
    np.testing.assert_allclose(color_at(canvas, canvas.where(0, xy[17])), red, atol=0.03)
    assert canvas._layout.area.width() < wide, "the legend is beside the cells"
    w.qtbot.mouseClick(canvas, LEFT, pos=canvas.where(0, xy[17]))
    assert (session.composite, session.focus) == (tuple(GENES[:3]), 17)
    session.labelling.shown, session.composite = False, ()
    assert drawn(w)._layout.area.width() == wide
    assert w.errors == []


# ---- the row in the dock Genes -----------------------------------------------------------


@pytest.fixture
def row(shown):
    shown.bring_forward(shown.genes)
    for fold in shown.genes.folds:
        fold.set_opened(fold.isAncestorOf(shown.genes.views))
    return shown.genes.views


def test_the_first_genes_of_the_list_are_shown(shown, row):
    row.number.setValue(4)
    shown.click(row.buttons["genes"])
    assert shown.session.views.genes == tuple(shown.genes.list.top_genes(4))
    row.number.setValue(6)
    assert len(shown.session.views.genes) == 6, "it is followed at once"
    shown.click(row.buttons["single"])
    assert shown.session.views.kind == "single"


def test_favourites_and_genes_of_a_signature_are_shown(shown, row):
    session = shown.session
    shown.choose_item(row.choice, "Favourites")
    shown.click(row.buttons["genes"])
    assert "star" in row.notice.text()
    assert session.views.kind == "single"
    assert row.buttons["single"].isChecked()
    session.marks.set_favourites([GENES[3], "ELSEWHERE"])
    shown.click(row.buttons["genes"])
    assert session.views.genes == (GENES[3],)
    session.signatures.add(Signature("Tumour", (GENES[0], "LACKING", GENES[2])))
    shown.choose_item(row.choice, "Genes of Tumour")
    assert session.views.genes == (GENES[0], GENES[2])
    assert "LACKING" in row.notice.text()


def test_buttons_wait_for_what_they_need(shown, row):
    session = shown.session
    assert all(button.isEnabled() for button in row.buttons.values())
    shown.click(row.buttons["models"])
    assert session.views.kind == "models"
    shown.click(row.buttons["sides"])
    assert session.comparison.side_by_side
    session.drop_prediction("second")
    assert not row.buttons["models"].isEnabled()
    assert "another model" in row.buttons["models"].toolTip()
    session.regions.start_blinded()
    assert not any(button.isEnabled() for button in row.buttons.values())
