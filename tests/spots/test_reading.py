from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from napari_stexp.errors import SpotsError
from napari_stexp.spots import make_grid, read_reference, read_spots, write_spots


def _add_section(layout, name):
    data = layout / "data"
    shutil.copy(data / "ST-spotfiles/Q7_selection.tsv", data / f"ST-spotfiles/{name}_selection.tsv")
    shutil.copy(data / "ST-cnts/Q7.tsv.gz", data / f"ST-cnts/{name}.tsv.gz")


def test_spot_file_in_the_layout_finds_its_counts(layout):
    adata = read_spots(layout / "data" / "ST-spotfiles" / "Q7_selection.tsv")
    assert adata.shape == (3, 3)


def test_section_of_a_folder(layout):
    _add_section(layout, "R1")
    assert read_spots(layout, section="R1").uns["stexp_spots"]["patient"] == "R"
    with pytest.raises(SpotsError, match=r"which section.*Q7, R1"):
        read_spots(layout)
    with pytest.raises(SpotsError, match="no section 'Z9' here"):
        read_spots(layout, section="Z9")


@pytest.mark.parametrize(
    ("name", "message"),
    [("spots.xlsx", "not a kind of spot file"), ("none", "not a kind"), ("a.png", "not a kind")],
)
def test_other_files(tmp_path, name, message):
    (tmp_path / name).write_text("")
    with pytest.raises(SpotsError, match=message):
        read_spots(tmp_path / name)


def test_missing_path(tmp_path):
    with pytest.raises(SpotsError, match="no such file"):
        read_spots(tmp_path / "none.h5ad")


def test_h5ad_takes_no_counts(layout, tmp_path):
    path = write_spots(read_spots(layout), tmp_path / "a.h5ad")
    with pytest.raises(SpotsError, match="holds its own counts"):
        read_spots(path, counts=tmp_path / "counts.tsv")


def _names(sections):
    return [adata.uns["stexp_spots"]["section"] for adata in sections]


def test_reference_of_a_folder_and_of_chosen_sections(layout):
    _add_section(layout, "R1")
    _add_section(layout, "R2")
    assert _names(read_reference([layout])) == ["Q7", "R1", "R2"]
    assert _names(read_reference([f"{layout}:R2,Q7"])) == ["R2", "Q7"]
    assert _names(read_reference([f"{layout / 'data'}:R2"])) == ["R2"]
    assert _names(read_reference([f"{layout}:R2", f"{layout}: Q7"])) == ["R2", "Q7"]


def test_reference_of_h5ad_files(layout, tmp_path):
    folder = tmp_path / "bank"
    adata = read_spots(layout)
    write_spots(adata, folder / "one.h5ad")
    del adata.uns["stexp_spots"]
    write_spots(adata, folder / "two.h5ad")
    assert _names(read_reference([folder])) == ["Q7", "two"]
    assert _names(read_reference([folder / "two.h5ad"])) == ["two"]
    assert _names(read_reference([f"{folder}:two"])) == ["two"]


def test_reference_leaves_sections_without_counts_out_unless_asked_for(layout):
    _add_section(layout, "R1")
    (layout / "data/ST-cnts/Q7.tsv.gz").unlink()
    assert _names(read_reference([layout])) == ["R1"]
    with pytest.raises(SpotsError, match="needs measured counts"):
        read_reference([f"{layout}:Q7"])


def test_reference_refuses_what_it_cannot_use(layout, tmp_path):
    with pytest.raises(SpotsError, match="no reference sections"):
        read_reference([])
    with pytest.raises(SpotsError, match="no such file or folder"):
        read_reference([tmp_path / "none"])
    with pytest.raises(SpotsError, match="no section Z9 here"):
        read_reference([f"{layout}:Q7,Z9"])
    with pytest.raises(SpotsError, match="same name"):
        read_reference([layout, f"{layout}:Q7"])
    grid = write_spots(make_grid((3000, 3000), 0.5), tmp_path / "grid.h5ad")
    with pytest.raises(SpotsError, match="needs measured counts"):
        read_reference([grid])
    with pytest.raises(SpotsError, match="from a folder only"):
        read_reference([f"{grid}:Q7"])


def test_a_folder_with_a_colon_in_its_name(layout):
    odd = layout.rename(layout.with_name("study:one"))
    assert _names(read_reference([odd])) == ["Q7"]
    assert _names(read_reference([f"{odd}:Q7"])) == ["Q7"]


@pytest.mark.data
def test_reference_sections_are_the_reference_spots(her2st):
    with np.load(her2st / "reference" / "reference.npz") as reference:
        sections = read_reference([f"{her2st}:C2,C3,C5,C6"])
        assert _names(sections) == ["C2", "C3", "C5", "C6"]
        barcodes = np.concatenate([a.obs_names for a in sections])
        assert barcodes.tolist() == reference["ref_spot_id"].tolist()
        centers = np.concatenate([np.floor(a.obsm["spatial"]) for a in sections])
        np.testing.assert_array_equal(centers, reference["ref_center"])
    assert {a.uns["stexp_spots"]["patient"] for a in sections} == {"C"}


def test_importing_the_room_loads_nothing_heavy():
    code = (
        "import sys, napari_stexp.spots, napari_stexp.annotation, napari_stexp.evaluate, "
        "napari_stexp.cohort; "
        "heavy = {'anndata', 'pandas', 'scipy', 'torch', 'dask', 'shapely', 'pyarrow'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
