"""Measured, predicted and residual under one camera."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from shapely import box

from napari_stexp.annotation import Region
from napari_stexp.viewer.colour import RESIDUAL, colour_table, map_values
from napari_stexp.viewer.spots_view import side_view
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots

COUNTS = [[1, 5], [0, 4], [3, 1], [2, 2], [9, 0]]


@pytest.fixture
def paired(session, adapter):
    """Five spots with counts; four are predicted, the last one failed."""
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(5, ("A", "B"), COUNTS))
    session.set_prediction(make_prediction(session.spots, ("A", "B")))
    values = [[1, 2], [2, 2], [3, 2], [4, 2], [np.nan] * 2]
    session.add_batch(make_batch(range(5), values, ["ok"] * 4 + ["unreadable"]))
    session.set_annotations([Region(box(100, 100, 700, 500), class_name="Tumor")])
    session.gene = "A"
    return session


def state(viewer):
    grid, camera = viewer.canvas.grid, viewer.scene.camera
    return (
        [(id(layer), layer.name, layer.visible, layer.opacity) for layer in viewer.layers],
        viewer.layers.selection.active,
        (grid.enabled, grid.stride, grid.shape, grid.spacing),
        (camera.center, camera.zoom),
        sorted(viewer.canvas.overlays),
    )


def painters(adapter):
    return [spots for _, _, spots in adapter.side_by_side.layers]


# ---- what is shown -----------------------------------------------------------------------


def test_measured_and_predicted_share_their_limits(paired):
    measured, predicted, _ = (side_view(paired, s) for s in ("measured", "predicted", "residual"))
    assert measured.limits == predicted.limits
    both = np.concatenate(paired.paired_values("A"))
    assert measured.limits == paired.limits(both)
    paired.display = replace(paired.display, limits_mode="manual", manual_limits=(0.0, 7.0))
    assert side_view(paired, "predicted").limits == (0.0, 7.0)


def test_the_residual_is_predicted_minus_measured_around_zero(paired):
    view = side_view(paired, "residual")
    measured, predicted = paired.paired_values("A")
    np.testing.assert_allclose(view.values, predicted - measured)
    assert view.limits[0] == -view.limits[1] < 0
    assert view.colormap == RESIDUAL
    ends = map_values(np.float32([-99, 0, 99]), (-1.0, 1.0), RESIDUAL)
    assert ends[0, 2] > ends[0, 0], "below zero: blue"
    assert ends[2, 0] > ends[2, 2], "above zero: red"
    np.testing.assert_allclose(ends[1, :3], 0.97, atol=0.02)


def test_the_residuals_map_is_symmetric_in_lightness():
    from tests.viewer.test_colour import luminance

    lightness = luminance(colour_table(RESIDUAL))
    assert (np.diff(lightness[:128]) > -0.3).all()
    assert (np.diff(lightness[128:]) < 0.3).all()
    np.testing.assert_allclose(lightness, lightness[::-1], atol=14)


def test_a_residual_of_zero_has_limits(paired):
    measured = paired.paired_values("A")[0]
    paired.set_prediction(make_prediction(paired.spots, ("A", "B")))
    paired.add_batch(make_batch(range(5), np.column_stack([measured, measured])))
    assert side_view(paired, "residual").limits == (-1.0, 1.0)


# ---- the views ---------------------------------------------------------------------------


def test_each_view_has_the_slide_the_regions_and_its_spots(paired, adapter, viewer):
    paired.comparison.side_by_side = True
    grid, layers = viewer.canvas.grid, list(viewer.layers)
    assert grid.actual_shape(layers) == (3, 1), "spots in a row leave room below each other"
    for row, own in enumerate(adapter.side_by_side.layers):
        inside = [layers[index] for index in grid.contents_at((row, 0), layers)]
        assert [layer for layer in inside if layer.visible] == list(own)
        image, regions, spots = own
        assert image.rgb
        assert np.asarray(regions.data[2])[..., 3].any()
        assert spots.face_colorbar.visible
        assert spots.name_overlay.visible
    assert [layer.name for layer in painters(adapter)] == [
        "A measured", "A predicted", "A difference",
    ]  # fmt: skip
    assert "log10" in viewer.canvas.overlays["stexp_side_by_side"].text


def test_tall_sections_stand_beside_each_other_and_fill_their_views(paired, adapter, viewer):
    spots = paired.spots.copy()
    spots.obsm["spatial"] = spots.obsm["spatial"][:, ::-1].copy()
    paired.set_spots(spots)
    paired.set_prediction(make_prediction(spots, ("A", "B")))
    paired.add_batch(make_batch(range(5), np.ones((5, 2))))
    paired.comparison.side_by_side = True
    layers, camera = list(viewer.layers), viewer.scene.camera
    assert viewer.canvas.grid.actual_shape(layers) == (1, 3)
    height, _ = viewer.canvas.viewbox_size(viewer.layers)
    y = spots.obsm["spatial"][:, 1] * paired.world_mpp
    assert camera.center[-2] == pytest.approx((y.min() + y.max()) / 2)
    assert 0.7 < np.ptp(y) * camera.zoom / height < 1


def test_spots_without_a_value_are_rings_in_each_view(paired, adapter):
    paired.comparison.side_by_side = True
    measured, predicted, residual = painters(adapter)
    assert measured.face_color[4, 3] == 1
    assert predicted.face_color[4, 3] == residual.face_color[4, 3] == 0
    assert residual.border_width[4] > 0


def test_leaving_gives_the_single_view_back_as_it_was(paired, adapter, viewer):
    own = viewer.add_points([[1, 2]], name="mine")
    hidden = viewer.add_points([[1, 2]], name="hidden", visible=False)
    viewer.layers.selection.active = own
    viewer.scene.camera.zoom, viewer.scene.camera.center = 0.7, (100, 200)
    before = state(viewer)
    paired.comparison.side_by_side = True
    assert not own.visible
    viewer.scene.camera.center = (50, 50)
    paired.gene = "B"
    paired.gene = "A"
    paired.comparison.side_by_side = False
    assert state(viewer) == before
    assert not hidden.visible
    assert not adapter.side_by_side.layers


def test_the_views_follow_gene_display_selection_regions_and_scale(paired, adapter, viewer):
    paired.comparison.side_by_side = True
    paired.gene = "B"
    assert [layer.name.split()[0] for layer in painters(adapter)] == ["B"] * 3
    np.testing.assert_allclose(painters(adapter)[1].features["value"][:4], 2)
    paired.select_spots(np.arange(5) == 2)
    paired.display = replace(paired.display, size_factor=0.5, colormap="magma")
    for layer in painters(adapter):
        assert layer.border_width[2] > 0.1
        assert set(layer.size) == {55.0}
    assert painters(adapter)[0].face_colormap.name == "magma"
    paired.regions.add(box(1200, 600, 1400, 900))
    for _, regions, _ in adapter.side_by_side.layers:
        assert np.asarray(regions.data[2])[750, 1250, 3] > 0, "selected, so tinted"
    paired.set_mpp(0.25)
    for image, regions, spots in adapter.side_by_side.layers:
        assert image.scale[0] == spots.scale[0] == regions.scale[0] * 4 == 0.25
    assert not any(layer.visible for layer in (adapter.image_layer, adapter.spots_layer,
                                               adapter.annotation_layer))  # fmt: skip


def test_a_region_outside_the_slide_is_drawn_in_the_views_too(paired, adapter):
    paired.comparison.side_by_side = True
    paired.regions.add(box(-100, 50, 2500, 1500))
    for _, regions, _ in adapter.side_by_side.layers:
        corner = regions.data_to_world((-0.5, -0.5))
        np.testing.assert_allclose(corner, (0, -50), atol=1e-9)


def test_what_changes_meanwhile_is_there_afterwards(paired, adapter):
    paired.comparison.side_by_side = True
    paired.display = replace(paired.display, visible=False)
    assert not adapter.spots_layer.visible
    paired.labelling.shown = True
    assert not adapter.classes_layer.visible
    paired.display = replace(paired.display, visible=True)
    paired.comparison.side_by_side = False
    assert adapter.classes_layer.visible
    assert not adapter.spots_layer.visible, "classes are shown in place of values"


def test_deleting_a_view_or_naparis_grid_button_ends_it(paired, adapter, viewer):
    before = state(viewer)
    paired.comparison.side_by_side = True
    viewer.layers.remove(painters(adapter)[1])
    assert not paired.comparison.side_by_side
    assert state(viewer) == before
    paired.comparison.side_by_side = True
    viewer.canvas.grid.enabled = False
    assert not paired.comparison.side_by_side
    assert state(viewer) == before


def test_clearing_all_layers_ends_it(paired, adapter, viewer):
    paired.comparison.side_by_side = True
    viewer.layers.clear()
    assert not paired.comparison.side_by_side
    assert not viewer.canvas.grid.enabled


def test_another_section_ends_it(paired, adapter, viewer):
    paired.comparison.side_by_side = True
    paired.set_spots(make_spots(3))
    assert not viewer.canvas.grid.enabled
    assert len(viewer.layers) == 3


def test_hidden_values_are_hidden_here_too(paired, adapter, viewer):
    paired.comparison.side_by_side = True
    paired.regions.start_blinded()
    assert not adapter.side_by_side.is_shown
    assert (adapter.spots_layer.face_color[:, 3] == 0).all()
    assert side_view(paired, "measured").values is None


def test_drawing_goes_on_in_the_views(paired, adapter, viewer):
    from tests.viewer.mouse import Mouse

    paired.comparison.side_by_side = True
    paired.regions.tool = "lasso"
    layers = list(viewer.layers)
    layer = adapter.drawing.layer
    assert layer.visible
    assert viewer.canvas.grid.position(layers.index(layer), layers) == (0, 0)
    Mouse(viewer, 0.5).drag([(800, 600), (900, 600), (900, 700)])
    assert len(paired.regions.items) == 2
    paired.comparison.side_by_side = False
    assert paired.regions.tool == "lasso"


def test_closing_leaves_the_views(paired, adapter, viewer):
    before = state(viewer)[2:4]
    paired.comparison.side_by_side = True
    adapter.close()
    assert len(viewer.layers) == 3
    assert state(viewer)[2:4] == before
