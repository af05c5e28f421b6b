"""Visium HD as it is read: bins, cells, what the record says, and what is wrong with files."""

from __future__ import annotations

import json
import shutil
from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from napari_stexp.errors import SpotsError
from napari_stexp.spots import (
    check_scale,
    drawn_diameter_px,
    estimate_mpp,
    find_sections,
    list_bins,
    read_spots,
    run_folder,
    spot_diameter_px,
    spot_pitch_px,
)

from .hd_layouts import AREAS, MPP, barcode, bin_counts, write_cells, write_hd, write_matrix


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return write_hd(tmp_path_factory.mktemp("hd") / "P1CRC")


@pytest.fixture
def own(run, tmp_path):
    """Return a copy that may be damaged."""
    return shutil.copytree(run, tmp_path / "P1CRC")


def square(run, um=8):
    return run / "outs" / "binned_outputs" / f"square_{um:03d}um"


@pytest.mark.parametrize("um", [2, 8, 16])
def test_bins_in_tissue_in_the_order_of_the_counts(run, um):
    adata = read_spots(run, bins=um)
    measured = [(r, c) for r in range(5, 0, -1) for c in range(5, -1, -1)]
    assert list(adata.obs_names) == [barcode(um, r, c) for r, c in measured]
    assert list(adata.var_names) == ["ERBB2", "TBCE", "TBCE-1"]
    np.testing.assert_array_equal(adata.X.toarray(), [bin_counts(um, *at)[:3] for at in measured])
    assert adata.X.dtype == np.float32
    assert adata.obs[["array_row", "array_col"]].to_numpy().tolist() == list(map(list, measured))
    np.testing.assert_allclose(
        adata.obsm["spatial"][0], [20 + um / MPP * (5 - 0.05), 40 + um / MPP * (5 + 0.05)]
    )
    record = adata.uns["stexp_spots"]
    assert (record["technology"], record["bins"]) == ("Visium HD", str(um))
    assert (record["section"], record["patient"]) == ("P1CRC", "P1CRC")
    assert (record["pitch_um"], record["diameter_um"]) == (um, um)
    assert record["microns_per_pixel"] == MPP
    assert spot_diameter_px(adata) == um / MPP
    assert spot_pitch_px(adata) == pytest.approx(um / MPP, rel=1e-3)
    assert estimate_mpp(adata) == pytest.approx(MPP, rel=1e-3)
    assert adata.uns["spatial"]["P1CRC"]["scalefactors"]["tissue_hires_scalef"] == 0.1


def test_the_same_as_scanpy_and_pandas_read(run):
    scanpy = pytest.importorskip("scanpy")
    with pytest.warns(UserWarning, match="Variable names are not unique"):
        expected = scanpy.read_10x_h5(square(run) / "filtered_feature_bc_matrix.h5")
    adata = read_spots(run)
    assert list(adata.obs_names) == list(expected.obs_names)
    np.testing.assert_array_equal(adata.X.toarray(), expected.X.toarray())
    table = pd.read_parquet(square(run) / "spatial" / "tissue_positions.parquet")
    places = table.set_index("barcode").loc[adata.obs_names]
    np.testing.assert_array_equal(
        adata.obsm["spatial"], places[["pxl_col_in_fullres", "pxl_row_in_fullres"]]
    )


@pytest.mark.parametrize(
    ("inside", "bins"),
    [
        ("", "8"),
        ("outs", "8"),
        ("outs/spatial", "8"),
        ("outs/binned_outputs", "8"),
        ("outs/binned_outputs/square_016um", "16"),
        ("outs/binned_outputs/square_002um/spatial", "2"),
        ("outs/binned_outputs/square_002um/spatial/tissue_positions.parquet", "2"),
        ("outs/binned_outputs/square_016um/filtered_feature_bc_matrix.h5", "16"),
        ("outs/segmented_outputs", "cells"),
        ("outs/segmented_outputs/filtered_feature_cell_matrix.h5", "cells"),
    ],
)
def test_any_folder_or_file_of_a_run(run, inside, bins):
    (source,) = find_sections(run / inside)
    assert (source.name, source.patient, source.technology) == ("P1CRC", "P1CRC", "Visium HD")
    assert source.slide == run / "P1CRC_tissue_image.btf"
    assert source.read().uns["stexp_spots"]["bins"] == bins
    assert list_bins(run / inside) == ("2", "8", "16", "cells")
    assert run_folder(run / inside) == run


@pytest.mark.parametrize("bins", ["16", 16, "016um", "square_016um", "16 µm"])
def test_bins_can_be_named_in_several_ways(run, bins):
    assert read_spots(run, bins=bins).uns["stexp_spots"]["bins"] == "16"
    # also against the folder that was named
    assert read_spots(square(run, 2), bins=bins).uns["stexp_spots"]["bins"] == "16"


@pytest.mark.parametrize(
    ("widths", "cells", "expected"),
    [((2, 16), True, "16"), ((2,), True, "2"), ((4, 24, 40), False, "24"), ((), True, "cells")],
)
def test_the_usual_bins_where_there_are_none_of_8(tmp_path, widths, cells, expected):
    run = write_hd(tmp_path / "run", widths, cells=cells)
    assert read_spots(run).uns["stexp_spots"]["bins"] == expected


def test_cells_are_spots_at_their_centroids(run):
    adata = read_spots(run, bins="cells")
    assert list(adata.obs_names) == ["cellid_000000005-1", "cellid_000000001-1"]
    np.testing.assert_allclose(adata.obsm["spatial"], [[15, 55], [5, 5]])
    np.testing.assert_array_equal(adata.X.toarray(), [[5, 0, 1], [1, 2, 0]])
    np.testing.assert_allclose(adata.obs["area_px"], [AREAS[5], AREAS[1]])
    np.testing.assert_allclose(adata.obs["area_um2"], np.array([AREAS[5], AREAS[1]]) * MPP**2)
    np.testing.assert_allclose(np.pi * adata.obs["diameter_px"] ** 2 / 4, adata.obs["area_px"])
    assert adata.obs["cluster"].tolist() == ["Cluster-5", "Cluster-1"]
    middle = 2 * np.sqrt(200 / np.pi)  # of all three cells
    assert drawn_diameter_px(adata) == pytest.approx(middle)
    record = adata.uns["stexp_spots"]
    assert (record["technology"], record["bins"]) == ("Visium HD", "cells")
    assert "pitch_um" not in record
    assert estimate_mpp(adata) == MPP  # what the file states
    check_scale(adata, MPP)


def test_cells_without_clusters_or_counts(tmp_path):
    folder = write_cells(tmp_path / "run" / "segmented_outputs", annotated=False)
    (folder / "filtered_feature_cell_matrix.h5").unlink()
    adata = read_spots(tmp_path / "run")
    assert adata.shape == (3, 0)
    assert "cluster" not in adata.obs
    np.testing.assert_allclose(adata.obs["area_px"], list(AREAS.values()))  # a hole is no area


def test_a_run_has_no_such_bins(run, tmp_path):
    with pytest.raises(SpotsError, match=r"no 24 µm bins.*one of 2, 8, 16, cells"):
        read_spots(run, bins=24)
    for wrong in ("fine", "0", ""):
        with pytest.raises(SpotsError, match="no such bins"):
            read_spots(run, bins=wrong or "-")


def test_without_scale_factors_the_folder_says_the_width(own):
    (square(own) / "spatial" / "scalefactors_json.json").unlink()
    adata = read_spots(own)
    assert adata.uns["stexp_spots"]["pitch_um"] == 8
    assert "microns_per_pixel" not in adata.uns["stexp_spots"]
    assert estimate_mpp(adata) == pytest.approx(MPP, rel=1e-3)
    assert spot_diameter_px(adata) == pytest.approx(8 / MPP, rel=1e-3)


@pytest.mark.parametrize("name", ["microns_per_pixel", "bin_size_um", "spot_diameter_fullres"])
def test_sizes_that_are_none(own, name):
    path = square(own) / "spatial" / "scalefactors_json.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: -2}))
    with pytest.raises(SpotsError, match="positive number; found -2") as caught:
        read_spots(own)
    assert caught.value.path == path


@pytest.mark.parametrize(
    "name", ["spatial/tissue_positions.parquet", "filtered_feature_bc_matrix.h5"]
)
def test_files_that_are_cut_off_or_damaged_are_named(own, name):
    path = square(own) / name
    content = path.read_bytes()
    rng = np.random.default_rng(3)
    for length in (0, 1, len(content) // 3, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(SpotsError) as caught:
            read_spots(own)
        assert caught.value.path == path
    for place in rng.integers(0, len(content), 40):
        flipped = bytearray(content)
        flipped[place] ^= 1 << rng.integers(8)
        path.write_bytes(bytes(flipped))
        with suppress(SpotsError):  # many bits change no meaning, or a number
            read_spots(own)


def test_positions_without_the_columns_or_of_other_bins(own):
    path = square(own) / "spatial" / "tissue_positions.parquet"
    table = pd.read_parquet(path)
    table.drop(columns="in_tissue").to_parquet(path)
    with pytest.raises(SpotsError, match=r"other columns.*in_tissue"):
        read_spots(own)
    table.assign(pxl_row_in_fullres=np.nan).to_parquet(path)
    with pytest.raises(SpotsError, match="no pxl_row_in_fullres"):
        read_spots(own)
    table.assign(in_tissue=0).to_parquet(path)
    with pytest.raises(SpotsError, match=r"no spot lies in tissue.*36 spots"):
        read_spots(own)
    shutil.copy(square(own, 16) / "spatial" / "tissue_positions.parquet", path)
    with pytest.raises(SpotsError, match=r"30 of 30 barcodes .* no position.*s_016um") as caught:
        read_spots(own)
    assert caught.value.path == square(own) / "filtered_feature_bc_matrix.h5"
    path.unlink()
    with pytest.raises(SpotsError, match=r"no positions of spots.*tissue_positions\.parquet"):
        read_spots(own)


def test_counts_that_have_bins_outside_tissue(own):
    """As the raw matrix has: they are left out, and are no error."""
    path = square(own) / "filtered_feature_bc_matrix.h5"
    path.unlink()
    names = [barcode(8, r, 2) for r in (3, 0, 1)]
    write_matrix(square(own) / "raw_feature_bc_matrix.h5", names, np.eye(4)[:3])
    adata = read_spots(own)
    assert list(adata.obs_names) == [names[0], names[2]]
    np.testing.assert_array_equal(adata.X.toarray(), np.eye(4)[[0, 2], :3])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: len(text) // 2], "can't be read.*cut off"),
        (lambda text: text.replace("cell_id", "id"), "can't be read.*KeyError"),
        (lambda text: text.replace("MultiPolygon", "LineString"), "can't be read.*LineString"),
        (lambda text: text.replace('"cell_id": 5', '"cell_id": 1'), "duplicate cells"),
        (lambda text: text.replace("10, ", "0, "), "no area|can't be read"),
        (lambda text: text.replace("[10, 0]", "[10]"), "can't be read"),
        (lambda _: '{"features": []}', "has no cells"),
    ],
)
def test_bad_outlines(own, change, message):
    path = own / "outs" / "segmented_outputs" / "graphclust_annotated_cell_segmentations.geojson"
    path.write_text(change(path.read_text()))
    with pytest.raises(SpotsError, match=message) as caught:
        read_spots(own, bins="cells")
    assert caught.value.path == path


def test_cells_that_the_outlines_do_not_know(own):
    folder = own / "outs" / "segmented_outputs"
    write_matrix(folder / "filtered_feature_cell_matrix.h5", ["cellid_000000007-1"], np.eye(4)[:1])
    with pytest.raises(SpotsError, match=r"1 of 1 barcodes .* no position.*cellid_000000007-1"):
        read_spots(folder)
