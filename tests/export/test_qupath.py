from __future__ import annotations

import json
import math
import uuid

import numpy as np
import pytest
import shapely

from napari_stexp.annotation import Region, read_regions
from napari_stexp.errors import OutputError
from napari_stexp.export import spots_as_detections, write_qupath

from .conftest import DIAMETER

LABELS = ["Tumor", "", None]


def _write(path, *args, **options):
    return json.loads(write_qupath(path, *args, **options).read_text())["features"]


def test_spots_are_detections_with_class_and_measurements(spots, prediction, tmp_path):
    region = Region(shapely.box(0, 0, 900, 900), "Tumor", color=(1, 2, 3))
    annotation, *detections = _write(
        tmp_path / "a.geojson",
        [region],
        spots,
        prediction,
        genes=["ERBB2", "KRT5", "GATA3"],
        labels=LABELS,
    )
    assert annotation["properties"]["objectType"] == "annotation"
    assert [one["properties"]["objectType"] for one in detections] == ["detection"] * 3
    assert [one["properties"]["name"] for one in detections] == ["2x1", "0x0", "2x0"]
    # the class has the colour that it has among the regions
    assert detections[0]["properties"]["classification"] == {"name": "Tumor", "color": [1, 2, 3]}
    assert "classification" not in detections[1]["properties"]
    assert "classification" not in detections[2]["properties"]
    assert detections[0]["properties"]["measurements"] == {
        "ERBB2 (predicted)": 0.5,
        "ERBB2 (counts)": 10.0,
        "KRT5 (counts)": 11.0,
        "GATA3 (predicted)": 1.0,
        "confidence": 0.9,
    }
    # what is not known is not there: QuPath reads that as not a number
    assert detections[1]["properties"]["measurements"] == {
        "ERBB2 (counts)": 0.0,
        "KRT5 (counts)": 1.0,
    }
    assert len({uuid.UUID(one["id"]) for one in detections}) == 3


def test_circles_are_the_spots(spots):
    for region, center in zip(spots_as_detections(spots), spots.obsm["spatial"], strict=True):
        assert region.geometry.centroid.equals_exact(shapely.Point(center), 1e-6)
        left, top, right, bottom = region.geometry.bounds
        assert (right - left, bottom - top) == pytest.approx((DIAMETER, DIAMETER))
        assert region.geometry.area == pytest.approx(math.pi * (DIAMETER / 2) ** 2, rel=0.01)


def test_qupath_takes_them_as_ellipses(spots, tmp_path):
    features = _write(tmp_path / "a.geojson", spots=spots)
    assert all(feature["geometry"]["isEllipse"] is True for feature in features)


def test_they_are_read_back(spots, prediction, tmp_path):
    path = write_qupath(
        tmp_path / "a.geojson", (), spots, prediction, genes=["GATA3"], labels=LABELS
    )
    regions = read_regions(path)
    assert [region.class_name for region in regions] == ["Tumor", None, None]
    assert [region.name for region in regions] == list(prediction.obs_names)
    assert regions[2].properties["measurements"]["GATA3 (predicted)"] == 2.0


def test_the_same_spots_have_the_same_ids(spots):
    first, again = (
        [region.id for region in spots_as_detections(spots, labels=labels)]
        for labels in (None, ["x"] * 6)
    )
    assert first == again


def test_spots_of_unknown_diameter_are_half_their_pitch_wide(spots, caplog):
    del spots.uns["spatial"], spots.uns["stexp_spots"]
    left, _, right, _ = spots_as_detections(spots)[0].geometry.bounds
    assert right - left == pytest.approx(100)
    assert "diameter is unknown" in caplog.text


def test_what_can_not_be_written(spots, prediction, tmp_path):
    path = tmp_path / "a.geojson"
    with pytest.raises(OutputError, match="nothing to write"):
        write_qupath(path)
    with pytest.raises(OutputError, match="gene NONE"):
        write_qupath(path, (), spots, genes=["NONE"])
    with pytest.raises(OutputError, match="expected 3 spots; found 6"):
        write_qupath(path, (), spots, prediction, labels=["x"] * 6)
    single = spots[:1].copy()
    del single.uns["spatial"], single.uns["stexp_spots"]
    with pytest.raises(OutputError, match="how large the spots are"):
        spots_as_detections(single)
    with pytest.raises(OutputError, match="no spots to write"):
        spots_as_detections(None)
    assert not path.exists()


def test_many_spots_are_written_quickly(tmp_path):
    import time

    from anndata import AnnData

    rng = np.random.default_rng(0)
    genes = [f"G{i}" for i in range(20)]
    adata = AnnData(rng.random((5000, 20), np.float32), obsm={"spatial": rng.random((5000, 2))})
    adata.var_names = genes
    adata.uns["spatial"] = {"a": {"scalefactors": {"spot_diameter_fullres": 10.0}}}
    start = time.process_time()
    write_qupath(tmp_path / "a.geojson", spots=adata, genes=genes)
    assert time.process_time() - start < 5  # 0.6 s where it was written
