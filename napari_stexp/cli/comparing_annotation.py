"""``napari-stexp compare``: a prediction beside a pathologist's annotation, as a report."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.options import AsJson, Counts, check_suffix
from napari_stexp.cli.reporting import Reporter, print_facts, print_json
from napari_stexp.cli.study_output import the_command
from napari_stexp.cli.training_options import split_names

if TYPE_CHECKING:
    from napari_stexp.compare import ReportContent

EPILOG = """Examples:

napari-stexp compare predicted.h5ad slide.geojson --slide slide.svs

napari-stexp compare predicted.h5ad slide.geojson --slide slide.svs --classes Tumor:Stroma --margin-um 100 --genes ERBB2,COL1A1 -o report.html --figures figures

napari-stexp compare C4.h5ad ST-cluster/lbl/C4-cluster-annotation.tsv.gz --slide C4.jpg --measured ST-spotfiles/C4_selection.tsv --json

napari-stexp compare predicted.h5ad obs:label --measured spots.h5ad --domains none
"""  # noqa: E501

_SHOWN = "What is compared and shown"
_WRITTEN = "What is written"
_N_TOLD = 5  # genes of a region


class Domains(StrEnum):
    """How spatial domains are found."""

    AUTO = "auto"
    KMEANS = "kmeans"
    LEIDEN = "leiden"
    NONE = "none"


def command(
    ctx: typer.Context,
    prediction: Annotated[
        Path,
        typer.Argument(
            metavar="PREDICTION",
            exists=True,
            dir_okay=False,
            help="What `napari-stexp predict` wrote (.h5ad).",
        ),
    ],
    annotation: Annotated[
        str,
        typer.Argument(
            metavar="ANNOTATION",
            help="Regions (QuPath's GeoJSON, ImageScope's or ASAP's XML, NDPA), a table of labels "
            "per spot (.csv, .tsv, plain or gzipped; .h5ad), or obs:COLUMN, a column of the "
            "spots' own table.",
        ),
    ],
    slide: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="The slide that was predicted, for its picture; needed to read NDPA.",
        ),
    ] = None,
    measured: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="Counts measured at the same spots: .h5ad, a HER2ST spot file, Space Ranger's "
            "positions, or a folder with --section.",
        ),
    ] = None,
    counts: Counts = None,
    section: Annotated[
        str | None, typer.Option(help="Section of the folder that --measured names.")
    ] = None,
    column: Annotated[
        str | None, typer.Option(help="Column of the table of labels. (default: label)")
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="A|A:B|A:rest",
            help="Genes of a class against all others (A), against another (A:B), or against all "
            "other spots, labelled or not (A:rest); repeatable. (default: each class with 10 "
            "spots or more against all others)",
            rich_help_panel=_SHOWN,
        ),
    ] = None,
    margin_um: Annotated[
        float,
        typer.Option(
            min=0,
            help="Leave out spots this near the border of a class, µm.",
            rich_help_panel=_SHOWN,
        ),
    ] = 0.0,
    genes: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAMES",
            help="Genes to map, such as ERBB2,COL1A1; repeatable. (default: the first of each "
            "class, in turn)",
            rich_help_panel=_SHOWN,
        ),
    ] = None,
    n_genes: Annotated[
        int,
        typer.Option(
            min=0, help="How many genes to map where none are named.", rich_help_panel=_SHOWN
        ),
    ] = 6,
    domains: Annotated[
        Domains,
        typer.Option(
            help="Spatial domains to compare with the labels; auto: k-means, and Leiden where "
            "scanpy and igraph are installed.",
            rich_help_panel=_SHOWN,
        ),
    ] = Domains.AUTO,
    seed: Annotated[int, typer.Option(min=0, help="Of the domains.", rich_help_panel=_SHOWN)] = 0,
    title: Annotated[
        str, typer.Option(help="Of the report.", rich_help_panel=_WRITTEN, show_default=False)
    ] = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="The report. (default: PREDICTION's name with .comparison.html)",
            callback=check_suffix(".html", ".htm"),
            rich_help_panel=_WRITTEN,
        ),
    ] = None,
    figures: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="Folder for every figure as PNG (300 dpi) and SVG.",
            rich_help_panel=_WRITTEN,
        ),
    ] = None,
    tables: Annotated[
        Path | None,
        typer.Option(
            file_okay=False, help="Folder for every table as CSV.", rich_help_panel=_WRITTEN
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Compare a prediction with an annotation, and with a measurement; write a report.

    The report says which genes mark each region, how spatial domains agree with the labels,
    and, with --measured, how the prediction agrees with the measurement. It is one HTML
    file. A test on predictions is not a test on measurements.
    """
    from napari_stexp.compare import CompareParams, compare_annotation, compose_comparison_report
    from napari_stexp.files import check_writable

    if measured is None and (counts is not None or section is not None):
        raise typer.BadParameter("--counts and --section belong to --measured")
    output = output or prediction.with_name(f"{prediction.stem}.comparison.html")
    check_writable(output)
    params = CompareParams(
        classes=tuple(classes or ()),
        genes=tuple(split_names(genes)),
        n_genes=n_genes,
        margin_um=margin_um,
        methods=_METHODS[domains],
        seed=seed,
    )
    reporter: Reporter = ctx.obj
    content = reporter.run(
        compare_annotation(
            prediction,
            annotation,
            params,
            slide=slide,
            measured=measured,
            counts=counts,
            section=section,
            column=column,
        )
    )
    provenance = {"command": the_command(), **content.provenance}
    content = replace(content, title=title, provenance=provenance)
    reporter.run(compose_comparison_report(content, output, figures, tables))
    written = {"report": output, "figures": figures, "tables": tables}
    places = {name: str(path) for name, path in written.items() if path is not None}
    if as_json:
        print_json(_summarise(content) | places)
    else:
        print_facts(_say(content) | places)


_METHODS: dict[Domains, tuple[str, ...] | None] = {
    Domains.AUTO: None,
    Domains.KMEANS: ("kmeans",),
    Domains.LEIDEN: ("leiden",),
    Domains.NONE: (),
}


def _summarise(content: ReportContent) -> dict[str, Any]:
    """Return the main results, for programs."""
    from napari_stexp.compare.report_words import top_genes

    assert content.labels is not None
    return {
        "section": content.section,
        "scale": content.scale,
        "annotation": {"title": content.labels.title, "kind": content.labels.kind},
        "spots": _count(content),
        "agreement": [
            {
                "method": one.method,
                "source": one.source,
                "ari": one.ari,
                "nmi": one.nmi,
                "n_domains": one.n_domains,
                "n_classes": len(one.confusion),
                "n_spots": one.n_compared,
            }
            for one in content.agreements
        ],
        "contrasts": [
            {
                "inside": one.sides.name_inside,
                "outside": one.sides.name_outside,
                "source": one.source,
                "n_inside": one.n_inside,
                "n_outside": one.n_outside,
                "margin_um": one.sides.margin_um,
                "n_left_out": one.sides.n_left_out,
                "higher": top_genes(one, _N_TOLD),
                "lower": top_genes(one, _N_TOLD, higher=False),
            }
            for one in content.contrasts
        ],
        "measured": content.scores.summary if content.scores is not None else None,
        "genes": list(content.genes),
        "remarks": list(content.remarks),
    }


def _count(content: ReportContent) -> dict[str, int]:
    """Return class -> number of its spots; '' for those without any."""
    assert content.labels is not None
    names = [*content.labels.colours, ""]
    return {name: int((content.labels.values == name).sum()) for name in names}


def _say(content: ReportContent) -> dict[str, Any]:
    """Return the main results, for people."""
    from napari_stexp.compare.report_words import list_marks

    facts: dict[str, Any] = {"section": content.section}
    facts["spots"] = {name or "no label": n for name, n in _count(content).items() if n}
    if content.scores is not None:
        scale, summary = content.scores.scale, content.scores.summary
        facts[f"measured, per {scale}"] = (
            f"PCC {summary[f'acg_pcc_{scale}']:.3f} over {summary['n_genes']} genes (ACG), "
            f"{summary[f'heg_pcc_{scale}']:.3f} over the 50 most expressed (HEG)"
        )
    for one in content.agreements:
        facts[f"domains, {one.method}, {one.source}"] = f"ARI {one.ari:.3f}, NMI {one.nmi:.3f}"
    marks = list_marks(content)
    facts["predicted higher in"] = {
        f"{inside}, against {outside}": ", ".join(genes) or "none"
        for inside, outside, genes in marks
    }
    for at, remark in enumerate(content.remarks):
        facts["note" + (f" {at + 1}" if at else "")] = remark
    return facts
