"""The report of a study: what it says, that it stands alone, and that it survives odd input."""

from __future__ import annotations

import dataclasses
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_stexp.errors import EvaluationError, OutputError
from napari_stexp.evaluate import report as report_module
from napari_stexp.evaluate.drawing import Picture
from napari_stexp.evaluate.report import compose_report, write_report
from napari_stexp.evaluate.report_words import describe_method, format_interval, format_number
from napari_stexp.evaluate.results import ALL, METRICS, StudyResult
from tests.builders import StrictHTML
from tests.evaluate.report_studies import SKILL, make_section, make_study

lxml_html = pytest.importorskip("lxml.html")

NASTY = "<script>alert('x')</script> & \"S\" $x_1$"


def _write(result: StudyResult, folder: Path) -> tuple[str, StrictHTML]:
    path = write_report(result, folder / "report.html")
    assert [entry.name for entry in folder.iterdir()] == ["report.html"]
    return StrictHTML.read(path)


def _words(text: str) -> str:
    """What a reader sees, with white space squeezed."""
    body = lxml_html.fromstring(text.encode()).find("body")
    return re.sub(r"\s+", " ", body.text_content())


@pytest.fixture
def without_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of words: plots take most of the time."""
    for name in [name for name in vars(report_module) if name.startswith("draw_")]:
        monkeypatch.setattr(report_module, name, lambda *_: Picture("data:image/png;", 9, 9, "-"))


@pytest.fixture(scope="module")
def study() -> StudyResult:
    sections = [
        make_section("S1", "P1", seed=1, blank_genes=2),
        make_section("S2", "P1", seed=2, unpredicted=3),
        make_section("S3", "P2", seed=3, labels=False),
    ]
    facts = {
        "title": "A <b>study</b>",
        "protocol": "hold-out by section",
        "model": {"name": "small one", "encoder": "resnet18", "sha256": "ab" * 32},
        "command": "napari-stexp evaluate run data -o report",
        "versions": {"numpy": "2.1", "torch": "2.9"},
        "trained_on": ["T1 (patient P1)", "T2 (patient P2)"],
        "remarks": ["Something to know & keep."],
        "settings": {"epochs": 90, "jitter": (0.5, 0.5, 0.5), "weights": None, "flips": True},
    }
    return make_study(sections, facts)


@pytest.fixture(scope="module")
def report(study: StudyResult, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, StrictHTML]:
    return _write(study, tmp_path_factory.mktemp("report"))


def test_it_needs_nothing_from_elsewhere(report: tuple[str, StrictHTML]) -> None:
    text, parser = report
    links = [attrs.get("href") or "" for tag, attrs in parser.seen if tag == "a"]
    outside = [link for link in links if not link.startswith("#")]
    assert all(link.startswith(("https://doi.org/", "https://arxiv.org/")) for link in outside), (
        outside
    )
    assert len(re.findall(r"https?://", text)) == len(outside)
    assert not {tag for tag, _ in parser.seen} & {"script", "link", "iframe", "object", "embed"}
    assert "@import" not in text
    for tag, attrs in parser.seen:
        source = attrs.get("src")
        assert source is None or source.startswith("data:image/"), tag
        if tag != "a" and attrs.get("href"):
            assert re.match(r"#|data:image/", attrs["href"] or ""), tag


def test_references_inside_it_exist_once(report: tuple[str, StrictHTML]) -> None:
    _, parser = report
    names = [attrs["id"] for _, attrs in parser.seen if attrs.get("id")]
    assert len(names) == len(set(names))
    used = {
        (attrs.get("href") or "")[1:]
        for _, attrs in parser.seen
        if (attrs.get("href") or "").startswith("#")
    }
    assert used <= set(names)
    assert {"tissue-0", "tissue-1", "tissue-2"} <= used


def test_images_have_a_text_and_a_size(report: tuple[str, StrictHTML]) -> None:
    _, parser = report
    images = [attrs for tag, attrs in parser.seen if tag == "img"]
    assert len(images) == 2 * 5  # two scales: sections, distribution, scatter, p, levels
    for attrs in images:
        assert attrs["alt"]
        assert int(attrs["width"] or 0) > 100


def test_tables_hold_the_numbers_of_the_result(
    study: StudyResult, report: tuple[str, StrictHTML]
) -> None:
    page = lxml_html.fromstring(report[0].encode())
    for scale in study.scales:
        part = page.xpath(f"//section[h2[@id='scale-{scale}']]")[0]
        overall, each = part.xpath(".//table[thead/tr/th[text()='Method']]")
        found = {ALL: overall.xpath("./tbody/tr")}
        for body, section in zip(each.xpath("./tbody"), study.sections, strict=True):
            head, *rows = body.xpath("./tr")
            assert section.name in head.text_content()
            found[section.name] = rows
        table = study.summary[study.summary["scale"] == scale]
        table = table.set_index(["section", "method", "metric"])
        for section, rows in found.items():
            assert len(rows) == len(study.methods)
            for row, method in zip(rows, study.methods, strict=True):
                assert row.find("th").text_content() == describe_method(method).name
                for cell, metric in zip(row.findall("td"), METRICS, strict=True):
                    _check_cell(cell.text_content(), table.loc[(section, method, metric)], metric)


def _check_cell(text: str, row: pd.Series, metric: str) -> None:
    if metric == "n_significant":
        assert float(text) == pytest.approx(row["value"], abs=0.05)
        return
    expected = format_number(row["value"]) + format_interval(row["ci_low"], row["ci_high"])
    assert text == expected


def test_gene_table_holds_every_gene_with_its_numbers(
    study: StudyResult, report: tuple[str, StrictHTML]
) -> None:
    page = lxml_html.fromstring(report[0].encode())
    n_sections = len(study.sections)
    for scale in study.scales:
        rows = page.xpath(f"//section[h2[@id='scale-{scale}']]//tr[th[@class='gene']]")
        found = {
            row.find("th").text_content(): [cell.text_content() for cell in row.findall("td")]
            for row in rows
        }
        table = study.scores[study.scores["scale"] == scale]
        mine = table[table["method"] == "mclstexp"].groupby("gene")
        theirs = table[table["method"] == "ridge_statistics"].groupby("gene")["pcc"].mean()
        assert set(found) == set(mine.groups)
        for gene, cells in found.items():
            part = mine.get_group(gene)
            mean = part["pcc"].mean()
            assert cells == [
                format_number(mean),
                format_interval(part["pcc"].min(), part["pcc"].max(), 2),
                format_number(theirs[gene]),
                format_number(mean - theirs[gene]),
                f"{int(((part['q'] < 0.05) & (part['pcc'] > 0)).sum())} of {n_sections}",
                format_number(part["mse"].mean()),
                format_number(part["mean_measured"].mean()),
            ]


def test_domain_tables_hold_the_agreement_of_the_result(
    study: StudyResult, report: tuple[str, StrictHTML]
) -> None:
    page = lxml_html.fromstring(report[0].encode())
    _, each = page.xpath("//table[thead/tr/th[text()='ARI']]")
    found = {
        (cells[0], cells[1]): cells[3:]
        for cells in ([cell.text_content() for cell in row] for row in each.xpath("./tbody/tr"))
    }
    assert len(found) == len(study.domains) == 2 * (len(study.methods) + 1)
    for _, row in study.domains.iterrows():
        method = str(row["method"])
        name = "Measured expression" if method == "measured" else describe_method(method).name
        assert found[row["section"], name] == [
            *(format_number(row[name]) for name in ("ari", "nmi")),
            *(f"{row[name]}" for name in ("n_domains", "n_classes", "n_spots")),
        ]


def test_sections_without_labels_are_named(report: tuple[str, StrictHTML]) -> None:
    assert "Not compared with labels (without a pathologist's labels: S3)." in _words(report[0])


def test_small_p_values_are_counted(study: StudyResult, report: tuple[str, StrictHTML]) -> None:
    words = _words(report[0])
    for scale in study.scales:
        table = study.scores[study.scores["scale"] == scale]
        table = table[table["method"] == "mclstexp"]
        n_p, n_q = (int(((table[x] < 0.05) & (table["pcc"] > 0)).sum()) for x in "pq")
        assert (
            f"Of {len(table)} pairs of gene and section, {n_p} have PCC > 0 and p < 0.05 "
            f"(two-sided), {n_q} PCC > 0 and q < 0.05; of 2 it is undefined. Per-{scale} scale, "
            "section held out." in words
        )


def test_every_table_and_plot_says_scale_and_hold_out(report: tuple[str, StrictHTML]) -> None:
    page = lxml_html.fromstring(report[0].encode())
    for scale in ("spot", "gene"):
        part = page.xpath(f"//section[h2[@id='scale-{scale}']]")[0]
        captions = part.xpath(".//caption | .//div[@class='plots']//figcaption")
        assert len(captions) >= 6
        for caption in captions:
            text = caption.text_content().lower()
            assert f"per-{scale} scale" in text
            assert "section held out" in text
    for caption in page.xpath("//section[h2[@id='domains']]//caption"):
        assert "per-spot scale; section held out" in caption.text_content()


def test_the_hold_out_and_the_facts_are_said(report: tuple[str, StrictHTML]) -> None:
    words = _words(report[0])
    for text in (
        "A <b>study</b>",
        "Section held out.",
        "optimistic",
        "Leakage: The model has seen other sections of patients P1 and P2, and their spots "
        "are in the reference bank.",
        "SHA-256" + "ab" * 32,
        "Commandnapari-stexp evaluate run data -o report",
        "Versionsnumpy 2.1, torch 2.9",
        "Something to know & keep.",
        "T1 (patient P1) and T2 (patient P2)",
        "small one, encoder resnet18",
        "jitter0.5, 0.5, 0.5",
        "weightsnot given",
        "For research use only.",
        "bbae551",
    ):
        assert text in words


@pytest.mark.usefixtures("without_plots")
def test_a_patient_held_out_is_said_in_other_words(tmp_path: Path) -> None:
    study = make_study([make_section(split="patient")])
    words = _words(_write(study, tmp_path)[0])
    assert "Whole patient held out." in words
    assert "optimistic" not in words
    assert "Leakage" not in words


@pytest.mark.parametrize(
    ("patients", "facts", "expected"),
    [
        (
            "PQ",
            {"excluded_patients": ["Q"]},
            "patients P and Q; the reference bank holds spots of P.",
        ),
        ("PQ", {"excluded_patients": ["P", "Q"]}, "patients P and Q; their spots were left out of"),
        ("PPQ", {"models": {}}, "patient P, and their spots are in the reference bank."),
        (["P", ""], {}, "bank; of some sections the patient isn't known"),
    ],
)
@pytest.mark.usefixtures("without_plots")
def test_leakage_names_the_patients_that_were_seen(
    patients: str, facts: dict[str, object], expected: str, tmp_path: Path
) -> None:
    sections = [
        make_section(f"S{at}", patient, n_genes=5, side=4, labels=False, scales=("spot",))
        for at, patient in enumerate(patients)
    ]
    words = _words(_write(make_study(sections, facts), tmp_path)[0])
    assert "Leakage: The model has seen other sections of patient" in words
    assert expected in words


def test_scales_are_never_in_one_table(report: tuple[str, StrictHTML]) -> None:
    page = lxml_html.fromstring(report[0].encode())
    captions = [caption.text_content() for caption in page.xpath("//section[h2]//caption")]
    named = [text for text in captions if "per-spot" in text or "per-gene" in text]
    assert named
    assert not any("per-spot" in text and "per-gene" in text for text in named)


def test_two_kinds_of_hold_out_are_refused(study: StudyResult, tmp_path: Path) -> None:
    scores = study.scores.copy()
    scores.loc[scores["section"] == "S1", "split"] = "patient"
    mixed = dataclasses.replace(study, scores=scores)
    with pytest.raises(EvaluationError, match="one kind of hold-out"):
        write_report(mixed, tmp_path / "report.html")
    assert list(tmp_path.iterdir()) == []


def test_names_are_escaped(tmp_path: Path) -> None:
    genes = [NASTY, *(f"G{at}" for at in range(11))]
    section = make_section(NASTY, NASTY, n_genes=12, genes=genes, scales=("spot",))
    labels = section.labels
    assert labels is not None
    section = dataclasses.replace(section, labels=labels.replace("adipose tissue", NASTY))
    other = make_section("S2", "P", n_genes=12, genes=genes, scales=("spot",), seed=1)
    facts = {"title": NASTY, "model": NASTY, NASTY: {NASTY: [NASTY]}, "remarks": NASTY}
    text, parser = _write(make_study([section, other], facts), tmp_path)
    assert "<script" not in text
    assert "alert('x')" not in text.replace("&lt;script&gt;alert(&#39;x&#39;)", "")
    assert NASTY in _words(text)
    assert "script" not in {tag for tag, _ in parser.seen}


@pytest.mark.parametrize("skill", [0.1, 0.9])
@pytest.mark.usefixtures("without_plots")
def test_the_verdict_follows_the_numbers(skill: float, tmp_path: Path) -> None:
    study = make_study([make_section(seed=4, skill=SKILL | {"mclstexp": skill}, scales=("spot",))])
    words = _words(_write(study, tmp_path)[0])
    beaten = "mclSTExp beats the strongest baseline" in words
    assert beaten == (skill > 0.5)
    assert ("mclSTExp does not beat the strongest baseline" in words) != beaten


@pytest.mark.usefixtures("without_plots")
def test_one_section_without_labels_or_thumbnail(tmp_path: Path) -> None:
    study = make_study([make_section(labels=False, thumbnail=False, scales=("spot",))])
    text, parser = _write(study, tmp_path)
    assert "Not compared with labels (without a pathologist's labels: S1)." in _words(text)
    assert not lxml_html.fromstring(text.encode()).xpath("//table[thead/tr/th[text()='ARI']]")
    assert "image" not in {tag for tag, _ in parser.seen}
    assert "All sections" not in text


def test_three_genes(tmp_path: Path) -> None:
    text, _ = _write(make_study([make_section(n_genes=3, scales=("spot",))]), tmp_path)
    page = lxml_html.fromstring(text.encode())
    mapped = [node.text_content() for node in page.xpath("//figcaption/b[@class='gene']")]
    assert sorted(mapped) == ["GENE1", "GENE2", "GENE3"]


@pytest.mark.usefixtures("without_plots")
def test_genes_without_a_correlation_come_last(tmp_path: Path) -> None:
    study = make_study([make_section(n_genes=8, blank_genes=2, scales=("spot",))])
    page = lxml_html.fromstring(_write(study, tmp_path)[0].encode())
    rows = page.xpath("//tr[th[@class='gene']]")
    texts = [(row.find("th").text_content(), row.findall("td")[0].text_content()) for row in rows]
    assert {gene for gene, _ in texts[-2:]} == {"GENE1", "GENE2"}
    assert [pcc for _, pcc in texts[-2:]] == [format_number(np.nan)] * 2
    mapped = {node.text_content() for node in page.xpath("//figcaption/b[@class='gene']")}
    assert not mapped & {"GENE1", "GENE2"}


def test_a_model_without_any_defined_correlation(tmp_path: Path) -> None:
    study = make_study([make_section(skill=SKILL | {"mclstexp": 0.0}, scales=("spot",))])
    words = _words(_write(study, tmp_path)[0])
    assert "No correlation of mclSTExp is defined" in words


@pytest.mark.parametrize("methods", [["mclstexp"], ["mean", "ridge_statistics"]])
def test_methods_may_be_missing(methods: list[str], tmp_path: Path) -> None:
    study = make_study(
        [make_section(skill={name: SKILL[name] for name in methods}, scales=("gene",))]
    )
    words = _words(_write(study, tmp_path)[0])
    alone = "There is no baseline to compare mclSTExp with" in words
    assert alone == ("mclstexp" in methods)


@pytest.mark.usefixtures("without_plots")
def test_no_resamples_no_intervals(tmp_path: Path) -> None:
    study = make_study([make_section(scales=("gene",))], n_bootstrap=0)
    text, _ = _write(study, tmp_path)
    assert 'class="ci"' not in text
    assert "No confidence interval of the difference is known" in text


def test_a_report_is_the_same_every_time_in_any_thread_and_without_pyplot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it fails
    study = make_study([make_section(n_genes=12, scales=("spot",))])
    first, second = tmp_path / "a.html", tmp_path / "b.html"
    write_report(study, first)
    thread = threading.Thread(target=write_report, args=(study, second))
    thread.start()
    thread.join()
    assert second.read_bytes() == first.read_bytes()


@pytest.mark.usefixtures("without_plots")
def test_progress_ends_at_the_total_and_closing_leaves_nothing(
    study: StudyResult, tmp_path: Path
) -> None:
    reports = list(compose_report(study, tmp_path / "a" / "report.html"))
    assert [report.done for report in reports] == list(range(1, reports[0].total + 1))
    task = compose_report(study, tmp_path / "b" / "report.html")
    next(task)
    task.close()
    assert list((tmp_path / "b").iterdir()) == []


@pytest.mark.usefixtures("without_plots")
def test_an_old_report_stays_where_writing_fails(
    study: StudyResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")

    def fill_the_disk(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", fill_the_disk)
    with pytest.raises(OutputError, match="No space left"):
        write_report(study, path)
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.slow
def test_size_of_a_large_study(tmp_path: Path) -> None:
    """36 sections of 324 spots by six methods stay below 15 MB."""
    rng = np.random.default_rng(0)
    sections = [
        dataclasses.replace(
            make_section(f"S{at}", f"P{at // 5}", seed=at, n_genes=785, side=18),
            thumbnail=rng.integers(0, 255, size=(390, 390, 3), dtype=np.uint8),
        )
        for at in range(36)
    ]
    path = write_report(make_study(sections, n_bootstrap=10), tmp_path / "report.html")
    assert path.stat().st_size < 15_000_000
