"""The report of a comparison: one HTML file that needs nothing else to be read."""

from __future__ import annotations

from collections.abc import Generator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.compare.report_maps import number_domains
from napari_stexp.compare.report_parts import (
    DomainPart,
    FigureWriter,
    GenePart,
    View,
    describe_domains,
    describe_gene,
    make_view,
)
from napari_stexp.compare.report_region_tables import column_heads, list_contrasts
from napari_stexp.compare.report_saving import write_csv, write_text
from napari_stexp.compare.report_tables import list_classes, list_scores
from napari_stexp.compare.report_values import read_genes
from napari_stexp.compare.report_words import (
    WORDS,
    describe_blinding,
    describe_content,
    list_marks,
    say_in_short,
    say_overlap,
    title_of,
)
from napari_stexp.evaluate.drawing import Picture
from napari_stexp.evaluate.report_maps import SpotMap, ramp_stops
from napari_stexp.evaluate.report_tables import list_facts
from napari_stexp.evaluate.report_words import describe_scale
from napari_stexp.figure.outlines import MOST_REGIONS
from napari_stexp.figure.saving import file_name, unique_name
from napari_stexp.files import atomic_path, check_writable
from napari_stexp.progress import Progress, exhaust

if TYPE_CHECKING:
    from napari_stexp.compare.report_content import ReportContent

__all__ = ["compose_comparison_report", "write_comparison_report"]


def write_comparison_report(
    content: ReportContent,
    path: str | Path,
    figures: str | Path | None = None,
    tables: str | Path | None = None,
) -> Path:
    """Write a comparison as one self-contained HTML file.

    Parameters
    ----------
    content : ReportContent
        What is shown; `compare_annotation` puts it together from files.
    path : path-like
        The file to write; replaced if it is there, left alone if anything fails.
    figures : path-like, optional
        A folder for every figure as PNG (300 dpi) and SVG.
    tables : path-like, optional
        A folder for every table as CSV, whole.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    EvaluationError
        A gene to show has no values, or the prediction doesn't say its scale.
    OutputError
        A file can't be written.

    See Also
    --------
    compose_comparison_report : the same in steps, with progress.
    """
    return exhaust(compose_comparison_report(content, path, figures, tables))


def compose_comparison_report(
    content: ReportContent,
    path: str | Path,
    figures: str | Path | None = None,
    tables: str | Path | None = None,
) -> Generator[Progress, None, Path]:
    """Write a comparison, yielding how far it is.

    Parameters and errors are those of `write_comparison_report`.

    Yields
    ------
    Progress
        Units are genes, agreements, and a few steps before and after them.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    check_writable(path)
    for folder in (figures, tables):
        if folder is not None:
            check_writable(Path(folder) / "index")
    writer = FigureWriter(content, None if figures is None else Path(figures))
    total, done = len(content.genes) + len(content.agreements) + 4, count(1)
    values = read_genes(content)
    yield Progress(next(done), total, "tissue")
    view = make_view(content)
    label_map = writer.write_whole(view)
    yield Progress(next(done), total, "genes")
    genes = []
    for gene in values:
        genes.append(describe_gene(content, view, gene, writer))
        yield Progress(next(done), total, "genes")
    agreements = []
    for agreement in content.agreements:
        agreements.append(describe_domains(content, view, agreement, writer))
        yield Progress(next(done), total, "domains")
    if tables is not None:
        _write_tables(content, Path(tables))
    yield Progress(next(done), total, "page")
    text = _render(content, view, label_map, genes, agreements, writer.draw_scores())
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    yield Progress(total, total, "page")
    return path


def _write_tables(content: ReportContent, folder: Path) -> None:
    taken: set[str] = set()
    for contrast in content.contrasts:
        sides = contrast.sides
        name = file_name("genes", sides.name_inside, "vs", sides.name_outside, contrast.source)
        write_text(folder / f"{unique_name(name, taken)}.csv", write_csv(contrast.table))
    for agreement in content.agreements:
        name = f"{agreement.method}-{agreement.source}"
        table = agreement.disagreement.copy()
        table.insert(0, "barcode", [content.base.obs_names[at] for at in table["spot"]])
        write_text(folder / f"confusion-{name}.csv", number_domains(agreement).to_csv())
        write_text(folder / f"disagreement-{name}.csv", table.to_csv(index=False))
    if content.scores is not None:
        write_text(folder / "correlations.csv", write_csv(content.scores.scores))


def _render(
    content: ReportContent,
    view: View,
    label_map: SpotMap | None,
    genes: list[GenePart],
    agreements: list[DomainPart],
    correlations: tuple[Picture, ...],
) -> str:
    from napari_stexp._version import __version__

    environment = _make_environment()
    return environment.get_template("comparison.html").render(
        style=_read_style(environment),
        version=__version__,
        title=title_of(content),
        glance=describe_content(content),
        overlap=say_overlap(content),
        remarks=[str(remark) for remark in content.remarks],
        in_short=say_in_short(content),
        marks=list_marks(content),
        cautions=_list_cautions(content),
        scale=describe_scale(content.scale),
        frame=view.frame,
        outlines=view.outlines,
        paths=view.paths,
        hidden_regions=max(len(content.regions) - MOST_REGIONS, 0),
        ramps={name: ramp_stops(9, name) for name in ("ramp", "diverging")},
        section=content.section,
        label_map=label_map,
        labels=content.labels,
        classes=list_classes(content),
        genes=genes,
        is_predicted=content.prediction is not None,
        is_measured=content.is_measured,
        contrasts=list_contrasts(content),
        heads=column_heads(),
        agreements=agreements,
        scores=list_scores(content),
        correlations=correlations,
        blinding=describe_blinding(content.blinding),
        words=WORDS,
        facts=list_facts(_collect_facts(content)),
    )


def _list_cautions(content: ReportContent) -> list[str]:
    """Return what is to be said of the contrasts, each thing once."""
    said = dict.fromkeys(contrast.caution for contrast in content.contrasts)
    return [text for text in said if not any(text in other for other in said if other != text)]


def _make_environment() -> Any:
    from jinja2 import ChoiceLoader, Environment, PackageLoader, PrefixLoader, StrictUndefined

    shared = PackageLoader("napari_stexp.evaluate", "report_templates")
    own = PackageLoader("napari_stexp.compare", "report_templates")
    return Environment(
        loader=ChoiceLoader([own, PrefixLoader({"shared": shared})]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _read_style(environment: Any) -> Any:
    from markupsafe import Markup

    names = ("shared/style.css", "comparison.css")
    loader = environment.loader
    return Markup("\n".join(loader.get_source(environment, name)[0] for name in names))


def _collect_facts(content: ReportContent) -> dict[str, Any]:
    """Return all that the report depends on: its own provenance, and the prediction's."""
    facts: dict[str, Any] = dict(content.provenance)
    if content.facts:
        facts["prediction"] = dict(content.facts)
    if content.blinding is not None:
        facts["annotating"] = dict(content.blinding)
    return facts
