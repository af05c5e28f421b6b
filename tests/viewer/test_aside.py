"""What is drawn beside the window: stand-ins, and the same picture in the end."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_stexp.session import Session
from napari_stexp.viewer import LayerAdapter, annotation_tiles, regions_layer, spot_tiles
from napari_stexp.viewer.annotation_tiles import RegionTiles
from napari_stexp.viewer.spot_grid import SpotGrid
from napari_stexp.viewer.spots_raster import SIDE, SpotsRaster
from napari_stexp.viewer.spots_ready import prepare_picture, ready_grid, take_raster
from napari_stexp.viewer.tile_queue import TileQueue
from tests.session.fakes import make_spots
from tests.viewer.test_regions_layer import many


class Later:
    """Does nothing until it is told to."""

    at_once = False

    def __init__(self):
        self.waiting = []

    def run(self, work, then):
        self.waiting.append((work, then))

    def later(self, then):
        then()

    def go_on(self):
        waiting, self.waiting = self.waiting, []
        for work, then in waiting:
            then(work())


@pytest.fixture
def tiles(monkeypatch):
    monkeypatch.setattr(annotation_tiles, "_QUICK", 0)
    tiles = RegionTiles(many(), (1000, 1000))
    tiles.queue.aside = Later()
    return tiles


def test_a_coarser_tile_stands_in_until_the_tile_is_drawn(tiles):
    drawn = []
    tiles.queue.on_drawn = lambda: drawn.append(True)
    level = len(tiles.shapes) - 2
    before = tiles.tile(level, 0, 0)
    coarse = tiles.tile(level + 1, 0, 0)
    assert coarse.any()
    np.testing.assert_array_equal(before[::2, ::2], coarse[:256, :256])
    assert tiles.tile(level, 0, 0) is not before  # asked for once only
    assert len(tiles.queue.aside.waiting) == 1
    tiles.queue.aside.go_on()
    assert drawn == [True]
    expected = RegionTiles(tiles.regions, (1000, 1000)).tile(level, 0, 0)
    np.testing.assert_array_equal(tiles.tile(level, 0, 0), expected)
    assert tiles.queue.aside.waiting == []


def test_a_tile_stands_in_for_itself_while_it_changes(tiles):
    level = len(tiles.shapes) - 1
    old = tiles.tile(level, 0, 0)
    fewer = tiles.regions[:50]
    assert tiles.update(fewer)
    np.testing.assert_array_equal(tiles.tile(level, 0, 0), old)
    tiles.queue.aside.go_on()
    expected = RegionTiles(fewer, (1000, 1000)).tile(level, 0, 0)
    np.testing.assert_array_equal(tiles.tile(level, 0, 0), expected)


def test_changes_that_were_looked_for_in_turn_leave_no_old_tile(tiles):
    level = len(tiles.shapes) - 1
    first, second = tiles.prepare(tiles.regions[:100]), tiles.prepare(tiles.regions[50:])
    assert tiles.take(first)
    assert tiles.take(second)
    tiles.tile(level, 0, 0)
    tiles.queue.aside.go_on()
    expected = RegionTiles(second.regions, (1000, 1000)).tile(level, 0, 0)
    np.testing.assert_array_equal(tiles.tile(level, 0, 0), expected)


def test_tiles_of_a_view_that_was_left_are_not_drawn(tiles, monkeypatch):
    aside = tiles.queue.aside
    tiles.queue = TileQueue(1)
    tiles.queue.aside = aside
    tiles.tile(0, 0, 0)
    tiles.tile(0, 0, 1)
    drawn = []
    monkeypatch.setattr(annotation_tiles, "draw_rings", lambda *_: drawn.append(1) or np.zeros(1))
    tiles.queue.aside.go_on()
    assert drawn == [1]


def test_many_regions_are_shown_when_their_picture_is_there(monkeypatch):
    monkeypatch.setattr(regions_layer, "_MANY", 100)
    session, viewer = Session(), ViewerModel()
    adapter, aside = LayerAdapter(session, viewer), Later()
    adapter.use_aside(aside)
    session.set_annotations(many())
    assert adapter.annotation_layer is None
    session.set_annotations(fewer := many()[:-1])  # which are no longer these
    aside.go_on()
    layer = adapter.annotation_layer
    aside.go_on()
    assert layer in viewer.layers
    assert len(layer.metadata[annotation_tiles.REGIONS]) == len(fewer)
    session.set_annotations(None)
    aside.go_on()
    assert adapter.annotation_layer is None
    adapter.close()


def make_many_spots():
    spots = make_spots(400)
    spots.obsm["spatial"] = np.random.default_rng(0).uniform(0, 5000, (400, 2))
    return spots


def test_a_picture_that_was_begun_is_the_picture_of_the_spots():
    spots = make_many_spots()
    prepare_picture(spots)
    assert take_raster(spots, 1.0) is None  # of another size
    raster = take_raster(spots, 110.0)
    assert raster.grid is ready_grid(spots)
    assert take_raster(spots, 110.0) is None  # a second layer paints one of its own
    table = np.arange(1200, dtype=np.uint32).reshape(3, 400) | np.uint32(0xFF000000)
    plain = SpotsRaster(SpotGrid(spots.obsm["spatial"]), 110.0)
    for one in (raster, plain):
        one.paint(table)
    for level in (-1, -3):
        np.testing.assert_array_equal(raster.levels[level][:, :], plain.levels[level][:, :])


@pytest.fixture
def rasters(monkeypatch):
    """The same many spots twice: drawn aside, and at once."""
    monkeypatch.setattr(spot_tiles, "_QUICK_S", 0.0)
    spots = make_many_spots()
    table = np.arange(1200, dtype=np.uint32).reshape(3, 400) | np.uint32(0xFF000000)
    found = []
    for _ in range(2):
        found.append(SpotsRaster(SpotGrid(spots.obsm["spatial"]), 110.0))
        found[-1].paint(table)
    found[0].tiles.queue.aside = Later()
    return found


def test_many_spots_are_coarse_until_they_are_drawn(rasters):
    later, plain = rasters
    queue, drawn = later.tiles.queue, []
    queue.on_drawn = lambda: drawn.append(True)
    part = np.s_[100:900, 300:1100]
    wanted = plain.levels[-6][part]
    first = later.levels[-6][part]
    assert first.shape == wanted.shape
    shown = [picture[..., 3] > 127 for picture in (first, wanted)]
    assert not np.array_equal(*shown)
    assert np.mean(shown[0] == shown[1]) > 0.9  # the same spots at the same places
    later.levels[-6][part]  # asked for once only
    lines, across = (end // SIDE + 1 for end in (99 + first.shape[0], 299 + first.shape[1]))
    assert len(queue.aside.waiting) == lines * (across - 300 // SIDE)
    queue.aside.go_on()
    assert drawn == [True]
    np.testing.assert_array_equal(later.levels[-6][part], wanted)
    assert queue.aside.waiting == []


def test_spots_keep_their_size_until_those_of_another_size_are_drawn(rasters):
    later, plain = rasters
    part = np.s_[0:256, 0:256]
    before = plain.levels[-6][part]
    later.levels[-6][part]
    later.tiles.queue.aside.go_on()
    for one in rasters:
        assert one.reshape(60.0, "disc")
    np.testing.assert_array_equal(later.levels[-6][part], before)
    later.tiles.queue.aside.go_on()
    wanted = plain.levels[-6][part]
    assert not np.array_equal(wanted, before)
    np.testing.assert_array_equal(later.levels[-6][part], wanted)


def test_a_whole_level_leaves_no_more_tiles_than_are_kept(rasters):
    for raster in rasters:
        raster.tiles._most_tiles = 8
        np.asarray(raster.levels[-6])
        assert len(raster.tiles._tiles) == 8


def test_a_tile_that_failed_keeps_no_other_from_being_shown():
    queue, aside, drawn = TileQueue(9), Later(), []
    queue.aside, queue.on_drawn = aside, lambda: drawn.append(True)
    queue.ask("bad", lambda: 1 / 0)
    (bad, _), aside.waiting = aside.waiting[0], []
    with pytest.raises(ZeroDivisionError):  # the window's aside logs it, and goes on
        bad()
    queue.ask("good", lambda: 1)
    aside.go_on()
    assert drawn == [True]
    queue.ask("bad", lambda: 2)
    assert len(aside.waiting) == 1


def test_a_whole_level_is_never_coarse(rasters):
    later, plain = rasters
    np.testing.assert_array_equal(np.asarray(later.levels[-5]), np.asarray(plain.levels[-5]))
    assert later.tiles.queue.aside.waiting == []


def test_what_was_begun_goes_with_the_spots_and_with_their_places():
    from napari_stexp.viewer import spots_ready

    spots = make_many_spots()
    n = len(spots_ready._KNOWN)
    prepare_picture(spots)
    spots.obsm["spatial"] = spots.obsm["spatial"] + 5.0
    assert take_raster(spots, 110.0) is None
    np.testing.assert_array_equal(ready_grid(spots).xy, spots.obsm["spatial"])
    del spots
    gc.collect()
    assert len(spots_ready._KNOWN) == n
