"""Stores written by hand; tests/export has those that spatialdata itself wrote."""

from __future__ import annotations

import json
import warnings

import anndata
import numpy as np
import pandas as pd
import pytest
import shapely

from napari_stexp.errors import SpotsError
from napari_stexp.spots import (
    find_sections,
    is_spatialdata,
    look_at_store,
    read_spatialdata,
    read_spots,
    spot_diameter_px,
)

XY = np.array([[10.0, 20], [30, 20], [10, 40]])
IDS = ["b", "a", "c"]


def _system(name, axes):
    return {"name": name, "axes": [{"name": axis, "type": "space"} for axis in axes]}


def transform(kind, to="global", axes="xy", **values):
    return {"type": kind, "input": _system(axes, axes), "output": _system(to, axes), **values}


def put_group(folder, attributes, version=3):
    folder.mkdir(parents=True, exist_ok=True)
    if version == 3:
        words = {"zarr_format": 3, "node_type": "group", "attributes": attributes}
        (folder / "zarr.json").write_text(json.dumps(words))
    else:
        (folder / ".zgroup").write_text('{"zarr_format": 2}')
        (folder / ".zattrs").write_text(json.dumps(attributes))


def put_shapes(store, name, geometries, index, *transforms, radius=None, version=3):
    folder = store / "shapes" / name
    put_group(folder, {"axes": ["x", "y"], "coordinateTransformations": [*transforms]}, version)
    frame = pd.DataFrame({"geometry": shapely.to_wkb(geometries)}, index=index)
    if radius is not None:
        frame["radius"] = radius
    frame.to_parquet(folder / "shapes.parquet")


def put_table(store, name, region, ids, version=3, *, predicted=False):
    obs = pd.DataFrame({"region": pd.Categorical([region] * len(ids)), "spot": ids})
    obs.index = [f"{name}-{i}" for i in range(len(ids))]
    adata = anndata.AnnData(np.arange(2.0 * len(ids)).reshape(-1, 2).astype(np.float32), obs=obs)
    adata.var_names = ["ERBB2", "KRT5"]
    keys = {"region": region, "region_key": "region", "instance_key": "spot"}
    adata.uns["spatialdata_attrs"] = keys
    if predicted:
        adata.uns["stexp"] = {"model": "one"}
    folder = store / "tables" / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        adata.write_zarr(folder)
    file = folder / ("zarr.json" if (folder / "zarr.json").is_file() else ".zattrs")
    words = json.loads(file.read_text())
    words.get("attributes", words).update(keys)
    file.write_text(json.dumps(words))


def put_image(store, name, shape, *transforms, channels=3):
    words = {
        "axes": [{"name": axis} for axis in "cyx"],
        "datasets": [{"path": "s0"}],
        "coordinateTransformations": [*transforms],
    }
    put_group(store / "images" / name, {"ome": {"multiscales": [words]}})
    (store / "images" / name / "s0").mkdir()
    array = {"shape": [channels, *shape], "node_type": "array"}
    (store / "images" / name / "s0" / "zarr.json").write_text(json.dumps(array))


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "section.zarr"
    put_group(path, {"spatialdata_attrs": {"version": "0.2"}})
    scale = transform("scale", scale=[2.0, 2.0])
    points = shapely.points(XY)
    put_shapes(path, "spots", points, ["a", "b", "c"], scale, radius=[5.0, 5, 5])
    put_table(path, "counts", "spots", IDS)
    return path


def test_circles_are_joined_and_transformed(store):
    assert is_spatialdata(store)
    spots = read_spots(store)
    np.testing.assert_array_equal(spots.obsm["spatial"], 2 * XY[[1, 0, 2]])
    np.testing.assert_array_equal(spots.X.toarray(), [[0, 1], [2, 3], [4, 5]])
    assert spot_diameter_px(spots) == 20
    assert spots.uns["stexp_spots"] == {
        "source": str(store), "frame": "global", "section": "section",
    }  # fmt: skip
    (section,) = find_sections(store)
    assert (section.name, section.slide) == ("section", None)
    np.testing.assert_array_equal(section.read().obsm["spatial"], spots.obsm["spatial"])
    assert [one.name for one in find_sections(store.parent)] == ["section"]


def test_the_pixels_are_those_of_the_stores_image(store):
    """The image lies turned and shifted in the common system: its pixels are what counts."""
    turn = transform("affine", axes="cyx", affine=[[1, 0, 0, 0], [0, 0, 4, 8], [0, 4, 0, 12]])
    put_image(store, "he", (50, 60), turn)
    put_image(store, "he_lowres_image", (5, 6), transform("identity", axes="cyx"))
    put_image(store, "dapi", (50, 60), transform("identity", axes="cyx"), channels=1)
    spots = read_spots(store)
    x, y = (2 * XY[[1, 0, 2]]).T
    # global x = 4 · row + 12, global y = 4 · column + 8
    np.testing.assert_allclose(spots.obsm["spatial"], np.column_stack([(y - 8) / 4, (x - 12) / 4]))
    assert spot_diameter_px(spots) == pytest.approx(5)
    assert spots.uns["stexp_spots"]["frame"] == "he"
    assert find_sections(store)[0].slide == store / "images" / "he"
    content = look_at_store(store)
    assert content.slide.shape == (50, 60)
    assert set(content.all_frames(content.spots[0])) == {"he", "he_lowres_image", "global"}
    other = read_spatialdata(store, frame="global")
    np.testing.assert_array_equal(other.obsm["spatial"], 2 * XY[[1, 0, 2]])

    put_image(store, "second", (50, 60), transform("identity", axes="cyx"))
    with pytest.raises(SpotsError, match=r"whose pixels.*he, he_lowres_image, second, global.*--f"):
        read_spots(store)
    with pytest.raises(SpotsError, match="no frame 'x' here"):
        read_spatialdata(store, frame="x")


def test_polygons_points_and_several_tables(store):
    squares = shapely.box(XY[:, 0], XY[:, 1], XY[:, 0] + 4, XY[:, 1] + 4)
    put_shapes(store, "cells", squares, [7, 8, 9], transform("identity"))
    put_table(store, "cells", "cells", ["9", "7", "8"])
    with pytest.raises(SpotsError, match=r"which spots\?.*one of cells, spots.*--section"):
        read_spots(store)
    cells = read_spots(store, section="cells")
    np.testing.assert_array_equal(cells.obsm["spatial"], XY[[2, 0, 1]] + 2)
    assert spot_diameter_px(cells) == pytest.approx(2 * np.sqrt(16 / np.pi))
    assert [one.name for one in find_sections(store)] == ["cells", "spots"]

    put_group(store / "points" / "beads", {"coordinateTransformations": [transform("identity")]})
    frame = pd.DataFrame({"x": XY[:, 0], "y": XY[:, 1]})
    (store / "points" / "beads" / "points.parquet").mkdir()
    frame.to_parquet(store / "points" / "beads" / "points.parquet" / "part.0.parquet")
    put_table(store, "beads", "beads", [2, 0])
    beads = read_spots(store, section="beads")
    np.testing.assert_array_equal(beads.obsm["spatial"], XY[[2, 0]])
    assert spot_diameter_px(beads) is None

    put_table(store, "more", "spots", IDS)
    assert set(look_at_store(store).names) == {"beads", "cells", "counts/spots", "more/spots"}
    assert read_spots(store, section="more/spots").obs_names[0] == "more-0"
    with pytest.raises(SpotsError, match="no spots 'none' here"):
        read_spots(store, section="none")


def test_predictions_are_no_measurements(store):
    put_table(store, "prediction", "spots", IDS, predicted=True)
    assert list(look_at_store(store).names) == ["spots"]
    assert read_spots(store).obs_names[0] == "counts-0"


def test_a_store_of_the_first_formats(tmp_path):
    """Zarr 2, with shapes as ragged arrays."""
    import zarr

    store = tmp_path / "old.zarr"
    put_group(store, {}, version=2)
    words = {"coordinateTransformations": [transform("translation", translation=[1.0, 2.0])]}
    for name in ("spots", "cells"):
        group = zarr.open_group(str(store / "shapes" / name), mode="w", zarr_format=2)
        group.attrs.update(words)
        if name == "spots":
            arrays = {"coords": XY, "radius": np.full(3, 4.0), "Index": np.arange(3)}
        else:
            squares = shapely.box(XY[:, 0], XY[:, 1], XY[:, 0] + 4, XY[:, 1] + 4)
            _, coords, offsets = shapely.to_ragged_array(squares)
            arrays = {"coords": coords, "Index": np.arange(3)}
            arrays |= {f"offset{i}": one for i, one in enumerate(offsets)}
        for key, values in arrays.items():
            group.create_array(key, data=values)
        put_table(store, name, name, [2, 1], version=2)
    assert is_spatialdata(store)
    np.testing.assert_array_equal(
        read_spots(store, section="spots").obsm["spatial"], XY[[2, 1]] + [1, 2]
    )
    np.testing.assert_array_equal(
        read_spots(store, section="cells").obsm["spatial"], XY[[2, 1]] + [3, 4]
    )


def _break(store, what):
    shapes = store / "shapes" / "spots"
    words = json.loads((shapes / "zarr.json").read_text())
    if what == "transform":
        words["attributes"]["coordinateTransformations"][0]["type"] = "spline"
        (shapes / "zarr.json").write_text(json.dumps(words))
    elif what == "json":
        (shapes / "zarr.json").write_text("{")
    elif what == "parquet":
        (shapes / "shapes.parquet").write_bytes(b"PAR1" + bytes(30))
    elif what == "missing":
        (shapes / "zarr.json").unlink()
        (shapes / "shapes.parquet").unlink()
        shapes.rmdir()
    elif what == "ids":
        put_shapes(store, "spots", shapely.points(XY), ["a", "x", "y"], transform("identity"))
    elif what == "labels":
        shapes.rename(store / "labels")
        (store / "labels").rename(store / "tmp")
        (store / "labels").mkdir()
        (store / "tmp").rename(store / "labels" / "spots")
    elif what == "table":
        for file in (store / "tables" / "counts" / "obs").rglob("*"):
            if file.is_file() and not file.name.startswith((".z", "zarr")):
                file.write_bytes(b"no values")
    elif what == "none":
        (store / "tables").rename(store / "nothing")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("transform", r"spots: a transformation.*can't be read.*spline"),
        ("json", r"spots/zarr.json: metadata.*can't be read"),
        ("parquet", r"shapes/spots: the element can't be read.*damaged"),
        ("missing", r"table 'counts' is about 'spots', which isn't in the store"),
        ("ids", r"2 of 3 rows of table 'counts' are about nothing in 'spots'.*found b"),
        ("labels", "raster of labels aren't read"),
        ("table", r"tables/counts: the table can't be read"),
        ("none", "has no table of spots"),
    ],
)
def test_what_is_wrong_is_said(store, what, message):
    _break(store, what)
    with pytest.raises(SpotsError, match=message):
        read_spots(store)


def test_other_folders_are_no_stores(tmp_path):
    put_group(tmp_path / "image.zarr", {"ome": {"multiscales": []}})
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("[")
    for name in ("image.zarr", "broken.zarr", "none.zarr", "."):
        assert not is_spatialdata(tmp_path / name)
