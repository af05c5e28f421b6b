"""The tables of a comparison report: numbers of the results, rounded for print."""

from __future__ import annotations

import base64
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.compare.report_maps import number_domains
from napari_stexp.compare.report_outlines import hex_of
from napari_stexp.evaluate import is_labelled
from napari_stexp.evaluate.report_tables import Confusion, lay_out_confusion
from napari_stexp.evaluate.report_words import (
    METRICS,
    MISSING,
    format_count,
    format_number,
    format_p,
    name_algorithm,
)

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.compare.agreement import Agreement
    from napari_stexp.compare.region_genes import RegionGenes
    from napari_stexp.compare.report_content import ReportContent

__all__ = [
    "AgreementPart",
    "ClassRow",
    "ContrastPart",
    "ContrastTable",
    "Download",
    "ScorePart",
    "column_heads",
    "describe_agreement",
    "file_name",
    "list_classes",
    "list_contrasts",
    "list_scores",
    "write_csv",
]

N_TOP_GENES = 25
N_DISAGREEING = 20
#: Bytes of tables that are put into the page itself.
_MOST_BYTES = 2_500_000
#: Column -> its head, what it means, and how it is rounded.
_COLUMNS = {
    "mean_in": ("mean inside", 3),
    "mean_out": ("mean outside", 3),
    "difference": ("difference", 3),
    "log2_fold_change": ("log\N{SUBSCRIPT TWO} fold change", 2),
    "auroc": ("AUROC", 3),
    "p": ("p", -1),
    "q": ("q", -1),
}


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
class Download:
    """A table that can be saved from the page: the name of its file, and a data URI or ''."""

    name: str
    source: str


@dataclass(frozen=True)
class ContrastTable:
    """The first genes of one contrast."""

    source: str
    n_inside: str
    n_outside: str
    rows: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]  # gene, (text, exact) per column
    n_genes: str
    caution: str
    download: Download


@dataclass(frozen=True)
class ContrastPart:
    """One pair of sides, by prediction and, where there is one, by measurement."""

    inside: str
    outside: str
    margin: str
    tables: tuple[ContrastTable, ...]
    check: str


@dataclass(frozen=True)
class AgreementPart:
    """Domains of one method next to the labels."""

    title: str
    ari: str
    nmi: str
    facts: str
    confusion: Confusion
    disagreeing: tuple[tuple[str, ...], ...]
    n_disagreeing: int


def file_name(*parts: str) -> str:
    """Return a name that every file system takes, without a suffix."""
    words = (re.sub(r"[^\w.+-]+", "_", part, flags=re.ASCII).strip("_.") for part in parts)
    return "-".join(word for word in words if word)[:120] or "unnamed"


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


def list_contrasts(content: ReportContent) -> list[ContrastPart]:
    """Return the contrasts, those of the same two sides together, the predicted one first."""
    groups: dict[tuple[str, str, float], dict[str, RegionGenes]] = {}
    for contrast in content.contrasts:
        sides = contrast.sides
        key = (sides.name_inside, sides.name_outside, sides.margin_um)
        groups.setdefault(key, {})[contrast.source] = contrast
    room = _MOST_BYTES
    parts = []
    for (inside, outside, margin), by_source in groups.items():
        tables = []
        for source in sorted(by_source, reverse=True):
            table, size = _lay_out_contrast(by_source[source], room)
            room -= size
            tables.append(table)
        left_out = next(iter(by_source.values())).sides.n_left_out
        said = f"{format_count(left_out)} spots within {margin:g} µm of the border are left out."
        parts.append(
            ContrastPart(inside, outside, said if margin else "", tuple(tables), _check(by_source))
        )
    return parts


def _lay_out_contrast(contrast: RegionGenes, room: int) -> tuple[ContrastTable, int]:
    sides = contrast.sides
    name = file_name("genes", sides.name_inside, "vs", sides.name_outside, contrast.source)
    text = base64.b64encode(write_csv(contrast.table).encode()).decode("ascii")
    fits = len(text) <= room
    source = f"data:text/csv;charset=utf-8;base64,{text}" if fits else ""
    first = contrast.table.head(N_TOP_GENES)
    rows = tuple(
        (str(gene), tuple((_round(row[column], digits), f"{row[column]:.17g}")
                          for column, (_, digits) in _COLUMNS.items()))
        for gene, row in zip(first.index, first.to_dict("records"), strict=True)
    )  # fmt: skip
    table = ContrastTable(
        source=contrast.source,
        n_inside=format_count(contrast.n_inside),
        n_outside=format_count(contrast.n_outside),
        rows=rows,
        n_genes=format_count(len(contrast.table)),
        caution=contrast.caution,
        download=Download(f"{name}.csv", source),
    )
    return table, len(text) if fits else 0


def column_heads() -> list[str]:
    """Return the heads of a table of genes."""
    return [head for head, _ in _COLUMNS.values()]


def _round(value: float, digits: int) -> str:
    return format_p(value) if digits < 0 else format_number(value, digits)


def write_csv(table: pd.DataFrame) -> str:
    """Return a table of genes as CSV, with six digits."""
    return str(table.to_csv(float_format="%.6g", lineterminator="\n"))


def _check(by_source: dict[str, RegionGenes]) -> str:
    """Say how far what is predicted of the sides is what was measured."""
    from scipy.stats import spearmanr

    if set(by_source) != {"predicted", "measured"}:
        return ""
    predicted, measured = by_source["predicted"].table, by_source["measured"].table
    shared = predicted.index.intersection(measured.index, sort=False)
    first = shared[:N_TOP_GENES]
    same = np.sign(predicted.loc[first, "difference"]) == np.sign(measured.loc[first, "difference"])
    text = (
        f"Of the first {len(first)} genes by prediction that were measured, {int(same.sum())} "
        "differ in the same direction in the measurement"
    )
    both = predicted.loc[shared, "auroc"].to_numpy(), measured.loc[shared, "auroc"].to_numpy()
    if len(shared) < 3 or min(np.ptp(part) for part in both) == 0:
        return f"{text}."
    rank = float(spearmanr(*both).statistic)
    return (
        f"{text}; over {format_count(len(shared))} genes, the AUROC of the two correlate at "
        f"{format_number(rank, 2)} (Spearman)."
    )


def describe_agreement(content: ReportContent, agreement: Agreement) -> AgreementPart:
    """Return the numbers of an agreement, its confusion and its most disagreeing spots."""
    algorithm = name_algorithm(agreement.method)
    title = f"{algorithm} domains of the {agreement.source} expression"
    over = "labelled spots" if agreement.over == "labelled" else "all spots with values"
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
    labelled = int(is_labelled(agreement.labels).sum())
    facts = (
        f"{agreement.n_domains} domains of {over}; {format_count(agreement.n_compared)} of "
        f"{format_count(labelled)} labelled spots compared"
    )
    return AgreementPart(
        title=title,
        ari=format_number(agreement.ari),
        nmi=format_number(agreement.nmi),
        facts=facts,
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
