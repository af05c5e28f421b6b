"""The report of a comparison: what it says, that it stands alone, and odd input."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_stexp.compare import (
    ReportContent,
    compose_comparison_report,
    write_comparison_report,
)
from napari_stexp.errors import EvaluationError, OutputError
from napari_stexp.evaluate.report_words import format_number
from tests.builders import StrictHTML
from tests.compare.contents import GENES, N, make_content, make_labels, make_prediction, make_spots

lxml_html = pytest.importorskip("lxml.html")

NASTY = "<script>alert('x')</script> & \"S\" $x_1$"


def _write(content: ReportContent, folder: Path) -> tuple[str, StrictHTML]:
    path = write_comparison_report(content, folder / "report.html")
    assert [entry.name for entry in folder.iterdir()] == ["report.html"]
    return StrictHTML.read(path)


def _words(text: str) -> str:
    """What a reader sees, with white space squeezed."""
    body = lxml_html.fromstring(text.encode()).find("body")
    for script in body.iter("script"):
        script.drop_tree()
    return re.sub(r"\s+", " ", body.text_content())


def _tables(text: str) -> list[list[list[str]]]:
    """Every table as rows of texts."""
    root = lxml_html.fromstring(text.encode())
    return [
        [[cell.text_content().strip() for cell in row.iter("th", "td")] for row in table.iter("tr")]
        for table in root.iter("table")
    ]


@pytest.fixture(scope="module")
def content() -> ReportContent:
    return make_content()


@pytest.fixture(scope="module")
def page(content, tmp_path_factory) -> tuple[str, StrictHTML]:
    return _write(content, tmp_path_factory.mktemp("page"))


def test_it_needs_nothing_from_anywhere(page) -> None:
    text, parser = page
    for tag, attributes in parser.seen:
        for name in ("src", "href", "xlink:href", "data", "action", "srcset"):
            target = attributes.get(name)
            if target and not (tag == "a" and target.startswith("https://doi.org/")):
                assert target.startswith(("#", "data:")), (tag, target[:60])
        assert tag not in ("link", "iframe", "object", "base")
    assert "url(" not in text.replace("url(#", "")
    assert "@import" not in text
    ids = [attributes["id"] for _, attributes in parser.seen if attributes.get("id")]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:href="|url\()#([\w-]+)', text))
    assert used <= set(ids)


def test_it_says_what_was_compared(page) -> None:
    words = _words(page[0])
    for text in (
        "For research use only",
        "Predicted expression and annotation of slide one",
        "small model, encoder resnet18",
        "labels.geojson (the outlined regions)",
        "100, 98 predicted, 100 measured, 98 labelled",
        "12 genes",
        "per-spot scale",
        "0.5 µm per pixel",
        "cd" * 32,
        "ab" * 32,
        "200 µm",  # the scale bar
    ):
        assert text in words, text


def test_tables_hold_the_numbers_of_the_results(page, content) -> None:
    tables = _tables(page[0])
    contrast = content.contrasts[0]
    (shown,) = [rows for rows in tables if ["Higher in Tumor"] in rows][:1]
    by_gene = {row[0]: row[1:] for row in shown if row[0] in GENES}
    assert set(by_gene) == set(GENES)
    for gene, cells in by_gene.items():
        row = contrast.table.loc[gene]
        assert cells[0] == format_number(row["mean_in"])
        assert cells[4] == format_number(row["auroc"])
    split = [row[0] for row in shown].index("Lower in Tumor")
    order = [row[0] for row in shown if row[0] in by_gene]
    higher = set(order[: split - 2])
    assert higher == set(contrast.table.index[contrast.table["auroc"] > 0.5])
    agreement = content.agreements[0]
    (confusion,) = [rows for rows in tables if rows[0][0] == "Label"]
    counts = pd.DataFrame(
        [row[1:] for row in confusion[1:]],
        index=[row[0] for row in confusion[1:]],
        columns=[int(name.removeprefix("domain ")) - 1 for name in confusion[0][1:]],
    ).astype(int)
    expected = agreement.confusion.loc[counts.index, counts.columns]
    np.testing.assert_array_equal(counts, expected)
    assert format_number(agreement.ari) in _words(page[0])


def test_the_whole_table_can_be_saved(page, content) -> None:
    links = [a for tag, a in page[1].seen if tag == "a" and a.get("download")]
    assert [a["download"] for a in links] == [
        "genes-Tumor-vs-all_other_classes-predicted.csv",
        "genes-Tumor-vs-all_other_classes-measured.csv",
    ]
    saved = base64.b64decode(links[0]["href"].partition(",")[2])
    table = pd.read_csv(io.BytesIO(saved), index_col="gene")
    pd.testing.assert_frame_equal(table, content.contrasts[0].table, rtol=1e-5)


def test_too_large_tables_are_left_to_the_folder(content, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("napari_stexp.compare.report_region_tables._MOST_BYTES", 100)
    text, parser = _write(dataclasses.replace(content, genes=()), tmp_path)
    assert not [a for tag, a in parser.seen if a.get("download")]
    assert "--tables" in text


def test_cautions_stand_once(page, content) -> None:
    words = _words(page[0])
    assert words.count("a test on predictions is not a test on measurements") == 1
    assert words.count("Neighbouring spots are not independent samples") == 1
    assert content.contrasts[0].caution in words


def test_without_counts_there_is_nothing_measured(tmp_path) -> None:
    text, _ = _write(make_content(measured=False), tmp_path)
    words = _words(text)
    assert "Prediction and measurement" not in words
    assert "The same by measurement" not in words
    assert "measured" not in words.split("Words used here")[0].replace("measurement", "")


def test_without_a_prediction_what_was_measured_is_shown(tmp_path, content) -> None:
    measured = [c for c in content.contrasts if c.source == "measured"]
    only = dataclasses.replace(
        content, prediction=None, scores=None, contrasts=measured, agreements=()
    )
    words = _words(_write(only, tmp_path)[0])
    assert "Measured expression and annotation" in words
    assert "measured higher in a region" in words
    assert "a test on predictions" not in words


def test_spots_alone_make_a_report(tmp_path) -> None:
    bare = ReportContent("S", prediction=make_prediction(), genes=[GENES[0]])
    words = _words(_write(bare, tmp_path)[0])
    assert "Maps of genes" in words
    for absent in ("Which genes mark", "Spatial domains and", "Prediction and measurement"):
        assert absent not in words


def test_names_from_files_are_text(tmp_path) -> None:
    labels = make_labels({NASTY: (1, 2, 3), "b & <i>": (4, 5, 6), "c": (7, 8, 9)})
    labels = dataclasses.replace(labels, title=NASTY)
    prediction = make_prediction(genes=[NASTY, "<b>", *GENES[2:]])
    prediction.uns["stexp"]["model"]["name"] = NASTY
    content = make_content(
        prediction=prediction,
        labels=labels,
        section=NASTY,
        remarks=[NASTY],
        provenance={NASTY: {"x": [NASTY, {"y": NASTY}]}},
        regions=[dataclasses.replace(make_content().regions[0], class_name=NASTY)],
    )
    text, parser = _write(content, tmp_path)
    assert sum(tag == "script" for tag, _ in parser.seen) == 1
    assert "<script>alert" not in text
    assert not any(tag in ("i", "b") and not a for tag, a in parser.seen if tag == "x")
    assert _words(text).count(NASTY) > 8


@pytest.mark.parametrize(
    ("record", "said", "unsaid"),
    [
        (None, "It isn't recorded", "Annotated blind"),
        ({"state": "off"}, "It isn't recorded", "Annotated blind"),
        (
            {
                "state": "locked",
                "started": "2026-03-04T10:00:00+00:00",
                "locked_at": "2026-03-04T10:12:30+00:00",
                "seconds": 750.0,
                "n_regions": 3,
            },
            "on 2026-03-04 at 10:00:00 UTC, with expression hidden. After 12 min 30 s the "
            "annotation was locked, and expression was shown, on 2026-03-04 at 10:12:30 UTC, "
            "with 3 regions.",
            "unlocked",
        ),
        (
            {"state": "unlocked", "locked_at": "?", "n_unlocks": 2, "seen_before": True},
            "unlocked 2 times after that",
            "Annotated blind",
        ),
        (
            {"state": "locked", "started": "x", "locked_at": "y", "seen_before": True},
            "Annotated with expression hidden. Annotating began",
            "Annotated blind",
        ),
        (
            {"state": "locked", "started": "x", "locked_at": "y"},
            "Annotated blind. Annotating began",
            "Not blind",
        ),
        ({"state": "annotating", "started": "x"}, "It wasn't locked yet", "shown on this slide"),
    ],
)
def test_how_the_annotation_was_made(record, said, unsaid) -> None:
    from napari_stexp.compare.report import _render
    from napari_stexp.compare.report_parts import make_view

    content = ReportContent("S", prediction=make_prediction(), labels=make_labels(),
                            blinding=record)  # fmt: skip
    words = _words(_render(content, make_view(content), None, [], [], ()))
    assert said in words
    assert unsaid not in words


@pytest.mark.parametrize("overlap", ["none", "unknown", "section", "patient", "patient left out"])
def test_tissue_that_the_model_knows_is_said(overlap: str) -> None:
    from napari_stexp.compare.report_words import say_overlap

    prediction = make_prediction()
    prediction.uns["stexp"]["reference"]["overlap"] = overlap
    said = say_overlap(ReportContent("S", prediction=prediction))
    assert bool(said) == (overlap not in ("none", "unknown"))


def test_progress_counts_up_to_its_total(content, tmp_path) -> None:
    reports = list(compose_comparison_report(content, tmp_path / "r.html"))
    assert [r.done for r in reports] == list(range(1, reports[-1].total + 1))
    assert {r.total for r in reports} == {len(content.genes) + len(content.agreements) + 4}


def test_nothing_is_left_of_a_report_that_is_stopped_or_fails(content, tmp_path) -> None:
    task = compose_comparison_report(content, tmp_path / "r.html")
    next(task)
    task.close()
    wrong = dataclasses.replace(content, genes=["GENE1", "no such gene"])
    with pytest.raises(EvaluationError, match="no such gene"):
        write_comparison_report(wrong, tmp_path / "r.html")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cant_be_written_is_told_at_once(content, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        next(compose_comparison_report(content, tmp_path / "file" / "r.html"))
    with pytest.raises(OutputError):
        next(compose_comparison_report(content, tmp_path / "r.html", tmp_path / "file"))
    with pytest.raises(OutputError):
        next(compose_comparison_report(content, tmp_path))


@pytest.mark.parametrize("part", ["labels", "contrasts", "agreements"])
def test_parts_must_be_of_the_same_spots(content, part) -> None:
    fewer = content.prediction[:50].copy()
    kept = {"labels": None, "contrasts": (), "agreements": ()}
    del kept[part]
    with pytest.raises(EvaluationError, match="of other spots"):
        dataclasses.replace(content, prediction=fewer, **kept)


def test_something_must_be_there() -> None:
    with pytest.raises(EvaluationError, match="prediction or measured spots"):
        ReportContent("S")
    assert ReportContent("S", spots=make_spots()).n_spots == N
