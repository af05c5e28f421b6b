"""Editing regions: every edit can be undone, and what is locked stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from napari_stexp.annotation import DEFAULT_CLASSES
from napari_stexp.errors import AnnotationError
from napari_stexp.session import Regions
from tests.session.fakes import make_region


class Clock:
    def __init__(self):
        self.now = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)

    def __call__(self):
        return self.now

    def pass_seconds(self, seconds):
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def regions(clock):
    return Regions(clock)


def test_what_is_drawn_has_the_active_class_and_its_colour_and_is_selected(regions):
    regions.active_class = "Stroma"
    drawn = regions.add(box(0, 0, 10, 10))
    assert regions.items == (drawn,)
    assert (drawn.class_name, drawn.color) == ("Stroma", (150, 200, 150))
    assert regions.selected == {drawn.id}
    assert regions.undo_text == "Draw Stroma"


def test_undo_and_redo_walk_through_every_edit(regions):
    first = regions.add(box(0, 0, 10, 10))
    regions.add(box(20, 0, 30, 10))
    regions.classify([first.id], "Stroma")
    regions.rename(first.id, "nest 1")
    regions.remove([first.id])
    states = []
    while regions.undo_text:
        states.append(regions.items)
        regions.undo()
    assert regions.items == ()
    for expected in reversed(states):
        regions.redo()
        assert regions.items == expected
    assert not regions.redo_text


def test_a_new_edit_forgets_what_was_taken_back(regions):
    regions.add(box(0, 0, 10, 10))
    regions.undo()
    regions.add(box(5, 5, 9, 9))
    assert not regions.redo_text


def test_the_brush_grows_the_region_of_its_class_that_it_touches(regions):
    start = regions.add(box(0, 0, 10, 10))
    regions.paint(box(8, 0, 20, 10))
    assert len(regions.items) == 1
    assert regions.items[0].id == start.id
    assert regions.items[0].geometry.equals(box(0, 0, 20, 10))


def test_the_brush_begins_a_region_where_it_touches_none_of_its_class(regions):
    regions.add(box(0, 0, 10, 10))
    regions.active_class = "Stroma"
    regions.paint(box(5, 5, 20, 20))
    assert [r.class_name for r in regions.items] == ["Tumor", "Stroma"]
    regions.paint(box(100, 100, 120, 120))
    assert len(regions.items) == 3


def test_the_brush_prefers_the_selected_region(regions):
    small = regions.add(box(0, 0, 5, 5))
    regions.add(box(10, 0, 40, 30))
    regions.select([small.id])
    regions.paint(box(4, 0, 12, 5))
    assert regions.find(small.id).geometry.area == pytest.approx(60)


def test_the_eraser_cuts_splits_and_removes(regions):
    bar = regions.add(box(0, 0, 30, 10))
    regions.erase(box(10, -1, 20, 11))
    assert regions.find(bar.id).geometry.geom_type == "MultiPolygon"
    assert regions.find(bar.id).geometry.area == pytest.approx(200)
    regions.erase(box(-1, -1, 40, 40))
    assert regions.items == ()
    regions.undo()
    regions.undo()
    assert regions.items == (bar,)


def test_the_eraser_spares_locked_and_unselected_regions(regions):
    a, b = regions.add(box(0, 0, 10, 10)), regions.add(box(5, 0, 15, 10))
    regions.set_locked([a.id], True)
    regions.select([])
    regions.erase(box(4, 0, 8, 10))
    assert regions.find(a.id).geometry.area == 100
    assert regions.find(b.id).geometry.area == pytest.approx(70)
    regions.select([a.id])
    regions.erase(box(8, 0, 12, 10))
    assert regions.find(b.id).geometry.area == pytest.approx(70)


def test_a_locked_region_is_neither_deleted_nor_changed(regions):
    a, b = regions.add(box(0, 0, 10, 10)), regions.add(box(5, 0, 15, 10))
    regions.set_locked([a.id], True)
    for edit in (
        lambda: regions.remove([b.id, a.id]),
        lambda: regions.classify([a.id], None),
        lambda: regions.rename(a.id, "x"),
        lambda: regions.reshape(a.id, box(0, 0, 1, 1)),
    ):
        with pytest.raises(AnnotationError, match="locked"):
            edit()
    assert len(regions.items) == 2


def test_renaming_a_class_to_a_taken_name_joins_the_two(regions):
    regions.add(box(0, 0, 10, 10))
    regions.add_class("Tumour", (1, 2, 3))
    regions.add(box(20, 0, 30, 10))
    regions.rename_class("Tumour", "Tumor")
    assert {r.class_name for r in regions.items} == {"Tumor"}
    assert {r.color for r in regions.items} == {(200, 0, 0)}
    assert [one.name for one in regions.classes].count("Tumor") == 1
    regions.undo()
    assert regions.items[1].class_name == "Tumour"
    assert regions.classes[-1].name == "Tumour"


def test_a_class_that_regions_have_cant_be_removed(regions):
    drawn = regions.add(box(0, 0, 10, 10))
    with pytest.raises(AnnotationError, match="1 regions have this class"):
        regions.remove_class("Tumor")
    regions.classify([drawn.id], None)
    regions.remove_class("Tumor")
    assert regions.active_class == DEFAULT_CLASSES[1].name


def test_a_files_colours_become_those_of_the_palette(regions):
    regions.load([make_region(color=(1, 2, 3)), make_region(class_name="Vessel", color=(9, 8, 7))])
    colours = {one.name: one.color for one in regions.classes}
    assert colours["Tumor"] == (1, 2, 3)
    assert colours["Vessel"] == (9, 8, 7)
    assert not regions.undo_text


def test_blinding_records_the_time_to_the_first_lock(regions, clock):
    regions.start_blinded()
    assert regions.blinding.hides_values
    clock.pass_seconds(90)
    regions.add(box(0, 0, 10, 10))
    clock.pass_seconds(30)
    regions.lock()
    record = regions.blinding
    assert (record.state, record.seconds, record.n_regions) == ("locked", 120.0, 1)
    assert record.started == "2026-03-01T09:30:00+00:00"
    assert record.locked_at == "2026-03-01T09:32:00+00:00"
    assert not record.hides_values
    clock.pass_seconds(600)
    regions.unlock()
    regions.add(box(20, 0, 30, 10))
    regions.lock()
    assert (regions.blinding.seconds, regions.blinding.n_unlocks) == (120.0, 1)
    assert regions.blinding.n_regions == 1, "the record is that of the first lock"


def test_a_locked_annotation_refuses_every_edit_and_every_drawing_tool(regions):
    regions.start_blinded()
    drawn = regions.add(box(0, 0, 10, 10))
    regions.tool = "brush"
    regions.lock()
    assert regions.tool == "none"
    edits = (
        lambda: regions.add(box(0, 0, 1, 1)),
        lambda: regions.paint(box(0, 0, 1, 1)),
        lambda: regions.erase(box(0, 0, 1, 1)),
        lambda: regions.remove([drawn.id]),
        lambda: regions.classify([drawn.id], "Stroma"),
        regions.undo,
        lambda: regions.recolor_class("Tumor", (0, 0, 0)),
        lambda: setattr(regions, "tool", "polygon"),
    )
    for edit in edits:
        with pytest.raises(AnnotationError, match="locked"):
            edit()
    assert regions.items == (drawn,)
    regions.tool = "select"


def test_nothing_is_locked_without_a_region(regions):
    regions.start_blinded()
    with pytest.raises(AnnotationError, match="nothing to lock"):
        regions.lock()
    assert regions.blinding.hides_values


def test_that_expression_was_seen_before_is_recorded(regions):
    regions.values_were_seen = True
    regions.start_blinded()
    assert regions.blinding.seen_before


def test_listeners_see_the_whole_change(regions):
    seen = []
    regions.changed.connect(lambda items: seen.append((items, regions.items, regions.undo_text)))
    drawn = regions.add(box(0, 0, 10, 10))
    assert seen == [((drawn,), (drawn,), "Draw Tumor")]


steps = st.lists(
    st.tuples(
        st.sampled_from(["add", "paint", "erase", "undo", "redo", "remove"]),
        st.integers(0, 40),
        st.integers(0, 40),
        st.sampled_from([one.name for one in DEFAULT_CLASSES[:2]]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_any_walk_leaves_valid_areas_and_undoes_to_nothing(walk):
    regions = Regions()
    for step, x, y, name in walk:
        regions.active_class = name
        area = shapely.Point(x, y).buffer(6)
        if step in ("undo", "redo"):
            getattr(regions, step)()
        elif step == "remove":
            regions.remove(list(regions.selected))
        else:
            getattr(regions, step)(area)
        assert all(r.geometry.is_valid and r.geometry.area > 0 for r in regions.items)
        assert len({r.id for r in regions.items}) == len(regions.items)
    while regions.undo_text:
        regions.undo()
    assert regions.items == ()
