"""Plates behind text: drawn where vispy's rectangles are, without their cost."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("qtpy.QtWidgets")

from vispy.app import use_app
from vispy.scene import SceneCanvas
from vispy.scene.visuals import Rectangle

from napari_stexp.viewer.plate import Plate, use_plates

pytestmark = pytest.mark.gui


@pytest.fixture
def draw(qtbot):
    use_app("pyqt6")

    def draw(kind, *changes):
        """Return the pictures (h, w, 4) of a box, first and after each of some changes."""
        canvas = SceneCanvas(size=(64, 48), bgcolor="white", show=False)
        box = kind(center=(20, 20), border_width=0)
        box.width, box.height, box.color = 24.0, 12.0, (0.2, 0.4, 0.6, 1.0)
        box.parent = canvas.scene
        pictures = [canvas.render()]
        for name, value in changes:
            setattr(box, name, value)
            pictures.append(canvas.render())
        canvas.close()
        return pictures

    return draw


def test_a_plate_is_drawn_as_vispys_rectangle(draw):
    changes = (
        ("width", 40.0),
        ("height", 30.0),
        ("center", (30, 24)),
        ("color", (0.9, 0.1, 0.1, 1.0)),
    )
    ours, theirs = draw(Plate, *changes), draw(Rectangle, *changes)
    assert len({picture.tobytes() for picture in ours}) == len(changes) + 1
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, other)


def test_napari_uses_plates_and_the_text_on_them_stays_legible(make_napari_viewer):
    use_plates()
    viewer = make_napari_viewer(show=True)
    overlay = viewer.canvas.overlays.scale_bar
    overlay.visible, overlay.box, overlay.box_color = True, True, (0.0, 0.0, 0.5, 1.0)
    viewer.add_image(np.full((40, 40), 255, np.uint8), contrast_limits=(0, 255))
    picture = viewer.screenshot(canvas_only=True, flash=False)
    plate = (picture[..., :3] == (0, 0, 128)).all(-1) | (picture[..., :3] == (0, 0, 127)).all(-1)
    rows, columns = np.nonzero(plate)
    inside = picture[rows.min() : rows.max(), columns.min() : columns.max(), :3]
    assert plate.sum() > 1000
    assert (inside[..., 0] > 150).sum() > 20  # the bar and its number, light on dark
