"""Slide, spots and annotations: bad input, scale, and taking things back."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.gui


def test_broken_slide_is_told_and_the_panel_stays_usable(window, tmp_path, slide_file):
    w = window
    broken = tmp_path / "broken.svs"
    broken.write_bytes(b"II*\0 not a slide")
    w.open_path(broken)
    w.settle()
    assert [area for area, _ in w.errors] == ["slide"]
    assert w.slide.notice("slide").kind == "error"
    assert "broken.svs" in w.slide.notice("slide").toolTip() + w.errors[0][1].message
    w.errors.clear()
    w.open(slide_file)
    assert w.slide.notice("slide").isHidden()
    assert w.session.slide is not None


def test_the_form_of_grids_makes_room_for_spots(shown_window, slide_file, spots_file):
    from qtpy.QtWidgets import QScrollArea

    w = shown_window
    w.open(slide_file)
    assert w.slide.spots.grid_form.button.isVisible()
    w.open(spots_file)
    assert not w.slide.spots.grid_form.button.isVisible()
    assert w.slide.spots.fit_row.align_button.isVisible()
    w.slide.window().resize(1280, 800)
    w.settle()
    area = w.slide.findChild(QScrollArea)
    w.wait(lambda: area.verticalScrollBar().maximum() == 0)
    w.click(w.slide.spots.grid_fold.button)
    assert w.slide.spots.grid_form.button.isVisible()
    w.session.set_spots(None)
    assert w.slide.spots.grid_fold.opened


def test_missing_file(window, tmp_path):
    w = window
    w.open_path(tmp_path / "none.h5ad")
    w.settle()
    assert w.errors[0][0] == "spots"
    assert w.slide.notice("spots").kind == "error"


def test_pixel_size_is_typed_and_a_wrong_one_refused(window, picture_file):
    w = window
    w.open(picture_file)
    assert w.slide.pixel_size.box.text() == "unknown"
    assert not w.slide.pixel_size.button.isEnabled()
    w.slide.pixel_size.box.setValue(0.5)
    w.click(w.slide.pixel_size.button)
    assert w.session.slide.mpp == 0.5
    assert w.session.slide.mpp_source == "user"
    assert "typed" in w.slide.slide_facts.text("Scale")
    w.slide.pixel_size.box.setValue(90.0)
    w.click(w.slide.pixel_size.button)
    assert w.session.slide.mpp == 0.5
    assert w.slide.pixel_size.box.value() == 0.5
    assert w.slide.notice("slide").kind == "error"


def test_contradicting_pitch_is_settled_by_the_user(window, slide_file, wrong_pitch_file):
    w = window
    w.open(slide_file)
    w.open_path(wrong_pitch_file)
    w.settle()
    assert [type(error).__name__ for _, error in w.errors] == ["ScaleError"]
    assert w.session.spots is None
    assert w.session.slide.mpp == pytest.approx(1.0)
    w.click(w.slide.pixel_size.from_spots_button)
    assert w.session.slide.mpp == pytest.approx(1.25)
    assert w.session.spots.n_obs == 30
    assert w.slide.notice("spots").isHidden()
    assert w.slide.pixel_size.from_spots_button.isHidden()


def test_everything_can_be_taken_back(window, slide_file, spots_file, regions_file, bundle_file):
    w = window
    w.open(slide_file, spots_file, regions_file, bundle_file)
    w.click(w.slide.clear_annotations_button)
    assert w.session.annotations is None
    w.click(w.slide.spots.clear_button)
    assert w.session.spots is None
    assert w.session.slide is not None
    w.click(w.model.unload_button)
    assert w.session.bundle is None
    w.click(w.slide.close_button)
    assert w.session.slide is None
    assert len(w.viewer.layers) == 0


def test_the_next_step_is_said_and_kept_true(window, slide_file, spots_file, bundle_file):
    w = window
    steps = [w.slide.guide.text()]
    for path in (slide_file, spots_file, bundle_file):
        w.open_path(path)
        w.settle()
        steps.append(w.slide.guide.text())
    expected = ["open", "load the spots", "load a model", "Predict"]
    assert all(words in step for step, words in zip(steps, expected, strict=True))
    w.controller.predicting.predict()
    w.settle()
    assert w.slide.guide.isHidden()


def test_cancelling_a_conversion(window, picture_file, monkeypatch):
    import time

    import napari_stexp.slide
    from napari_stexp.progress import Progress

    closed = []

    def endless(path):
        try:
            for i in range(10_000):
                time.sleep(0.01)
                yield Progress(i, 10_000, "converting the image")
        finally:
            closed.append(path)
        return path

    monkeypatch.setattr(napari_stexp.slide, "prepare_slide", endless, raising=False)
    w = window
    w.open_path(picture_file)
    row = w.slide.row("slide")
    w.wait(lambda: "Converting" in row.line.text())
    assert row.bar.maximum() == 10_000
    w.click(row.cancel_button)
    w.settle()
    assert closed == [picture_file]
    assert w.session.slide is None
    assert w.errors == []
    assert w.slide.open_button.isEnabled()


def test_spot_file_without_counts_asks_for_them(window, slide_file, tmp_path):
    import gzip

    spots = tmp_path / "Z9_selection.tsv"
    rows = [(x, y, 300 + 100 * x, 200 + 100 * y) for x in range(4) for y in range(3)]
    spots.write_text(
        "x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected\n"
        + "".join(f"{x}\t{y}\t{x}\t{y}\t{px}\t{py}\t1\n" for x, y, px, py in rows)
    )
    counts = tmp_path / "elsewhere.tsv.gz"
    with gzip.open(counts, "wt") as file:
        file.write("\tERBB2\tIGKC\n" + "".join(f"{x}x{y}\t3\t1\n" for x, y, *_ in rows))
    w = window
    w.open(slide_file)
    w.open_path(spots)
    w.settle()
    if w.errors:  # the pitch of HER2ST (200 µm) contradicts this slide's scale
        w.click(w.slide.pixel_size.from_spots_button)
    assert w.session.spots.n_obs == 12
    assert w.session.spots.n_vars == 0
    w.choose(counts)
    w.click(w.slide.spots.counts_button)
    w.settle()
    assert list(w.session.spots.var_names) == ["ERBB2", "IGKC"]
    assert w.slide.spots.counts_button.isHidden()


def test_files_are_dropped(window, slide_file, qtbot):
    from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
    from qtpy.QtGui import QDropEvent

    w = window
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(slide_file))])
    event = QDropEvent(
        QPointF(5, 5),
        Qt.DropAction.CopyAction,
        data,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    w.slide.dropEvent(event)
    w.settle()
    assert w.session.slide.path == slide_file


def test_another_slide_while_one_opens_is_refused_in_words(window, slide_file, picture_file):
    w = window
    w.controller.open_slide(slide_file)
    w.controller.open_slide(picture_file)
    w.settle()
    assert "still running" in w.errors[0][1].message
    assert w.session.slide.path == slide_file
