"""The adapter against a viewer without Qt."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shapely import box

from napari_stexp.annotation import Region
from napari_stexp.viewer import LayerAdapter
from napari_stexp.viewer.colour import FAILED_RING, PENDING_RING, colour_table
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots

REGIONS = [
    Region(box(100, 100, 700, 500).difference(box(300, 200, 400, 300)), class_name="Tumour"),
    Region(box(900, 100, 1000, 500), class_name="Stroma", color=(10, 20, 30)),
]


MICROMETRE = "\N{GREEK SMALL LETTER MU}m"


def units(layer):
    # pint writes the micro sign or the Greek letter, by version; NFKC makes both the letter
    return [unicodedata.normalize("NFKC", f"{unit:~}") for unit in layer.units]


def test_the_slide_is_a_lazy_pyramid_in_micrometres(session, adapter, viewer):
    session.set_slide(FakeSlide())
    (layer,) = viewer.layers
    assert layer is adapter.image_layer
    assert layer.rgb
    assert layer.multiscale
    assert len(layer.data) == 2
    assert layer.scale == pytest.approx((0.5, 0.5))
    assert units(layer) == [MICROMETRE, MICROMETRE]
    assert viewer.canvas.overlays.scale_bar.visible


def test_the_corner_of_the_first_pixel_is_the_origin_of_the_world(session, adapter):
    """So that a spot at level-0 (x, y) lies at (y, x) times µm/px."""
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(3))
    image, spots = adapter.image_layer, adapter.spots_layer
    np.testing.assert_allclose(image.data_to_world((-0.5, -0.5)), 0, atol=1e-9)
    np.testing.assert_allclose(image.data_to_world((999.5, 1999.5)), [500, 1000])
    np.testing.assert_allclose(spots.data_to_world(spots.data[0]), [150, 100])


def test_an_unknown_scale_is_shown_in_pixels(session, adapter):
    session.set_slide(FakeSlide(mpp=None))
    session.set_spots(make_spots(3))
    for layer in (adapter.image_layer, adapter.spots_layer):
        assert layer.scale == pytest.approx((1, 1))
        assert units(layer) == ["pixel", "pixel"]


def test_a_new_scale_moves_all_layers_at_once(predicted, adapter, viewer):
    predicted.set_annotations(REGIONS)
    before = list(viewer.layers)
    predicted.set_mpp(0.25)
    assert list(viewer.layers) == before, "the layers are the same ones"
    for layer in viewer.layers:
        assert layer.scale == pytest.approx((0.25, 0.25))
        assert units(layer) == [MICROMETRE, MICROMETRE]
    np.testing.assert_allclose(adapter.image_layer.data_to_world((-0.5, -0.5)), 0, atol=1e-9)


def test_the_camera_shows_the_whole_slide(session, adapter, viewer):
    session.set_slide(FakeSlide())
    assert viewer.scene.camera.center[-2:] == pytest.approx((250, 500), abs=1)
    shown = np.array(viewer.canvas.size) / viewer.scene.camera.zoom
    assert (shown >= (500, 1000)).all()
    assert (shown <= np.array((500, 1000)) * 2.2).any()


def test_spots_have_their_true_diameter(predicted, adapter):
    layer = adapter.spots_layer
    assert set(layer.size) == {110.0}  # level-0 px: 55 µm at the layer's scale
    predicted.display = replace(predicted.display, size_factor=0.5)
    assert set(layer.size) == {55.0}


def test_values_failures_and_waiting_look_different(predicted, adapter):
    layer, table = adapter.spots_layer, colour_table("viridis")
    assert predicted.gene == "ERBB2"
    np.testing.assert_allclose(layer.face_color[0], table[0], atol=1e-6)
    np.testing.assert_allclose(layer.face_color[3], table[255], atol=1e-6)
    np.testing.assert_array_equal(layer.face_color[4:, 3], 0)
    np.testing.assert_allclose(layer.border_width[3:], [0, FAILED_RING[1], PENDING_RING[1]])
    np.testing.assert_allclose(layer.border_color[4], FAILED_RING[0])
    np.testing.assert_allclose(layer.border_color[5], PENDING_RING[0])


def test_another_gene_repaints_legend_and_spots(predicted, adapter):
    layer = adapter.spots_layer
    first = layer.face_color.copy()
    predicted.gene = "COL1A1"
    np.testing.assert_allclose(layer.face_color[:4], first[3::-1])
    assert layer.face_contrast_limits == pytest.approx(predicted.limits())
    assert layer.face_colorbar.visible
    assert layer.name_overlay.visible
    assert layer.name == "COL1A1 predicted, log10(1+CP10K)"
    np.testing.assert_array_equal(layer.features["value"], predicted.values())
    assert list(layer.features["status"]) == list(predicted.status())


def test_another_gene_redraws_once(predicted, adapter):
    """What vispy listens to; a second event would draw all spots again."""
    layer, draws = adapter.spots_layer, []
    for emitter in ("face_color", "border_color", "border_width", "size", "symbol"):
        getattr(layer.events, emitter).connect(lambda event: draws.append(event.type))
    predicted.gene = "COL1A1"
    assert draws == [], "the colours' own event is the one that draws"


def test_a_failed_spot_does_not_hide_the_others(predicted, adapter):
    assert (adapter.spots_layer.face_color[:4, 3] == 1).all()


def test_the_display_is_followed(predicted, adapter):
    layer = adapter.spots_layer
    predicted.display = replace(
        predicted.display, colormap="magma", limits_mode="manual", manual_limits=(0.0, 10.0),
        opacity=0.4, shape="square",
    )  # fmt: skip
    assert layer.face_colormap.name == "magma"
    assert layer.face_contrast_limits == (0.0, 10.0)
    assert layer.opacity == pytest.approx(0.4)
    assert set(map(str, layer.symbol)) == {"square"}
    np.testing.assert_allclose(layer.face_color[0], colour_table("magma")[0], atol=1e-6)
    predicted.display = replace(predicted.display, visible=False)
    assert not layer.visible


def test_what_the_user_sets_in_the_layer_list_reaches_the_session(predicted, adapter):
    adapter.spots_layer.opacity = 0.3
    adapter.spots_layer.visible = False
    assert predicted.display.opacity == pytest.approx(0.3)
    assert not predicted.display.visible
    predicted.display = replace(predicted.display, visible=True)
    assert adapter.spots_layer.visible


def test_measured_values_are_shown_like_predicted_ones(session, adapter):
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(3, ("A", "B"), [[1, 1], [0, 4], [3, 1]]))
    assert adapter.spots_layer.name == "A measured, log10(1+CP10K)"
    assert (adapter.spots_layer.face_color[:, 3] == 1).all()
    assert (adapter.spots_layer.border_width == 0).all()


def test_layers_are_stacked_slide_regions_spots(predicted, adapter, viewer):
    predicted.set_annotations(REGIONS)
    assert list(viewer.layers) == [
        adapter.image_layer, adapter.annotation_layer, adapter.spots_layer
    ]  # fmt: skip
    assert viewer.layers.selection.active is adapter.spots_layer


def test_another_slide_clears_the_layers(predicted, adapter, viewer):
    predicted.set_annotations(REGIONS)
    predicted.set_slide(FakeSlide(Path("other.svs")))
    assert list(viewer.layers) == [adapter.image_layer]
    assert adapter.spots_layer is None
    assert adapter.annotation_layer is None


def test_spots_cannot_be_moved_by_hand(predicted, adapter):
    assert not adapter.spots_layer.editable


def test_a_deleted_spots_layer_comes_back_with_the_next_gene(predicted, adapter, viewer):
    viewer.layers.remove(adapter.spots_layer)
    assert adapter.spots_layer is None
    predicted.gene = "IGKC"
    assert adapter.spots_layer in viewer.layers
    assert adapter.spots_layer.name.startswith("IGKC")


def test_deleted_layers_break_nothing(predicted, adapter, viewer):
    predicted.set_annotations(REGIONS)
    viewer.layers.clear()
    predicted.add_batch(make_batch([5], [[1, 1, 1]]))
    predicted.set_annotations(REGIONS[:1])
    predicted.set_mpp(0.25)
    predicted.display = replace(predicted.display, colormap="cividis")
    assert adapter.spots_layer in viewer.layers
    assert adapter.annotation_layer in viewer.layers
    assert adapter.image_layer in viewer.layers, "the scale was set: the slide is shown again"
    assert viewer.layers.index(adapter.image_layer) == 0


def test_points_that_were_removed_by_a_script_come_back(predicted, adapter):
    adapter.spots_layer.data = adapter.spots_layer.data[:2]
    predicted.gene = "IGKC"
    assert len(adapter.spots_layer.data) == 6


def test_regions_are_outlines_in_the_colour_of_their_class(predicted, adapter):
    predicted.set_annotations(REGIONS)
    layer = adapter.annotation_layer
    below, lines = slice(0, 3), slice(3, 6)
    assert len(layer.data) == 6, "a region with a hole has two outlines, each on a white one"
    assert list(layer.features["class"][lines]) == ["Tumour", "Tumour", "Stroma"]
    np.testing.assert_allclose(layer.edge_color[5, :3], np.array([10, 20, 30]) / 255)
    np.testing.assert_array_equal(layer.edge_color[3], layer.edge_color[4])
    assert (layer.edge_color[below, :3] == 1).all()
    assert (np.array(layer.edge_width)[below] > 1.5 * np.array(layer.edge_width)[lines]).all()
    assert (layer.face_color[:, 3] == 0).all()
    assert not layer.text.visible
    np.testing.assert_allclose(layer.data[2].min(axis=0), [100, 900])  # y, x


def test_outlines_stay_thin_on_screen_when_zooming_in(predicted, adapter, viewer):
    predicted.set_annotations(REGIONS)
    layer = adapter.annotation_layer
    for zoom in (1.0, 0.3, 25.0):
        viewer.scene.camera.zoom = zoom
        on_screen = layer.edge_width[-1] * layer.scale[-1] * zoom
        assert on_screen == pytest.approx(2.5, rel=0.3)


def test_layers_of_the_users_own_stay(predicted, adapter, viewer):
    own = viewer.add_points([[1, 2], [3, 4]], name="Spots")
    predicted.set_spots(make_spots(3))
    predicted.set_slide(None)
    assert list(viewer.layers) == [own]


def test_a_session_that_is_already_full_is_shown_at_once(session, viewer):
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(3))
    session.set_annotations(REGIONS)
    session.set_prediction(make_prediction(session.spots, ("A",)))
    adapter = LayerAdapter(session, viewer)
    assert len(viewer.layers) == 3
    adapter.close()


def test_after_closing_nothing_follows(predicted, adapter, viewer):
    layer = adapter.spots_layer
    adapter.close()
    before = layer.face_color.copy()
    predicted.gene = "COL1A1"
    layer.opacity = 0.1
    np.testing.assert_array_equal(layer.face_color, before)
    assert predicted.display.opacity != pytest.approx(0.1)
    adapter.close(remove_layers=True)
    assert list(viewer.layers) == []


def test_spots_without_a_diameter_get_one_from_their_pitch(session, adapter):
    spots = make_spots(6, step=100.0)
    del spots.uns["spatial"]
    session.set_spots(spots)
    assert adapter.spots_layer.size == pytest.approx(np.full(6, 55.0))
