"""What QuPath writes is read, and what is written is what QuPath reads.

QuPath's rules are those of its own adapters (qupath-core, QuPathTypeAdapters,
GsonTools.PathClassTypeAdapter and ROITypeAdapters).
"""

from __future__ import annotations

import json
import math
import time
import uuid

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_stexp.annotation import Region, read_geojson, read_regions, write_geojson
from napari_stexp.annotation.polygons import parse_all_polygons, parse_polygons

from .test_geojson import HOLE, SQUARE, _feature, colors, random_polygon

ID = "6b1f0c1e-8f44-4a3e-9d2b-6f6a3ad5d0a1"


def check_as_qupath_reads(feature):
    """Fail where QuPath would refuse a feature, or read something else."""
    assert feature["type"] == "Feature"
    assert str(uuid.UUID(feature["id"])) == feature["id"]
    assert feature["geometry"]["type"] in ("Polygon", "MultiPolygon")
    properties = feature["properties"]
    assert properties["objectType"] in ("annotation", "detection", "cell", "tile")
    classification = properties.get("classification", "a text")
    if not isinstance(classification, str):
        # an object without a colour is "unable to parse"
        assert ("name" in classification) != ("names" in classification)
        assert len(classification["color"]) == 3
    assert isinstance(properties.get("isLocked", True), bool)
    measurements = properties.get("measurements", {})
    assert all(isinstance(value, float | int) for value in measurements.values())


# Objects as QuPath 0.2, 0.3 and 0.5 write them.
QUPATH_02 = {
    "type": "Feature",
    "id": "PathAnnotationObject",
    "geometry": {"type": "Polygon", "coordinates": SQUARE},
    "properties": {
        "classification": {"name": "Tumor", "colorRGB": -3670016},
        "isLocked": False,
        "measurements": [{"name": "Area px^2", "value": 100.0}, {"name": "Mean", "value": None}],
    },
}
QUPATH_03 = QUPATH_02 | {
    "properties": {"object_type": "annotation", "isLocked": True, "measurements": []}
}
QUPATH_05 = {
    "type": "Feature",
    "id": ID,
    "geometry": {"type": "Polygon", "coordinates": [SQUARE[0], HOLE]},
    "properties": {
        "objectType": "annotation",
        "name": "nest",
        "color": [9, 8, 7],
        "classification": {"names": ["Immune cells", "CD8"], "color": [160, 90, 160]},
        "isLocked": True,
        "measurements": {"Area px^2": 96.0, "Num CD8": 4.0},
        "metadata": {"ANNOTATION_DESCRIPTION": "seen twice"},
    },
}


@pytest.fixture
def carry(tmp_path):
    """Read features, write them, and return the regions and what was written."""

    def read_and_write(*features, **options):
        path = tmp_path / "in.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        regions = read_regions(path, **options)
        written = json.loads(write_geojson(regions, tmp_path / "out.geojson").read_text())
        for feature in written["features"]:
            check_as_qupath_reads(feature)
        return regions, written["features"]

    return read_and_write


def test_what_qupath_writes_comes_out_as_it_went_in(carry):
    _, (written,) = carry(QUPATH_05)
    assert written == QUPATH_05


def test_old_objects_become_new_ones(carry):
    (first, second), (out, locked) = carry(QUPATH_02, QUPATH_03)
    assert (first.class_name, first.color) == ("Tumor", (200, 0, 0))
    assert out["properties"] == {
        "objectType": "annotation",
        "classification": {"name": "Tumor", "color": [200, 0, 0]},
        "measurements": {"Area px^2": 100.0},
    }
    assert second.locked
    assert locked["properties"]["isLocked"] is True


def test_derived_classes_are_a_list_of_names(carry):
    classes = ["Tumor: ERBB2: positive", "a:b", ": x", "x: "]
    features = [
        _feature(classification={"name": name, "color": [1, 2, 3]}) | {"id": str(uuid.uuid4())}
        for name in classes
    ]
    regions, written = carry(*features)
    assert [region.class_name for region in regions] == classes
    found = [feature["properties"]["classification"] for feature in written]
    assert found[0]["names"] == ["Tumor", "ERBB2", "positive"]
    assert [one.get("name") for one in found[1:]] == classes[1:]


def test_a_class_without_a_colour_is_a_text(carry):
    regions, (written,) = carry(_feature(classification={"name": "Stroma"}))
    assert regions[0].color is None
    assert written["properties"]["classification"] == "Stroma"


def test_what_is_not_a_number_is_left_out(tmp_path):
    text = json.dumps([_feature(measurements={"a": 1.0, "b": math.nan, "c": math.inf})])
    assert "NaN" in text  # as QuPath writes it
    (tmp_path / "a.json").write_text(text)
    regions = read_regions(tmp_path / "a.json")
    written = json.loads(write_geojson(regions, tmp_path / "b.json").read_text())
    assert written["features"][0]["properties"]["measurements"] == {"a": 1.0}


def test_a_hierarchy_is_flattened_parents_first(carry):
    grandchild = _feature(name="grandchild")
    child = _feature(name="child", childObjects=[grandchild])
    parent = _feature(name="parent", children=[child, _feature(name="second")])
    root = {"type": "Feature", "properties": {"objectType": "root", "childObjects": [parent]}}
    regions, written = carry(root)
    names = ["parent", "child", "grandchild", "second"]
    assert [region.name for region in regions] == names
    assert len({region.id for region in regions}) == 4
    assert not any("childObjects" in feature["properties"] for feature in written)


def test_cells_keep_their_nucleus_and_kind(carry):
    nucleus = {"type": "Polygon", "coordinates": [HOLE]}
    cell = _feature(objectType="cell") | {"nucleusGeometry": nucleus}
    old = _feature() | {"id": "PathDetectionObject"}
    _, (written, detection) = carry(cell, old)
    assert written["properties"] == {"objectType": "cell"}
    assert written["nucleusGeometry"] == nucleus
    assert detection["properties"]["objectType"] == "detection"


def test_ellipses_stay_ellipses_until_they_are_edited(tmp_path, carry):
    circle = shapely.Point(50, 50).buffer(20)
    feature = _feature([np.asarray(circle.exterior.coords).tolist()])
    feature["geometry"]["isEllipse"] = True
    (region,), (written,) = carry(feature)
    assert written["geometry"]["isEllipse"] is True
    half = Region(shapely.box(50, 0, 90, 90).intersection(circle), properties=region.properties)
    (edited,) = json.loads(write_geojson([half], tmp_path / "c.json").read_text())["features"]
    assert "isEllipse" not in edited["geometry"]


def test_detections_are_written_beside_annotations(tmp_path):
    regions = [Region(shapely.box(0, 0, 9, 9), "Tumor", color=(1, 2, 3))]
    spots = [Region(shapely.box(i, 0, i + 1, 1), properties={"measurements": {"a": i}})
             for i in range(3)]  # fmt: skip
    path = write_geojson(regions, tmp_path / "a.geojson", detections=iter(spots))
    features = json.loads(path.read_text())["features"]
    for feature in features:
        check_as_qupath_reads(feature)
    kinds = [feature["properties"]["objectType"] for feature in features]
    assert kinds == ["annotation"] + ["detection"] * 3
    assert len(read_geojson(path)) == 1
    assert len(read_geojson(path, detections=True)) == 4


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    seed=st.integers(0, 2**32 - 1),
    parts=st.integers(1, 3),
    said=st.tuples(st.none() | texts, st.none() | texts, colors, st.booleans()),
    measurements=st.dictionaries(texts, numbers, max_size=3),
    metadata=st.dictionaries(texts, texts, max_size=2),
)
def test_nothing_is_lost(tmp_path, seed, parts, said, measurements, metadata):
    class_name, name, color, locked = said
    before = Region(
        random_polygon(np.random.default_rng(seed), parts), class_name, name, color,
        locked=locked, properties={"measurements": measurements, "metadata": metadata},
    )  # fmt: skip
    path = write_geojson([before], tmp_path / "a.geojson")
    check_as_qupath_reads(json.loads(path.read_text())["features"][0])
    (after,) = read_regions(path)
    assert after.geometry.equals_exact(before.geometry, 0)
    assert (after.class_name, after.name) == (before.class_name, before.name)
    assert (after.color, after.id, after.locked) == (color, before.id, locked)
    assert after.properties["measurements"] == measurements
    assert after.properties["metadata"] == metadata


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_many_at_once_are_as_one_by_one(seed):
    rng = np.random.default_rng(seed)
    geometries = []
    for _ in range(20):
        geometry = shapely.geometry.mapping(random_polygon(rng, parts=rng.integers(1, 3)))
        geometry = json.loads(json.dumps(geometry))
        damage = rng.integers(0, 12)
        rings = geometry["coordinates"]
        if damage == 0:
            geometry["type"] = "Point"
        elif damage == 1 and geometry["type"] == "Polygon":
            rings[0] = rings[0][: rng.integers(0, 5)]
        elif damage == 2 and geometry["type"] == "Polygon":
            rng.shuffle(rings[0])  # crosses itself
        elif damage == 3 and geometry["type"] == "Polygon":
            rings[0][1] = [1.0, 2.0, 3.0]
        elif damage == 4 and geometry["type"] == "Polygon":
            rings[0][2] = [math.nan, 1.0]
        geometries.append(geometry)
    for geometry, found in zip(geometries, parse_all_polygons(geometries), strict=True):
        try:
            expected = parse_polygons(geometry)
        except ValueError as error:
            expected = error
        if isinstance(expected, ValueError):
            assert (type(found), str(found)) == (ValueError, str(expected))
        else:
            assert (found is None) == (expected is None)
            assert found is None or found.equals_exact(expected, 0)


def test_many_cells_are_read_quickly(tmp_path):
    rng = np.random.default_rng(0)
    angle = np.linspace(0, 2 * np.pi, 25)
    ring = np.column_stack([np.cos(angle), np.sin(angle)]) * 12
    features = [
        _feature(
            [(center + ring).round(2).tolist()],
            objectType="cell",
            classification={"name": "Tumor", "color": [200, 0, 0]},
            measurements={f"Cell: {i}": 0.5 for i in range(10)},
        )
        for center in rng.uniform(0, 40_000, (10_000, 2))
    ]
    path = tmp_path / "cells.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    start = time.process_time()
    assert len(read_regions(path)) == 10_000
    assert time.process_time() - start < 3  # 0.4 s where it was written
