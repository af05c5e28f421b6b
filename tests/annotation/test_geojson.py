from __future__ import annotations

import json
import uuid

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_stexp.annotation import Region, read_geojson, read_regions, write_geojson
from napari_stexp.errors import AnnotationError, OutputError

SQUARE = [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]
HOLE = [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]
ID = "6b1f0c1e-8f44-4a3e-9d2b-6f6a3ad5d0a1"


def _feature(coordinates=SQUARE, kind="Polygon", **properties):
    geometry = {"type": kind, "coordinates": coordinates}
    return {"type": "Feature", "id": ID, "geometry": geometry, "properties": properties}


@pytest.fixture
def read(tmp_path):
    def write_and_read(content, **options):
        path = tmp_path / "a.geojson"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_geojson(path, **options)

    return write_and_read


def test_present_qupath(read):
    feature = _feature(
        objectType="annotation",
        name="nest 1",
        classification={"name": "Tumor", "color": [200, 0, 0]},
        isLocked=True,
        measurements={"Area": 100.0},
    )
    (region,) = read({"type": "FeatureCollection", "features": [feature]})
    assert region.geometry.equals(shapely.box(0, 0, 10, 10))
    assert (region.class_name, region.name, region.color) == ("Tumor", "nest 1", (200, 0, 0))
    assert (region.id, region.locked) == (ID, True)
    assert region.properties == {"measurements": {"Area": 100.0}}


def test_single_feature_and_bare_array(read):
    feature = _feature(classification={"name": "Tumor"})
    assert read(feature)[0].class_name == "Tumor"
    assert read([feature])[0].class_name == "Tumor"


def test_byte_order_mark(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps([_feature()]).encode())
    assert len(read_regions(path)) == 1


@pytest.mark.parametrize(
    ("classification", "name", "color"),
    [
        ({"name": "Stroma", "color": [1, 2, 3]}, "Stroma", (1, 2, 3)),
        ({"name": "Stroma", "color": [1, 2, 3, 255]}, "Stroma", (1, 2, 3)),
        ({"name": "Stroma", "colorRGB": -3670016}, "Stroma", (200, 0, 0)),
        ({"name": "Stroma", "color": -16776961}, "Stroma", (0, 0, 255)),
        ({"name": "Stroma", "color": 0xFF00FF00}, "Stroma", (0, 255, 0)),
        ({"name": "Stroma", "color": 0x0000FF}, "Stroma", (0, 0, 255)),
        ({"names": ["Immune cells", "CD8"]}, "Immune cells: CD8", None),
        ({"name": "Stroma"}, "Stroma", None),
        ("Stroma", "Stroma", None),
        ({}, None, None),
        (None, None, None),
    ],
)
def test_classes_and_colours(read, classification, name, color):
    (region,) = read(_feature(classification=classification))
    assert (region.class_name, region.color) == (name, color)


def test_own_colour_where_the_class_has_none(read):
    (region,) = read(_feature(color=[9, 8, 7]))
    assert region.color == (9, 8, 7)


def test_old_object_type_and_old_id(read):
    feature = _feature(object_type="annotation") | {"id": "PathAnnotationObject"}
    other = _feature([[[5, 5], [6, 5], [6, 6]]]) | {"id": "PathAnnotationObject"}
    first, second = read([feature, other])
    assert first.id != second.id
    assert uuid.UUID(first.id)
    assert [r.id for r in read([feature, other])] == [first.id, second.id]


def test_ids_used_twice_are_replaced(read):
    first, second = read([_feature(), _feature()])
    assert first.id == ID
    assert second.id != ID


@pytest.mark.parametrize("kind", ["detection", "cell", "tile"])
def test_what_a_program_made_is_left_out(read, kind):
    features = [_feature(objectType=kind), _feature(name="drawn")]
    assert [region.name for region in read(features)] == ["drawn"]
    assert [region.name for region in read(features, detections=True)] == [None, "drawn"]


@pytest.mark.parametrize("kind", ["detection", "cell", "tile"])
def test_a_file_of_nothing_but_detections_is_read(read, kind):
    (region,) = read([_feature(objectType=kind)])
    assert region.properties == {"objectType": kind}


def test_points_and_lines_are_left_out(read):
    features = [
        _feature([1, 1], "Point"),
        _feature([[1, 1], [2, 2]], "LineString"),
        _feature([[1, 1]], "MultiPoint"),
        _feature(),
    ]
    assert len(read(features)) == 1


def test_holes_and_parts(read):
    holed, parts = read(
        [
            _feature([SQUARE[0], HOLE]),
            _feature([[SQUARE[0], HOLE], [[[20, 20], [30, 20], [30, 30]]]], "MultiPolygon"),
        ]
    )
    assert holed.geometry.area == 96
    assert parts.geometry.geom_type == "MultiPolygon"
    assert parts.geometry.area == 146


def test_geometry_collection_keeps_its_areas(read):
    geometry = {
        "type": "GeometryCollection",
        "geometries": [
            {"type": "Point", "coordinates": [50, 50]},
            {"type": "Polygon", "coordinates": SQUARE},
            {"type": "Polygon", "coordinates": [[[20, 20], [30, 20], [30, 30]]]},
        ],
    }
    (region,) = read({"type": "Feature", "geometry": geometry, "properties": {}})
    assert region.geometry.area == 150


def test_open_rings_and_third_coordinates(read):
    (region,) = read(_feature([[[0, 0, 7], [10, 0, 7], [10, 10, 7], [0, 10, 7]]]))
    assert region.geometry.equals(shapely.box(0, 0, 10, 10))


def test_an_outline_that_crosses_itself_is_made_valid(read):
    (region,) = read(_feature([[[0, 0], [10, 10], [10, 0], [0, 10], [0, 0]]]))
    assert region.geometry.is_valid
    assert region.geometry.area == 50


def test_a_spike_is_cut_off(read):
    (region,) = read(_feature([[[0, 0], [10, 0], [10, 10], [10, 30], [10, 10], [0, 10], [0, 0]]]))
    assert region.geometry.is_valid
    assert region.geometry.equals(shapely.box(0, 0, 10, 10))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "not JSON"),
        ('{"type": "FeatureColl', "cut off"),
        ("[" * 100_000, "not JSON"),
        ("3", "not GeoJSON.*found int"),
        ("{}", "not GeoJSON"),
        ({"type": "FeatureCollection"}, "not GeoJSON"),
        ({"type": "Topology", "features": []}, "found Topology"),
        ([], "no regions.*no objects"),
        ([1], "object 1 is no feature"),
        ([_feature(), {"type": "Feature", "geometry": None}], "object 2 is no feature"),
        ([_feature() | {"properties": [1]}], "object 1 has no usable properties"),
        ([_feature(kind="Circle")], "object 1.*unknown geometry 'Circle'"),
        ([_feature(None)], "unknown geometry"),
        ([_feature([])], "without an outline"),
        ([_feature([[[0, 0], [1, 1]]])], "outline of 2 points"),
        ([_feature([[[0, 0], [1, 1], [0, 0], [1, 1]]])], "outline of 4 points"),
        ([_feature([[[0, 0], [1, 1], [2, 2]]])], "no area"),
        ([_feature([[[0, 0], [1, "a"], [2, 5]]])], "no numbers"),
        ([_feature([[[0, 0], [1], [2, 5]]])], "no numbers"),
        ('[{"geometry": {"type": "Polygon", "coordinates": [[[0,0],[NaN,1],[2,5]]]}}]', "finite"),
        ([_feature([[1, 2, 3]])], "no numbers|no finite"),
        ([_feature([[[0, 0], [10**400, 1], [5, 5]]])], "no numbers"),
        ([_feature([[[0, 0], [1e300, 1], [5, 5]]])], "no pixels"),
        (
            [{"geometry": {"type": "GeometryCollection", "geometries": [3]}}],
            "geometry that is none",
        ),
        ([_feature(classification={"name": "a", "color": "red"})], "colour.*'red'"),
        ([_feature(classification={"name": "a", "color": [300, 0, 0]})], "colour"),
        ([_feature(classification={"name": "a", "color": [1, 2]})], "colour"),
        ([_feature(classification={"name": "a", "color": 2**40})], "colour"),
    ],
)
def test_bad_files(read, content, message):
    with pytest.raises(AnnotationError, match=message) as caught:
        read(content)
    assert caught.value.path.name == "a.geojson"


def test_missing_binary_and_other_files(tmp_path):
    with pytest.raises(AnnotationError, match="can't be read"):
        read_regions(tmp_path / "none.geojson")
    (tmp_path / "b.geojson").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(AnnotationError, match=r"expected GeoJSON.*found bytes ff d8 ff e0"):
        read_regions(tmp_path / "b.geojson")
    with pytest.raises(AnnotationError, match="not JSON"):
        read_geojson(tmp_path / "b.geojson")


def test_regions_refuse_what_is_none():
    for geometry in (shapely.Point(0, 0), shapely.Polygon(), None):
        with pytest.raises(AnnotationError, match="needs an area"):
            Region(geometry)
    with pytest.raises(AnnotationError, match="not a colour"):
        Region(shapely.box(0, 0, 1, 1), color=(1, 2, 256))


texts = st.none() | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12
).filter(bool)
colors = st.none() | st.tuples(*[st.integers(0, 255)] * 3)


@st.composite
def regions(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    return Region(
        geometry=random_polygon(np.random.default_rng(seed), parts=draw(st.integers(1, 3))),
        class_name=draw(texts),
        name=draw(texts),
        color=draw(colors),
        id=str(draw(st.uuids())),
        locked=draw(st.booleans()),
        properties=draw(st.just({}) | st.just({"measurements": [{"name": "a", "value": 1.5}]})),
    )


def random_polygon(rng, parts=1, size=1000.0):
    """Star-shaped outlines, each with a star-shaped hole, anywhere in the square."""
    polygons = []
    for part in range(parts):
        center = rng.uniform(0, size, 2) + part * 3 * size
        count = rng.integers(8, 40)
        # one ray per sector: a gap of half a turn would leave the centre, and the star, outside
        angles = 2 * np.pi * (np.arange(count) + rng.uniform(0, 0.9, count)) / count
        rays = np.column_stack([np.cos(angles), np.sin(angles)])
        radius = rng.uniform(0.3, 1.0, (len(angles), 1)) * size / 3
        outline = shapely.Polygon(center + rays * radius)
        hole = shapely.Polygon(center + rays * radius * 0.5)
        polygons.append(outline.difference(hole))
    return shapely.union_all(polygons)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(written=st.lists(regions(), min_size=1, max_size=4, unique_by=lambda region: region.id))
def test_round_trip(tmp_path, written):
    read = read_regions(write_geojson(written, tmp_path / "sub" / "a.geojson"))
    assert len(read) == len(written)
    for before, after in zip(written, read, strict=True):
        assert after.geometry.equals_exact(before.geometry, 0)
        assert after.class_name == before.class_name
        assert after.name == before.name
        assert after.id == before.id
        assert after.locked == before.locked
        assert after.color == before.color


def test_written_as_qupath_wants_it(tmp_path):
    region = Region(shapely.box(0, 0, 4, 4), "Tumor", "one", (1, 2, 3), locked=True)
    content = json.loads(write_geojson([region], tmp_path / "a.geojson").read_text())
    assert content["type"] == "FeatureCollection"
    (feature,) = content["features"]
    assert feature["type"] == "Feature"
    assert uuid.UUID(feature["id"])
    assert feature["properties"] == {
        "objectType": "annotation",
        "name": "one",
        "classification": {"name": "Tumor", "color": [1, 2, 3]},
        "isLocked": True,
    }
    (ring,) = feature["geometry"]["coordinates"]
    assert ring[0] == ring[-1]  # the specification's rings are closed


def test_failed_write_leaves_nothing(tmp_path):
    bad = Region(shapely.box(0, 0, 1, 1), properties={"a": float("nan")})
    with pytest.raises(AnnotationError, match="stored as JSON"):
        write_geojson([bad], tmp_path / "a.geojson")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_geojson([Region(shapely.box(0, 0, 1, 1))], tmp_path / "file" / "a.geojson")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
