from __future__ import annotations

import json
import logging

import anndata
import numpy as np
import pandas as pd
import pytest

from napari_stexp.errors import SpotsError
from napari_stexp.spots import estimate_mpp, find_sections, read_spots, spot_diameter_px

METADATA = {
    "id": "TENX95", "patient": "Patient 1", "organ": "Breast", "st_technology": "Visium",
    "inter_spot_dist": 100.0, "spot_diameter": 55.0, "pixel_size_um_embedded": 0.0274,
    "pixel_size_um_estimated": 0.274, "magnification": "40x", "fullres_px_width": 4000,
    "fullres_px_height": 3000, "treatment_comment": float("nan"), "subseries": None,
}  # fmt: skip
PITCH_PX = 100 / 0.274


def make_sample(n=6):
    """Return spots as HEST-1k writes them."""
    array = np.column_stack([np.arange(n) % 3, np.arange(n) // 3])
    xy = 500 + array * PITCH_PX
    obs = pd.DataFrame(
        {
            "in_tissue": 1, "array_row": array[:, 1], "array_col": array[:, 0],
            "pxl_col_in_fullres": xy[:, 0], "pxl_row_in_fullres": xy[:, 1],
        },
        index=[f"{row:03}x{col:03}" for col, row in array],
    )  # fmt: skip
    adata = anndata.AnnData(np.ones((n, 2), np.float32), obs=obs)
    adata.var_names = ["ERBB2", "KRT5"]
    adata.obsm["spatial"] = xy
    factors = {"spot_diameter_fullres": 55 / 0.274, "tissue_downscaled_fullres_scalef": 0.25}
    images = {"downscaled_fullres": np.zeros((30, 40, 3), np.uint8)}
    adata.uns["spatial"] = {"ST": {"images": images, "scalefactors": factors}}
    return adata


@pytest.fixture
def folder(tmp_path):
    for name in ("st", "wsis", "metadata"):
        (tmp_path / "hest" / name).mkdir(parents=True)
    root = tmp_path / "hest"
    for name in ("TENX95", "SPA0"):
        make_sample().write_h5ad(root / "st" / f"{name}.h5ad")
    (root / "wsis" / "TENX95.tif").write_bytes(b"")
    (root / "metadata" / "TENX95.json").write_text(json.dumps(METADATA))
    return root


def test_slide_patient_and_scale_are_found(folder, caplog):
    with caplog.at_level(logging.WARNING):
        other, section = find_sections(folder)
    assert "0.0274 µm per pixel, HEST estimated 0.274 (0.1 times)" in caplog.text
    assert (section.name, section.patient, section.organ) == ("TENX95", "Patient 1", "Breast")
    assert section.slide == folder / "wsis" / "TENX95.tif"
    assert (other.name, other.patient, other.slide) == ("SPA0", "", None)
    assert [s.name for s in find_sections(folder / "st")] == ["SPA0", "TENX95"]
    assert [s.name for s in find_sections(f"{folder}:TENX95")] == ["TENX95"]

    spots = section.read()
    record = spots.uns["stexp_spots"]
    assert record["technology"] == "Visium"
    assert (record["mpp_estimated"], record["mpp_embedded"]) == (0.274, 0.0274)
    assert (record["magnification"], record["image_width"]) == ("40x", 4000)
    assert estimate_mpp(spots) == pytest.approx(0.274)
    assert spot_diameter_px(spots) == pytest.approx(55 / 0.274)
    factors = spots.uns["spatial"]["ST"]["scalefactors"]
    assert factors["tissue_downscaled_fullres_scalef"] == 0.25


def test_one_sample_of_its_library(tmp_path):
    make_sample().write_h5ad(tmp_path / "aligned_adata.h5ad")
    (tmp_path / "aligned_fullres_HE.tif").write_bytes(b"")
    (tmp_path / "metrics.json").write_text(json.dumps({"pixel_size_um_estimated": 0.274}))
    (section,) = find_sections(tmp_path / "aligned_adata.h5ad")
    assert section.slide == tmp_path / "aligned_fullres_HE.tif"
    assert section.name == tmp_path.name
    assert section.read().uns["stexp_spots"]["mpp_estimated"] == 0.274


def test_metadata_that_are_damaged_are_named(folder):
    for text in ("{", "[1]"):
        (folder / "metadata" / "TENX95.json").write_text(text)
        with pytest.raises(SpotsError, match=r"TENX95.json.*metadata can't be read"):
            read_spots(folder / "st" / "TENX95.h5ad")


def test_places_that_are_kept_elsewhere(tmp_path):
    """Of scanpy's files obsm is right, and the columns in obs have each other's names."""
    adata = make_sample()
    expected = adata.obsm["spatial"].copy()
    swapped = adata.copy()
    swapped.obs["pxl_col_in_fullres"], swapped.obs["pxl_row_in_fullres"] = expected.T[::-1]
    elsewhere = adata.copy()
    elsewhere.obsm["X_spatial"] = elsewhere.obsm.pop("spatial")
    in_obs = adata.copy()
    del in_obs.obsm["spatial"]
    for number, one in enumerate((adata, swapped, elsewhere, in_obs)):
        path = tmp_path / f"{number}.h5ad"
        one.write_h5ad(path)
        np.testing.assert_array_equal(read_spots(path).obsm["spatial"], expected)
    in_obs.obs["pxl_col_in_fullres"] = "here"
    in_obs.write_h5ad(tmp_path / "bad.h5ad")
    with pytest.raises(SpotsError, match="positions are no numbers"):
        read_spots(tmp_path / "bad.h5ad")
    del in_obs.obs["pxl_col_in_fullres"]
    in_obs.write_h5ad(tmp_path / "none.h5ad")
    with pytest.raises(SpotsError, match="have no positions"):
        read_spots(tmp_path / "none.h5ad")
