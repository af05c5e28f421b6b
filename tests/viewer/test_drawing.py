"""The mouse's tools, driven as napari's canvas drives them."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from shapely import box

from napari_stexp.annotation import Region
from napari_stexp.errors import AnnotationError
from napari_stexp.viewer import choose_class
from tests.session.fakes import FakeSlide, make_spots
from tests.viewer.mouse import Mouse

SQUARE = [(200, 200), (400, 200), (400, 400), (200, 400)]


@pytest.fixture(params=[0.5, None], ids=["0.5 um per px", "unknown scale"])
def mouse(request, session, adapter, viewer):
    """A mouse on a slide; all positions are level-0 px."""
    session.set_slide(FakeSlide(mpp=request.param))
    session.set_spots(make_spots(6))
    viewer.scene.camera.zoom = 1.0
    return Mouse(viewer, request.param or 1.0)


@pytest.fixture
def warned(monkeypatch):
    said = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", said.append)
    return said


def names(viewer):
    return [layer.name for layer in viewer.layers]


# ---- outlines ----------------------------------------------------------------------------


def test_a_polygon_is_clicked_and_closed_by_a_double_click(session, mouse):
    session.regions.tool = "polygon"
    for place in SQUARE[:3]:
        mouse.click(*place)
    mouse.double_click(*SQUARE[3])
    (region,) = session.regions.items
    assert region.geometry.equals(box(200, 200, 400, 400))
    assert region.class_name == session.regions.active_class
    assert session.regions.selected == {region.id}


def test_a_click_on_the_first_corner_closes_a_polygon_too(session, mouse):
    session.regions.tool = "polygon"
    for place in [*SQUARE, (202, 203)]:
        mouse.click(*place)
    assert session.regions.items[0].geometry.equals(box(200, 200, 400, 400))


def test_an_unfinished_outline_follows_the_mouse_and_can_be_given_up(session, adapter, mouse):
    session.regions.tool = "polygon"
    mouse.click(*SQUARE[0])
    mouse.click(*SQUARE[1])
    mouse.move(*SQUARE[2])
    layer = adapter.drawing.layer
    np.testing.assert_allclose(layer.data[0], [place[::-1] for place in SQUARE[:3]])
    adapter.drawing.take_back()
    assert len(layer.data[0]) == 2
    adapter.drawing.cancel()
    assert len(layer.data) == 0
    adapter.drawing.finish()
    assert session.regions.items == ()


def test_the_keys_work_while_a_tool_is_in_the_hand(session, adapter, mouse):
    session.regions.tool = "polygon"
    for place in SQUARE[:2]:
        mouse.click(*place)
    keys = {str(key): action for key, action in adapter.drawing.layer.keymap.items()}
    keys["Escape"](adapter.drawing.layer)
    for place in SQUARE:
        mouse.click(*place)
    keys["Enter"](adapter.drawing.layer)
    assert len(session.regions.items) == 1
    keys["2"](adapter.drawing.layer)
    assert session.regions.active_class == session.regions.classes[1].name
    keys["Ctrl+Z"](adapter.drawing.layer)
    assert session.regions.items == ()


def test_a_number_without_a_class_does_nothing(session):
    before = session.regions.active_class
    choose_class(session, 99)
    assert session.regions.active_class == before


def test_a_lasso_is_dragged(session, mouse):
    session.regions.tool = "lasso"
    circle = shapely.Point(500, 500).buffer(150, quad_segs=30)
    mouse.drag(list(circle.exterior.coords))
    shape = session.regions.items[0].geometry
    assert shape.symmetric_difference(circle).area < 0.02 * circle.area
    assert shapely.get_num_coordinates(shape) < 100, "points that say nothing are left out"


def test_an_outline_that_crosses_itself_is_made_valid(session, mouse):
    session.regions.tool = "lasso"
    mouse.drag([(100, 100), (300, 300), (300, 100), (100, 300)])
    shape = session.regions.items[0].geometry
    assert shape.is_valid
    assert shape.area == pytest.approx(2 * 0.5 * 200 * 100, rel=0.02)


def test_an_outline_without_an_area_is_left_out_and_said(session, mouse, warned):
    session.regions.tool = "lasso"
    mouse.drag([(100, 100), (200, 200), (100, 100)])
    assert session.regions.items == ()
    assert "no area" in warned[0]


# ---- brush and eraser --------------------------------------------------------------------


def test_the_brush_covers_its_true_diameter(session, mouse):
    regions = session.regions
    regions.tool, regions.brush_um = "brush", 60.0
    mouse.drag([(300, 300), (500, 300)])
    diameter = 60.0 / mouse.scale
    left, top, right, bottom = regions.items[0].geometry.bounds
    assert (right - left, bottom - top) == pytest.approx((200 + diameter, diameter), rel=0.01)
    mouse.drag([(500, 300), (500, 500)])
    assert len(regions.items) == 1, "a stroke that touches goes on with the region"
    regions.undo()
    assert regions.items[0].geometry.bounds[3] == pytest.approx(bottom)


def test_what_is_brushed_is_seen_before_the_mouse_is_released(session, adapter, mouse):
    regions = session.regions
    regions.tool, regions.brush_um = "brush", 60.0
    mouse.drag([(300, 300), (400, 320)], release=False)
    layer = adapter.drawing.layer
    assert layer.edge_width[0] * layer.scale[0] == pytest.approx(60.0)
    assert regions.items == ()
    mouse.release()
    assert len(layer.data) == 0
    assert len(regions.items) == 1


def test_the_cursor_is_a_circle_of_the_brushs_size(session, viewer, mouse):
    session.regions.tool = "brush"
    session.regions.brush_um = 123.0
    assert viewer.cursor.style == "circle"
    assert viewer.cursor.size == pytest.approx(123.0)
    session.regions.tool = "lasso"
    assert viewer.cursor.style == "cross"
    session.regions.tool = "none"
    assert viewer.cursor.style == "standard"


def test_the_eraser_takes_away(session, mouse):
    session.set_annotations([Region(box(200, 200, 600, 600), class_name="Tumor")])
    session.regions.tool, session.regions.brush_um = "eraser", 80.0
    mouse.click(400, 400)
    shape = session.regions.items[0].geometry
    assert len(shape.interiors) == 1
    hole = np.pi * (40.0 / mouse.scale) ** 2
    assert 400**2 - shape.area == pytest.approx(hole, rel=0.02)


# ---- choosing ----------------------------------------------------------------------------


def test_spots_are_chosen_with_a_lasso_and_dropped_with_a_click(session, adapter, mouse):
    session.regions.tool = "select"
    mouse.drag([(300, 200), (700, 200), (700, 400), (300, 400)])
    assert np.flatnonzero(session.selection).tolist() == [1, 2]
    widths = np.asarray(adapter.spots_layer.border_width)
    assert widths[1:3].min() > 0.1
    mouse.click(900, 900)
    assert session.selection is None


def test_a_click_picks_the_smallest_region(session, mouse):
    inner = Region(box(250, 250, 350, 350), class_name="Stroma")
    outer = Region(box(200, 200, 600, 600), class_name="Tumor")
    session.set_annotations([inner, outer])
    session.regions.tool = "pick"
    mouse.click(300, 300)
    assert session.regions.selected == {inner.id}
    mouse.click(500, 500, modifiers=("Shift",))
    assert session.regions.selected == {inner.id, outer.id}
    mouse.drag([(500, 500), (550, 550)])
    assert len(session.regions.selected) == 2, "dragging moves the slide"
    mouse.click(50, 50)
    assert session.regions.selected == frozenset()


# ---- the layer ---------------------------------------------------------------------------


def test_the_drawing_layer_is_there_only_while_it_is_needed(session, adapter, viewer, mouse):
    before = names(viewer)
    for tool in ("polygon", "brush", "select"):
        session.regions.tool = tool
        assert viewer.layers.selection.active is adapter.drawing.layer
        assert not viewer.scene.camera.mouse_pan
        assert names(viewer) == [*before, "Drawing"]
    for tool in ("pick", "none"):
        session.regions.tool = tool
        assert names(viewer) == before
        assert viewer.scene.camera.mouse_pan
        assert viewer.layers.selection.active is adapter.spots_layer


def test_another_active_layer_puts_the_tool_down(session, adapter, viewer, mouse):
    session.regions.tool = "brush"
    viewer.layers.selection.active = adapter.image_layer
    assert session.regions.tool == "none"
    session.regions.tool = "brush"
    viewer.layers.remove(adapter.drawing.layer)
    assert session.regions.tool == "none"
    assert adapter.drawing.layer is None


def test_drawing_keeps_the_tool_in_the_hand(session, adapter, viewer, mouse):
    """Also when the first region brings a new layer, or the many another kind."""
    session.regions.tool = "brush"
    mouse.click(300, 300)
    assert session.regions.tool == "brush"
    session.set_annotations([Region(box(x, 0, x + 3, 5)) for x in range(0, 2000, 4)] * 2)
    mouse.click(300, 600)
    assert session.regions.tool == "brush"
    assert viewer.layers.selection.active is adapter.drawing.layer
    assert names(viewer).index("Annotation") < viewer.layers.index(adapter.spots_layer)


def test_naparis_own_tools_do_not_start_on_the_drawing_layer(session, adapter, viewer, mouse):
    session.regions.tool = "polygon"
    adapter.drawing.layer.mode = "add_rectangle"
    assert str(adapter.drawing.layer.mode) == "pan_zoom"
    assert not viewer.scene.camera.mouse_pan


def test_space_lets_the_mouse_move_the_slide(session, adapter, viewer, mouse):
    session.regions.tool = "polygon"
    press = {str(k): v for k, v in adapter.drawing.layer.keymap.items()}["Space"]
    held = press(adapter.drawing.layer)
    next(held)
    assert viewer.scene.camera.mouse_pan
    assert next(held, None) is None
    assert not viewer.scene.camera.mouse_pan


def test_a_locked_annotation_is_not_drawn_on(session, adapter, mouse, warned):
    regions = session.regions
    regions.start_blinded()
    regions.add(box(0, 0, 50, 50))
    regions.tool = "lasso"
    regions.lock()
    assert adapter.drawing.layer is None
    with pytest.raises(AnnotationError):
        regions.tool = "polygon"
    regions.tool = "select"
    mouse.drag([(300, 200), (700, 200), (700, 400), (300, 400)])
    assert session.selection.sum() == 2, "spots may be chosen"
    assert len(regions.items) == 1


def test_what_the_session_refuses_is_said(session, mouse, warned, monkeypatch):
    session.regions.tool = "lasso"

    def refuse():
        raise AnnotationError("the annotation is locked", hint="Unlock it first.")

    monkeypatch.setattr(session.regions, "check_editable", refuse)
    mouse.drag(SQUARE)
    assert session.regions.items == ()
    assert warned == ["The annotation is locked. Unlock it first."]


def test_closing_puts_the_tool_down(session, adapter, viewer, mouse):
    session.regions.tool = "brush"
    adapter.close()
    assert "Drawing" not in names(viewer)
    assert viewer.mouse_drag_callbacks == type(viewer)().mouse_drag_callbacks
    session.regions.tool = "lasso"
    assert "Drawing" not in names(viewer)


# ---- moving corners ----------------------------------------------------------------------


@pytest.fixture
def ringed(session, mouse):
    shape = box(200, 200, 600, 600).difference(box(300, 300, 400, 400))
    session.set_annotations([Region(shape, class_name="Tumor")])
    return session.regions.items[0]


def test_corners_of_one_region_are_moved_as_one_edit(session, adapter, viewer, ringed):
    adapter.drawing.edit_outline(ringed.id)
    layer = adapter.drawing.editor.layer
    assert str(layer.mode) == "direct"
    assert viewer.layers.selection.active is layer
    rings = [np.array(ring) for ring in layer.data]
    outer = max(rings, key=np.ptp)
    outer[outer[:, 1] == 600, 1] = 700
    layer.data = rings
    adapter.drawing.editor.finish()
    expected = box(200, 200, 700, 600).difference(box(300, 300, 400, 400))
    assert session.regions.items[0].geometry.equals(expected)
    assert "Outline" not in names(viewer)
    session.regions.undo()
    assert session.regions.items[0].geometry.equals(ringed.geometry)


def test_an_outline_that_was_not_moved_is_no_edit(session, adapter, ringed):
    adapter.drawing.edit_outline(ringed.id)
    adapter.drawing.editor.finish()
    assert session.regions.undo_text == ""


def test_moving_corners_ends_when_another_layer_is_active(session, adapter, viewer, ringed):
    adapter.drawing.edit_outline(ringed.id)
    viewer.layers.selection.active = adapter.spots_layer
    assert adapter.drawing.editor.layer is None


def test_a_locked_or_too_detailed_outline_is_not_moved(session, adapter, ringed, warned):
    session.regions.set_locked([ringed.id], True)
    adapter.drawing.edit_outline(ringed.id)
    fine = session.regions.add(shapely.Point(500, 500).buffer(100, quad_segs=200))
    adapter.drawing.edit_outline(fine.id)
    assert adapter.drawing.editor.layer is None
    assert "locked" in warned[0]
    assert "too many corners" in warned[1]
