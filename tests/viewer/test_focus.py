"""A click on a spot looks at it, and marks it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.viewer.mouse import Mouse


@pytest.fixture
def mouse(predicted, adapter, viewer):
    return Mouse(viewer)


def test_a_click_looks_at_a_spot_and_one_beside_all_lets_go(mouse, predicted, adapter):
    mouse.click(610, 290)  # spots lie at (200, 300), (400, 300) ...; 110 px wide
    assert predicted.focus == 2
    np.testing.assert_allclose(adapter.focus.layer.data, [[300, 600]] * 2)
    assert (adapter.focus.layer.size > 110).all()
    mouse.click(200, 300)
    assert predicted.focus == 0
    np.testing.assert_allclose(adapter.focus.layer.data, [[300, 200]] * 2)
    mouse.click(300, 300)
    assert predicted.focus is None
    assert adapter.focus.layer is None


def test_dragging_and_tools_in_the_hand_are_no_clicks(mouse, predicted, viewer):
    mouse.drag([(200, 300), (240, 300), (210, 300)])
    assert predicted.focus is None
    mouse.drag([(200, 300), (202, 301)])  # a slip of the hand
    assert predicted.focus == 0
    predicted.focus_spot(None)
    for tool in ("pick", "polygon", "select"):
        predicted.regions.tool = tool
        mouse.click(200, 300)
        assert predicted.focus is None
    predicted.regions.tool = "none"
    mouse.click(200, 300, modifiers=("Shift",))
    assert predicted.focus is None


def test_naparis_own_tools_keep_their_clicks(mouse, predicted, viewer):
    layer = viewer.add_points(ndim=2)
    layer.mode = "add"
    mouse.click(200, 300)
    assert predicted.focus is None


def test_hidden_spots_are_not_clicked(mouse, predicted):
    predicted.display = replace(predicted.display, visible=False)
    mouse.click(200, 300)
    assert predicted.focus is None


def test_in_a_heat_map_the_nearest_spot_is_meant(mouse, predicted):
    mouse.click(290, 300)
    assert predicted.focus is None
    predicted.display = replace(predicted.display, mode="heat map")
    mouse.click(290, 300)
    assert predicted.focus == 0


def test_the_ring_leaves_with_the_spots_and_the_user(mouse, predicted, adapter, viewer):
    active = viewer.layers.selection.active
    mouse.click(200, 300)
    assert viewer.layers.selection.active is active
    viewer.layers.remove(adapter.focus.layer)
    assert predicted.focus is None
    mouse.click(200, 300)
    predicted.set_spots(None)
    assert adapter.focus.layer is None


def test_the_ring_follows_scale_size_and_zoom(mouse, predicted, adapter, viewer):
    viewer.scene.camera.zoom = 10.0
    mouse.click(200, 300)
    before = adapter.focus.layer.size.copy()
    predicted.display = replace(predicted.display, size_factor=2.0)
    np.testing.assert_allclose(adapter.focus.layer.size, 2 * before)
    predicted.set_mpp(0.25)
    viewer.scene.camera.zoom = 0.001  # its spots are dots
    assert float(adapter.focus.layer.size.max()) == pytest.approx(17 / 0.001 / 0.25)
    viewer.scene.camera.zoom = 10.0
    np.testing.assert_allclose(adapter.focus.layer.size, 2 * before)
    np.testing.assert_allclose(adapter.focus.layer.scale, (0.25, 0.25))


def test_closing_leaves_nothing(mouse, predicted, adapter, viewer):
    mouse.click(200, 300)
    layer = adapter.focus.layer
    adapter.close()
    assert layer not in viewer.layers
    predicted.focus_spot(1)
    assert adapter.focus.layer is None
