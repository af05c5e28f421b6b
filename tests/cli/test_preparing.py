"""``prepare``: sections become a data set, and bad ones are named before a slide is opened."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from napari_stexp.dataset import open_dataset
from napari_stexp.spots import read_spots
from tests.cli.conftest import refused, state_of
from tests.study.conftest import GENES, write_cohort

CUT = ("--patch-px", 32, "--mpp", 1, "--min-spots", 0)


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> Path:
    """A manifest of one section of each of two patients."""
    return write_cohort(tmp_path_factory.mktemp("pair"), ("A1", "B1"))


def test_a_manifest_becomes_a_data_set(run, pair, tmp_path) -> None:
    result = run("prepare", pair, "-o", tmp_path / "data", *CUT, "--context", "1,2")
    assert result.exit_code == 0, result.stderr
    data = open_dataset(tmp_path / "data")
    assert data.names == ("A1", "B1")
    assert [info.patient for info in data.sections] == ["A", "B"]
    assert set(data.genes) == set(GENES)
    assert data.patches("A1").shape == (36, 2, 32, 32, 3)
    assert "name A1, patient A, spots 36" in result.stdout
    assert "32 px, 1 µm per px, fields of view 1 x 2" in result.stdout
    assert "reading the spots of B1" in result.stderr
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == [
        "dataset.json", "genes.txt", "sections",
    ]  # fmt: skip


def test_sections_and_genes_are_chosen(run_json, pair, tmp_path) -> None:
    genes = tmp_path / "genes.npy"
    np.save(genes, np.array(["G5", "G1"], dtype=object))
    facts = run_json("prepare", f"{pair}:B1", "-o", tmp_path / "data", *CUT, "--genes", genes)
    assert [section["name"] for section in facts["sections"]] == ["B1"]
    assert facts["genes"] == 2
    assert facts["settings"]["min_spots"] == 0
    assert facts["input"]["patch_px"] == 32
    assert open_dataset(tmp_path / "data").genes == ("G5", "G1")


def test_the_papers_rule_has_its_options(run_json, pair, tmp_path) -> None:
    options = ("--n-top-genes", 3, "--flavor", "seurat", "--min-section-spots", 10)
    facts = run_json("prepare", pair, "-o", tmp_path / "data", *CUT, *options)
    assert facts["settings"]["n_top_genes"] == 3
    assert facts["settings"]["flavor"] == "seurat"
    assert facts["settings"]["min_section_spots"] == 10


def test_again_nothing_is_cut(run, pair, tmp_path) -> None:
    folder = tmp_path / "data"
    assert run("prepare", pair, "-o", folder, *CUT).exit_code == 0
    before = state_of(folder / "sections")
    result = run("prepare", pair, "-o", folder, *CUT)
    assert "B1: patches are there already: 72 of 72" in result.stderr
    assert state_of(folder / "sections") == before


def test_an_interrupted_run_goes_on(run, pair, tmp_path, monkeypatch) -> None:
    from napari_stexp.cli.reporting import Reporter

    folder, shown = tmp_path / "data", Reporter._shown

    def interrupt_at_b1(self, unit):
        context = shown(self, unit)

        def show(progress) -> None:
            if progress.stage.startswith("cutting patches: B1"):
                raise KeyboardInterrupt

        context.__enter__()
        return _Shown(show)

    with monkeypatch.context() as patch:
        patch.setattr(Reporter, "_shown", interrupt_at_b1)
        result = run("prepare", pair, "-o", folder, *CUT)
    assert result.exit_code == 130
    assert [path.name for path in (folder / "sections").iterdir()] == ["A1"]
    again = run("train", folder, "-o", tmp_path / "run")
    assert "wasn't finished" in refused(again)
    before = state_of(folder / "sections" / "A1")
    assert run("prepare", pair, "-o", folder, *CUT).exit_code == 0
    assert state_of(folder / "sections" / "A1") == before
    assert open_dataset(folder).names == ("A1", "B1")


class _Shown:
    def __init__(self, show) -> None:
        self.show = show

    def __enter__(self):
        return self.show

    def __exit__(self, *exception) -> None:
        pass


def _fill(value: float):
    def change(adata):
        adata.X.data[3] = value
        return adata

    return change


def _rename_genes(adata):
    adata.var_names = [f"ENSG{i}" for i in range(adata.n_vars)]
    return adata


def _repeat_barcode(adata):
    adata.obs_names = ["9x9", "9x9", *adata.obs_names[2:]]
    return adata


def _forget_array(adata):
    del adata.obs["array_row"]
    return adata


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: a[:, :0].copy(), "section B1 has no counts .*found 36 spots without meas"),
        (lambda a: a[:1].copy(), "section B1 is too small .*two spots or more; found 1"),
        (_fill(np.nan), "0 or more; found 1 others, such as nan"),
        (_fill(-2), "0 or more; found 1 others, such as -2"),
        (_fill(0.5), "section B1 holds no raw counts .*found 1 other values, such as 0.5"),
        (_rename_genes, r"section B1 shares no gene .*expected G0, .*found ENSG0, "),
        (_repeat_barcode, "duplicate barcodes .*found 9x9"),
        (_forget_array, "section B1 has no array positions .*array_row"),
    ],
)
def test_a_bad_section_is_named_with_its_file(run, tmp_path, change, message) -> None:
    sections = write_cohort(tmp_path / "in", ("A1", "B1"), B1=change)
    line = refused(run("prepare", sections, "-o", tmp_path / "data", *CUT))
    assert line.startswith(f"{tmp_path / 'in' / 'B1.h5ad'}: ")
    assert re.search(message, line), line
    assert not (tmp_path / "data").exists()


def test_counts_of_other_spots_are_named_with_both_files(run, pair, tmp_path) -> None:
    header = "x\ty\tnew_x\tnew_y\tpixel_x\tpixel_y\tselected\n"
    rows = "".join(f"{x}\t9\t{x}\t9\t{40 * x + 20}\t60\t1\n" for x in range(4))
    (tmp_path / "spots.tsv").write_text(header + rows)
    (tmp_path / "counts.tsv").write_text("\tG0\tG1\n7x7\t1\t2\n8x8\t3\t4\n")
    sections = tmp_path / "sections.csv"
    slide = pair.with_name("A1.ome.tif")
    sections.write_text(f"slide,spots,counts,section\n{slide},spots.tsv,counts.tsv,X1\n")
    line = refused(run("prepare", sections, "-o", tmp_path / "data", *CUT))
    assert "no spot in common" in line
    assert "counts.tsv" in line
    assert "0x9" in line
    assert "7x7" in line
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("genes", "message"),
    [
        ("ERBB2\nKRT5\n", "A1.h5ad: section A1 measured none of the 2 genes (expected ERBB2, KRT5"),
        ("G0\nKRT5\n", "missing in A1: 1 (KRT5); B1: 1 (KRT5)"),
        ("", "genes.txt: "),
        ("G0\nG0\n", "G0"),
    ],
)
def test_a_list_of_other_genes_is_refused(run, pair, tmp_path, genes, message) -> None:
    path = tmp_path / "genes.txt"
    path.write_text(genes)
    line = refused(run("prepare", pair, "-o", tmp_path / "data", *CUT, "--genes", path))
    assert message in line
    assert not (tmp_path / "data").exists()


def test_missing_genes_may_count_as_zero(run_json, pair, tmp_path) -> None:
    path = tmp_path / "genes.txt"
    path.write_text("G0\nKRT5\n")
    options = ("--genes", path, "--missing", "zero")
    assert run_json("prepare", pair, "-o", tmp_path / "data", *CUT, *options)["genes"] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((":Z9",), "no section Z9 here (expected some of A1, B1)"),
        (("", "--patch-px", 0), "patch_px: expected a whole number from 8"),
        (("", "--context", "2,4"), "context: begins with 1 and increases"),
        (
            ("", "--n-top-genes", 3, "--flavor", "cell_ranger"),
            "genes of section A1 can't be ranked",
        ),
        (("", "--min-spots", 100), "at most 72 of the 72 spots of 2 section(s)). Lower min_spots"),
    ],
)
def test_what_can_not_be_done_is_said(run, pair, tmp_path, arguments, message) -> None:
    choice, *options = arguments
    result = run("prepare", f"{pair}{choice}", "-o", tmp_path / "data", *CUT, *options)
    assert message in refused(result)
    assert not (tmp_path / "data").exists()


def test_wrong_usage_is_another_exit_code(run, pair, tmp_path) -> None:
    result = run("prepare", pair, "-o", tmp_path / "data", "--context", "wide")
    assert result.exit_code == 2
    assert "--context takes numbers" in result.stderr
    assert run("prepare", pair).exit_code == 2  # no --output


def test_a_folder_of_other_things_is_left_alone(run, pair, tmp_path) -> None:
    (tmp_path / "thesis.txt").write_text("all of it")
    line = refused(run("prepare", pair, "-o", tmp_path, *CUT))
    assert f"{tmp_path}: the folder holds something else" in line
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_damaged_data_set_is_named(run, pair, tmp_path) -> None:
    folder = tmp_path / "data"
    assert run("prepare", pair, "-o", folder, *CUT).exit_code == 0
    header = json.loads((folder / "dataset.json").read_text())
    (folder / "dataset.json").write_text(json.dumps(header)[:100])
    line = refused(run("train", folder, "-o", tmp_path / "run"))
    assert line.startswith(f"{folder / 'dataset.json'}: the data set can't be read")
    assert not (tmp_path / "run").exists()
    assert read_spots(folder / "sections" / "A1" / "spots.h5ad").n_obs == 36
