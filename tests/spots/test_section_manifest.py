from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_stexp.errors import OutputError, SpotsError
from napari_stexp.spots import (
    SectionSource,
    find_sections,
    read_section_manifest,
    read_spots,
    write_section_manifest,
    write_spots,
)

from .layouts import write_cscc, write_visium


@pytest.fixture
def study(layout, tmp_path) -> Path:
    """Folder with a section of each kind."""
    folder = tmp_path / "study"
    write_spots(read_spots(layout), folder / "one.h5ad")
    for name in ("one.tif", "two.tif"):
        (folder / name).write_bytes(b"")
    write_visium(folder / "block1")
    write_cscc(folder / "cscc", "P2_ST_rep1", packed=False)
    layout.rename(folder / "her2st")
    return folder


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def test_every_column(study):
    (study / "labels.csv").write_text("barcode,label\nAAAC-1,tumour\n")
    path = write(
        study / "sections.csv",
        "slide,spots,counts,section,patient,organ,technology,mpp,labels",
        "two.tif,block1/spatial/tissue_positions.csv,block1/filtered_feature_bc_matrix.h5,"
        "S1,P1,breast,Visium,0.5,labels.csv",
    )
    (source,) = read_section_manifest(path)
    assert source == SectionSource(
        "S1",
        "P1",
        organ="breast",
        technology="Visium",
        slide=study / "two.tif",
        spots=study / "block1" / "spatial" / "tissue_positions.csv",
        counts=study / "block1" / "filtered_feature_bc_matrix.h5",
        mpp=0.5,
        labels=study / "labels.csv",
    )
    adata = source.read()
    assert adata.shape == (3, 3)
    assert adata.obs["label"].notna().tolist() == [True, False, False]
    assert find_sections(path) == [source]
    assert find_sections(f"{path}:S1") == [source]


def test_what_lies_beside_the_spots_is_found(study):
    labels = study / "her2st/data/ST-pat/lbl/Q7_labeled_coordinates.tsv"
    labels.parent.mkdir(parents=True)
    labels.write_text("x\ty\tlabel\n2\t3\ttumour\n")
    path = write(
        study / "sections.tsv",
        "Spots\tslide\tsection",
        "block1\ttwo.tif\tfolder",
        "block1/spatial/tissue_positions.csv\t\tpositions",
        "her2st/data/ST-spotfiles/Q7_selection.tsv\tone.tif\ther2st",
        "one.h5ad\tone.tif\t",
        "",
    )
    folder, positions, her2st, h5ad = read_section_manifest(path)
    assert folder.spots == positions.spots == study / "block1/spatial/tissue_positions.csv"
    assert folder.counts == positions.counts == study / "block1/filtered_feature_bc_matrix.h5"
    assert (folder.slide, positions.slide) == (study / "two.tif", None)
    assert (her2st.counts.name, her2st.labels) == ("Q7.tsv.gz", labels)
    assert (h5ad.name, h5ad.patient) == ("one", "")
    for source, n_spots in ((folder, 3), (positions, 3), (her2st, 3), (h5ad, 3)):
        assert source.read().n_obs == n_spots
    # The patient isn't guessed from the name of a file.
    assert "patient" not in her2st.read().uns["stexp_spots"]


def test_technology_says_the_pitch(study):
    path = write(
        study / "sections.csv",
        "slide,spots,technology",
        "one.tif,her2st/data/ST-spotfiles/Q7_selection.tsv,some other array",
        "two.tif,her2st/data/ST-spotfiles/Q7_selection.tsv,",
    )
    other, usual = (source.read().uns["stexp_spots"] for source in read_section_manifest(path))
    assert "pitch_um" not in other
    assert (other["technology"], usual["pitch_um"]) == ("some other array", 200.0)


def test_all_problems_are_listed_at_once(study):
    path = write(
        study / "sections.csv",
        "slide,spots,counts,section,mpp,labels",
        "one.tif,one.h5ad,,A,0.5,",
        "none.tif,none.h5ad,,B,,none.tsv",
        "one.tif,,,C,,",
        "one.tif,one.h5ad,,D,-1,",
        "two.tif,one.h5ad,,A,,",
        "two.tif,cscc,,E,,",
        "two.tif,one.h5ad,,F,,,extra",
        "two.tif,one.h5ad,,G,wide,",
        "https://h.org/two.svs,one.h5ad,,H,,",
    )
    with pytest.raises(SpotsError, match="has 10 problems") as caught:
        read_section_manifest(path)
    message = str(caught.value)
    assert caught.value.path == path
    for problem in (
        "line 3: no such slide 'none.tif'",
        "line 3: no such spots 'none.h5ad'",
        "line 3: no such labels 'none.tsv'",
        "line 4: no spots",
        "line 5: mpp '-1' is no µm per pixel",
        "line 6: section 'A' again, as in line 2",
        "line 7: ",
        "line 8: more cells than columns ('extra')",
        "line 9: mpp 'wide' is no µm per pixel",
        "line 10: the slide is behind an address; download it",
    ):
        assert problem in message, problem
    assert "none of Space Ranger's" in message


def test_columns(study):
    path = study / "sections.csv"
    write(path, "slide,spots,Patients,section,section", "one.tif,one.h5ad,P,a,b")
    with pytest.raises(SpotsError, match=r"2 problems.*'patients'.*column 'section' twice"):
        read_section_manifest(path)
    write(path, "section,patient", "a,b")
    with pytest.raises(SpotsError, match="no column 'slide'; no column 'spots'"):
        read_section_manifest(path)
    write(path, "slide;spots", "one.tif;one.h5ad")
    with pytest.raises(SpotsError, match="unknown column 'slide;spots'"):
        read_section_manifest(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "empty"), (b"slide,spots\n", "empty"), (b"\xff\xfe\x00", "no table")],
)
def test_no_list(tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(SpotsError, match=message):
        read_section_manifest(tmp_path / "a.csv")


def test_missing_list(tmp_path):
    with pytest.raises(SpotsError, match="can't be read"):
        read_section_manifest(tmp_path / "none.csv")


def test_a_long_list_of_problems_is_cut(tmp_path):
    path = write(tmp_path / "a.csv", "slide,spots", *[f"{i}.tif," for i in range(30)])
    with pytest.raises(SpotsError, match=r"60 problems.*and 40 more"):
        read_section_manifest(path)


def test_found_sections_can_be_written_and_read(study):
    found = [
        *find_sections(study / "her2st"),
        *find_sections(study / "block1"),
        *find_sections(study / "cscc"),
    ]
    path = write_section_manifest(study / "all.csv", found)
    assert read_section_manifest(path) == found
    text = path.read_text()
    assert str(study) not in text  # relative: the folder can be moved
    assert "labels" not in text.splitlines()[0]
    elsewhere = write_section_manifest(study.parent / "lists" / "all.tsv", found)
    assert read_section_manifest(elsewhere) == found
    moved = study.rename(study.with_name("moved"))
    assert [s.read().shape for s in read_section_manifest(moved / "all.csv")] == [
        (3, 3),
        (3, 3),
        (2, 2),
    ]


words = st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(
        st.tuples(words, words | st.just(""), words | st.just(""), st.none() | st.floats(0.01, 9)),
        min_size=1,
        unique_by=lambda row: row[0],
    ),
    suffix=st.sampled_from([".csv", ".tsv"]),
)
def test_round_trip_of_any_text(study, rows, suffix):
    sources = [
        SectionSource(
            name,
            patient,
            organ=organ,
            technology=patient,
            mpp=mpp,
            slide=study / "one.tif",
            spots=study / "one.h5ad",
        )
        for name, patient, organ, mpp in rows
    ]
    path = write_section_manifest(study / f"any{suffix}", sources)
    assert read_section_manifest(path) == sources


def test_writing_elsewhere(study, tmp_path):
    sources = find_sections(study / "block1")
    with pytest.raises(OutputError, match=r"expected \.csv or \.tsv"):
        write_section_manifest(tmp_path / "a.xlsx", sources)
    with pytest.raises(OutputError):
        write_section_manifest(study / "one.h5ad" / "a.csv", sources)
