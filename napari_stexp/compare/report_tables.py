"""The tables of a comparison report: numbers of the results, rounded for print."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_stexp.compare.report_maps import number_domains
from napari_stexp.evaluate.report_tables import Confusion, lay_out_confusion
from napari_stexp.evaluate.report_words import (
    METRICS,
    MISSING,
    format_count,
    format_number,
    format_p,
    name_algorithm,
)
from napari_stexp.figure.outlines import hex_of

if TYPE_CHECKING:
    from napari_stexp.compare.agreement import Agreement
    from napari_stexp.compare.report_content import ReportContent

__all__ = [
    "AgreementPart",
    "ClassRow",
    "ScorePart",
    "describe_agreement",
    "list_classes",
    "list_scores",
]

N_DISAGREEING = 20


@dataclass(frozen=True)
class ClassRow:
    """A class of the labels; the last row is of spots without any."""

    name: str
    colour: str
    spots: str
    share: str
    regions: str
    area: str


@dataclass(frozen=True)
class AgreementPart:
    """Domains of one method next to the labels."""

    title: str
    numbers: tuple[str, ...]  # ARI, NMI, domains, classes, spots compared, spots clustered
    confusion: Confusion
    disagreeing: tuple[tuple[str, ...], ...]
    n_disagreeing: int


def list_classes(content: ReportContent) -> list[ClassRow]:
    """Return spots, regions and area of each class."""
    if content.labels is None:
        return []
    values = content.labels.values
    rows = []
    for name, color in content.labels.colours.items():
        of_class = [region for region in content.regions if region.class_name == name]
        n = int((values == name).sum())
        area = sum(region.geometry.area for region in of_class) * (content.mpp or math.nan) ** 2
        rows.append(
            ClassRow(
                name,
                hex_of(color),
                format_count(n),
                f"{100 * n / max(len(values), 1):.1f} %",
                format_count(len(of_class)) if of_class else MISSING,
                format_number(area / 1e6, 3) if of_class else MISSING,
            )
        )
    n = int((values == "").sum())
    share = f"{100 * n / max(len(values), 1):.1f} %"
    return [*rows, ClassRow("no label", "", format_count(n), share, MISSING, MISSING)]


def describe_agreement(content: ReportContent, agreement: Agreement) -> AgreementPart:
    """Return the numbers of an agreement, its confusion and its most disagreeing spots."""
    algorithm = name_algorithm(agreement.method)
    title = f"{algorithm} domains of the {agreement.source} expression"
    names, centers = list(content.base.obs_names), content.centers
    rows = tuple(
        (
            str(names[int(row["spot"])]),
            *(f"{value:.0f}" for value in centers[int(row["spot"])]),
            str(row["label"]),
            f"{int(row['domain']) + 1} ({row['matched']})",
            format_number(float(row["score"]), 2),
        )
        for row in agreement.disagreement.head(N_DISAGREEING).to_dict("records")
    )
    clustered = int((agreement.domains >= 0).sum())
    counts = agreement.n_domains, len(agreement.confusion), agreement.n_compared, clustered
    return AgreementPart(
        title=title,
        numbers=(
            format_number(agreement.ari),
            format_number(agreement.nmi),
            *map(format_count, counts),
        ),
        confusion=lay_out_confusion(title, number_domains(agreement)),
        disagreeing=rows,
        n_disagreeing=len(agreement.disagreement),
    )


@dataclass(frozen=True)
class ScorePart:
    """How the prediction agrees with the measurement: overall, and of the shown genes."""

    overall: tuple[tuple[str, str, str], ...]  # name, value, meaning
    genes: tuple[tuple[str, ...], ...]  # gene, PCC, p, q, MSE, mean measured
    facts: str


def list_scores(content: ReportContent) -> ScorePart | None:
    """Return the scores against the measurement, None without one."""
    result = content.scores
    if result is None:
        return None
    scale, table = result.scale, result.scores
    overall = tuple(
        (
            metric.name,
            format_number(float(result.summary[f"{key}_{scale}"]), metric.decimals),
            metric.meaning,
        )
        for key, metric in METRICS.items()
    )
    columns = [f"{name}_{scale}" for name in ("pcc", "p", "q", "mse", "mean_measured")]
    rows = tuple(
        (gene, *(
            format_p(value) if name[:2] in ("p_", "q_") else format_number(value)
            for name, value in zip(columns, table.loc[gene, columns], strict=True)
        ))
        for gene in dict.fromkeys(content.genes) if gene in table.index
    )  # fmt: skip
    facts = f"{format_count(result.summary['n_spots'])} spots, {format_count(len(table))} genes"
    if result.n_unpredicted:
        facts += f"; {format_count(result.n_unpredicted)} measured spots without a prediction"
    if result.missing_genes:
        facts += f"; {format_count(len(result.missing_genes))} predicted genes weren't measured"
    return ScorePart(overall, rows, facts)
