from __future__ import annotations

import logging
import shutil

import numpy as np
import pytest

from napari_stexp.errors import SpotsError
from napari_stexp.spots import estimate_mpp, find_sections, read_spots, spot_diameter_px
from napari_stexp.spots.cscc import find_cscc_sections

from .layouts import write_cscc

PATIENTS = ["P10", "P2", "P5", "P9"]


@pytest.fixture
def folder(tmp_path):
    """All twelve sections as GEO packs them."""
    numbers = iter(range(4284316, 4284328))
    for patient in PATIENTS:
        for repeat in (1, 2, 3):
            write_cscc(tmp_path / "raw", f"{patient}_ST_rep{repeat}", number=next(numbers))
    return tmp_path / "raw"


def test_twelve_sections_of_four_patients(folder):
    sources = find_sections(folder)
    assert [source.name for source in sources] == [
        f"{patient}_ST_rep{repeat}" for patient in ("P2", "P5", "P9", "P10") for repeat in (1, 2, 3)
    ]
    assert [source.patient for source in sources[::3]] == ["P2", "P5", "P9", "P10"]
    assert {source.organ for source in sources} == {"skin"}
    for source in sources:
        assert source.counts.name.endswith(f"_{source.name}_stdata.tsv.gz")
        assert source.spots.name.endswith(f"selection-{source.name}.tsv.gz")
        assert source.slide.name.endswith(f"_{source.name}.jpg.gz")


def test_spots_in_tissue_in_the_order_of_the_counts(folder):
    adata = read_spots(folder, section="P2_ST_rep1")
    assert list(adata.obs_names) == ["12x11", "10x11"]
    assert list(adata.var_names) == ["KRT5", "KRT14"]
    np.testing.assert_array_equal(adata.X.toarray(), [[3, 0], [0, 4]])
    np.testing.assert_array_equal(adata.obsm["spatial"], [[1200, 1101.25], [1000.5, 1100]])
    record = adata.uns["stexp_spots"]
    assert (record["section"], record["patient"], record["organ"]) == ("P2_ST_rep1", "P2", "skin")


def test_the_pitch_is_left_open(folder):
    adata = read_spots(folder, section="P9_ST_rep3")
    assert not {"pitch_um", "diameter_um"} & set(adata.uns["stexp_spots"])
    assert estimate_mpp(adata) is None
    assert spot_diameter_px(adata) is None


def test_p1_is_not_p10(tmp_path):
    write_cscc(tmp_path, "P1_ST_rep1", number=1)
    write_cscc(tmp_path, "P10_ST_rep1", number=2)
    write_cscc(tmp_path, "P10_ST_rep12", number=3)
    sections = find_cscc_sections(tmp_path)
    assert list(sections) == ["P1_ST_rep1", "P10_ST_rep1", "P10_ST_rep12"]
    assert {section.spot_file.name.split("_")[0] for section in sections.values()} == {
        "GSM1",
        "GSM2",
        "GSM3",
    }


def test_unpacked_files_come_first_and_packed_images_are_mentioned(tmp_path, caplog):
    write_cscc(tmp_path, "P2_ST_rep1")
    with caplog.at_level(logging.WARNING):
        (source,) = find_sections(tmp_path)
    assert source.slide.suffix == ".gz"
    assert "unpack the image" in caplog.text
    write_cscc(tmp_path, "P2_ST_rep1", packed=False)
    (source,) = find_sections(tmp_path)
    assert {path.suffix for path in (source.slide, source.spots, source.counts)} == {".jpg", ".tsv"}
    assert source.read().shape == (2, 2)


def test_renamed_files_and_folders(tmp_path):
    write_cscc(tmp_path / "flat", "P5_ST_rep2", packed=False)
    root = tmp_path / "cscc"
    for path in (tmp_path / "flat").iterdir():
        part = root / ("images" if path.suffix == ".jpg" else "tables")
        part.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, part / path.name.partition("_")[2])
    (source,) = find_sections(root)
    assert (source.name, source.patient, source.slide.name) == (
        "P5_ST_rep2",
        "P5",
        "P5_ST_rep2.jpg",
    )
    assert source.read().shape == (2, 2)


def test_sections_that_miss_files(tmp_path):
    folder = write_cscc(tmp_path / "raw", "P2_ST_rep1", packed=False)
    write_cscc(folder, "P2_ST_rep2", number=2, packed=False)
    (folder / "GSM2_P2_ST_rep2_stdata.tsv").unlink()
    (folder / "GSM2_P2_ST_rep2.jpg").unlink()
    assert [source.name for source in find_sections(folder)] == ["P2_ST_rep1"]
    (source,) = find_sections(f"{folder}:P2_ST_rep2")
    assert source.slide is None
    assert source.read().shape == (2, 0)
    (folder / "GSM4284316_spot_data-selection-P2_ST_rep1.tsv").unlink()
    with pytest.raises(SpotsError, match=r"rep1 has no spot file.*found GSM4284316_P2_ST"):
        find_sections(folder)
