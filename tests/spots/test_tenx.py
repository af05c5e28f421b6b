from __future__ import annotations

import gzip
import logging
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import isspmatrix_csr

from napari_stexp.errors import SpotsError
from napari_stexp.spots.tenx import read_10x_counts

from . import layouts
from .layouts import BARCODES, COUNTS, IDS, write_h5, write_mtx


def check(table):
    assert table.rows == BARCODES
    assert isspmatrix_csr(table.counts)
    assert table.counts.dtype == np.float32
    np.testing.assert_array_equal(table.counts.toarray(), COUNTS[: len(table.genes)].T)


def test_h5_of_both_versions(tmp_path):
    new = read_10x_counts(write_h5(tmp_path / "filtered_feature_bc_matrix.h5"))
    check(new)
    assert new.genes == ["ERBB2", "TBCE", "TBCE-1"]  # the antibody is left out
    old = read_10x_counts(write_h5(tmp_path / "filtered_gene_bc_matrices_h5.h5", version=2))
    check(old)
    assert old.genes == ["ERBB2", "TBCE", "TBCE-1", "CD3"]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("prefix", ["", "GSM1_A_"])
def test_folders_of_tables(tmp_path, packed, prefix):
    table = read_10x_counts(write_mtx(tmp_path / "filtered", packed=packed, prefix=prefix))
    check(table)
    assert table.genes == ["ERBB2", "TBCE", "TBCE-1"]


def test_ids_of_genes_come_along(tmp_path):
    for table in (
        read_10x_counts(write_h5(tmp_path / "a.h5")),
        read_10x_counts(write_mtx(tmp_path / "filtered")),
    ):
        assert table.gene_ids == IDS[: len(table.genes)]  # the antibody is last
    assert read_10x_counts(write_mtx(tmp_path / "bare", columns=1)).gene_ids == []


@pytest.mark.parametrize("columns", [1, 2])
def test_tables_of_genes_with_fewer_columns(tmp_path, columns):
    table = read_10x_counts(write_mtx(tmp_path / "filtered", columns=columns))
    check(table)
    assert table.genes == ["ERBB2", "TBCE", "TBCE-1", "CD3"]
    old = write_mtx(tmp_path / "old", columns=2, packed=False, genes="genes")
    assert read_10x_counts(old).genes == table.genes


def test_gzip_is_told_by_content(tmp_path):
    folder = write_mtx(tmp_path / "filtered")
    for file in folder.iterdir():  # as some of Wu et al.'s files are: plain, called .gz
        file.write_bytes(gzip.decompress(file.read_bytes()))
    check(read_10x_counts(folder))


def test_what_is_changed_is_logged(tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        read_10x_counts(write_h5(tmp_path / "a.h5"))
    assert "1 genes are named twice" in caplog.text
    assert "1 features are no genes" in caplog.text


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Variable names are not unique")
@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(counts=hnp.arrays(np.int64, (4, 4), elements=st.integers(0, 2**20)))
def test_as_scanpy_reads_them(tmp_path, counts):
    sc = pytest.importorskip("scanpy")
    path = write_h5(tmp_path / "a.h5", counts)
    folder = write_mtx(tmp_path / "filtered", counts)
    for file, expected in (
        (path, sc.read_10x_h5(path, gex_only=True)),
        (folder, sc.read_10x_mtx(folder, gex_only=True)),
    ):
        expected.var_names_make_unique()
        table = read_10x_counts(file)
        assert table.rows == list(expected.obs_names)
        assert table.genes == list(expected.var_names)
        np.testing.assert_array_equal(table.counts.toarray(), expected.X.toarray())


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_values_that_are_no_counts(tmp_path, value):
    counts = COUNTS.astype(float)
    counts[2, 3] = value
    message = r"a count is none: spot 'CCCA-1', gene 'TBCE'.*0 or more"
    path = write_h5(tmp_path / "a.h5", counts)
    with pytest.raises(SpotsError, match=message) as caught:
        read_10x_counts(path)
    assert caught.value.path == path
    with pytest.raises(SpotsError, match=message):
        read_10x_counts(write_mtx(tmp_path / "filtered", counts))


def test_barcodes_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "BARCODES", ["A-1", "B-1", "A-1", "C-1"])
    with pytest.raises(SpotsError, match=r"duplicate barcodes.*A-1"):
        read_10x_counts(write_h5(tmp_path / "a.h5"))


MTX = b"%%MatrixMarket matrix coordinate integer general\n"


def _remove(name: str):
    return lambda folder: (folder / name).unlink()


def _write(name: str, content: bytes):
    return lambda folder: (folder / name).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_remove("matrix.mtx"), r"lacks matrix\.mtx.*found barcodes\.tsv, features\.tsv"),
        (_remove("barcodes.tsv"), r"lacks barcodes\.tsv"),
        (_remove("features.tsv"), r"lacks features\.tsv.*expected features\.tsv\[\.gz\], genes"),
        (_write("barcodes.tsv", b"A-1\nB-1\n"), "expected 4 genes by 2 barcodes; found 4 by 4"),
        (_write("barcodes.tsv", b""), "expected 4 genes by 0 barcodes"),
        (_write("barcodes.tsv", b"\xff\xfe"), "no text table"),
        (_write("matrix.mtx", b"hello"), "can't be read"),
        (_write("matrix.mtx", b""), "can't be read"),
        (
            _write("matrix.mtx", MTX + b"4 4 3\n1 1 2\n"),
            "can't be read",
        ),
        (
            _write("matrix.mtx", MTX + b"4 4 999999\n"),
            "999999 entries in 60 bytes",
        ),
        (
            _write("matrix.mtx", MTX.replace(b"integer", b"complex") + b"4 4 0\n"),
            "complex values",
        ),
        (
            _write("matrix.mtx", MTX.replace(b"coordinate", b"array") + b"4 4\n" + b"1\n" * 16),
            "can't be read",
        ),
    ],
)
def test_damaged_folders(tmp_path, damage, message):
    folder = write_mtx(tmp_path / "filtered", packed=False)
    damage(folder)
    with pytest.raises(SpotsError, match=message):
        read_10x_counts(folder)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:900])


def _no_hdf5(path: Path) -> None:
    path.write_bytes(b"hello")


def _edit(key: str, value: object):
    def edit(path: Path) -> None:
        with h5py.File(path, "a") as file:
            del file[key]
            if value is not None:
                file[key] = value

    return edit


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_cut, "can't be read"),
        (_no_hdf5, "can't be read"),
        (_edit("matrix", None), "holds no counts.*found nothing"),
        (_edit("matrix/features", None), "can't be read.*KeyError"),
        (_edit("matrix/barcodes", np.array([b"A-1"])), "can't be read"),
        (_edit("matrix/indices", np.array([0, 9, 1, 2, 0, 3, 1, 3, 2])), "can't be read"),
        (_edit("matrix/indptr", np.array([0, 3, 1, 7, 9])), "can't be read"),
        (_edit("matrix/indptr", np.array([0])), "can't be read"),
    ],
)
def test_damaged_h5(tmp_path, damage, message):
    path = write_h5(tmp_path / "a.h5")
    damage(path)
    with pytest.raises(SpotsError, match=message) as caught:
        read_10x_counts(path)
    assert caught.value.path == path


def test_missing_and_empty(tmp_path):
    with pytest.raises(SpotsError, match=r"counts are missing.*expected an \.h5 file"):
        read_10x_counts(tmp_path / "none.h5")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpotsError, match="an empty folder"):
        read_10x_counts(tmp_path / "empty")
