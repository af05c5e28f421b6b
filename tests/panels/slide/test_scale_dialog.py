"""The dialog about the scale, sRGB, and the pictures of the glass, in the window."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from PIL import ImageCms

from tests.panels.conftest import paint_tissue

pytestmark = pytest.mark.gui


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory):
    """A slide of 10x that says 10 µm/px, with a label and a profile."""
    path = tmp_path_factory.mktemp("doubtful") / "doubtful.svs"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    common = {"photometric": "rgb", "metadata": None}
    with tifffile.TiffWriter(path) as writer:
        words = "Aperio Image Library v11\n1200x900|AppMag = 10|MPP = 10.0"
        writer.write(
            paint_tissue(), tile=(128, 128), description=words, iccprofile=profile, **common
        )
        label = np.zeros((40, 50, 3), np.uint8)
        writer.write(label, description="Aperio Image Library v11\nlabel 50x40", **common)
    return path


def shows_slide(picture):
    """Tell whether a field of the slide is drawn: more colours than frame, bar and circle have."""
    image = picture.grab().toImage()
    places = [(x, y) for x in range(0, image.width(), 4) for y in range(0, image.height(), 4)]
    return len({image.pixel(x, y) for x, y in places}) > 50


def test_a_slipped_point_is_asked_about_and_settled(window, doubtful, spots_file, tmp_path):
    w = window
    w.open(doubtful)
    extras = w.slide.extras
    dialog = extras.scale.dialog
    assert dialog is not None
    assert "10 times too large" in dialog.notices[0].text()
    assert "objective 10x" in extras.findings.text()
    w.settle()
    assert all(shows_slide(card.picture) for card in dialog.cards if card.option is not None)
    assert not dialog.use_button.isEnabled()
    assert [card.option.mpp for card in dialog.cards[:-1]] == [1.0, 10.0]
    dialog.typed.box.setValue(0.9)
    w.settle()
    assert shows_slide(dialog.typed.picture)
    w.click(dialog.cards[0].button)
    assert not dialog.typed.button.isChecked()
    w.click(dialog.use_button)
    assert (w.session.slide.mpp, w.session.slide.mpp_source) == (1.0, "user")
    assert "objective 10x" in w.session.slide.settled[0].sentence
    assert extras.scale.dialog is None
    assert extras.findings.isHidden()
    w.open(spots_file)  # 100 px apart and 100 µm: they agree
    assert extras.scale.dialog is None
    w.settle()


def test_a_contradiction_with_spots_is_asked_once(window, slide_file, wrong_pitch_file):
    w = window
    w.open(slide_file)
    extras = w.slide.extras
    assert extras.scale.dialog is None
    w.open_path(wrong_pitch_file)
    w.settle()
    dialog = extras.scale.dialog
    assert "distance contradicts" in dialog.notices[0].text()
    w.click(dialog.later_button)
    w.slide.refresh()
    assert extras.scale.dialog is None
    w.click(extras.scale_button)
    dialog = extras.scale.dialog
    used = next(card for card in dialog.cards if card.option and card.option.mpp == 1.0)
    w.click(used.button)
    w.click(dialog.use_button)  # the file is believed, and the spots are laid on
    assert w.session.slide.mpp == pytest.approx(1.0)
    assert w.session.slide.mpp_source == "metadata"
    assert w.session.spots.n_obs == 30
    w.settle()
    w.session.undoing.undo()  # one decision is one step
    assert w.session.spots is None
    assert w.session.slide.settled == ()
    w.settle()


def test_a_settled_scale_is_taken_back_and_the_layers_follow(window, doubtful):
    w = window
    w.open(doubtful)
    dialog = w.slide.extras.scale.dialog
    w.click(dialog.cards[0].button)
    w.click(dialog.use_button)
    w.settle()
    (layer,) = (one for one in w.viewer.layers if one.name.startswith("doubtful"))
    np.testing.assert_allclose(layer.scale, 1.0)
    w.session.undoing.undo()
    w.settle()
    assert (w.session.slide.mpp, w.session.slide.mpp_source) == (10.0, "metadata")
    (layer,) = (one for one in w.viewer.layers if one.name.startswith("doubtful"))
    np.testing.assert_allclose(layer.scale, 10.0)
    assert w.session.slide.settled == ()
    w.session.undoing.redo()
    w.settle()
    assert (w.session.slide.mpp, len(w.session.slide.settled)) == (1.0, 1)


def test_colours_and_pictures_of_the_glass(window, doubtful, qtbot):
    w = window
    w.open(doubtful)
    extras = w.slide.extras
    extras.scale.dialog.close()
    w.click(extras.srgb_box)
    assert w.session.slide.colour == "sRGB"
    assert w.viewer.layers[0].metadata
    w.click(extras.srgb_box)
    assert w.session.slide.colour == "stored"
    w.click(extras.label_button)
    assert "identifies a patient" in extras.question.notice.text()
    w.click(extras.question.buttons["Don't"])
    assert extras.dialog is None
    w.click(extras.label_button)
    w.click(extras.question.buttons["Show them"])
    w.settle()
    assert list(extras.dialog.pictures) == ["label"]
    extras.dialog.close()
