"""Predictions on disk."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from napari_stexp.errors import OutputError, PredictionError
from napari_stexp.predict import (
    Prediction,
    PredictParams,
    check_output,
    predict_spots,
    prediction_table,
    read_prediction,
    write_prediction,
)
from napari_stexp.progress import exhaust


@pytest.fixture
def adata(slide, spots, bundle):
    spots.obs["array_row"] = np.arange(30)
    spots.obs["array_col"] = np.arange(30) % 7
    return exhaust(predict_spots(slide, spots, bundle, PredictParams(device="cpu")))


def test_h5ad_gives_everything_back(adata, tmp_path):
    path = write_prediction(adata, tmp_path / "new" / "c4.h5ad")
    again = read_prediction(path)
    np.testing.assert_array_equal(again.X, adata.X)
    assert again.X.dtype == np.float32
    pd.testing.assert_frame_equal(again.obs, adata.obs)
    np.testing.assert_array_equal(again.obsm["spatial"], adata.obsm["spatial"])
    assert list(again.obs["status"].cat.categories) == [
        "ok", "border", "outside", "unreadable", "pending",
    ]  # fmt: skip
    assert again.uns["stexp"] == adata.uns["stexp"]
    assert Prediction(again).finished


def test_h5ad_opens_in_a_bare_anndata_without_a_warning(adata, tmp_path):
    path = write_prediction(adata, tmp_path / "c4.h5ad")
    code = f"import anndata; a = anndata.read_h5ad({str(path)!r}); a.uns['stexp']; print(a.shape)"
    # anndata asks pandas 3 for an option that pandas will drop; that is not the file's doing
    ours = ["-W", "error", "-W", "ignore:The 'future.infer_string' option is deprecated"]
    done = subprocess.run(
        [sys.executable, *ours, "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "(30, 7)"
    assert not done.stderr


def test_a_prediction_in_part_is_written_and_read_too(adata, tmp_path, slide, spots, bundle):
    from napari_stexp.predict import start_prediction

    kept = start_prediction(slide, spots, bundle, PredictParams(device="cpu"))
    again = Prediction(read_prediction(write_prediction(kept.adata, tmp_path / "part.h5ad")))
    assert again.done == 0
    for progress in predict_spots(slide, spots, bundle, PredictParams(device="cpu")):
        if progress.new is not None:
            again.add(progress.new)  # a file that was read back goes on filling up
    np.testing.assert_array_equal(again.adata.X, adata.X)


def test_scanpy_and_squidpy_conventions_hold(adata):
    """What their spatial plots look for: obsm['spatial'], and a library with its spot size."""
    library = adata.uns["spatial"][next(iter(adata.uns["spatial"]))]
    assert library["scalefactors"]["spot_diameter_fullres"] == 50.0
    assert adata.obsm["spatial"].shape == (30, 2)
    assert adata.obs_names.is_unique
    assert adata.var_names.is_unique


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_tables_hold_spots_and_genes(adata, tmp_path, suffix):
    path = write_prediction(adata, tmp_path / f"c4{suffix}")
    table = pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path)
    assert list(table.columns) == [
        "barcode", "x", "y", "status", "similarity", "effective_k", "confidence",
        *adata.var_names,
    ]  # fmt: skip
    assert list(table["barcode"]) == list(adata.obs_names)
    assert list(table["status"]) == list(adata.obs["status"])
    np.testing.assert_allclose(table[["x", "y"]], adata.obsm["spatial"])
    np.testing.assert_allclose(table[list(adata.var_names)], adata.X, rtol=1e-6)
    if suffix == ".csv.gz":
        assert path.read_bytes()[:2] == b"\x1f\x8b"
    if suffix == ".parquet":
        import pyarrow.parquet as pq

        facts = json.loads(pq.read_schema(path).metadata[b"stexp"])
        assert facts["parameters"]["k"] == 5


def test_a_read_predictions_provenance_goes_into_parquet_too(adata, tmp_path):
    """h5ad gives numpy scalars back, which JSON doesn't know."""
    again = read_prediction(write_prediction(adata, tmp_path / "a.h5ad"))
    import pyarrow.parquet as pq

    path = write_prediction(again, tmp_path / "a.parquet")
    assert json.loads(pq.read_schema(path).metadata[b"stexp"]) == adata.uns["stexp"]


def test_a_gene_named_like_a_column_stays_apart(adata):
    adata.var_names = ["x", *adata.var_names[1:]]
    table = prediction_table(adata)
    assert table.columns.is_unique
    np.testing.assert_array_equal(table["gene:x"], adata.X[:, 0])


@pytest.mark.parametrize("name", ["c4.txt", "c4", "c4.h5ad.gz", "c4.h5", ".csv"])
def test_an_unknown_suffix_is_refused_and_the_known_ones_named(adata, tmp_path, name):
    with pytest.raises(OutputError, match=r"\.h5ad, \.csv, \.csv\.gz, \.parquet"):
        write_prediction(adata, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_suffixes_in_capitals_are_fine():
    assert check_output("A.H5AD") == ".h5ad"


def test_a_folder_is_refused(adata, tmp_path):
    (tmp_path / "c4.h5ad").mkdir()
    with pytest.raises(OutputError, match="folder"):
        write_prediction(adata, tmp_path / "c4.h5ad")


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_read_only_folder(adata, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o555)
    try:
        if os.access(folder, os.W_OK):
            pytest.skip("this user may write everywhere")
        with pytest.raises(OutputError, match="can't write here"):
            write_prediction(adata, folder / "c4.h5ad")
        assert not list(folder.iterdir())
    finally:
        folder.chmod(0o755)


def test_a_file_in_the_place_of_the_folder(adata, tmp_path):
    """Fails for every user, root too."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="can't write here"):
        write_prediction(adata, tmp_path / "file" / "c4.h5ad")


@pytest.mark.parametrize("suffix", [".h5ad", ".csv", ".parquet"])
def test_when_writing_fails_the_old_file_stays(adata, tmp_path, suffix, monkeypatch):
    import anndata
    import pyarrow.parquet as pq

    path = tmp_path / f"c4{suffix}"
    path.write_bytes(b"old")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(anndata.AnnData, "write_h5ad", fail)
    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OutputError, match="No space left"):
        write_prediction(adata, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_files_that_hold_no_prediction_are_refused(adata, tmp_path):
    with pytest.raises(PredictionError, match="no such file"):
        read_prediction(tmp_path / "none.h5ad")
    broken = tmp_path / "broken.h5ad"
    broken.write_bytes(b"\x89HDF\r\n\x1a\n and nothing more")
    with pytest.raises(PredictionError, match=r"broken\.h5ad"):
        read_prediction(broken)
    del adata.obs["status"]
    other = write_prediction(adata, tmp_path / "other.h5ad")
    with pytest.raises(PredictionError, match="no prediction"):
        read_prediction(other)


def test_unknown_statuses_are_refused(adata):
    adata.obs["status"] = "fine"
    with pytest.raises(PredictionError, match="fine"):
        Prediction(adata)


def test_values_of_one_gene(adata):
    prediction = Prediction(adata)
    np.testing.assert_array_equal(prediction.values("IGKC"), adata.X[:, 2])
    with pytest.raises(PredictionError, match="NOPE"):
        prediction.values("NOPE")
    assert list(prediction.status) == list(adata.obs["status"])


def test_a_foreign_batch_is_refused(adata):
    from napari_stexp.predict import SpotBatch

    with pytest.raises(PredictionError, match="7 genes"):
        Prediction(adata).add(SpotBatch.failed(np.array([0]), "outside", 9))
