"""What part of the slide is in view."""

from __future__ import annotations

import pytest

from tests.session.fakes import FakeSlide, make_spots


@pytest.mark.parametrize("mpp", [None, 0.5])
def test_the_view_is_told_in_level_0_pixels(session, adapter, viewer, mpp):
    session.set_slide(FakeSlide(mpp=mpp))
    scale = mpp or 1.0
    viewer.canvas.size = (600, 800)  # height, width
    camera = viewer.scene.camera
    camera.zoom = 2.0
    camera.center = (100.0, 300.0)  # (y, x) in µm, or px
    x0, y0, x1, y1 = adapter.view_bounds()
    assert (x0 + x1) / 2 * scale == pytest.approx(300)
    assert (y0 + y1) / 2 * scale == pytest.approx(100)
    assert (x1 - x0) * scale == pytest.approx(400)
    assert (y1 - y0) * scale == pytest.approx(300)


@pytest.mark.parametrize("row", [0, 3, 5])
def test_a_spot_flown_to_is_in_the_middle(session, adapter, row):
    session.set_slide(FakeSlide(mpp=0.5))
    session.set_spots(make_spots())
    adapter.fly_to(row)
    x0, y0, x1, y1 = adapter.view_bounds()
    assert [(x0 + x1) / 2, (y0 + y1) / 2] == pytest.approx(session.spots.obsm["spatial"][row])


def test_every_move_is_told(session, adapter, viewer):
    told = []
    adapter.view_moved.connect(lambda: told.append(adapter.view_bounds()))
    viewer.scene.camera.zoom = 3.0
    viewer.scene.camera.center = (5.0, 6.0)
    viewer.canvas.size = (300, 400)
    assert len(told) == 3
    assert len(set(told)) == 3
    adapter.close()
    viewer.scene.camera.zoom = 4.0
    assert len(told) == 3
