"""Lists of genes: pasted, from GMT files, and matched with what is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.errors import GeneListError
from napari_stexp.gene import GeneNames, GeneSet, match_genes, parse_genes, read_gmt

NAMES = st.lists(st.from_regex(r"[A-Z][A-Z0-9.\-]{0,8}", fullmatch=True), max_size=12)


@pytest.mark.parametrize(
    "text",
    [
        "ERBB2, GRB7, KRT8",
        "ERBB2 GRB7\tKRT8",
        "ERBB2\nGRB7\r\nKRT8\n",
        "ERBB2; GRB7;KRT8;",
        'c("ERBB2", "GRB7", "KRT8")',
        "['ERBB2', 'GRB7', 'KRT8', 'ERBB2']",
        "  ERBB2 | GRB7 | KRT8",
    ],
)
def test_names_may_be_pasted_in_any_form(text):
    assert parse_genes(text) == ("ERBB2", "GRB7", "KRT8")


@given(NAMES, st.sampled_from([" ", ",", ";", "\n", "\t", ", ", " ; ", "|"]))
def test_what_was_joined_is_parted_again(names, between):
    assert parse_genes(between.join(names)) == tuple(dict.fromkeys(names))


def test_nothing_pasted_is_nothing():
    assert parse_genes(" ,;\n") == ()


def test_a_list_is_matched_whatever_its_case_and_what_is_unknown_is_named():
    found = match_genes(["erbb2", "HLA-DRA", "NOSUCH", "ERBB2"], ["ERBB2", "Hla-dra", "hla-DRA"])

    assert found.known == ("ERBB2", "Hla-dra")
    assert found.unknown == ("NOSUCH",)


def test_the_very_name_goes_before_one_of_another_case():
    assert match_genes(["abc"], ["ABC", "abc"]).known == ("abc",)


def test_other_names_are_asked_for_last():
    other = {"HER2": "ERBB2"}.get

    found = match_genes(["HER2", "KRT8", "NOSUCH"], ["KRT8", "ERBB2"], other)

    assert found.known == ("ERBB2", "KRT8")
    assert found.unknown == ("NOSUCH",)


def write(folder, content):
    path = folder / "sets.gmt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_gmt_file_gives_its_sets_in_order(tmp_path):
    path = write(
        tmp_path,
        "HALLMARK_X\thttp://a.b/c\tISG15\tMX1\tISG15\n\nMINE\tna\tERBB2,1.0\tGRB7,0.5\t\t\r\n",
    )

    assert read_gmt(path) == [
        GeneSet("HALLMARK_X", ("ISG15", "MX1"), "sets.gmt: http://a.b/c"),
        GeneSet("MINE", ("ERBB2", "GRB7"), "sets.gmt"),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("A\tx\tERBB2\nno tabs here\n", "line 2 is no gene set"),
        ("A\tonly a description\n", "line 1 is no gene set"),
        ("\tx\tERBB2\n", "line 1 is no gene set"),
        ("A\tx\tERBB2\nA\ty\tGRB7\n", "'A' comes twice"),
        ("\n \n", "holds no gene sets"),
        (b"\xff\xfeA\x00", "is not UTF-8 text"),
    ],
)
def test_what_is_no_gmt_file_is_said_with_its_line(tmp_path, content, says):
    path = write(tmp_path, content)

    with pytest.raises(GeneListError, match=says) as caught:
        read_gmt(path)

    assert caught.value.path == path


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(GeneListError, match="can't be read"):
        read_gmt(tmp_path / "none.gmt")


def test_a_huge_file_is_not_read(tmp_path, monkeypatch):
    path = write(tmp_path, "A\tx\tERBB2\n")
    monkeypatch.setattr("napari_stexp.gene.sets._LARGEST_FILE", 5)

    with pytest.raises(GeneListError, match="too large"):
        read_gmt(path)


def test_a_name_of_several_genes_takes_them_all_and_says_so():
    names = GeneNames(["CD3E", "ERBB2", "CD3D"])

    match = match_genes(["cd3", "HER2", "CD3E", "none"], (), names.meanings)

    assert match.known == ("CD3D", "CD3E", "ERBB2")
    assert match.unknown == ("none",)
    assert match.families == {"cd3": ("CD3D", "CD3E")}
