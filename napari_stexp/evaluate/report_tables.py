"""The tables of the report: numbers of the result, rounded for print and not computed anew."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.evaluate.domains import match_domains
from napari_stexp.evaluate.report_verdict import mean_over_sections, read_value
from napari_stexp.evaluate.report_words import (
    METRICS,
    describe_method,
    format_count,
    format_interval,
    format_number,
    format_p,
    name_algorithm,
)
from napari_stexp.evaluate.results import ALGORITHMS, ALL, MEASURED, METHODS, MODEL

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.evaluate.results import StudyResult

__all__ = [
    "Cell",
    "Confusion",
    "Fact",
    "GeneRow",
    "SummaryGroup",
    "lay_out_confusion",
    "list_confusions",
    "list_domains",
    "list_facts",
    "list_genes",
    "list_mean_domains",
    "list_summaries",
    "name_clustered",
]


@dataclass(frozen=True)
class Cell:
    """A number with its confidence interval; ``best`` among the methods of its group."""

    value: str
    interval: str = ""
    best: bool = False


@dataclass(frozen=True)
class SummaryGroup:
    """The methods' metrics on one section, or on all."""

    section: str
    name: str
    patient: str
    n_spots: str
    n_genes: str
    rows: tuple[tuple[str, str, tuple[Cell, ...]], ...]  # method, its title, a cell per metric


@dataclass(frozen=True)
class GeneRow:
    """Scores of one gene, mean over the sections where they are defined."""

    gene: str
    level: str
    pcc: str
    baseline: str
    difference: str
    interval: str
    significant: str
    mse: str


@dataclass(frozen=True)
class Confusion:
    """Pathologist's classes (rows) by domains (columns), counted in spots."""

    method: str
    classes: tuple[str, ...]
    domains: tuple[str, ...]
    cells: tuple[tuple[tuple[int, float, str, str], ...], ...]
    """Per class and domain: spots, share of the class, colours of the cell and its text."""


@dataclass(frozen=True)
class Fact:
    """A setting: a text, or settings inside it."""

    name: str
    text: str = ""
    parts: tuple[Fact, ...] = ()


def list_summaries(result: StudyResult, scale: str) -> list[SummaryGroup]:
    """Return the summary of one scale: all sections first, then each by itself."""
    groups = []
    table = result.summary[result.summary["scale"] == scale]
    sections = [("All sections", ALL, "")]
    sections += [(part.name, part.name, part.section.patient) for part in result.sections]
    for name, key, patient in sections:
        part = table[table["section"] == key]
        if part.empty:
            continue
        methods = [method for method in METHODS if method in set(part["method"])]
        cells = {metric: _metric_cells(result, scale, methods, metric, key) for metric in METRICS}
        rows = tuple(
            (method, describe_method(method).name, tuple(cells[metric][at] for metric in METRICS))
            for at, method in enumerate(methods)
        )
        spots, genes = (format_count(float(part[name].max())) for name in ("n_spots", "n_genes"))
        groups.append(SummaryGroup(key, name, patient, spots, genes, rows))
    return groups


def _metric_cells(
    result: StudyResult, scale: str, methods: Sequence[str], metric: str, section: str
) -> list[Cell]:
    decimals, higher = METRICS[metric].decimals, METRICS[metric].higher_is_better
    found = [read_value(result.summary, scale, method, metric, section) for method in methods]
    finite = [value for value, _, _ in found if math.isfinite(value)]
    best = (max(finite) if higher else min(finite)) if finite else math.nan
    if not decimals:  # a mean of counts over sections need not be whole
        decimals = 0 if all(value == round(value) for value in finite) else 1
    return [
        Cell(
            format_number(value, decimals),
            format_interval(low, high, decimals),
            value == best and len(finite) > 1,
        )
        for value, low, high in found
    ]


def list_genes(result: StudyResult, scale: str, baseline: str | None) -> list[GeneRow]:
    """Return a row per gene, the best predicted first; undefined correlations last."""
    scores = result.scores
    ours = scores[(scores["scale"] == scale) & (scores["method"] == MODEL)]
    if ours.empty:
        return []
    by_gene = ours.groupby("gene", sort=False)
    table = by_gene[["pcc", "mse", "mean_measured"]].mean()
    table["low"], table["high"] = by_gene["pcc"].min(), by_gene["pcc"].max()
    table["baseline"] = mean_over_sections(result, scale, baseline) if baseline else math.nan
    table["significant"] = _count_significant(ours)
    table["q"] = by_gene["q"].first()  # shown of a single section only
    n_sections = ours["section"].nunique()
    table = table.sort_values(["pcc", "mean_measured"], ascending=False, na_position="last")
    rows: list[dict[Any, Any]] = table.to_dict("records")
    return [
        GeneRow(
            gene=str(gene),
            level=format_number(row["mean_measured"]),
            pcc=format_number(row["pcc"]),
            baseline=format_number(row["baseline"]),
            difference=format_number(row["pcc"] - row["baseline"]),
            interval=format_interval(row["low"], row["high"], 2) if n_sections > 1 else "",
            significant=f"{int(row['significant'])} of {n_sections}"
            if n_sections > 1
            else format_p(row["q"]),
            mse=format_number(row["mse"]),
        )
        for gene, row in zip(table.index, rows, strict=True)
    ]


def _count_significant(scores: pd.DataFrame) -> pd.Series[Any]:
    significant = (scores["q"] < 0.05) & (scores["pcc"] > 0)
    return significant.groupby(scores["gene"], sort=False).sum()


def list_domains(result: StudyResult) -> list[tuple[str, ...]]:
    """Return section, what was clustered, algorithm, ARI, NMI, domains, classes, spots."""
    table = result.domains
    if table is None or table.empty:
        return []
    names = [section.name for section in result.sections]
    rows: list[dict[Any, Any]] = table.to_dict("records")
    rows.sort(key=lambda row: (_place(row["section"], names), *_place_domains(row)))
    return [_say_domains(str(row["section"]), row) for row in rows]


def list_mean_domains(result: StudyResult) -> list[tuple[str, ...]]:
    """Return the rows of `list_domains` as means over sections; none for a single one."""
    table = result.domains
    if table is None or table["section"].nunique() < 2:
        return []
    groups = table.groupby(["method", "algorithm"], sort=False)
    means = groups[["ari", "nmi", "n_domains", "n_classes"]].mean()
    means[["n_spots", "n"]] = groups["n_spots"].agg(["sum", "size"]).to_numpy()
    rows: list[dict[Any, Any]] = means.reset_index().to_dict("records")
    rows.sort(key=_place_domains)
    return [_say_domains(f"{row['n']:.0f} sections", row) for row in rows]


def _say_domains(section: str, row: dict[Any, Any]) -> tuple[str, ...]:
    numbers = [float(row[name]) for name in ("n_domains", "n_classes")]
    return (
        section,
        name_clustered(str(row["method"])),
        name_algorithm(str(row["algorithm"])),
        format_number(row["ari"]),
        format_number(row["nmi"]),
        *(format_number(value, 0 if value == round(value) else 1) for value in numbers),
        format_count(row["n_spots"]),
    )


def _place_domains(row: dict[Any, Any]) -> tuple[int, int]:
    return _place(row["algorithm"], ALGORITHMS), _place(row["method"], [MEASURED, *METHODS])


def _place(name: Any, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def name_clustered(method: str) -> str:
    """Name what domains were found in: the measurement, or a method's prediction."""
    return "Measured expression" if method == MEASURED else describe_method(method).name


def list_confusions(result: StudyResult, section: str, algorithm: str) -> list[Confusion]:
    """Return the confusion tables of the measurement and of the model on one section."""
    found = []
    for method in (MEASURED, MODEL):
        table = result.confusions.get((section, method, algorithm))
        if table is None or table.empty:
            continue
        found.append(lay_out_confusion(name_clustered(method), table))
    return found


def lay_out_confusion(title: str, table: pd.DataFrame) -> Confusion:
    """Order the domains by the classes that they match, and colour each cell by its share.

    Parameters
    ----------
    title : str
        What was clustered.
    table : DataFrame
        Spots per class (rows) and domain (columns).
    """
    table = table.iloc[:, list(match_domains(table))]
    counts = np.asarray(table.to_numpy(), dtype=np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    cells = tuple(
        tuple(
            (int(count), float(share), *_heat(float(share)))
            for count, share in zip(*pair, strict=True)
        )
        for pair in zip(counts, shares, strict=True)
    )
    return Confusion(title, tuple(map(str, table.index)), tuple(map(str, table.columns)), cells)


def _heat(share: float) -> tuple[str, str]:
    """Return the colours of a cell (white to dark blue) and of a text that is read on it."""
    low, high = np.array([255, 255, 255]), np.array([0, 74, 120])
    red, green, blue = np.round(low + (high - low) * share).astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}", "#fff" if share > 0.5 else "#1c2430"


def list_facts(facts: Mapping[str, Any]) -> tuple[Fact, ...]:
    """Return settings and provenance as a tree of texts, in their own order."""
    return tuple(_fact(str(name), value) for name, value in facts.items())


def _fact(name: str, value: Any) -> Fact:
    name = name.replace("_", " ")
    if isinstance(value, Mapping):
        return Fact(name, "" if value else "none", list_facts(value))
    if isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
        return Fact(name, "", tuple(_fact(str(at + 1), part) for at, part in enumerate(value)))
    if isinstance(value, list | tuple):
        return Fact(name, ", ".join(map(_say, value)) or "none")
    return Fact(name, _say(value))


def _say(value: Any) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping | list | tuple):
        return f"({', '.join(map(_say, value))})"
    return str(value)
