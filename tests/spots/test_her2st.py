from __future__ import annotations

import gzip
import logging
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import isspmatrix_csr

from napari_stexp.errors import SpotsError
from napari_stexp.spots import find_her2st_sections, read_her2st, read_spots

from .conftest import COUNTS, SPOT_FILE


def test_joins_on_array_position_in_the_order_of_the_counts(spot_file, counts_file):
    adata = read_her2st(spot_file, counts_file)
    assert list(adata.obs_names) == ["2x3", "3x2", "2x2"]
    assert list(adata.var_names) == ["ERBB2", "COL1A1", "IGKC"]
    assert isspmatrix_csr(adata.X)
    assert adata.X.dtype == np.float32
    np.testing.assert_array_equal(adata.X.toarray(), [[0, 7, 1], [5, 0, 0], [1, 2, 3]])
    np.testing.assert_array_equal(
        adata.obsm["spatial"], [[202.5, 301], [300.25, 200.5], [201.5, 199.75]]
    )
    assert adata.obsm["spatial"].dtype == np.float64
    assert adata.obs["array_col"].tolist() == [2, 3, 2]
    assert adata.obs["array_row"].tolist() == [3, 2, 2]
    assert adata.obs["array_row"].dtype == np.int64


def test_record_names_section_patient_and_technology(layout):
    record = read_spots(layout).uns["stexp_spots"]
    assert record["section"] == "Q7"
    assert record["patient"] == "Q"
    assert record["technology"] == "Spatial Transcriptomics"
    assert (record["pitch_um"], record["diameter_um"]) == (200.0, 100.0)
    assert record["source"].endswith("Q7_selection.tsv")


def test_diameter_is_half_the_pitch(spot_file, counts_file):
    adata = read_her2st(spot_file, counts_file, section="Z")
    factors = adata.uns["spatial"]["Z"]["scalefactors"]
    assert factors["spot_diameter_fullres"] == pytest.approx(50, rel=0.02)


def test_what_is_left_out_is_logged(spot_file, counts_file, caplog):
    with caplog.at_level(logging.INFO):
        read_her2st(spot_file, counts_file)
    assert "3 spots; 1 rows of counts without a position and 1 spots without" in caplog.text


def test_fractional_positions_are_rounded(tmp_path):
    spots, counts = tmp_path / "s.tsv", tmp_path / "c.tsv"
    spots.write_text("x\ty\tpixel_x\tpixel_y\n9.02\t20.994\t10\t20\n")
    counts.write_text("\tA\n8.98x21.01\t4\n")
    adata = read_her2st(spots, counts)
    assert list(adata.obs_names) == ["8.98x21.01"]
    assert adata.obs[["array_col", "array_row"]].to_numpy().tolist() == [[9, 21]]


def test_without_counts_come_all_spots_of_the_file(spot_file):
    adata = read_her2st(spot_file)
    assert adata.shape == (4, 0)
    assert list(adata.obs_names) == ["3x2", "2x2", "2x3", "9x9"]


def test_unselected_spots_are_left_out(spot_file, counts_file):
    spot_file.write_text(SPOT_FILE.replace("301\t1", "301\t0"))
    assert list(read_her2st(spot_file, counts_file).obs_names) == ["3x2", "2x2"]


@pytest.mark.parametrize(
    "variant",
    [
        COUNTS.replace("\n", "\r\n"),
        "\ufeff" + COUNTS,
        COUNTS.removeprefix("\t"),  # as R writes it
        "spot" + COUNTS,
        COUNTS.replace("ERBB2", '"ERBB2"').replace("3x2", '"3x2"'),
        COUNTS + "\n\n",
    ],
    ids=["crlf", "bom", "R header", "named corner", "quotes", "blank lines"],
)
def test_variants_of_the_table_read_the_same(spot_file, counts_file, variant):
    counts_file.write_bytes(variant.encode())
    adata = read_her2st(spot_file, counts_file)
    assert list(adata.obs_names) == ["2x3", "3x2", "2x2"]
    assert list(adata.var_names) == ["ERBB2", "COL1A1", "IGKC"]
    np.testing.assert_array_equal(adata.X.toarray(), [[0, 7, 1], [5, 0, 0], [1, 2, 3]])


def test_gzip_is_told_by_content_not_by_name(spot_file, tmp_path):
    path = tmp_path / "counts.tsv"
    path.write_bytes(gzip.compress(COUNTS.encode()))
    assert read_her2st(spot_file, path).shape == (3, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("\tERBB2\tCOL1A1\n", "no spots"),
        ("2x3\n3x2\n", "no genes"),
        (COUNTS.replace("\t7\t", "\tseven\t"), "spot '2x3', gene 'COL1A1'.*found 'seven'"),
        (COUNTS.replace("\t7\t", "\t\t"), "spot '2x3', gene 'COL1A1'"),
        (COUNTS.replace("\t7\t", "\t-7\t"), "spot '2x3', gene 'COL1A1'.*found '-7'"),
        (COUNTS.replace("\t7\t", "\tnan\t"), "spot '2x3', gene 'COL1A1'.*found 'nan'"),
        (COUNTS.replace("\t7\t", "\tinf\t"), "spot '2x3', gene 'COL1A1'"),
        (COUNTS.replace("3.0\n", "x"), "spot '2x2', gene 'IGKC'"),
        (COUNTS.replace("COL1A1", "ERBB2"), "duplicate genes.*ERBB2"),
        (COUNTS.replace("3x2", "2x3"), "duplicate spots.*2x3"),
        (COUNTS.replace("3x2", "2.01x3"), "duplicate spots in the counts.*2x3"),
        (COUNTS[:-8], "line 5.*expected 3 counts; found 1.*cut off"),
        ("gene\t2x3\t3x2\nERBB2\t1\t2\nCOL1A1\t1\t2\n", "not named by array positions.*transposed"),
        ("\tA\n1.2.3x4\t1\n", "not named by array positions"),
        ("\tA\n70x70\t1\n", "no spot in common.*expected spots of Q7"),
    ],
)
def test_bad_counts_are_named(spot_file, counts_file, content, message):
    counts_file.write_text(content)
    with pytest.raises(SpotsError, match=message) as caught:
        read_her2st(spot_file, counts_file)
    assert caught.value.path == counts_file


def test_binary_counts(spot_file, counts_file):
    counts_file.write_bytes(b"\xff\xfe\x00\x01\tA\n2x3\t1\n")
    with pytest.raises(SpotsError, match="not a text table"):
        read_her2st(spot_file, counts_file)


@pytest.mark.parametrize("keep", [0.3, 0.9, -1])
def test_truncated_gzip(spot_file, tmp_path, keep):
    path = tmp_path / "counts.tsv.gz"
    whole = gzip.compress((COUNTS * 50).encode())
    path.write_bytes(whole[: int(len(whole) * keep) if keep > 0 else -1])
    with pytest.raises(SpotsError, match="damaged or cut off"):
        read_her2st(spot_file, path)


def test_flipped_bytes_in_gzip(spot_file, tmp_path):
    path = tmp_path / "counts.tsv.gz"
    whole = bytearray(gzip.compress(COUNTS.encode()))
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    with pytest.raises(SpotsError, match="damaged or cut off"):
        read_her2st(spot_file, path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("x\ty\tpixel_x\tpixel_y\n", "no spots"),
        (SPOT_FILE.replace("pixel_x\tpixel_y", "px\tpy"), "lacks pixel_x, pixel_y.*found x, y"),
        (SPOT_FILE.replace("\t", ","), "lacks x, y"),
        (SPOT_FILE.replace("300.25", "nan"), "1 spots have no pixel_x"),
        (SPOT_FILE.replace("300.25", "inf"), "1 spots have no pixel_x"),
        (SPOT_FILE.replace("300.25", "left"), "no pixel_x.*'left'"),
        (SPOT_FILE.replace("3\t2\t3.01", "2\t2\t3.01"), "duplicate spots.*2x2"),
        (SPOT_FILE.replace("\t1\n", "\t0\n"), "no spots"),
        (SPOT_FILE + "1\t2\t3\t4\t5\t6\t7\t8\t9\n", "no table"),
    ],
)
def test_bad_spot_files_are_named(spot_file, counts_file, content, message):
    spot_file.write_text(content)
    with pytest.raises(SpotsError, match=message) as caught:
        read_her2st(spot_file, counts_file)
    assert caught.value.path == spot_file


def test_missing_files(tmp_path, spot_file):
    with pytest.raises(SpotsError, match="can't be read"):
        read_her2st(tmp_path / "none.tsv")
    with pytest.raises(SpotsError, match="can't be read"):
        read_her2st(spot_file, tmp_path / "none.tsv.gz")


@pytest.mark.parametrize("level", ["", "data"])
def test_finds_sections_in_the_root_and_in_data(layout, level):
    sections = find_her2st_sections(layout / level)
    assert list(sections) == ["Q7"]
    section = sections["Q7"]
    assert (section.patient, section.counts.name) == ("Q", "Q7.tsv.gz")
    assert section.image.name == "slide.jpg"
    (layout / "data" / "ST-cnts" / "Q7.tsv.gz").unlink()
    assert find_her2st_sections(layout)["Q7"].counts is None


def test_folder_without_sections(tmp_path):
    with pytest.raises(SpotsError, match="no HER2ST sections"):
        find_her2st_sections(tmp_path)
    with pytest.raises(SpotsError, match="no such folder"):
        find_her2st_sections(tmp_path / "none")


def test_large_tables_are_read_in_blocks(spot_file, counts_file, monkeypatch):
    monkeypatch.setattr("napari_stexp.spots.tables._CELLS_PER_BLOCK", 4)
    adata = read_her2st(spot_file, counts_file)
    np.testing.assert_array_equal(adata.X.toarray(), [[0, 7, 1], [5, 0, 0], [1, 2, 3]])
    counts_file.write_text(COUNTS.replace("5\t0\t0", "5\tzero\t0"))
    with pytest.raises(SpotsError, match="spot '3x2', gene 'COL1A1'"):
        read_her2st(spot_file, counts_file)


@pytest.mark.data
def test_c4_is_the_reference_exactly(her2st: Path):
    with (
        np.load(her2st / "reference" / "reference.npz") as reference,
        np.load(her2st / "reference" / "extras.npz") as extras,
    ):
        adata = read_spots(her2st, section="C4")
        assert list(adata.obs_names) == reference["spot_id_C4"].tolist()
        array = adata.obs[["array_col", "array_row"]].to_numpy()
        np.testing.assert_array_equal(array, reference["xy_C4"])
        np.testing.assert_array_equal(np.floor(adata.obsm["spatial"]), reference["center_C4"])
        counts = adata[:, reference["gene_list"]].X.toarray()
        np.testing.assert_array_equal(counts, extras["raw_counts_785_C4"])


@pytest.mark.data
def test_c4_is_read_quickly(her2st: Path):
    read_spots(her2st, section="C4")
    start = time.process_time()  # of all threads, and untouched by what else runs
    adata = read_spots(her2st, section="C4")
    assert time.process_time() - start < 1.0  # 0.12 s where it was written
    assert adata.shape == (184, 15842)
