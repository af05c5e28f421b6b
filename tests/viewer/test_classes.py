"""Spots by class, chosen spots, and hidden values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from shapely import box

from napari_stexp.annotation import Region
from napari_stexp.errors import SpotsError
from napari_stexp.viewer.colour import FAILED_RING, PENDING_RING, SELECTED_RING
from tests.session.fakes import make_batch, make_spots
from tests.viewer.test_hover import move

TUMOR = Region(box(100, 100, 700, 500), class_name="Tumor", color=(200, 0, 0))


@pytest.fixture
def labelled(predicted):
    predicted.set_annotations([TUMOR])  # spots 0 to 2 of six
    return predicted


def legend(viewer):
    found = viewer.canvas.overlays
    return [found[key].text for key in found if key.startswith("stexp_class")]


def test_spots_are_coloured_by_class_in_a_layer_of_their_own(labelled, adapter, viewer):
    active = viewer.layers.selection.active
    labelled.labelling.shown = True
    layer = adapter.classes_layer
    assert viewer.layers[-1] is layer
    assert viewer.layers.selection.active is active
    np.testing.assert_allclose(layer.face_color[:3] * 255, [(200, 0, 0, 255)] * 3)
    np.testing.assert_array_equal(layer.face_color[3:, 3], 0)
    np.testing.assert_allclose(layer.border_width, [0] * 3 + [PENDING_RING[1]] * 3)
    assert list(layer.features["class"]) == ["Tumor"] * 3 + [""] * 3
    np.testing.assert_allclose(layer.scale, adapter.spots_layer.scale)
    assert not adapter.spots_layer.visible
    assert labelled.display.visible, "hiding values under classes is no wish of the user's"
    assert len(legend(viewer)) == 1
    assert "Tumor" in legend(viewer)[0]
    labelled.labelling.shown = False
    assert adapter.classes_layer is None
    assert adapter.spots_layer.visible
    assert legend(viewer) == []


def test_classes_follow_labels_display_and_scale(labelled, adapter, viewer):
    labelled.labelling.shown = True
    labels = pd.Series(["a", "b", "", "", "", "c"], index=labelled.spots.obs_names)
    labelled.labelling.add_table("by hand", labels)
    layer = adapter.classes_layer
    assert (layer.face_color[:, 3] > 0).tolist() == [True, True, False, False, False, True]
    assert len({tuple(color) for color in layer.face_color[[0, 1, 5]]}) == 3
    assert len(legend(viewer)) == 3
    labelled.display = replace(labelled.display, size_factor=0.5, shape="square", opacity=0.4)
    assert set(layer.size) == {55.0}
    assert set(map(str, layer.symbol)) == {"square"}
    labelled.set_mpp(0.25)
    np.testing.assert_allclose(layer.scale, 0.25)
    labelled.display = replace(labelled.display, visible=False)
    assert not layer.visible


def test_other_spots_have_other_classes(labelled, adapter):
    labelled.labelling.shown = True
    labelled.set_spots(make_spots(3))
    assert len(adapter.classes_layer.data) == 3
    labelled.set_spots(None)
    assert adapter.classes_layer is None


def test_deleting_the_layer_of_classes_shows_values_again(labelled, adapter, viewer):
    labelled.labelling.shown = True
    viewer.layers.remove(adapter.classes_layer)
    assert not labelled.labelling.shown
    assert adapter.spots_layer.visible
    labelled.labelling.shown = True
    assert adapter.classes_layer in viewer.layers


def test_a_long_legend_is_cut_short(labelled, adapter, viewer):
    spots = make_spots(40)
    labelled.set_spots(spots)
    names = pd.Series([f"class {i:02d}" for i in range(40)], index=spots.obs_names)
    labelled.labelling.add_table("many", names)
    labelled.labelling.shown = True
    assert len(legend(viewer)) < 20
    assert legend(viewer)[-1].startswith("and ")


# ---- chosen spots ------------------------------------------------------------------------


def test_chosen_spots_have_a_thick_ring_and_keep_their_value(predicted, adapter):
    layer = adapter.spots_layer
    before = np.array(layer.border_width), np.array(layer.border_color)
    mask = np.array([False, True, False, False, True, False])
    predicted.select_spots(mask)
    np.testing.assert_allclose(np.asarray(layer.border_width)[mask], SELECTED_RING[1])
    np.testing.assert_allclose(layer.border_color[mask], [SELECTED_RING[0]] * 2)
    assert layer.face_color[1, 3] == 1
    predicted.gene = "COL1A1"
    np.testing.assert_allclose(np.asarray(layer.border_width)[mask], SELECTED_RING[1])
    predicted.select_spots(None)
    np.testing.assert_allclose(layer.border_width, before[0])
    np.testing.assert_allclose(layer.border_color, before[1])
    assert before[0][4] == pytest.approx(FAILED_RING[1])


def test_choosing_spots_redraws_rings_only(predicted, adapter):
    layer, drawn = adapter.spots_layer, []
    for name in ("face_color", "border_color", "border_width", "size", "symbol"):
        getattr(layer.events, name).connect(lambda event: drawn.append(event.type))
    predicted.select_spots(np.arange(6) == 2)
    assert set(drawn) == {"border_color"}


@pytest.mark.parametrize("mpp", [0.5, 0.25])
def test_flying_to_a_spot_centres_it(predicted, adapter, viewer, mpp):
    predicted.set_mpp(mpp)
    adapter.fly_to(3)  # at level-0 (800, 300)
    camera = viewer.scene.camera
    assert camera.center[-2:] == pytest.approx((300 * mpp, 800 * mpp))
    on_screen = 110 * mpp * camera.zoom
    assert 0.05 < on_screen / min(viewer.canvas.size) < 0.3
    with pytest.raises(SpotsError):
        adapter.fly_to(6)


def test_flying_to_a_region_shows_all_of_it(labelled, adapter, viewer):
    adapter.fly_to_region(TUMOR.id)
    camera = viewer.scene.camera
    assert camera.center[-2:] == pytest.approx((150, 200))
    height, width = np.array(viewer.canvas.size) / camera.zoom
    assert height > 200
    assert 300 < width < 1200


# ---- hidden values -----------------------------------------------------------------------


def test_while_blinded_no_value_is_to_be_seen(labelled, adapter, viewer):
    layer = adapter.spots_layer
    shown = np.array(layer.face_color)
    labelled.regions.start_blinded()
    assert (layer.face_color[:, 3] == 0).all()
    np.testing.assert_allclose(layer.border_width, PENDING_RING[1])
    assert not layer.face_colorbar.visible
    assert not layer.name_overlay.visible
    assert layer.name == "Spots"
    assert layer.features["value"].isna().all()
    assert set(layer.features["status"]) == {"pending"}
    move(viewer, 150, 300)
    assert "ERBB2" not in viewer.tooltip.text
    labelled.add_batch(make_batch([5], [[1, 2, 3]]))
    assert (layer.face_color[:, 3] == 0).all(), "nor what arrives meanwhile"
    labelled.regions.lock()
    np.testing.assert_allclose(layer.face_color[:5], shown[:5])
    assert layer.face_colorbar.visible


def test_the_lists_picture_hides_values_too(labelled, adapter):
    layer = adapter.spots_layer
    labelled.gene = "COL1A1"

    def coloured():
        picture = layer.thumbnail[..., :3].astype(int)
        return (np.ptp(picture, axis=-1) > 40).any()

    layer.refresh(force=True)
    assert coloured()
    labelled.regions.start_blinded()
    assert not coloured()


def test_domains_are_hidden_with_the_values_they_are_made_of(labelled, adapter):
    from napari_stexp.session import LabelSource

    labels = labelled.labelling
    source = LabelSource(
        "domains:x", "Domains", "domains", np.array(list("ababab"), object),
        {"a": (200, 0, 0), "b": (0, 0, 200)},
    )  # fmt: skip
    labels._fixed["domains:x"] = source
    labels.active = "domains:x"
    labels.shown = True
    assert adapter.classes_layer is not None
    labelled.regions.start_blinded()
    assert adapter.classes_layer is None
    labelled.regions.lock()
    assert adapter.classes_layer is not None
