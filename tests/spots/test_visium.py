from __future__ import annotations

import json
import logging

import numpy as np
import pytest

from napari_stexp.errors import SpotsError
from napari_stexp.spots import (
    estimate_mpp,
    find_sections,
    read_spots,
    read_visium,
    spot_diameter_px,
)
from napari_stexp.spots.visium import find_visium_section

from .layouts import HEADER, POSITIONS, write_h5, write_mtx, write_positions, write_visium


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("counts", ["h5", "filtered_feature_bc_matrix", "filtered_count_matrix"])
def test_spots_in_tissue_in_the_order_of_the_counts(tmp_path, header, counts):
    folder = write_visium(tmp_path / "block1", header=header, counts=counts)
    (source,) = find_sections(folder)
    assert (source.name, source.patient, source.technology) == ("block1", "block1", "Visium")
    assert source.slide == folder / "image.tif"
    adata = source.read()
    assert list(adata.obs_names) == ["AAAC-1", "AAAG-1", "AAAT-1"]
    assert list(adata.var_names) == ["ERBB2", "TBCE", "TBCE-1"]
    assert adata.var["gene_ids"].tolist() == ["ENSG1", "ENSG2", "ENSG3"]
    np.testing.assert_array_equal(adata.X.toarray(), [[5, 0, 7], [0, 2, 0], [1, 0, 0]])
    # (x, y) is (column, row)
    np.testing.assert_array_equal(adata.obsm["spatial"], [[200, 100], [200, 273], [250, 187]])
    assert adata.obsm["spatial"].dtype == np.float64
    assert adata.obs["array_row"].tolist() == [0, 2, 1]
    assert adata.obs["array_col"].tolist() == [0, 0, 1]
    assert spot_diameter_px(adata) == 55.5
    record = adata.uns["stexp_spots"]
    assert (record["section"], record["patient"]) == ("block1", "block1")
    assert (record["pitch_um"], record["diameter_um"]) == (100.0, 55.0)
    # Neighbours lie half a pitch aside and pitch·√3/2 below: 100 px are 100 µm here.
    assert estimate_mpp(adata) == pytest.approx(1.0, rel=0.01)


def test_read_spots_of_the_folder_and_of_the_positions(tmp_path):
    folder = write_visium(tmp_path / "block1")
    positions = folder / "spatial" / "tissue_positions.csv"
    for adata in (read_spots(folder), read_spots(positions), read_spots(positions, section="Z")):
        assert adata.shape == (3, 3)
    assert adata.uns["stexp_spots"]["section"] == "Z"


def test_without_counts_come_all_spots_in_tissue(tmp_path):
    positions = write_positions(tmp_path, header=True)
    adata = read_visium(positions)
    assert adata.shape == (3, 0)
    assert list(adata.obs_names) == ["AAAC-1", "AAAT-1", "AAAG-1"]


def test_raw_counts_are_the_last_choice(tmp_path):
    folder = write_visium(tmp_path / "a", counts="raw_feature_bc_matrix")
    assert find_visium_section(folder).counts.name == "raw_feature_bc_matrix"
    write_mtx(folder / "A_filtered_count_matrix")
    assert find_visium_section(folder).counts.name == "A_filtered_count_matrix"
    write_h5(folder / "V1_Breast_filtered_feature_bc_matrix.h5")
    assert find_visium_section(folder).counts.suffix == ".h5"


def test_outs_is_called_by_the_folder_that_holds_it(tmp_path):
    write_visium(tmp_path / "sample7" / "outs")
    for folder in (tmp_path / "sample7", tmp_path / "sample7" / "outs"):
        assert find_visium_section(folder).name == "sample7"


def test_both_names_of_the_positions(tmp_path):
    folder = write_visium(tmp_path / "a", header=False)
    write_positions(folder / "spatial", header=True)
    assert find_visium_section(folder).positions.name == "tissue_positions.csv"
    write_positions(tmp_path / "b" / "B_spatial", header=True, name="B_tissue_positions_list.csv")
    assert find_visium_section(tmp_path / "b").positions.name == "B_tissue_positions_list.csv"
    assert find_visium_section(tmp_path) is None


def test_an_image_is_taken_where_there_is_one(tmp_path, caplog):
    folder = write_visium(tmp_path / "a")
    (folder / "another.tif").write_bytes(b"")
    assert find_visium_section(folder).image.name == "image.tif"
    (folder / "image.tif").unlink()
    assert find_visium_section(folder).image.name == "another.tif"
    (folder / "third.jpg").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert find_visium_section(folder).image is None
    assert "which of the images is the slide is unclear" in caplog.text
    (folder / "another.tif").unlink()
    (folder / "third.jpg").unlink()
    assert find_visium_section(folder).image is None  # the reduced ones are never taken


def test_one_spot(tmp_path):
    (tmp_path / "tissue_positions.csv").write_text(HEADER + "AAAC-1,1,0,0,100,200\n")
    adata = read_visium(tmp_path / "tissue_positions.csv")
    assert adata.shape == (1, 0)
    assert estimate_mpp(adata) is None


ROWS = "".join(",".join(map(str, row)) + "\n" for row in POSITIONS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no table"),
        ("a,b\n1,2\n", "other columns.*expected barcode, in_tissue.*found a, b"),
        (HEADER.replace("in_tissue", "tissue") + ROWS, "other columns"),
        (HEADER + ROWS.replace(",100,200", ",,200"), "1 spots have no pxl_row_in_fullres.*''"),
        (HEADER + ROWS.replace(",100,200", ",100,nan"), "no pxl_col_in_fullres.*'nan'"),
        (HEADER + ROWS.replace("1,1,1,187", "1,1.5,1,187"), "no array_row.*'1.5' in row 3"),
        (HEADER + ROWS.replace("AAAT", "AAAC"), "duplicate barcodes.*AAAC-1"),
        (HEADER + ROWS.replace("-1,1,", "-1,0,"), "no spot lies in tissue"),
        (HEADER, "no spot lies in tissue"),
        (HEADER + "\x00\x01,,\n", "other columns|have no|no table"),
    ],
)
def test_bad_positions(tmp_path, content, message):
    folder = write_visium(tmp_path / "a")
    path = folder / "spatial" / "tissue_positions.csv"
    path.write_text(content)
    with pytest.raises(SpotsError, match=message) as caught:
        read_spots(folder)
    assert caught.value.path == path


def test_barcodes_that_do_not_belong(tmp_path):
    folder = write_visium(tmp_path / "a")
    path = folder / "spatial" / "tissue_positions.csv"
    path.write_text(HEADER + ROWS.replace("CCCA-1", "CCCA"))
    with pytest.raises(SpotsError, match=r"1 of 4 barcodes .* have no position.*'CCCA-1'"):
        read_spots(folder)
    path.write_text(HEADER + ROWS + "TTTT-1,1,4,4,1,1\n")
    assert read_spots(folder).n_obs == 3  # in tissue, without counts
    path.write_text(HEADER + ROWS.replace("-1,1,", "-1,0,") + "TTTT-1,1,4,4,1,1\n")
    with pytest.raises(SpotsError, match="no spot with counts lies in tissue"):
        read_spots(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "can't be read"),
        ("{}", "can't be read.*KeyError"),
        ("[]", "can't be read"),
        (json.dumps({"spot_diameter_fullres": "wide"}), "can't be read"),
        (json.dumps({"spot_diameter_fullres": -1}), "positive number; found -1"),
        (json.dumps({"spot_diameter_fullres": float("nan")}), "positive number; found nan"),
    ],
)
def test_bad_scale_factors(tmp_path, content, message):
    folder = write_visium(tmp_path / "a")
    (folder / "spatial" / "scalefactors_json.json").write_text(content)
    with pytest.raises(SpotsError, match=message):
        read_spots(folder)


def test_without_scale_factors_the_pitch_says_the_diameter(tmp_path):
    folder = write_visium(tmp_path / "a")
    (folder / "spatial" / "scalefactors_json.json").unlink()
    assert spot_diameter_px(read_spots(folder)) == pytest.approx(55, rel=0.01)


def test_folders_without_positions_say_so(tmp_path):
    (tmp_path / "a" / "spatial").mkdir(parents=True)
    (tmp_path / "a" / "spatial" / "tissue_hires_image.png").write_bytes(b"")
    with pytest.raises(SpotsError, match=r"no positions.*tissue_positions\.csv.*hires") as caught:
        find_sections(tmp_path / "a")
    assert caught.value.path == tmp_path / "a" / "spatial"


def test_positions_without_counts_are_no_measured_section(tmp_path):
    positions = write_positions(tmp_path / "a" / "spatial", header=True)
    with pytest.raises(SpotsError, match=r"no section here has counts.*tissue_positions\.csv"):
        find_sections(tmp_path / "a")
    assert read_spots(tmp_path / "a").shape == (3, 0)  # enough to predict at them
    assert read_spots(positions).shape == (3, 0)
