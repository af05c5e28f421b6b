"""Which files make a section: prefixes, several sections in a folder, images."""

from __future__ import annotations

import logging
import shutil

import pytest

from napari_stexp.errors import SpotsError
from napari_stexp.spots import find_sections, read_spots
from napari_stexp.spots.spaceranger.layout import find_visium_section, find_visium_sections
from tests.spots.hd_layouts import write_hd
from tests.spots.layouts import write_h5, write_mtx, write_positions, write_visium


def write_geo(folder, stem, *, counts="h5"):
    """Write a section as series in GEO have them: all files in one folder, with a prefix."""
    write_positions(folder, header=False, name=f"{stem}_tissue_positions_list.csv")
    (folder / "scalefactors_json.json").rename(folder / f"{stem}_scalefactors_json.json")
    if counts == "h5":
        write_h5(folder / f"{stem}_filtered_feature_bc_matrix.h5")
    else:
        write_mtx(folder, prefix=f"{stem}_")
    (folder / f"{stem}_tissue_hires_image.png").write_bytes(b"")
    (folder / f"{stem}_HE.tif").write_bytes(b"")


@pytest.mark.parametrize("counts", ["h5", "mtx"])
def test_several_sections_side_by_side(tmp_path, counts):
    for stem in ("GSM1_A", "GSM2_A_10", "GSM2_A_1"):
        write_geo(tmp_path, stem, counts=counts)
    (tmp_path / "GSM2_A_1_scalefactors_json.json").write_text('{"spot_diameter_fullres": 7}')
    sources = find_sections(tmp_path)
    assert [source.name for source in sources] == ["GSM1_A", "GSM2_A_1", "GSM2_A_10"]
    for source in sources:
        assert source.slide == tmp_path / f"{source.name}_HE.tif"
        assert source.counts.name.startswith(f"{source.name}_")
        assert source.name == "GSM2_A_10" or "_10_" not in source.counts.name
        adata = source.read()
        assert adata.shape == (3, 3)
        factors = adata.uns["spatial"][source.name]["scalefactors"]
        assert factors["spot_diameter_fullres"] == (7 if source.name == "GSM2_A_1" else 55.5)
    with pytest.raises(SpotsError, match=r"which section.*GSM1_A, GSM2_A_1, GSM2_A_10"):
        read_spots(tmp_path)
    one = tmp_path / "GSM2_A_10_tissue_positions_list.csv"
    assert read_spots(one).uns["stexp_spots"]["section"] == "GSM2_A_10"
    if counts == "h5":
        by_counts = read_spots(tmp_path / "GSM1_A_filtered_feature_bc_matrix.h5")
        assert by_counts.uns["stexp_spots"]["section"] == "GSM1_A"


def test_one_prefixed_section_is_called_by_its_folder(tmp_path):
    write_geo(tmp_path / "patient3", "GSM4_B", counts="mtx")
    section = find_visium_section(tmp_path / "patient3")
    assert (section.name, section.image.name) == ("patient3", "GSM4_B_HE.tif")
    assert section.counts.name == "GSM4_B_matrix.mtx.gz"
    assert read_spots(tmp_path / "patient3").shape == (3, 3)


def test_prefixed_spatial_folders(tmp_path):
    for stem in ("A", "B"):
        write_positions(tmp_path / f"{stem}_spatial", header=True)
        write_h5(tmp_path / f"{stem}_filtered_feature_bc_matrix.h5")
    found = find_visium_sections(tmp_path)
    assert [(s.name, s.counts.name[0], s.positions.parent.name[0]) for s in found] == [
        ("A", "A", "A"),
        ("B", "B", "B"),
    ]


@pytest.mark.parametrize("version", [1, 2])
def test_each_version_from_each_of_its_folders(tmp_path, version):
    outs = tmp_path / "run7" / "outs"
    write_visium(outs, header=version > 1)
    name = "tissue_positions.csv" if version > 1 else "tissue_positions_list.csv"
    inside = (".", "..", "spatial", f"spatial/{name}", "filtered_feature_bc_matrix.h5")
    for place in inside:
        (source,) = find_sections((outs / place).resolve())
        assert source.name == "run7"
        assert source.read().shape == (3, 3)
    assert find_sections(tmp_path)[0].name == "run7"


def test_counts_of_a_genome_in_a_folder_of_its_own(tmp_path):
    write_visium(tmp_path / "a", counts="")
    write_mtx(tmp_path / "a" / "filtered_gene_bc_matrices" / "GRCh38", columns=2, genes="genes")
    assert read_spots(tmp_path / "a").shape == (3, 4)  # such tables don't tell antibodies apart


def test_runs_below_a_folder(tmp_path):
    write_visium(tmp_path / "study" / "one" / "outs")
    write_hd(tmp_path / "study" / "two", (8, 16), cells=False)
    one, two = find_sections(tmp_path, bins="16")
    assert (one.technology, two.technology) == ("Visium", "Visium HD")
    assert two.spots.parent.parent.name == "square_016um"


def test_downloaded_parts_side_by_side(tmp_path):
    """What 10x Genomics offers of a public data set, unpacked in one folder."""
    write_hd(tmp_path / "r", image=False)
    for part in ("binned_outputs", "segmented_outputs", "spatial"):
        shutil.move(tmp_path / "r" / "outs" / part, tmp_path / "colon" / part)
    image = tmp_path / "colon" / "Visium_HD_Human_Colon_Cancer_tissue_image.btf"
    image.write_bytes(b"")
    section = find_visium_section(tmp_path / "colon")
    assert (section.name, section.bins, section.image) == ("colon", "8", image)


# ---- images ------------------------------------------------------------------------------


def write_run(tmp_path):
    outs = tmp_path / "data" / "run7" / "outs"
    write_visium(outs)
    (outs / "image.tif").unlink()
    return outs.parent


@pytest.mark.parametrize("suffix", ["tif", "btf", "ndpi", "svs", "jpg", "qptiff", "mrxs"])
@pytest.mark.parametrize("place", ["outs", ".", "microscope_image"])
def test_an_image_in_the_run(tmp_path, suffix, place):
    run = write_run(tmp_path)
    (run / place).mkdir(exist_ok=True)
    image = run / place / f"slide.{suffix}"
    image.write_bytes(b"")
    assert find_visium_section(run).image.resolve() == image.resolve()


def test_an_image_beside_the_run_bears_its_name(tmp_path):
    run = write_run(tmp_path)
    (run.parent / "other.svs").write_bytes(b"")
    (run.parent / "run7_hires.tif").write_bytes(b"")
    assert find_visium_section(run).image is None
    image = run.parent / "H&E RUN7.svs"
    image.write_bytes(b"")
    assert find_visium_section(run).image == image


@pytest.mark.parametrize(
    "words",
    [
        'call SPATIAL_RNA_COUNTER_CS(\n    tissue_image_paths = [\n        "{}",\n    ],\n)',
        "spaceranger count --id=run7 --image={} --slide=V1",
        "spaceranger count --image '{}'",
    ],
)
def test_the_image_that_space_ranger_was_called_with(tmp_path, words):
    run = write_run(tmp_path)
    for name in ("a.tif", "b.tif"):  # more than one could be it
        (run / name).write_bytes(b"")
    away = tmp_path / "scans" / "b.tif"
    record = "_invocation" if "call" in words else "_cmdline"
    (run / record).write_text(words.format(away))
    assert find_visium_section(run).image == run / "b.tif"  # moved here since
    away.parent.mkdir()
    away.write_bytes(b"")
    assert find_visium_section(run).image == away
    (run / record).write_bytes(b"\xff\x00tissue_image_paths = [" + b"x" * 100)
    assert find_visium_section(run).image is None


def test_the_image_that_the_web_summary_names(tmp_path):
    run = write_run(tmp_path)
    (run / "outs" / "web_summary.html").write_text(
        '<script>const data = {"rows": [["Image", "V10_B1.tif"], ["x", "aligned.jpg"]]}</script>'
    )
    assert find_visium_section(run).image is None
    (run.parent / "V10_B1.tif").write_bytes(b"")
    assert find_visium_section(run).image == run.parent / "V10_B1.tif"


@pytest.mark.parametrize(
    "name",
    [
        "tissue_hires_image.png", "tissue_lowres_image.png", "aligned_fiducials.jpg",
        "aligned_tissue_image.jpg", "detected_tissue_image.jpg", "cytassist_image.tiff",
        "Sample_CA_Cyt_image.tif", "nucleus_segmentation_mask.tif",
    ],
)  # fmt: skip
def test_space_rangers_own_images_are_no_slides(tmp_path, name):
    run = write_run(tmp_path)
    (run / "outs" / name).write_bytes(b"")
    assert find_visium_section(run).image is None


def test_an_unclear_image_is_said(tmp_path, caplog):
    run = write_run(tmp_path)
    for name in ("a.tif", "b.tif"):
        (run / name).write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        assert find_visium_section(run).image is None
    assert "which of the images is the slide is unclear" in caplog.text
