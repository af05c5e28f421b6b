"""Readers, writer, sample data and manifest, as npe2 and napari call them."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from dataclasses import replace

import numpy as np
import pytest
from npe2 import PluginManager, PluginManifest, io_utils
from shapely import box

from napari_stexp.annotation import Region, read_regions, write_geojson
from napari_stexp.errors import AnnotationError, OutputError, SlideError
from napari_stexp.predict import read_prediction, write_prediction
from napari_stexp.spots import read_spots, write_spots
from napari_stexp.viewer import LayerAdapter
from napari_stexp.viewer.reader import get_regions_reader
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots
from tests.viewer.conftest import write_slide, write_svs

PLUGIN = "napari-stexp"


@pytest.fixture
def plugins(monkeypatch):
    """A plugin manager that knows this plugin only, in napari's place too."""
    manager = PluginManager(disable=())
    manager.register(PluginManifest.from_distribution(PLUGIN))
    monkeypatch.setattr(PluginManager, "instance", lambda: manager)
    return manager


@pytest.fixture
def spots_file(tmp_path):
    path = tmp_path / "spots.h5ad"
    write_spots(make_spots(4, ("A", "B"), [[1, 1], [0, 4], [3, 1], [2, 2]]), path)
    return path


@pytest.fixture
def prediction():
    uns = {"stexp": {"scale": "spot", "slide": {"mpp": 0.5, "name": "elsewhere"}}}
    prediction = make_prediction(make_spots(4), ("A", "B"), uns=uns)
    prediction.add(make_batch([0, 1, 2], [[1, 2], [1, 3], [1, 9]]))
    return prediction


@pytest.fixture
def prediction_file(tmp_path, prediction):
    return write_prediction(prediction.adata, tmp_path / "prediction.h5ad")


@pytest.fixture
def sample(tmp_path, monkeypatch, spots_file):
    """Small files in the place of the sample's."""
    from napari_stexp.viewer import sample as module

    write_geojson([Region(box(100, 200, 500, 400), class_name="Tumour")], tmp_path / "r.geojson")
    bundle = tmp_path / "model.safetensors"
    bundle.touch()
    files = module.SampleFiles(
        write_slide(tmp_path / "slide.ome.tif"), spots_file, tmp_path / "r.geojson", bundle
    )
    monkeypatch.setattr(module, "sample_files", lambda: files)
    return files


# ---- manifest ----------------------------------------------------------------------------


def test_every_command_of_the_manifest_exists(plugins):
    manifest = plugins.get_manifest(PLUGIN)
    manifest.validate_imports()
    assert [w.display_name for w in manifest.contributions.widgets] == [
        "All panels", "Slide & spots", "Model", "Predict", "Genes", "Annotations", "Compare",
        "Plots", "Train", "Align",
    ]  # fmt: skip


def test_what_napari_loads_at_its_start_is_light():
    """Discovery and the readers' answer to a foreign file load nothing heavy."""
    code = """
import json, sys
from npe2 import PluginManager, PluginManifest
manager = PluginManager.instance()
manager.register(PluginManifest.from_distribution("napari-stexp"))
before = set(sys.modules)
call = {"path": ["x.svs"], "stack": False}
readers = list(manager.iter_compatible_readers("x.svs"))
assert [reader.exec(kwargs=call) for reader in readers] == [None]
heavy = ("torch", "anndata", "pandas", "dask", "napari", "qtpy", "tifffile", "scipy")
print(json.dumps(sorted(set(heavy) & (set(sys.modules) - before))))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []


# ---- readers -----------------------------------------------------------------------------


def test_an_svs_opens_as_a_pyramid_in_micrometres(plugins, viewer, tmp_path):
    path = write_svs(tmp_path / "scan.svs", mpp=0.25)
    ((data, attributes, kind),) = io_utils.read([str(path)], stack=False)
    assert kind == "image"
    assert attributes["units"] == ("um", "um")
    layer = viewer.add_image(data, **attributes)
    assert layer.scale == pytest.approx((0.25, 0.25))
    attributes["metadata"]["stexp_slide"].close()


def test_other_files_are_refused_at_once(plugins, tmp_path):
    from napari_stexp.viewer.reader import get_slide_reader, get_spots_reader

    other = tmp_path / "not.svs"
    other.write_bytes(b"PK\3\4")
    table = tmp_path / "not.h5ad"
    table.write_text("a,b")
    write_slide(tmp_path / "plain.tif")
    assert get_slide_reader(str(other)) is None
    assert get_slide_reader(str(tmp_path / "missing.svs")) is None
    assert get_slide_reader([str(other), str(other)]) is None
    assert get_spots_reader(str(table)) is None
    assert not list(plugins.iter_compatible_readers(str(tmp_path / "plain.tif")))


def test_an_h5ad_without_positions_is_left_to_others(tmp_path):
    from anndata import AnnData

    from napari_stexp.viewer.reader import get_spots_reader

    AnnData(np.ones((3, 2), np.float32)).write_h5ad(tmp_path / "cells.h5ad")
    assert get_spots_reader(str(tmp_path / "cells.h5ad")) is None


def test_a_damaged_slide_is_an_error_that_names_it(plugins, tmp_path):
    path = tmp_path / "cut.svs"
    path.write_bytes(write_svs(tmp_path / "whole.svs").read_bytes()[:200])
    with pytest.raises(SlideError, match=r"cut\.svs"):
        io_utils.read([str(path)], stack=False)


def test_spots_open_as_points_with_their_values(plugins, viewer, spots_file):
    ((data, attributes, kind),) = io_utils.read([str(spots_file)], stack=False)
    assert kind == "points"
    layer = viewer.add_points(data, **attributes)
    np.testing.assert_allclose(layer.data[:, 0], 300)  # y before x
    assert list(layer.features["spot"]) == [f"spot{n}" for n in range(4)]
    assert layer.features["value"].notna().all()
    assert (layer.face_color[:, 3] == 1).all()


def test_a_prediction_opens_in_the_scale_of_its_slide(plugins, viewer, prediction_file):
    ((data, attributes, _),) = io_utils.read([str(prediction_file)], stack=False)
    layer = viewer.add_points(data, **attributes)
    assert layer.scale == pytest.approx((0.5, 0.5))
    assert layer.name.startswith("B predicted")
    assert list(layer.features["status"]) == ["ok", "ok", "ok", "pending"]


# ---- layers of readers become the session's ----------------------------------------------


def test_a_prediction_that_is_dropped_in_becomes_the_sessions(
    plugins, session, adapter, viewer, prediction_file
):
    ((data, attributes, _),) = io_utils.read([str(prediction_file)], stack=False)
    layer = viewer.add_points(data, **attributes)
    assert adapter.spots_layer is layer
    assert list(viewer.layers) == [layer], "shown once"
    assert session.prediction.done == 3
    session.gene = "A"
    assert layer.name.startswith("A predicted")


def test_layers_that_are_there_before_the_panels_are_taken_over(
    plugins, session, viewer, tmp_path, spots_file
):
    path = write_svs(tmp_path / "scan.svs", mpp=0.5)
    for file in (path, spots_file):
        ((data, attributes, kind),) = io_utils.read([str(file)], stack=False)
        getattr(viewer, f"add_{kind}")(data, **attributes)
    image, points = viewer.layers
    adapter = LayerAdapter(session, viewer)
    assert session.slide.path == path
    assert session.spots.n_obs == 4
    assert (adapter.image_layer, adapter.spots_layer) == (image, points)
    assert points.scale == pytest.approx((0.5, 0.5))
    session.set_slide(None)
    assert len(viewer.layers) == 0
    adapter.close()


def test_spots_that_do_not_fit_the_slide_are_shown_with_a_warning(
    plugins, session, adapter, viewer, tmp_path, monkeypatch
):
    said = []
    monkeypatch.setattr("napari.utils.notifications.show_warning", said.append)
    session.open_slide(write_slide(tmp_path / "small.ome.tif"))
    write_spots(make_spots(3, first=(9000.0, 9000.0)), tmp_path / "far.h5ad")
    ((data, attributes, _),) = io_utils.read([str(tmp_path / "far.h5ad")], stack=False)
    layer = viewer.add_points(data, **attributes)
    assert session.spots is None
    assert layer in viewer.layers
    assert "outside" in said[0]
    session.set_slide(None)


# ---- writer ------------------------------------------------------------------------------


def test_saving_the_spots_layer_writes_the_prediction(
    plugins, session, adapter, tmp_path, prediction
):
    session.show_prediction(prediction.adata)
    saved = io_utils.write(str(tmp_path / "out.h5ad"), [adapter.spots_layer])
    assert saved == [str(tmp_path / "out.h5ad")]
    back = read_prediction(saved[0])
    np.testing.assert_array_equal(back.X, prediction.adata.X)
    assert back.uns["stexp"]["scale"] == "spot"
    io_utils.write(str(tmp_path / "out.csv"), [adapter.spots_layer], plugin_name=PLUGIN)
    assert (tmp_path / "out.csv").read_text().startswith("barcode,x,y,status")


def test_saving_spots_and_regions_adds_the_class_of_each_spot(
    plugins, session, adapter, tmp_path, prediction
):
    session.show_prediction(prediction.adata)
    session.set_annotations([Region(box(100, 200, 500, 400), class_name="Tumour")])
    layers = [adapter.annotation_layer, adapter.spots_layer]
    io_utils.write(str(tmp_path / "out.h5ad"), layers)
    back = read_prediction(tmp_path / "out.h5ad")
    assert list(back.obs["region"].astype(object).fillna("")) == ["Tumour", "Tumour", "", ""]
    assert "region" not in prediction.adata.obs, "the session's own is untouched"


def test_saving_spots_without_a_prediction_writes_the_spots(
    plugins, session, adapter, tmp_path, spots_file
):
    session.open_spots(spots_file)
    io_utils.write(str(tmp_path / "again.h5ad"), [adapter.spots_layer])
    assert list(read_spots(tmp_path / "again.h5ad").var_names) == ["A", "B"]
    with pytest.raises(OutputError, match="h5ad"):
        io_utils.write(str(tmp_path / "again.csv"), [adapter.spots_layer])


def test_plain_points_are_refused_with_a_way_out(plugins, viewer, tmp_path):
    layer = viewer.add_points([[1, 2]])
    with pytest.raises(OutputError, match="neither spots nor a prediction"):
        io_utils.write(str(tmp_path / "p.h5ad"), [layer])
    assert not (tmp_path / "p.h5ad").exists()


def test_plain_points_are_still_saved_by_naparis_own_writer():
    from napari_builtins import __file__ as builtins_file

    manager = PluginManager(disable=())
    manager.register(PluginManifest.from_distribution(PLUGIN))
    manager.register(
        PluginManifest.from_file(builtins_file.replace("__init__.py", "builtins.yaml"))
    )
    for path in ("points.csv", "points"):
        writer, _ = manager.get_writer(path, ["points"])
        assert writer.command.startswith("napari.")
    writer, _ = manager.get_writer("points.h5ad", ["points"])
    assert writer.command.startswith(PLUGIN)


# ---- regions -----------------------------------------------------------------------------

REGION = Region(box(100, 200, 500, 400), class_name="Tumour", color=(200, 0, 0))


def read_one(path):
    (layer,) = io_utils.read([str(path)], stack=False)
    return layer


def test_a_geojson_that_is_dropped_in_becomes_the_sessions_regions(
    plugins, session, adapter, viewer, tmp_path
):
    session.set_slide(FakeSlide())
    data, attributes, kind = read_one(write_geojson([REGION], tmp_path / "r.geojson"))
    layer = getattr(viewer, f"add_{kind}")(data, **attributes)
    assert adapter.annotation_layer is layer
    assert [region.class_name for region in session.regions.items] == ["Tumour"]
    assert layer.scale == pytest.approx((0.5, 0.5))


def test_many_regions_open_as_an_image(plugins, session, adapter, viewer, tmp_path):
    many = [replace(REGION, id=str(uuid.uuid4())) for _ in range(600)]
    data, attributes, kind = read_one(write_geojson(many, tmp_path / "r.geojson"))
    assert kind == "image"
    layer = viewer.add_image(data, **attributes)
    assert adapter.annotation_layer is layer
    assert len(session.regions.items) == 600


def test_other_programs_regions_open(plugins, viewer, tmp_path):
    vertices = "".join(f'<Vertex X="{x}" Y="{y}"/>' for x, y in ((0, 0), (90, 0), (90, 50)))
    (tmp_path / "a.xml").write_text(
        '<?xml version="1.0"?><Annotations><Annotation Name="Tumor" LineColor="255"><Regions>'
        f'<Region Type="0"><Vertices>{vertices}</Vertices></Region>'
        "</Regions></Annotation></Annotations>"
    )
    data, _, kind = read_one(tmp_path / "a.xml")
    assert kind == "shapes"
    assert len(data) == 2, "one outline, on a white one"


def test_foreign_json_and_xml_are_left_to_others(plugins, tmp_path):
    points = '{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": ' \
             '{"type": "Point", "coordinates": [1, 2]}}]}'  # fmt: skip
    for name, text in (("a.geojson", points), ("b.xml", "<html/>"), ("c.geojson", "not json")):
        (tmp_path / name).write_text(text)
        assert not list(plugins.iter_compatible_readers(str(tmp_path / name))) or (
            get_regions_reader(str(tmp_path / name)) is None
        )


def test_ndpa_needs_its_slide_and_says_so(tmp_path):
    (tmp_path / "scan.ndpi.ndpa").write_text('<?xml version="1.0"?><annotations></annotations>')
    reader = get_regions_reader(str(tmp_path / "scan.ndpi.ndpa"))
    with pytest.raises(AnnotationError):
        reader(str(tmp_path / "scan.ndpi.ndpa"))


def test_regions_are_saved_for_qupath(plugins, session, adapter, tmp_path):
    session.set_slide(FakeSlide())
    session.set_annotations([REGION])
    saved = io_utils.write(str(tmp_path / "out.geojson"), [adapter.annotation_layer])
    (back,) = read_regions(saved[0])
    assert back.geometry.equals(REGION.geometry)
    assert (back.class_name, back.color, back.id) == ("Tumour", (200, 0, 0), REGION.id)


def test_shapes_and_labels_of_naparis_own_are_saved_too(plugins, viewer, tmp_path):
    square = np.array([(10, 20), (10, 60), (30, 60), (30, 20)])
    shapes = viewer.add_shapes([square], shape_type="polygon", scale=(0.5, 0.5), units="um")
    pixels = np.zeros((50, 80), int)
    pixels[10:30, 20:60] = 3
    labels = viewer.add_labels(pixels, scale=(0.5, 0.5), translate=(0.25, 0.25), units="um")
    for layer in (shapes, labels):
        io_utils.write(str(tmp_path / "own.geojson"), [layer])
        (region,) = read_regions(tmp_path / "own.geojson")
        assert region.geometry.equals(box(20, 10, 60, 30))
    image = viewer.add_image(np.zeros((9, 9)))
    with pytest.raises(OutputError, match="no regions"):
        io_utils.write(str(tmp_path / "image.geojson"), [image])


def test_plain_layers_are_still_saved_by_naparis_own_writers():
    from napari_builtins import __file__ as builtins_file

    manager = PluginManager(disable=())
    manager.register(PluginManifest.from_distribution(PLUGIN))
    manager.register(
        PluginManifest.from_file(builtins_file.replace("__init__.py", "builtins.yaml"))
    )
    for kind in ("shapes", "labels", "image"):
        writer, _ = manager.get_writer("layer", [kind])
        assert writer.command.startswith("napari.")
        writer, _ = manager.get_writer("layer.geojson", [kind])
        assert writer.command == "napari-stexp.write_regions"


# ---- sample ------------------------------------------------------------------------------


def test_the_sample_opens_slide_regions_and_spots(plugins, session, adapter, viewer, sample):
    (contribution,) = plugins.get_manifest(PLUGIN).contributions.sample_data
    for data, attributes, kind in contribution.open(_registry=plugins.commands):
        getattr(viewer, f"add_{kind}")(data, **attributes)
    assert session.slide.path == sample.slide
    assert session.spots.n_obs == 4
    assert [region.class_name for region in session.annotations] == ["Tumour"]
    assert len(viewer.layers) == 3
    assert {tuple(layer.scale) for layer in viewer.layers} == {(0.5, 0.5)}
    assert viewer.layers[-1] is adapter.spots_layer
    session.set_slide(None)


def test_the_sample_needs_no_panel(plugins, viewer, sample):
    (contribution,) = plugins.get_manifest(PLUGIN).contributions.sample_data
    layers = contribution.open(_registry=plugins.commands)
    for data, attributes, kind in layers:
        getattr(viewer, f"add_{kind}")(data, **attributes)
    assert [layer.name for layer in viewer.layers][:2] == ["slide", "Annotation"]
    layers[0][1]["metadata"]["stexp_slide"].close()


def test_a_missing_sample_file_is_named(monkeypatch, tmp_path):
    from napari_stexp import sample_data
    from napari_stexp.viewer import sample_files

    monkeypatch.setattr(sample_data, "slide_path", lambda: tmp_path / "gone.ome.tif")
    with pytest.raises(SlideError, match="gone"):
        sample_files()


def test_an_open_sample_answers_quickly(plugins, sample):
    start = time.perf_counter()
    from napari_stexp.viewer.sample import open_breast_sample

    layers = open_breast_sample()
    assert time.perf_counter() - start < 5.0
    layers[0][1]["metadata"]["stexp_slide"].close()
