from __future__ import annotations

import anndata
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csc_matrix, csr_matrix, isspmatrix_csr

from napari_stexp.errors import OutputError, SpotsError
from napari_stexp.spots import make_grid, read_her2st, read_spots, write_spots


def _adata(n=4, genes=("A", "B"), **kwargs):
    x = kwargs.pop("X", np.arange(n * len(genes), dtype=np.int64).reshape(n, len(genes)))
    return anndata.AnnData(
        X=x,
        obs=pd.DataFrame(index=[f"s{i}" for i in range(n)]),
        var=pd.DataFrame(index=list(genes)),
        obsm={"spatial": np.column_stack([np.arange(n), np.arange(n)]) * 10},
        **kwargs,
    )


def _same(a, b):
    assert list(a.obs_names) == list(b.obs_names)
    assert list(a.var_names) == list(b.var_names)
    np.testing.assert_array_equal(a.X.toarray(), b.X.toarray())
    np.testing.assert_array_equal(a.obsm["spatial"], b.obsm["spatial"])
    # pandas 3 reads names back as its own string type
    pd.testing.assert_frame_equal(a.obs, b.obs, check_index_type=False)


def test_round_trip_of_a_section(layout, tmp_path):
    written = read_spots(layout)
    read = read_spots(write_spots(written, tmp_path / "out" / "q7.h5ad"))
    _same(written, read)
    assert isspmatrix_csr(read.X)
    ignored = {"source"}
    before, after = written.uns["stexp_spots"], read.uns["stexp_spots"]
    assert {k: v for k, v in before.items() if k not in ignored} == {
        k: v for k, v in after.items() if k not in ignored
    }
    assert read.uns["spatial"]["Q7"]["scalefactors"] == written.uns["spatial"]["Q7"]["scalefactors"]


def test_round_trip_of_a_grid(tmp_path):
    written = make_grid((3000, 2000), 0.5)
    read = read_spots(write_spots(written, tmp_path / "grid.h5ad"))
    _same(written, read)
    assert read.shape[1] == 0


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    counts=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6),
        elements=st.integers(0, 2**20).map(float),
    ),
    offset=st.floats(-1e5, 1e5),
)
def test_round_trip_of_anything(tmp_path, counts, offset):
    adata = _adata(len(counts), [f"g{i}" for i in range(counts.shape[1])], X=csr_matrix(counts))
    adata.obsm["spatial"] = adata.obsm["spatial"] + offset
    read = read_spots(write_spots(adata, tmp_path / "any.h5ad"))
    np.testing.assert_array_equal(read.X.toarray(), counts)
    np.testing.assert_array_equal(read.obsm["spatial"], adata.obsm["spatial"])


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix, csc_matrix])
def test_any_matrix_becomes_csr_float32(tmp_path, kind):
    adata = _adata(X=kind(np.arange(8.0).reshape(4, 2)))
    adata.write_h5ad(tmp_path / "a.h5ad")
    read = read_spots(tmp_path / "a.h5ad")
    assert isspmatrix_csr(read.X)
    assert read.X.dtype == np.float32
    np.testing.assert_array_equal(read.X.toarray(), np.arange(8).reshape(4, 2))


def test_counts_layer_goes_before_x(tmp_path):
    adata = _adata(X=np.full((4, 2), -1.5))
    adata.layers["counts"] = np.ones((4, 2))
    adata.write_h5ad(tmp_path / "a.h5ad")
    np.testing.assert_array_equal(read_spots(tmp_path / "a.h5ad").X.toarray(), np.ones((4, 2)))


def test_no_matrix_is_no_counts(tmp_path):
    adata = anndata.AnnData(obs=pd.DataFrame(index=["a", "b"]), obsm={"spatial": np.eye(2)})
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert read_spots(tmp_path / "a.h5ad").shape == (2, 0)


def test_duplicate_genes_become_unique_as_anndata_does_it(tmp_path):
    adata = _adata(genes=("A", "B"))
    adata.var.index = ["A", "A"]
    adata.write_h5ad(tmp_path / "a.h5ad")
    assert list(read_spots(tmp_path / "a.h5ad").var_names) == ["A", "A-1"]


def test_duplicate_barcodes(tmp_path):
    adata = _adata()
    adata.obs.index = ["a", "b", "b", "c"]
    adata.write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(SpotsError, match=r"duplicate barcodes.*found b"):
        read_spots(tmp_path / "a.h5ad")


@pytest.mark.parametrize(
    ("spatial", "message"),
    [
        (None, "no positions.*expected obsm"),
        (np.zeros((4, 3)), "wrong form"),
        (np.array([[0, 0], [1, np.nan], [2, 2], [3, 3]]), "1 of 4 spots.*'s1'"),
        (np.array([[0, 0], [1, np.inf], [2, 2], [3, 3]]), "1 of 4 spots.*'s1'"),
        (np.array([[0, 0], [1, -1e30], [2, 2], [3, 3]]), "1 of 4 spots.*'s1'"),
    ],
)
def test_positions_that_cannot_be_used(tmp_path, spatial, message):
    adata = _adata()
    if spatial is None:
        del adata.obsm["spatial"]
    else:
        adata.obsm["spatial"] = spatial
    adata.write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(SpotsError, match=message) as caught:
        read_spots(tmp_path / "a.h5ad")
    assert caught.value.path == tmp_path / "a.h5ad"


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_values_that_are_no_counts(tmp_path, value):
    x = np.ones((4, 2))
    x[2, 1] = value
    _adata(X=x).write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(SpotsError, match=r"no counts.*layers\['counts'\]"):
        read_spots(tmp_path / "a.h5ad")


def test_a_prediction_is_called_one(tmp_path):
    _adata(X=np.full((4, 2), np.nan), uns={"stexp": {"scale": "spot"}}).write_h5ad(
        tmp_path / "a.h5ad"
    )
    with pytest.raises(SpotsError, match="This is a prediction"):
        read_spots(tmp_path / "a.h5ad")


def test_no_spots(tmp_path):
    _adata(0).write_h5ad(tmp_path / "a.h5ad")
    with pytest.raises(SpotsError, match="no spots"):
        read_spots(tmp_path / "a.h5ad")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_truncated_file(tmp_path, share):
    path = tmp_path / "a.h5ad"
    _adata(200).write_h5ad(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(SpotsError, match="can't be read as h5ad"):
        read_spots(path)


def test_hdf5_that_is_no_anndata(tmp_path):
    import h5py

    with h5py.File(tmp_path / "a.h5ad", "w") as file:
        file["x"] = 1
    with pytest.raises(SpotsError):
        read_spots(tmp_path / "a.h5ad")


def test_write_refuses_other_suffixes(tmp_path):
    with pytest.raises(OutputError, match=r"expected \.h5ad"):
        write_spots(_adata(), tmp_path / "a.csv")


def test_failed_write_leaves_nothing(tmp_path):
    path = tmp_path / "a.h5ad"
    write_spots(_adata(), path)
    before = path.read_bytes()
    bad = _adata()
    bad.uns["object"] = object()
    with pytest.raises(OutputError):
        write_spots(bad, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5ad"]


def test_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_spots(_adata(), tmp_path / "file" / "a.h5ad")


def test_written_file_opens_with_anndata_alone(spot_file, counts_file, tmp_path):
    path = write_spots(read_her2st(spot_file, counts_file), tmp_path / "a.h5ad")
    adata = anndata.read_h5ad(path)
    assert adata.uns["stexp_spots"]["patient"] == "Q"
