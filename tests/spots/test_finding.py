from __future__ import annotations

import shutil
from pathlib import Path

import anndata
import numpy as np
import pytest

from napari_stexp.errors import SpotsError
from napari_stexp.spots import (
    SectionSource,
    find_sections,
    make_grid,
    read_reference,
    read_spots,
    write_spots,
)

from .layouts import write_cscc, write_h5, write_visium


def _names(sources):
    return [source.name for source in sources]


def _add_section(layout, name):
    data = layout / "data"
    shutil.copy(data / "ST-spotfiles/Q7_selection.tsv", data / f"ST-spotfiles/{name}_selection.tsv")
    shutil.copy(data / "ST-cnts/Q7.tsv.gz", data / f"ST-cnts/{name}.tsv.gz")


def test_her2st(layout):
    _add_section(layout, "R1")
    first, second = find_sections(layout)
    assert first == SectionSource(
        "Q7",
        "Q",
        organ="breast",
        technology="Spatial Transcriptomics",
        slide=layout / "data/ST-imgs/Q/Q7/slide.jpg",
        spots=layout / "data/ST-spotfiles/Q7_selection.tsv",
        counts=layout / "data/ST-cnts/Q7.tsv.gz",
    )
    assert (second.name, second.patient, second.slide) == ("R1", "R", None)
    assert _names(find_sections(f"{layout}:R1,Q7")) == ["R1", "Q7"]
    assert find_sections(first.spots) == [first]
    adata = first.read()
    record = adata.uns["stexp_spots"]
    assert (record["section"], record["patient"], record["organ"]) == ("Q7", "Q", "breast")
    assert (record["pitch_um"], record["diameter_um"]) == (200.0, 100.0)
    np.testing.assert_array_equal(adata.X.toarray(), read_spots(layout, section="Q7").X.toarray())


def test_the_papers_visium_data(tmp_path):
    for name in ("1142243F", "CID4290"):
        write_visium(tmp_path / "Alex_NatGen" / name, header=False, counts="filtered_count_matrix")
    write_visium(tmp_path / "10xGenomics" / "block1", header=False)
    sources = find_sections(tmp_path)
    assert _names(sources) == ["1142243F", "CID4290", "block1"]
    assert [source.patient for source in sources] == _names(sources)
    assert _names(find_sections(tmp_path / "Alex_NatGen")) == ["1142243F", "CID4290"]
    assert _names(find_sections(f"{tmp_path}:block1,CID4290")) == ["block1", "CID4290"]
    assert all(source.read().shape == (3, 3) for source in sources)
    sections = read_reference([tmp_path / "Alex_NatGen", tmp_path / "10xGenomics"])
    assert [a.uns["stexp_spots"]["section"] for a in sections] == _names(sources)


def test_h5ad_files_and_their_slides(layout, tmp_path):
    folder = tmp_path / "bank"
    adata = read_spots(layout)
    write_spots(adata, folder / "one.h5ad")
    del adata.uns["stexp_spots"]
    write_spots(adata, folder / "two.h5ad")
    (folder / "two.ome.tif").write_bytes(b"")
    first, second = find_sections(folder)
    assert (first.name, first.patient, first.slide) == ("Q7", "Q", None)
    assert first.technology == "Spatial Transcriptomics"
    assert second.slide == folder / "two.ome.tif"
    assert (second.name, second.patient, second.technology) == ("two", "", "")
    assert find_sections(f"{folder}:two,one") == [second, first]
    assert find_sections(folder / "two.h5ad") == [second]
    assert "patient" not in second.read().uns["stexp_spots"]


def test_what_a_source_says_wins_over_what_an_h5ad_records(layout, tmp_path):
    path = write_spots(read_spots(layout), tmp_path / "one.h5ad")
    source = SectionSource("new", "P", spots=path, organ="breast")
    record = source.read().uns["stexp_spots"]
    assert (record["section"], record["patient"], record["organ"]) == ("new", "P", "breast")
    assert record["technology"] == "Spatial Transcriptomics"
    assert SectionSource("new", "", spots=path).read().uns["stexp_spots"]["patient"] == "Q"


def test_sections_without_counts(layout):
    _add_section(layout, "R1")
    (layout / "data/ST-cnts/Q7.tsv.gz").unlink()
    assert _names(find_sections(layout)) == ["R1"]
    (source,) = find_sections(f"{layout}:Q7")
    assert source.counts is None
    assert source.read().shape == (4, 0)
    (layout / "data/ST-cnts/R1.tsv.gz").unlink()
    with pytest.raises(SpotsError, match=r"no section here has counts.*2 with spots only"):
        find_sections(layout)


@pytest.mark.parametrize(
    ("name", "message"),
    [("none", "no such file or folder"), ("a.png", "not a kind"), ("b", "not a kind")],
)
def test_other_paths(tmp_path, name, message):
    for file in ("a.png", "b"):
        (tmp_path / file).write_bytes(b"")
    with pytest.raises(SpotsError, match=message):
        find_sections(tmp_path / name)


def test_other_folders_say_what_is_read(tmp_path):
    with pytest.raises(SpotsError, match=r"no sections here.*HER2ST.*found an empty folder.*list"):
        find_sections(tmp_path)
    (tmp_path / "image.tif").write_bytes(b"")
    write_h5(tmp_path / "deep" / "deeper" / "filtered_feature_bc_matrix.h5")
    with pytest.raises(SpotsError, match=r"Space Ranger.*GSE144240.*h5ad.*found deep, image\.tif"):
        find_sections(tmp_path)


def test_names_that_occur_twice(tmp_path):
    for place in ("x", "y"):
        write_visium(tmp_path / place / "block1")
    with pytest.raises(SpotsError, match=r"duplicate sections.*block1"):
        find_sections(tmp_path)
    write_visium(tmp_path / "z" / "block2")
    with pytest.raises(SpotsError, match=r"duplicate sections.*block2"):
        find_sections(f"{tmp_path / 'z'}:block2,block2")


def test_a_damaged_h5ad_is_named(tmp_path):
    (tmp_path / "a.h5ad").write_bytes(b"hello")
    with pytest.raises(SpotsError, match="can't be read as h5ad") as caught:
        find_sections(tmp_path)
    assert caught.value.path == tmp_path / "a.h5ad"


def test_h5ad_takes_no_counts_and_other_files_are_no_spots(tmp_path):
    path = write_spots(make_grid((3000, 3000), 0.5), tmp_path / "a.h5ad")
    with pytest.raises(SpotsError, match="holds its own counts"):
        SectionSource("a", "", spots=path, counts=tmp_path / "c.tsv").read()
    with pytest.raises(SpotsError, match="not a kind of spot file"):
        SectionSource("a", "", spots=tmp_path / "a.xlsx").read()
    with pytest.raises(SpotsError, match="can't be read"):
        SectionSource("a", "", spots=tmp_path / "none.tsv").read()


def test_sections_of_one_spot(tmp_path, layout):
    data = layout / "data"
    (data / "ST-spotfiles/Q7_selection.tsv").write_text("x\ty\tpixel_x\tpixel_y\n2\t3\t20\t30\n")
    adata = find_sections(layout)[0].read()
    assert adata.shape == (1, 3)
    assert "spatial" not in adata.uns  # one spot has no pitch, so no diameter
    one = anndata.AnnData(np.ones((1, 2)), obsm={"spatial": np.array([[1.0, 2.0]])})
    one.obs_names = ["a"]
    one.write_h5ad(tmp_path / "one.h5ad")
    assert find_sections(tmp_path / "one.h5ad")[0].read().shape == (1, 2)


def test_a_reference_of_many_layouts(layout, tmp_path):
    write_cscc(tmp_path / "cscc", "P2_ST_rep1")
    write_visium(tmp_path / "visium" / "block1")
    sections = read_reference([layout, tmp_path / "visium", f"{tmp_path / 'cscc'}:P2_ST_rep1"])
    records = [adata.uns["stexp_spots"] for adata in sections]
    assert [record["patient"] for record in records] == ["Q", "block1", "P2"]


@pytest.mark.data
def test_the_real_sections(her2st: Path):
    sources = find_sections(her2st)
    assert _names(sources) == ["A1", "B4", "C1", "C2", "C3", "C4", "C5", "C6"]
    with_slide = [source.name for source in sources if source.slide is not None]
    assert with_slide == ["B4", "C2", "C3", "C4", "C5", "C6"]
    assert {source.patient for source in sources} == {"A", "B", "C"}
