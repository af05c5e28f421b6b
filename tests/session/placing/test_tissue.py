"""The tissue as a part of the session: edits, undo, files, workspaces, predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_stexp.errors import AnnotationError, OutputError, SlideError
from napari_stexp.progress import exhaust
from napari_stexp.session import Session, read_workspace, restore_workspace, start_saving
from napari_stexp.session.placing.grid_steps import areas_of
from napari_stexp.session.placing.tissue_files import (
    mask_from_words,
    mask_to_words,
    read_tissue,
    write_tissue,
)
from napari_stexp.session.prediction.steps import PredictionRequest, find_rows
from napari_stexp.slide import TissueMask, TissueSettings
from tests.session.fakes import FakeSlide, make_region, make_spots

masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))


@pytest.fixture
def session():
    session = Session()
    session.set_slide(FakeSlide())  # 1000 x 2000 px
    return session


def make_mask():
    pixels = np.zeros((100, 200), bool)
    pixels[20:80, 30:150] = True
    pixels[40:50, 60:80] = False
    return TissueMask.of(pixels, 10.0)


def test_edits_are_steps_of_undo(session):
    mask = make_mask()
    session.tissue.put(mask, "Find the tissue")
    pixels = mask.pixels
    pixels[:, :60] = False
    session.tissue.edit(pixels)
    assert session.tissue.mask.edited
    assert session.undoing.undo_text == "Paint tissue"
    session.undoing.undo()
    assert session.tissue.mask is mask
    session.undoing.undo()
    assert session.tissue.mask is None
    session.undoing.redo()
    session.undoing.redo()
    np.testing.assert_array_equal(session.tissue.mask.pixels, pixels)
    session.set_mpp(0.4)
    assert session.tissue.mask is not None
    session.set_slide(None)
    assert session.tissue.mask is None


def test_other_pieces_and_holes_keep_what_was_painted():
    mask = make_mask()
    pixels = mask.pixels
    pixels[60, 100] = False  # one pixel, erased by hand
    pixels[5, 5] = True  # one, painted
    tidied = mask.edit(pixels).tidy(TissueSettings(0.0, 0.02), 0.5)  # 1 px is 25 µm²
    assert tidied.pixels[45, 70]  # the hole of 0.005 mm² is filled
    assert not tidied.pixels[60, 100]
    assert tidied.pixels[5, 5]
    back = tidied.tidy(TissueSettings(0.0, 0.0), 0.5)
    np.testing.assert_array_equal(back.pixels, pixels)
    with pytest.raises(SlideError, match="scale"):
        mask.tidy(TissueSettings(0.1, 0.1), None)


@given(pixels=masks)
def test_words_and_packing_keep_every_pixel(pixels):
    mask = TissueMask.of(pixels, 2.5)
    again = mask_from_words(mask_to_words(mask))
    np.testing.assert_array_equal(again.pixels, pixels)
    assert again.downsample == 2.5
    assert mask.n_pixels == pixels.sum()


@given(pixels=masks)
def test_points_lie_on_the_pixels_that_cover_them(pixels):
    mask = TissueMask.of(pixels, 4.0)
    y, x = np.mgrid[:10, :10]
    xy = np.column_stack([x.ravel(), y.ravel()]) * 4.0 + 3.9
    wide = np.zeros((10, 10), bool)
    wide[: pixels.shape[0], : pixels.shape[1]] = pixels
    np.testing.assert_array_equal(mask.contains(xy), wide.ravel())


@pytest.mark.parametrize("name", ["mask.png", "mask.geojson"])
def test_files(session, tmp_path, name):
    mask = make_mask()
    again = read_tissue(write_tissue(mask, tmp_path / name), session.slide)
    area = again.n_pixels * again.downsample**2
    assert area == pytest.approx(mask.n_pixels * 100, rel=0.01)
    inside = again.contains([[700, 300], [700, 450], [100, 100]])  # tissue, its hole, glass
    assert inside.tolist() == [True, False, False]


def test_files_that_are_no_mask(session, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no picture")
    with pytest.raises(SlideError, match="can't be read"):
        read_tissue(tmp_path / "bad.png", session.slide)
    other = write_tissue(TissueMask.of(np.ones((50, 50)), 10.0), tmp_path / "square.png")
    with pytest.raises(SlideError, match="another slide"):
        read_tissue(other, session.slide)
    with pytest.raises(SlideError, match="another slide"):
        session.tissue.put(TissueMask.of(np.ones((50, 50)), 10.0), "Load")
    with pytest.raises(OutputError, match="PNG or GeoJSON"):
        write_tissue(make_mask(), tmp_path / "mask.bmp")
    with pytest.raises(OutputError, match="no tissue"):
        write_tissue(TissueMask.of(np.zeros((9, 9)), 1.0), tmp_path / "mask.geojson")


def test_workspace_keeps_the_mask(session, tmp_path, sample_folder):
    session.open_slide(sample_folder / "breast_synthetic.ome.tif")
    height, width = session.slide.shape
    pixels = np.random.default_rng(0).random((height // 64, width // 64)) < 0.5
    session.tissue.put(TissueMask.of(pixels, 64.0), "Load tissue")
    path = exhaust(start_saving(session, tmp_path / "work.stexp"))
    other = Session()
    restore_workspace(other, exhaust(read_workspace(path)))
    assert other.tissue.mask.same(session.tissue.mask)
    session.close()
    other.close()


def test_spots_off_the_mask_can_be_left_out():
    spots = make_spots(6)  # at x = 200, 400 … 1200, y = 300
    request = PredictionRequest(None, spots, None, None)
    assert find_rows(request) is None
    pixels = np.zeros((100, 200), bool)
    pixels[:, :50] = True
    limited = PredictionRequest(None, spots, None, None, tissue=TissueMask.of(pixels, 10.0))
    assert find_rows(limited).tolist() == [True, True, False, False, False, False]


def test_areas_of_classes():
    regions = [make_region(), make_region(x=900), make_region(class_name="Stroma")]
    tumour, rest = areas_of(regions, {"Tumor": 50.0}, 200.0)
    assert (tumour.pitch_um, len(tumour.shapes)) == (50.0, 2)
    assert (rest.pitch_um, rest.shapes) == (200.0, None)
    with pytest.raises(AnnotationError, match="no region of this class"):
        areas_of(regions, {"Necrosis": 50.0}, None)


def test_the_grid_uses_the_session_s_mask(session):
    session.tissue.put(make_mask(), "Load tissue")
    session.make_grid_spots(pitch_um=20.0, diameter_um=10.0)
    assert session.tissue.mask.contains(session.spots.obsm["spatial"]).all()
