"""Other names of genes: the packaged table, names in the data, the search."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.gene import GeneNames, read_names
from napari_stexp.gene.names import _common_names

GENES = ["ERBB2", "SERBP1", "ESR1", "HLA-DRA", "CD3D", "CD3E", "CD274", "PGR", "MKI67"]


def found(names, text):
    """Genes that match, best first."""
    rows, ranks = names.search(text)
    return [names.genes[row] for row in rows[np.argsort(ranks, kind="stable")]]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("HER2", "ERBB2"),
        ("her2/neu", "ERBB2"),
        ("her-2", "ERBB2"),
        ("ER", "ESR1"),  # though other names hold these letters
        ("pr", "PGR"),
        ("Ki-67", "MKI67"),
        ("ki67", "MKI67"),
        ("PD-L1", "CD274"),
        ("pdl1", "CD274"),
        ("hladr", "HLA-DRA"),
        ("cd274", "CD274"),
    ],
)
def test_genes_are_found_by_what_pathologists_call_them(text, first):
    assert found(GeneNames(GENES), text)[0] == first


def test_one_name_may_mean_several_genes():
    names = GeneNames(GENES)
    assert found(names, "CD3")[:2] == ["CD3D", "CD3E"]
    assert names.meanings("CD3") == ["CD3D", "CD3E"]
    assert names.find("CD3") is None
    assert names.find("her2") == "ERBB2"
    assert names.find("erbb2") == "ERBB2"
    assert names.find("nothing") is None
    assert names.meanings("nothing") == []


def test_says_by_which_name_a_gene_was_found():
    names = GeneNames(GENES)
    assert names.reason(0, "her2") == "HER2"
    assert names.reason(0, "erbb") == ""
    assert names.reason(0, "") == ""
    assert names.reason(3, "hladra") == ""
    assert "HER2" in names.others(0)
    assert names.others(1) == ()


def test_names_in_the_data():
    var = pd.DataFrame(
        {
            "gene_ids": ["ENSG00000141736", "ENSG00000142864.15", np.nan],
            "feature_types": ["Gene Expression"] * 3,
            "Synonyms": ["MKN1|XYZ", "", None],
        },
        index=["ERBB2", "SERBP1", "ESR1"],
    )
    others = read_names(var, None)
    assert others == {"ERBB2": ["ENSG00000141736", "MKN1", "XYZ"], "SERBP1": ["ENSG00000142864.15"]}
    names = GeneNames(GENES, others)
    assert found(names, "ENSG00000141736") == ["ERBB2"]
    assert found(names, "ensg000001428") == ["SERBP1"]
    assert names.find("xyz") == "ERBB2"
    assert names.reason(1, "142864") == "ENSG00000142864.15"


def test_what_is_no_ensembl_id_is_no_name():
    assert read_names(pd.DataFrame({"gene_id": ["17"], "symbol": ["TP53"]}, index=["g"])) == {
        "g": ["TP53"]
    }


def test_a_table_of_ensembl_ids_with_symbols_beside_them():
    var = pd.DataFrame({"feature_name": ["ERBB2"]}, index=["ENSG00000141736"])
    names = GeneNames(list(var.index), read_names(var))
    assert found(names, "erbb2") == found(names, "HER2") == ["ENSG00000141736"]


def test_a_gene_of_an_older_table_is_found_by_its_present_symbol():
    assert GeneNames(["SEPP1"]).find("SELENOP") == "SEPP1"
    both = GeneNames(["SEPP1", "SELENOP"])
    assert both.find("SELENOP") == "SELENOP"
    assert both.others(0) == ()


def test_the_packaged_table_is_sound():
    table = _common_names()
    symbols = [symbol for symbol, _, _ in table]
    assert len(symbols) == len(set(symbols)) > 200
    for symbol, previous, aliases in table:
        assert symbol == symbol.strip()
        assert " " not in symbol
        assert previous or aliases
        assert symbol not in previous
        assert symbol not in aliases
        assert len(set(previous)) == len(previous)
        assert len(set(aliases)) == len(aliases)
    # A previous symbol that is another gene's approved one would give it that gene's names.
    assert not set(symbols) & {name for _, previous, _ in table for name in previous}


def test_an_empty_list():
    names = GeneNames([])
    rows, ranks = names.search("x")
    assert len(rows) == len(ranks) == 0
    assert names.search("")[0].size == 0


@given(
    st.lists(st.text("abCD1-.", min_size=1, max_size=5), unique=True, max_size=20),
    st.text("abCD1-. ", max_size=3),
)
def test_search_finds_every_gene_that_holds_the_text(genes, text):
    names = GeneNames(genes)
    rows, ranks = names.search(text)
    wanted = text.strip().casefold()
    holding = {i for i, gene in enumerate(genes) if wanted in gene.casefold()}
    assert holding <= set(rows)
    assert list(rows) == sorted(rows)
    if wanted:
        same = {i for i, gene in enumerate(genes) if gene.casefold() == wanted}
        assert same == set(rows[ranks == 0])
