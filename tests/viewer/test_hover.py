"""What is under the cursor."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.session.fakes import make_batch, make_spots


def move(viewer, y, x):
    """Move the mouse as napari's canvas does: the cursor, then the callbacks."""
    viewer.mouse_over_canvas = True
    viewer.cursor.position = (y, x)
    for callback in viewer.mouse_move_callbacks:
        callback(viewer, SimpleNamespace(type="mouse_move"))


def test_hovering_reads_out_spot_gene_and_value(predicted, adapter, viewer):
    move(viewer, 150, 300)  # µm: level-0 (x, y) = (600, 300), the third spot
    assert viewer.tooltip.visible
    assert viewer.tooltip.text.startswith("spot2 · ERBB2 predicted 2")
    move(viewer, 150, 350)
    assert viewer.tooltip.text == ""


def test_hovering_works_whichever_layer_is_active(predicted, adapter, viewer):
    viewer.layers.selection.active = adapter.image_layer
    move(viewer, 150, 500)
    assert "can't be read" in viewer.tooltip.text


def test_naparis_own_text_does_not_stay(predicted, adapter, viewer):
    """Its status thread writes the active layer's, or an empty one, after each move."""
    move(viewer, 150, 300)
    text = viewer.tooltip.text
    viewer.tooltip.text = ""
    assert viewer.tooltip.text == text
    move(viewer, 0, 0)
    viewer.tooltip.text = "something of another plugin's"
    assert viewer.tooltip.text == "something of another plugin's"


def test_the_scale_is_followed(predicted, adapter, viewer):
    predicted.set_mpp(0.25)
    move(viewer, 75, 150)
    assert viewer.tooltip.text.startswith("spot2")


def test_new_values_are_read_out(predicted, adapter, viewer):
    predicted.add_batch(make_batch([5], [[7, 7, 7]]))
    move(viewer, 150, 600)
    assert "predicted 7" in viewer.tooltip.text


def test_napari_shows_spot_value_and_status_of_the_active_layer(predicted, adapter, viewer):
    status = adapter.spots_layer.get_status((150, 300), world=True)["value"]
    assert "spot: spot2" in status
    assert "value: 2" in status
    assert "status: border" in status


def test_hidden_spots_are_not_read_out(predicted, adapter, viewer):
    adapter.spots_layer.visible = False
    move(viewer, 150, 300)
    assert viewer.tooltip.text == ""


def test_closing_leaves_the_viewer_as_it_was(predicted, adapter, viewer):
    callbacks = len(viewer.mouse_move_callbacks)
    move(viewer, 150, 300)
    adapter.close()
    assert len(viewer.mouse_move_callbacks) == callbacks - 1
    assert viewer.tooltip.text == ""
    assert not viewer.tooltip.visible


@pytest.mark.parametrize("n", [1, 2])
def test_few_spots_are_no_special_case(session, adapter, viewer, n):
    session.set_spots(make_spots(n))
    move(viewer, 300, 200)
    assert viewer.tooltip.text.startswith("spot0")
