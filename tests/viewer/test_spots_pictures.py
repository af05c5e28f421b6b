"""Spots as points, as a raster and as a heat map: what is in the viewer, and how it changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_stexp.session import Session
from napari_stexp.viewer import LayerAdapter, classes_layer, spots_layer
from napari_stexp.viewer.colour import PENDING_RING, colour_table
from napari_stexp.viewer.layer_data import PREDICTION, SPOTS, spots_to_layer_data
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots
from tests.viewer.test_hover import move


@pytest.fixture
def many(monkeypatch):
    """Let six spots be too many for points."""
    for room in (spots_layer, classes_layer):
        monkeypatch.setattr(room, "MOST_POINTS", 5)


def rgba_at(layer, x, y):
    """Return the colour that a layer's finest level has at (x, y), µm, 0 to 1."""
    row, column = np.round(layer.world_to_data((y, x))).astype(int)
    level = layer.data[0] if layer.multiscale else layer.data
    if not (0 <= row < level.shape[0] and 0 <= column < level.shape[1]):
        return np.zeros(4)
    return level[row : row + 1, column : column + 1][0, 0] / 255


def test_many_spots_are_an_image_at_the_same_places(many, predicted, adapter):
    layer = adapter.spots_layer
    assert layer.rgb
    assert layer.multiscale
    table = colour_table("viridis")
    for spot, colour in ((0, table[0]), (3, table[255])):
        x, y = predicted.spots.obsm["spatial"][spot] * 0.5
        np.testing.assert_allclose(rgba_at(layer, x, y), colour, atol=1 / 255)
        np.testing.assert_allclose(rgba_at(layer, x + 26.5, y), colour, atol=1 / 255)
        assert rgba_at(layer, x + 28.5, y)[3] == 0, "27.5 µm is the radius"
    x, y = predicted.spots.obsm["spatial"][5] * 0.5
    assert rgba_at(layer, x, y)[3] == 0
    np.testing.assert_allclose(rgba_at(layer, x + 26, y), PENDING_RING[0], atol=1 / 255)


def test_an_image_of_spots_follows_the_gene(many, predicted, adapter):
    layer = adapter.spots_layer
    drawn = []
    layer.events.set_data.connect(drawn.append)
    predicted.gene = "COL1A1"
    assert adapter.spots_layer is layer
    assert len(drawn) == 1
    assert layer.name == "COL1A1 predicted, log10(1+CP10K)"
    assert layer.face_contrast_limits == pytest.approx(predicted.limits())
    assert layer.face_colorbar.visible
    x, y = predicted.spots.obsm["spatial"][0] * 0.5
    np.testing.assert_allclose(rgba_at(layer, x, y), colour_table("viridis")[255], atol=1 / 255)


def test_an_image_of_spots_follows_size_shape_selection_and_scale(many, predicted, adapter):
    layer = adapter.spots_layer
    x, y = predicted.spots.obsm["spatial"][0] * 0.5
    predicted.display = replace(predicted.display, size_factor=0.5)
    assert rgba_at(layer, x + 20, y)[3] == 0
    predicted.display = replace(predicted.display, size_factor=1.0, shape="square")
    assert rgba_at(layer, x + 26, y + 26)[3] == 1
    predicted.select_spots(np.arange(6) == 0)
    np.testing.assert_allclose(rgba_at(layer, x + 25, y), (0, 1, 1, 1))
    predicted.set_mpp(0.25)
    np.testing.assert_allclose(rgba_at(layer, (x + 25) / 2, y / 2), (0, 1, 1, 1))
    assert adapter.spots_layer is layer


def test_an_image_of_spots_is_read_out_by_its_spots(many, predicted, adapter, viewer):
    move(viewer, 150, 300)
    assert viewer.tooltip.text.startswith("spot2 · ERBB2 predicted 2")
    status = adapter.spots_layer.get_status((150, 300), world=True)
    assert "spot2" in status["coordinates"]
    assert "spot" not in adapter.spots_layer.get_status((150, 350), world=True)["coordinates"]


def test_hidden_values_are_not_in_the_image(many, predicted, adapter):
    predicted.regions.start_blinded()
    picture = np.asarray(adapter.spots_layer.data[-1])
    colours = picture[picture[..., 3] > 0][:, :3]
    assert (np.ptp(colours.astype(int), axis=1) <= 3).all(), "grey rings only"
    assert not adapter.spots_layer.face_colorbar.visible


def test_classes_of_many_spots_are_an_image(many, predicted, adapter):
    labels = pd.Series(["a", "a", "b", "b", "", ""], index=predicted.spots.obs_names)
    predicted.labelling.add_table("by hand", labels)
    colour = np.divide(predicted.labelling.source.colours["b"], 255)
    predicted.labelling.shown = True
    layer = adapter.classes_layer
    assert layer.rgb
    assert not adapter.spots_layer.visible
    x, y = predicted.spots.obsm["spatial"][2] * 0.5
    np.testing.assert_allclose(rgba_at(layer, x, y), (*colour, 1), atol=1 / 255)


def test_readers_give_many_spots_as_an_image_that_is_taken_over(many, viewer):
    spots = make_spots(6, ("A",), np.arange(6)[:, None])
    levels, attributes, kind = spots_to_layer_data(spots)
    assert kind == "image"
    session = Session()
    adapter = LayerAdapter(session, viewer)
    viewer._add_layer_from_data(levels, attributes, kind)
    assert session.spots is spots
    assert list(viewer.layers) == [adapter.spots_layer]
    assert adapter.spots_layer.metadata[SPOTS] is spots
    assert adapter.spots_layer.metadata[PREDICTION] is None
    session.gene = "A"
    assert adapter.spots_layer.face_colorbar.visible
    adapter.close()


# ---- heat map ----------------------------------------------------------------------------------


def test_a_heat_map_takes_the_place_of_the_spots(predicted, adapter, viewer):
    spots = adapter.spots_layer
    predicted.display = replace(predicted.display, mode="heat map")
    heat = adapter.spots_layer
    assert heat is not spots
    assert not spots.visible
    assert heat.visible
    assert heat.name == "ERBB2 predicted, log10(1+CP10K)"
    assert viewer.layers.selection.active is heat
    assert rgba_at(heat, 100 + 50, 150)[3] == 1, "half way between two spots"
    assert rgba_at(heat, 550, 150)[3] == 0, "beside those that have no value"
    assert rgba_at(heat, 150, 260)[3] == 0, "farther than a pitch"
    predicted.display = replace(predicted.display, mode="spots")
    assert adapter.spots_layer is spots
    assert spots.visible
    assert not heat.visible
    predicted.display = replace(predicted.display, mode="heat map")
    assert adapter.spots_layer is heat, "layers are kept: making them takes long"


def test_the_hidden_layer_comes_back_up_to_date(predicted, adapter):
    points = adapter.spots_layer
    predicted.display = replace(predicted.display, mode="heat map")
    predicted.gene = "COL1A1"
    predicted.set_mpp(0.25)
    predicted.display = replace(predicted.display, mode="spots", colormap="magma")
    assert points.name.startswith("COL1A1")
    assert points.scale == pytest.approx((0.25, 0.25))
    np.testing.assert_allclose(points.face_color[3], colour_table("magma")[0], atol=1e-6)


def test_the_eye_of_the_hidden_layer_chooses_it(predicted, adapter):
    points = adapter.spots_layer
    predicted.display = replace(predicted.display, mode="heat map")
    points.visible = True
    assert predicted.display.mode == "spots"
    assert adapter.spots_layer is points


def test_other_spots_leave_no_layer_behind(predicted, adapter, viewer):
    predicted.display = replace(predicted.display, mode="heat map")
    predicted.set_spots(make_spots(3))
    assert len(viewer.layers) == 2
    predicted.set_spots(None)
    assert list(viewer.layers) == [adapter.image_layer]


def test_a_threshold_takes_the_colour_off_spots_and_heat_map(predicted, adapter):
    predicted.display = replace(predicted.display, threshold=1.5)
    face = adapter.spots_layer.face_color
    np.testing.assert_array_equal(face[:4, 3], [0, 0, 1, 1])
    assert (adapter.spots_layer.border_width[:4] == 0).all()
    predicted.display = replace(predicted.display, mode="heat map")
    assert rgba_at(adapter.spots_layer, 100, 150)[3] == 0
    assert rgba_at(adapter.spots_layer, 400, 150)[3] == 1


@pytest.mark.parametrize("mode", ["spots", "heat map"])
def test_a_composite_has_its_own_legend(predicted, adapter, viewer, mode):
    predicted.display = replace(predicted.display, mode=mode)
    predicted.composite = ("ERBB2", "COL1A1")
    layer = adapter.spots_layer
    assert not layer.face_colorbar.visible
    assert layer.name == "ERBB2, COL1A1"
    red = layer.face_color[3] if mode == "spots" else rgba_at(layer, 400, 150)
    assert red[0] > 0.8
    assert red[1] < 0.2
    assert any("ERBB2" in getattr(o, "text", "") for o in viewer.canvas.overlays.values())
    predicted.composite = ()
    assert layer.face_colorbar.visible


def test_the_box_is_there_where_something_lies_below(predicted, adapter, viewer):
    overlay = adapter.spots_layer.name_overlay
    viewer.scene.camera.zoom = 50.0  # the slide fills the canvas
    assert overlay.box
    assert adapter.spots_layer.face_colorbar.box
    viewer.scene.camera.zoom = 0.1
    assert not overlay.box
    assert not adapter.spots_layer.face_colorbar.box


def test_the_status_bar_does_not_name_what_was_shown_before(predicted, adapter, viewer):
    move(viewer, 150, 300)
    viewer.status = {"layer_base": "ERBB2 predicted", "coordinates": ""}
    predicted.gene = "IGKC"
    assert "IGKC predicted 9" in str(viewer.status)
    viewer.mouse_over_canvas = False
    viewer.status = {"layer_base": "IGKC predicted", "coordinates": ""}
    predicted.gene = "ERBB2"
    assert viewer.status == "Ready"


def test_pixels_of_an_unknown_scale(many, session, adapter):
    session.set_slide(FakeSlide(mpp=None))
    session.set_spots(make_spots(6))
    session.set_prediction(make_prediction(session.spots, ("A",)))
    session.add_batch(make_batch(range(6), np.arange(6.0)[:, None]))
    np.testing.assert_allclose(
        rgba_at(adapter.spots_layer, 200, 300), colour_table("viridis")[0], atol=1 / 255
    )
