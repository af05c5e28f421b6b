"""Opening real files into the session in one call each."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from napari_stexp.annotation import read_regions
from napari_stexp.errors import ScaleError, SlideError
from napari_stexp.predict import write_prediction
from napari_stexp.spots import write_spots
from tests.builders import write_ome_tiff
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots


def square(x0, y0, x1, y1):
    return [[[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]]]


@pytest.fixture
def annotation(tmp_path) -> Path:
    feature = {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": square(150, 250, 450, 350)},
        "properties": {"objectType": "annotation", "classification": {"name": "Tumor"}},
    }
    path = tmp_path / "regions.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


@pytest.fixture
def tissue_slide(tmp_path) -> Path:
    """A white slide with one pink square of tissue, 0.5 µm/px."""
    image = np.full((1024, 1024, 3), 245, np.uint8)
    image[256:768, 256:768] = (200, 110, 160)
    image[256:768:8, 256:768] = (120, 50, 120)
    return write_ome_tiff(tmp_path / "tissue.ome.tif", image, 0.5, tile=256)


def test_a_grid_lies_on_the_tissue(session, tissue_slide):
    session.open_slide(tissue_slide)
    session.make_grid_spots(pitch_um=20.0, diameter_um=10.0)
    xy = session.spots.obsm["spatial"]
    assert len(xy) > 50
    assert ((xy > 240) & (xy < 780)).all()
    session.set_slide(None)


def test_a_grid_needs_slide_and_scale(session):
    with pytest.raises(SlideError):
        session.make_grid_spots()
    session.set_slide(FakeSlide(mpp=None))
    with pytest.raises(ScaleError, match="scale"):
        session.make_grid_spots()


def test_setting_a_scale_needs_a_slide(session):
    with pytest.raises(SlideError):
        session.set_mpp(0.5)


def test_spots_come_from_their_file(session, tmp_path):
    write_spots(make_spots(4, ("A",), np.ones((4, 1))), tmp_path / "spots.h5ad")
    session.open_spots(tmp_path / "spots.h5ad")
    assert session.spots.n_obs == 4
    assert session.gene == "A"


def test_regions_label_the_spots_inside(session, annotation):
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(4))  # x = 200, 400, 600, 800 at y = 300
    assert session.labels() is None
    session.set_annotations(list(read_regions(annotation)))
    assert session.labels() == ["Tumor", "Tumor", "", ""]
    assert session.read_out(0).endswith("· Tumor")
    session.set_spots(make_spots(4, first=(500.0, 300.0)))
    assert session.labels() == ["", "", "", ""], "labels of spots that are gone"


@pytest.fixture
def saved(tmp_path):
    uns = {"stexp": {"scale": "spot", "slide": {"fingerprint": "f" * 64, "name": "elsewhere"}}}
    prediction = make_prediction(make_spots(4), ("A", "B"), uns=uns)
    prediction.add(make_batch([0, 1, 2, 3], [[1, 2], [1, 3], [1, 4], [1, 9]]))
    return write_prediction(prediction.adata, tmp_path / "saved.h5ad")


def test_a_saved_prediction_brings_its_own_spots(session, saved):
    session.open_prediction(saved)
    assert session.spots.n_obs == 4
    assert not session.has_measurement
    assert session.gene == "B"
    np.testing.assert_array_equal(session.values(), np.float32([2, 3, 4, 9]))


def test_a_saved_prediction_joins_the_spots_that_it_was_made_for(session, saved):
    spots = make_spots(4, ("A",), np.ones((4, 1)))
    session.set_spots(spots)
    session.open_prediction(saved)
    assert session.spots is spots
    assert session.source == "predicted"
    assert session.has_measurement


def test_a_prediction_of_another_slide_is_shown_with_a_notice(session, saved):
    session.set_slide(FakeSlide())
    session.open_prediction(saved)
    assert "elsewhere" in session.notices[-1]
    assert session.prediction.finished
