"""Regions as outlines, or as tiles where there are many."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import shapely
from shapely import affinity, box

from napari_stexp.annotation import Region, RegionClass
from napari_stexp.viewer.annotation_tiles import FINEST, RegionTiles
from napari_stexp.viewer.frame import layer_frame
from napari_stexp.viewer.region_index import RegionIndex
from napari_stexp.viewer.region_style import style_regions
from napari_stexp.viewer.regions_layer import MOST_RINGS, fits_shapes
from tests.session.fakes import FakeSlide, make_spots

RED, BLUE = (200, 0, 0), (0, 0, 200)


def many(n=MOST_RINGS + 1, size=6):
    return [
        Region(box(x, y, x + size, y + size), class_name="Tumor", color=RED)
        for x, y in ((10 * (i % 90) + 5, 10 * (i // 90) + 5) for i in range(n))
    ]


def whole(tiles, level):
    return np.asarray(tiles.levels()[level])


# ---- looks -------------------------------------------------------------------------------


def test_selected_and_locked_regions_look_different():
    plain = Region(box(0, 0, 9, 9), class_name="Tumor", color=RED)
    regions = [plain, replace(plain, id="b"), replace(plain, id="c", locked=True)]
    styles = style_regions(regions, selected=frozenset("b"))
    assert styles.width[1] > styles.width[0] > styles.width[2]
    assert styles.selected.tolist() == [False, True, False]
    saturation = np.ptp(styles.color, axis=1)
    assert saturation[2] < 0.6 * saturation[0]


def test_the_palettes_colour_goes_before_the_files():
    region = Region(box(0, 0, 9, 9), class_name="Tumor", color=RED)
    styles = style_regions([region], [RegionClass("Tumor", BLUE)])
    np.testing.assert_allclose(styles.color[0] * 255, BLUE)


# ---- tiles -------------------------------------------------------------------------------


def is_ink(picture, color):
    return (picture[..., :3] == color).all(axis=-1) & (picture[..., 3] > 0)


@pytest.mark.parametrize("level", [0, 2, 3])
def test_a_level_shows_outlines_where_they_are(level):
    tiles = RegionTiles([Region(box(40, 24, 120, 72), class_name="a", color=RED)], (200, 300))
    picture = whole(tiles, level)
    step = 2.0**level / FINEST  # level-0 px per pixel
    assert picture.shape == (*tiles.shapes[level], 4)
    rows, columns = np.nonzero(is_ink(picture, RED))
    for found, (low, high) in ((columns, (40, 120)), (rows, (24, 72))):
        assert (found.min() + 0.5) * step == pytest.approx(low, abs=2.5 * step)
        assert (found.max() + 0.5) * step == pytest.approx(high, abs=2.5 * step)
    middle = picture[int(48 / step), int(80 / step)]
    assert middle[3] == 0, "a region that isn't selected is not filled"
    drawn = picture[..., 3] > 0
    assert (is_ink(picture, RED) | (picture[..., :3] == 255).all(axis=-1))[drawn].all()
    assert drawn.sum() > len(rows), "a white line lies below"


def test_what_crosses_tiles_is_drawn_as_one_picture():
    """Against Pillow, which draws all of it at once."""
    from PIL import Image, ImageDraw

    shape = affinity.rotate(box(60, 60, 440, 380), 20)
    tiles = RegionTiles([Region(shape, class_name="a", color=RED)], (500, 500))
    level = 0
    height, width = tiles.shapes[level]
    expected = Image.new("L", (width, height))
    line = np.rint(np.array(shape.exterior.coords) * FINEST - 0.5).ravel().tolist()
    ImageDraw.Draw(expected).line(line, fill=1, width=2)
    found, expected = is_ink(whole(tiles, level), RED), np.array(expected) > 0
    assert (found & expected).sum() > 0.99 * expected.sum()
    assert (found & ~expected).sum() < 0.02 * expected.sum()


def test_parts_of_a_level_are_the_same_as_all_of_it():
    tiles = RegionTiles(many(), (1000, 1000))
    level = tiles.levels()[1]
    everything = np.asarray(level)
    for rows, columns in (
        (slice(100, 700), slice(500, 530)),
        (slice(0, 1000, 3), slice(511, 1100, 2)),
    ):
        np.testing.assert_array_equal(level[rows, columns], everything[rows, columns])
        np.testing.assert_array_equal(level[rows, columns, slice(None)], everything[rows, columns])


def test_regions_too_small_for_a_level_are_dots():
    tiles = RegionTiles(many(n=50, size=1), (4000, 4000))
    picture = whole(tiles, 4)  # 4 level-0 px per pixel
    assert (picture[..., 3] > 0).sum() >= 50


def test_selected_regions_are_tinted_but_for_their_holes():
    shape = box(100, 100, 300, 300).difference(box(150, 150, 250, 250))
    region = Region(shape, class_name="a", color=RED)
    tiles = RegionTiles([region], (400, 400), selected=frozenset([region.id]))
    picture = whole(tiles, 2)  # one pixel per level-0 px
    assert 0 < picture[125, 200, 3] < 128
    assert picture[200, 200, 3] == 0
    assert picture[50, 50, 3] == 0


def test_an_edit_draws_only_the_tiles_that_it_changes():
    regions = many()
    tiles = RegionTiles(regions, (1000, 1000))
    before = {key: tiles.tile(*key) for key in ((0, 0, 0), (0, 1, 5))}
    assert tiles.update([*regions, Region(box(20, 20, 60, 60))])
    assert tiles.tile(0, 1, 5) is before[0, 1, 5]
    assert tiles.tile(0, 0, 0) is not before[0, 0, 0]
    assert not tiles.update([*regions, tiles.regions[-1]]), "nothing has changed"
    assert tiles.update(regions)
    np.testing.assert_array_equal(tiles.tile(0, 0, 0), before[0, 0, 0])


def test_regions_left_of_the_slide_are_drawn_too():
    tiles = RegionTiles([Region(box(-50.5, -20, 10, 10))], (100, 100))
    assert tiles.origin == (-51, -20)
    assert tiles.covers([Region(box(-51, -20, 100, 100))])
    assert not tiles.covers([Region(box(0, 0, 400, 10))])


def test_no_regions_are_a_clear_picture():
    tiles = RegionTiles([], (300, 300))
    assert not whole(tiles, 0).any()
    assert not tiles.update([])


# ---- the layer ---------------------------------------------------------------------------


@pytest.mark.parametrize("mpp", [0.5, None])
def test_many_regions_are_tiles_in_the_right_place(session, adapter, mpp):
    session.set_slide(FakeSlide(mpp=mpp))
    session.set_annotations(many())
    layer = adapter.annotation_layer
    assert type(layer).__name__ == "Image"
    scale = layer_frame(mpp)["scale"][0]
    np.testing.assert_allclose(layer.data_to_world((-0.5, -0.5)), (0, 0), atol=1e-9)
    size = np.array(layer.data[0].shape[:2])
    np.testing.assert_allclose(
        layer.data_to_world(size - 0.5), np.array([1000, 2000]) * scale, atol=1e-6
    )


def test_the_kind_of_layer_follows_the_number_of_regions(session, adapter, viewer):
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(6))
    few = many(20)
    for regions, kind in ((few, "Shapes"), (many(), "Image"), (few, "Shapes")):
        session.set_annotations(list(regions))
        layer = adapter.annotation_layer
        assert type(layer).__name__ == kind
        assert [type(one).__name__ for one in viewer.layers] == ["Image", kind, "Points"]
        layer.visible = False
    assert not adapter.annotation_layer.visible, "what the user hid stays hidden"


def test_rings_and_vertices_count_not_regions():
    holes = shapely.MultiPolygon([box(x, 0, x + 1, 1) for x in range(0, 2 * MOST_RINGS + 2, 2)])
    assert not fits_shapes([Region(holes)])
    assert not fits_shapes([Region(shapely.Point(0, 0).buffer(9, quad_segs=9000))])
    assert fits_shapes(many(MOST_RINGS))


@pytest.mark.parametrize("n", [3, MOST_RINGS + 1])
def test_edits_are_drawn_in_the_same_layer(session, adapter, n):
    session.set_slide(FakeSlide())
    session.set_annotations(many(n))
    layer = adapter.annotation_layer
    added = session.regions.add(box(500, 800, 600, 900), class_name="Stroma")
    session.regions.remove([session.regions.items[0].id])
    session.regions.select([added.id])
    assert adapter.annotation_layer is layer
    assert layer.metadata["stexp_regions"] == list(session.regions.items)
    session.regions.recolor_class("Tumor", BLUE)
    if n == 3:
        assert len(layer.data) == 6
        np.testing.assert_allclose(layer.edge_color[3, :3] * 255, BLUE)
        assert layer.edge_width[5] > 1.5 * layer.edge_width[3]
    else:
        picture = np.asarray(layer.data[2])
        assert picture[850, 550, 3] > 0, "the selected region is tinted"
        assert picture[8, 6:11, 3].max() == 0, "the first one is gone"
        assert is_ink(picture[8, 16 - 2 : 16 + 2], BLUE).any()
    session.regions.remove([region.id for region in session.regions.items])
    assert adapter.annotation_layer is None


def test_a_width_that_is_set_is_drawn(session, adapter, viewer):
    """napari's own setter tells nobody."""
    session.set_slide(FakeSlide())
    session.set_annotations(many(3))
    drawn = []
    adapter.annotation_layer.events.edge_width.connect(lambda event: drawn.append(event.type))
    viewer.scene.camera.zoom *= 10
    assert drawn


def test_a_hundred_thousand_regions_appear_soon(session, adapter):
    random = np.random.default_rng(0)
    corners = random.uniform(0, 9900, (100_000, 1, 2))
    shapes = shapely.polygons(corners + np.array([(0, 0), (30, 5), (35, 30), (5, 25)]))
    regions = [Region(shape, class_name="AB"[i % 2]) for i, shape in enumerate(shapes)]
    session.set_slide(FakeSlide(shape=(10_000, 10_000)))
    start = time.process_time()
    session.set_annotations(regions)
    appeared = time.process_time() - start
    layer = adapter.annotation_layer
    start = time.process_time()
    np.asarray(layer.data[3][2000:2800, 2000:3000])
    drawn = time.process_time() - start
    print(f"100,000 regions: {appeared:.2f} s, then a view of them {drawn * 1e3:.0f} ms")
    assert appeared < 3.0
    assert drawn < 1.0
    index = RegionIndex()
    assert index.find(regions, *corners[7, 0] + 15) is not None
    start = time.process_time()
    assert index.find(regions, -50, -50) is None
    assert time.process_time() - start < 0.05
