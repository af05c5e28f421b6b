"""The dock *Align*, and what *Slide & spots* says of spots that don't fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_stexp.spots import read_spots
from napari_stexp.spots.alignment import read_alignment
from tests.builders import write_ome_tiff

pytestmark = pytest.mark.gui

SHAPE = (900, 1200)


@pytest.fixture(scope="session")
def boot(tmp_path_factory):
    """A slide with tissue in the form of an L, and spots on it."""
    from anndata import AnnData

    folder = tmp_path_factory.mktemp("align")
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    tissue = (x > 200) & (x < 900) & (y > 560) & (y < 780)
    tissue |= (x > 200) & (x < 420) & (y > 120) & (y < 780)
    image = np.full((*SHAPE, 3), 243, np.uint8)
    image[tissue] = np.array([190, 90, 160]) + rng.integers(-25, 25, (int(tissue.sum()), 3))
    slide = write_ome_tiff(folder / "boot.ome.tif", image, 1.0)
    at = np.stack(np.meshgrid(np.arange(30, 1200, 40.0), np.arange(30, 900, 40.0)), -1)
    xy = at.reshape(-1, 2)
    xy = xy[tissue[xy[:, 1].astype(int), xy[:, 0].astype(int)]]
    spots = AnnData(
        rng.poisson(3.0, (len(xy), 2)).astype(np.float32),
        obs=pd.DataFrame(index=[f"s{i}" for i in range(len(xy))]),
        var=pd.DataFrame(index=["A", "B"]),
        obsm={"spatial": xy},
    )
    factors = {"spot_diameter_fullres": 22.0, "tissue_hires_scalef": 0.25}
    images = {"hires": image[::4, ::4]}
    spots.uns["spatial"] = {"L": {"images": images, "scalefactors": factors}}
    spots.uns["stexp_spots"] = {"section": "L1"}
    return folder, slide, spots


def write(boot, name, change):
    folder, _, spots = boot
    new = spots.copy()
    new.obsm["spatial"] = change(spots.obsm["spatial"])
    new.write_h5ad(folder / name)
    return folder / name


def open_with_check(w, slide, spots):
    w.open(slide)
    w.open_path(spots)
    w.wait(lambda: w.session.aligning.check is not None)
    w.settle()


def canvas_of(w):
    from qtpy.QtOpenGLWidgets import QOpenGLWidget

    found = [c for c in w.slide.window().findChildren(QOpenGLWidget) if c.isVisible()]
    return max(found, key=lambda c: c.width() * c.height())


def place_of(w, x, y):
    from qtpy.QtCore import QPoint

    camera, canvas = w.viewer.scene.camera, canvas_of(w)
    away = (np.array([y, x]) - np.array(camera.center[-2:])) * camera.zoom
    return QPoint(round(canvas.width() / 2 + away[1]), round(canvas.height() / 2 + away[0]))


def shown_positions(w):
    return w.session.aligning.draft.move(w.session.spots.obsm["spatial"])


def drag(w, start, end):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    canvas, left = canvas_of(w), Qt.MouseButton.LeftButton
    QTest.mousePress(canvas, left, pos=place_of(w, *start))
    for share in (0.3, 0.7, 1.0):
        QTest.mouseMove(
            canvas, place_of(w, *(np.array(start) * (1 - share) + np.multiply(end, share)))
        )
        w.qtbot.wait(20)
    QTest.mouseRelease(canvas, left, pos=place_of(w, *end))
    w.qtbot.wait(50)


def test_spots_that_fit_are_left_alone(window, boot):
    w = window
    open_with_check(w, boot[1], write(boot, "right.h5ad", lambda xy: xy))
    row = w.slide.spots.fit_row
    assert row.notice.isHidden()
    assert row.fix_button.isHidden()
    assert not row.align_button.isHidden()
    assert w.errors == []


def test_mirrored_spots_are_put_right_with_one_click(window, boot):
    w, right = window, boot[2].obsm["spatial"]
    open_with_check(
        w, boot[1], write(boot, "mirrored.h5ad", lambda xy: xy * [-1, 1] + np.array([1200, 0]))
    )
    row = w.slide.spots.fit_row
    assert "mirror left to right" in row.notice.text().lower()
    w.click(row.fix_button)
    np.testing.assert_allclose(w.session.spots.obsm["spatial"], right)
    w.wait(lambda: w.session.aligning.check is not None)
    w.settle()
    assert row.notice.isHidden()
    w.session.undoing.undo()
    w.wait(lambda: w.session.aligning.check is not None)
    assert not row.fix_button.isHidden()


def test_spots_outside_the_slide_are_not_lost(window, boot):
    w = window
    w.open(boot[1])
    w.open_path(write(boot, "far.h5ad", lambda xy: xy * 3 + 90_000))
    w.wait(lambda: w.session.aligning.check is not None)
    w.settle()
    assert w.session.spots is None
    assert [area for area, _ in w.errors] == ["spots"]
    row = w.slide.spots.fit_row
    assert "don't seem to fit" in row.notice.text()
    w.click(row.middle_button)
    xy = w.session.spots.obsm["spatial"]
    np.testing.assert_allclose((xy.min(0) + xy.max(0)) / 2, (600, 450))
    assert row.middle_button.isHidden()


def test_pairs_nudges_undo_and_saving(shown_window, boot, tmp_path):
    from qtpy.QtCore import Qt
    from qtpy.QtTest import QTest

    from napari_stexp.panels import AlignPanel, get_adapter

    w, right = shown_window, boot[2].obsm["spatial"]
    open_with_check(w, boot[1], write(boot, "hires.h5ad", lambda xy: xy / 4))
    assert "hires" in w.slide.spots.fit_row.notice.text()
    w.click(w.slide.spots.fit_row.align_button)
    w.qtbot.wait(200)
    panel = w.slide.window().findChild(AlignPanel)
    assert panel.isVisible()
    aligning = w.session.aligning

    # the scale factor, shown and taken back
    panel.scale_fold.set_opened(True)
    panel.image_box.setCurrentIndex(1)
    w.click(panel.scale_button)
    np.testing.assert_allclose(shown_positions(w), right)
    assert panel.apply_button.isEnabled()
    w.click(panel.reset_button)
    assert not aligning.moved
    panel.scale_fold.set_opened(False)

    # three pairs, clicked in the image that came with the spots and on the slide
    panel.pairs_fold.set_opened(True)
    w.click(panel.pairs.set_button)
    view = panel.pairs.view
    w.qtbot.wait(50)
    assert view.scene().items()
    for x, y in ((210, 130), (890, 770), (230, 760)):
        at = view.mapFromScene(x / 4, y / 4)
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
        QTest.mouseClick(canvas_of(w), Qt.MouseButton.LeftButton, pos=place_of(w, x, y))
        w.qtbot.wait(30)
    assert [pair.whole for pair in aligning.draft.pairs] == [True] * 3
    assert panel.pairs.table.rowCount() == 3
    assert "µm" in panel.pairs.table.item(0, 3).text()
    w.click(panel.pairs.fit_button)
    np.testing.assert_allclose(shown_positions(w), right, atol=8)
    layer = get_adapter(w.viewer).spots_layer
    assert not np.allclose(layer.affine.affine_matrix, np.eye(3))  # moved, not drawn anew

    # by hand: with the mouse, with keys, with numbers
    panel.pairs_fold.set_opened(False)
    panel.nudge_fold.set_opened(True)
    w.click(panel.nudge.move_button)
    before = aligning.centre
    drag(w, (600, 600), (660, 570))
    np.testing.assert_allclose(aligning.centre - before, (60, -30), atol=4)
    QTest.keyClick(canvas_of(w), Qt.Key.Key_Right)
    w.qtbot.wait(30)
    moved = aligning.centre
    assert aligning.centre[0] - before[0] == pytest.approx(70, abs=4)
    w.click(panel.undo_button)
    assert aligning.centre[0] == pytest.approx(moved[0] - 10)
    panel.nudge.turn_box.setValue(15.0)
    assert aligning.draft.move.rotation == pytest.approx(15, abs=1)
    w.click(panel.undo_button)
    while aligning.draft.steps[-1] != "3 pairs of points (similarity)":
        w.click(panel.undo_button)
    np.testing.assert_allclose(shown_positions(w), right, atol=8)

    w.click(panel.apply_button)
    w.settle()
    assert w.errors == []
    record = read_alignment(w.session.spots)
    assert len(record.pairs_own) == 3
    assert not aligning.moved
    w.wait(lambda: aligning.check is not None)
    w.settle()
    assert "lie on tissue" in panel.fit_row.notice.text()
    w.choose(tmp_path / "aligned.h5ad")
    w.click(panel.save_button)
    w.settle()
    spots = read_spots(tmp_path / "aligned.h5ad")
    np.testing.assert_allclose(spots.obsm["spatial"], right, atol=8)
    np.testing.assert_allclose(spots.obsm["spatial_original"], right / 4)


def test_the_dock_explains_itself_and_holds(window, boot):
    from napari_stexp.panels import open_align
    from tests.panels.test_layout import WIDEST, controls_of

    w = window
    panel = open_align(w.viewer)
    assert not panel.guide.isHidden()
    open_with_check(w, boot[1], write(boot, "turned.h5ad", lambda xy: [1200, 900] - xy))
    assert panel.guide.isHidden()
    assert panel.orientations.rowCount() == 15
    assert panel.orientations.item(0, 0).text() == "turn by 180°"
    panel.orientations.cellDoubleClicked.emit(0, 0)
    np.testing.assert_allclose(shown_positions(w), boot[2].obsm["spatial"])
    silent = [type(c).__name__ for c in controls_of(panel) if not c.toolTip()]
    assert silent == []
    for fold in (panel.orientation_fold, panel.scale_fold, panel.pairs_fold, panel.nudge_fold):
        fold.set_opened(True)
    assert panel.column.parentWidget().minimumSizeHint().width() <= WIDEST
