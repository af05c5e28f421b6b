from __future__ import annotations

import warnings
from importlib.util import find_spec

import numpy as np
import pytest
import shapely

from napari_stexp.annotation import Region
from napari_stexp.errors import OutputError
from napari_stexp.export import write_spatialdata
from napari_stexp.export.spatial_data import _same_spots

needs_spatialdata = pytest.mark.skipif(
    find_spec("spatialdata") is None, reason="the extra spatialdata is not installed"
)
quiet = pytest.mark.filterwarnings("ignore")  # of spatialdata's own dependencies

REGIONS = [
    Region(shapely.box(0, 0, 50, 40).difference(shapely.box(5, 5, 9, 9)), "Tumor", "one"),
    Region(shapely.union(shapely.box(60, 0, 70, 9), shapely.box(80, 0, 90, 9)), locked=True),
]


@pytest.mark.skipif(find_spec("spatialdata") is not None, reason="the extra is installed")
def test_without_the_extra_it_says_how_to_get_it(tmp_path, spots):
    with pytest.raises(OutputError, match=r'pip install "napari-stexp\[spatialdata\]"'):
        write_spatialdata(tmp_path / "a.zarr", spots=spots)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def slide(tmp_path):
    import tifffile

    from napari_stexp.slide import open_slide

    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (1300, 2200, 3), dtype=np.uint8)
    path = tmp_path / "slide.tif"
    with tifffile.TiffWriter(path) as tif:
        options = {"tile": (256, 256), "photometric": "rgb", "resolutionunit": "CENTIMETER"}
        tif.write(pixels, resolution=(20000, 20000), **options)
        tif.write(pixels[::2, ::2], resolution=(10000, 10000), subfiletype=1, **options)
    with open_slide(path) as opened:
        yield opened


def _read(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import spatialdata

        return spatialdata.read_zarr(path)


@needs_spatialdata
@quiet
def test_all_of_it_is_read_back(tmp_path, slide, spots, prediction):
    from spatialdata.transformations import get_transformation

    path = tmp_path / "sub" / "a.zarr"
    write_spatialdata(path, slide=slide, spots=spots, prediction=prediction, regions=REGIONS)
    assert [entry.name for entry in path.parent.iterdir()] == ["a.zarr"]
    data = _read(path)
    for number, level in enumerate(slide.levels):
        height, width = level.shape
        image = data.images["slide"][f"scale{number}"]["image"]
        assert image.dims == ("c", "y", "x")
        assert image.coords["c"].values.tolist() == ["r", "g", "b"]
        expected = slide.read_region(0, 0, width, height, number)
        np.testing.assert_array_equal(image.data.compute().transpose(1, 2, 0), expected)

    circles = data.shapes["spots"]
    assert circles.index.tolist() == spots.obs_names.tolist()
    np.testing.assert_array_equal(shapely.get_coordinates(circles.geometry), spots.obsm["spatial"])
    assert set(circles["radius"]) == {50.0}

    counts, predicted = data.tables["counts"], data.tables["prediction"]
    np.testing.assert_array_equal(counts.X.toarray(), spots.X.toarray())
    np.testing.assert_array_equal(predicted.X, prediction.X)
    assert predicted.uns["spatialdata_attrs"]["region"] == "spots"
    assert predicted.obs["spot_id"].tolist() == prediction.obs_names.tolist()

    regions = data.shapes["regions"]
    for before, after in zip(REGIONS, regions.geometry, strict=True):
        assert after.equals(before.geometry)
    assert regions.index.tolist() == [region.id for region in REGIONS]
    assert regions["class"].tolist() == ["Tumor", ""]
    assert regions["locked"].tolist() == [False, True]

    assert set(data.coordinate_systems) == {"global", "um"}
    for name in ("slide", "spots", "regions"):
        frames = get_transformation(data[name], get_all=True)
        axes = ("x", "y")
        in_px = frames["global"].to_affine_matrix(axes, axes)
        in_um = frames["um"].to_affine_matrix(axes, axes)
        np.testing.assert_allclose(in_px, np.eye(3))
        np.testing.assert_allclose(in_um, np.diag([0.5, 0.5, 1]))


@needs_spatialdata
@quiet
def test_the_tables_are_linked_to_the_circles(tmp_path, spots, prediction):
    import spatialdata

    data = _read(write_spatialdata(tmp_path / "a.zarr", spots=spots, prediction=prediction))
    elements, table = spatialdata.join_spatialelement_table(
        sdata=data, spatial_element_names="spots", table_name="prediction", how="inner"
    )
    assert set(elements["spots"].index) == set(prediction.obs_names)
    assert table.n_obs == prediction.n_obs


@needs_spatialdata
@quiet
def test_a_prediction_for_other_spots_has_circles_of_its_own(tmp_path, spots, prediction):
    prediction.obsm["spatial"] = prediction.obsm["spatial"] + 7
    data = _read(write_spatialdata(tmp_path / "a.zarr", spots=spots, prediction=prediction))
    assert set(data.shapes) == {"spots", "predicted_spots"}
    assert data.tables["prediction"].uns["spatialdata_attrs"]["region"] == "predicted_spots"


def test_same_spots(spots, prediction):
    assert _same_spots(spots, prediction)
    assert not _same_spots(prediction, spots)


@needs_spatialdata
@quiet
def test_without_a_scale_there_are_pixels_only(tmp_path, spots):
    del spots.uns["stexp_spots"]
    data = _read(write_spatialdata(tmp_path / "a.zarr", spots=spots, regions=REGIONS))
    assert data.coordinate_systems == ["global"]


@needs_spatialdata
@quiet
def test_what_can_not_be_written_leaves_nothing(tmp_path, spots):
    with pytest.raises(OutputError, match="nothing to write"):
        write_spatialdata(tmp_path / "a.zarr")
    (tmp_path / "b.zarr").mkdir()
    with pytest.raises(OutputError, match="already"):
        write_spatialdata(tmp_path / "b.zarr", spots=spots)
    spots.uns["bad"] = object()
    with pytest.raises(OutputError, match="can't be stored"):
        write_spatialdata(tmp_path / "c.zarr", spots=spots)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_spatialdata(tmp_path / "file" / "a.zarr", regions=REGIONS)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["b.zarr", "file"]


@needs_spatialdata
@quiet
def test_what_is_written_is_read_as_the_same_spots(tmp_path, slide, spots, prediction):
    from napari_stexp.spots import look_at_store, read_spots, spot_diameter_px

    prediction.uns["stexp"] = {"model": "one"}
    path = write_spatialdata(
        tmp_path / "a.zarr", slide=slide, spots=spots, prediction=prediction, regions=REGIONS
    )
    read = read_spots(path)
    assert read.obs_names.tolist() == spots.obs_names.tolist()
    np.testing.assert_array_equal(read.X.toarray(), spots.X.toarray())
    np.testing.assert_array_equal(read.obsm["spatial"], spots.obsm["spatial"])
    assert read.obs.columns.tolist() == spots.obs.columns.tolist()
    assert spot_diameter_px(read) == spot_diameter_px(spots)
    assert read.uns["stexp_spots"]["section"] == "Q1"
    image = look_at_store(path).slide
    assert (image.name, image.shape, image.levels) == ("slide", (1300, 2200), len(slide.levels))


@needs_spatialdata
@quiet
def test_places_are_where_spatialdata_puts_them(tmp_path):
    """Transformations of every kind, against the package's own."""
    import geopandas
    from anndata import AnnData
    from spatialdata import SpatialData, get_centroids
    from spatialdata.models import Image2DModel, ShapesModel, TableModel
    from spatialdata.transformations import Affine, Identity, MapAxis, Scale, Sequence, Translation
    from spatialdata.transformations import get_transformation_between_coordinate_systems as between

    from napari_stexp.spots import read_spatialdata

    affine = [[0.9, -0.2, 7], [0.3, 1.1, -4], [0, 0, 1]]
    frames = {
        "global": Sequence([Scale([2, 3], ("x", "y")), Translation([5, 6], ("x", "y"))]),
        "turned": Affine(affine, ("x", "y"), ("x", "y")),
        "swapped": Sequence([MapAxis({"x": "y", "y": "x"}), Translation([1], ("y",))]),
        "same": Identity(),
    }
    shapes = [shapely.Polygon([(x, x), (x + 9, x + 1), (x + 2, x + 6)]) for x in (0, 10, 30)]
    shapes.append(shapely.MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(9, 9, 12, 12)]))
    cells = ShapesModel.parse(geopandas.GeoDataFrame(geometry=shapes), transformations=frames)
    image = Image2DModel.parse(
        np.zeros((3, 40, 50), np.uint8),
        dims=("c", "y", "x"),
        transformations={"turned": Affine(affine[::-1][1:] + affine[2:], ("y", "x"), ("y", "x"))},
    )
    table = AnnData(np.ones((4, 1), np.float32))
    table.obs["region"], table.obs["cell"] = "cells", np.arange(4)
    table = TableModel.parse(table, region="cells", region_key="region", instance_key="cell")
    data = SpatialData(images={"he": image}, shapes={"cells": cells}, tables={"t": table})
    data.write(tmp_path / "a.zarr")
    for name in frames:
        expected = get_centroids(cells, name).compute().to_numpy()
        found = read_spatialdata(tmp_path / "a.zarr", frame=name).obsm["spatial"]
        np.testing.assert_allclose(found, expected, atol=1e-9)
    matrix = between(data, cells, data["he"]).to_affine_matrix(("x", "y"), ("x", "y"))
    centres = get_centroids(cells, "same").compute().to_numpy()
    found = read_spatialdata(tmp_path / "a.zarr").obsm["spatial"]
    np.testing.assert_allclose(found, centres @ matrix[:2, :2].T + matrix[:2, 2], atol=1e-9)
