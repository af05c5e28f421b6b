"""Favourite and recent genes: order, the file, two windows, files that are none."""

from __future__ import annotations

import pytest

from napari_stexp.session import Session
from napari_stexp.session.genes.gene_marks import GeneMarks


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("STEXP_DATA_DIR", str(tmp_path / "data"))
    return tmp_path / "data"


def test_favourites_come_and_go():
    marks = GeneMarks()
    told = []
    marks.changed.connect(lambda: told.append(marks.favourites))
    assert marks.favourites == ()
    marks.toggle("ERBB2")
    marks.set_favourites(["ESR1", "PGR", "ERBB2"])
    assert marks.favourites == ("ERBB2", "ESR1", "PGR")
    assert marks.is_favourite("ESR1")
    marks.toggle("ESR1")
    assert told[-1] == marks.favourites == ("ERBB2", "PGR")
    marks.set_favourites(["ERBB2"])
    assert len(told) == 3  # nothing new


def test_recent_genes_are_newest_first_and_few():
    marks = GeneMarks()
    for i in range(30):
        marks.note(f"G{i}")
    marks.note("G15")
    marks.note("G15")
    assert marks.recent[:3] == ("G15", "G29", "G28")
    assert len(marks.recent) == 20
    marks.forget_recent()
    assert marks.recent == ()


def test_they_are_there_at_the_next_start():
    marks = GeneMarks()
    marks.toggle("ERBB2")
    marks.note("ESR1")
    marks.columns = ["variance", "score"]
    again = GeneMarks()
    assert (again.favourites, again.recent) == (("ERBB2",), ("ESR1",))
    assert again.columns == ("variance", "score")


def test_two_windows_keep_each_other_s():
    one, other = GeneMarks(), GeneMarks()
    assert one.favourites == other.favourites == ()
    one.toggle("ERBB2")
    other.toggle("ESR1")
    other.note("PGR")
    assert GeneMarks().favourites == ("ERBB2", "ESR1")


@pytest.mark.parametrize("text", ["", "[1, 2]", "{", '{"favourites": 3}', '{"recent": null}', "\0"])
def test_a_damaged_file_is_no_reason_to_fail(folder, text):
    folder.mkdir()
    (folder / "genes.json").write_text(text)
    marks = GeneMarks()
    assert marks.favourites == marks.recent == ()
    marks.toggle("ERBB2")
    assert GeneMarks().favourites == ("ERBB2",)


def test_a_folder_that_cannot_be_written_loses_nothing_until_the_end(folder, caplog):
    folder.write_text("a file where the folder should be")
    marks = GeneMarks()
    marks.toggle("ERBB2")
    marks.toggle("ESR1")
    assert marks.favourites == ("ERBB2", "ESR1")
    assert "weren't saved" in caplog.text


def test_a_session_has_them():
    session = Session()
    session.marks.toggle("ERBB2")
    assert Session().marks.favourites == ("ERBB2",)
