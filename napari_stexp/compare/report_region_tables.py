"""The tables of genes that mark a region."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_stexp.compare.report_saving import write_csv
from napari_stexp.evaluate.report_words import format_count, format_number, format_p
from napari_stexp.figure.saving import file_name

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.compare.region_genes import RegionGenes
    from napari_stexp.compare.report_content import ReportContent

__all__ = ["ContrastPart", "ContrastTable", "Download", "column_heads", "list_contrasts"]

N_TOP_GENES = 25
_N_HIGHER = 15  # of these, where there are so many
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
class Download:
    """A table that can be saved from the page: the name of its file, and a data URI or ''."""

    name: str
    source: str


#: A gene, and text and exact number for each column.
GeneRow = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True)
class ContrastTable:
    """The first genes of one contrast."""

    source: str
    n_inside: str
    n_outside: str
    groups: tuple[tuple[str, tuple[GeneRow, ...]], ...]  # 'Higher in A', its genes
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
    higher, lower = _choose_rows(contrast)
    groups = [(f"Higher in {sides.name_inside}", higher), (f"Lower in {sides.name_inside}", lower)]
    table = ContrastTable(
        source=contrast.source,
        n_inside=format_count(contrast.n_inside),
        n_outside=format_count(contrast.n_outside),
        groups=tuple((title, _round_rows(rows)) for title, rows in groups if len(rows)),
        n_genes=format_count(len(contrast.table)),
        caution=contrast.caution,
        download=Download(f"{name}.csv", source),
    )
    return table, len(text) if fits else 0


def _choose_rows(contrast: RegionGenes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the first genes that are higher inside, and lower: `N_TOP_GENES` in all."""
    table = contrast.table
    higher, lower = table[table["auroc"] > 0.5], table[table["auroc"] <= 0.5]
    n = min(max(_N_HIGHER, N_TOP_GENES - len(lower)), len(higher))
    return higher.head(n), lower.head(N_TOP_GENES - n)


def _round_rows(table: pd.DataFrame) -> tuple[GeneRow, ...]:
    return tuple(
        (
            str(gene),
            tuple(
                (_round(row[column], digits), f"{row[column]:.17g}")
                for column, (_, digits) in _COLUMNS.items()
            ),
        )
        for gene, row in zip(table.index, table.to_dict("records"), strict=True)
    )


def column_heads() -> list[str]:
    """Return the heads of a table of genes."""
    return [head for head, _ in _COLUMNS.values()]


def _round(value: float, digits: int) -> str:
    return format_p(value) if digits < 0 else format_number(value, digits)


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
