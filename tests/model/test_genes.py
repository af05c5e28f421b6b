from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.errors import GeneListError
from napari_stexp.model import check_genes, read_gene_list

GENES = ["ERBB2", "COL1A1", "HLA-A", "MT-CO1"]


def write(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def test_every_kind_of_file_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array(GENES))
    np.save(tmp_path / "b.npy", np.array(GENES, dtype="S"))
    write(tmp_path / "c.txt", "\n".join(GENES) + "\n\n")
    write(tmp_path / "d.txt", "\ufeff" + "\r\n".join(GENES))
    write(tmp_path / "e.csv", "\n".join(GENES))
    write(tmp_path / "f.csv", "rank,gene\n" + "\n".join(f"{i},{g}" for i, g in enumerate(GENES)))
    write(tmp_path / "g.tsv", "Gene\tscore\n" + "\n".join(f"{g}\t0.5" for g in GENES))
    write(tmp_path / "h.json", json.dumps(GENES))
    for path in sorted(tmp_path.iterdir()):
        assert read_gene_list(path) == GENES, path.name


def test_names_in_object_arrays_are_read(tmp_path: Path) -> None:
    np.save(tmp_path / "genes.npy", np.array(GENES, dtype=object), allow_pickle=True)
    assert read_gene_list(tmp_path / "genes.npy") == GENES


def test_an_object_array_that_holds_more_is_refused_unread(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "ran",)

    np.save(tmp_path / "genes.npy", np.array(["A", Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(GeneListError, match=r"could run code.*found pathlib\S* at byte"):
        read_gene_list(tmp_path / "genes.npy")
    assert not (tmp_path / "ran").exists()


def test_object_arrays_of_another_form(tmp_path: Path) -> None:
    path = tmp_path / "genes.npy"
    np.save(path, np.array([GENES], dtype=object), allow_pickle=True)
    with pytest.raises(GeneListError, match="one-dimensional"):
        read_gene_list(path)
    np.save(path, np.array([*GENES, 5], dtype=object), allow_pickle=True)
    with pytest.raises(GeneListError, match="a int, not text"):
        read_gene_list(path)
    np.save(path, np.array(GENES, dtype=object), allow_pickle=True)
    path.write_bytes(path.read_bytes().replace(b"(4,)", b"(5,)"))
    with pytest.raises(GeneListError, match=r"damaged NumPy file.*5 names; found 4"):
        read_gene_list(path)


@pytest.mark.data
def test_the_released_lists(her2st: Path) -> None:
    folder = her2st / "genes"
    lists = {
        785: read_gene_list(folder / "her_hvg_cut_1000.npy"),
        171: read_gene_list(folder / "skin_hvg_cut_1000.npy"),
        685: read_gene_list(folder / "1000hvg_common.pkl"),
    }
    for length, genes in lists.items():
        assert len(genes) == len(set(genes)) == length
        assert all(gene.isascii() and gene.strip() == gene for gene in genes)


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.txt", "", "empty"),
        ("a.csv", "gene,score\n", "empty"),
        ("a.txt", "A\nB\nA\n", "more than once.*found A"),
        ("a.csv", "score,gene\n1,A\n2\n", "no names"),
        ("a.json", "{}", "JSON list"),
        ("a.json", "[1, 2]", "no names"),
        ("a.json", "[" * 100_000, "no JSON"),
        ("a.json", "", "no JSON"),
        ("a.npy", "", "no NumPy file"),
        ("a.npy", "hello world, this is text", "no NumPy file"),
        ("a.xlsx", "", "not a kind"),
    ],
)
def test_what_is_no_gene_list_is_refused(
    tmp_path: Path, name: str, content: str, what: str
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(GeneListError, match=what) as caught:
        read_gene_list(path)
    assert str(path) in str(caught.value)


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GeneListError, match="can't be read"):
        read_gene_list(tmp_path / "missing.txt")
    np.save(tmp_path / "numbers.npy", np.arange(4))
    with pytest.raises(GeneListError, match="array of text"):
        read_gene_list(tmp_path / "numbers.npy")
    np.save(tmp_path / "flat.npy", np.array([GENES]))
    with pytest.raises(GeneListError, match="one-dimensional"):
        read_gene_list(tmp_path / "flat.npy")
    (tmp_path / "latin.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(GeneListError, match="UTF-8"):
        read_gene_list(tmp_path / "latin.txt")
    # A header that promises terabytes, and nothing behind it.
    np.save(tmp_path / "long.npy", np.array(GENES))
    content = (tmp_path / "long.npy").read_bytes().replace(b"(4,), }      ", b"(4000000000,)}")
    (tmp_path / "long.npy").write_bytes(content)
    with pytest.raises(GeneListError, match="damaged NumPy file"):
        read_gene_list(tmp_path / "long.npy")
    with (tmp_path / "huge.txt").open("wb") as file:
        file.truncate(65 * 1024**2)
    with pytest.raises(GeneListError, match="too large"):
        read_gene_list(tmp_path / "huge.txt")


@given(st.lists(st.text("ABC-1", min_size=1), min_size=1))
def test_names_are_kept_or_called_double(names: list[str]) -> None:
    if len(set(names)) == len(names):
        assert check_genes(names) == names
    else:
        with pytest.raises(GeneListError, match="more than once"):
            check_genes(names)
