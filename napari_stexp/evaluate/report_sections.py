"""What the report shows of each section: maps of genes, and of domains beside labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.evaluate.report_frames import Frame
from napari_stexp.evaluate.report_maps import (
    SpotMap,
    draw_values,
    robust_limits,
)
from napari_stexp.evaluate.report_words import (
    describe_scale,
    format_number,
    format_p,
    in_sentence,
)
from napari_stexp.evaluate.results import MODEL

if TYPE_CHECKING:
    from napari_stexp.evaluate.results import SectionEvaluation, StudyResult

__all__ = ["GeneMap", "SectionMaps", "choose_genes", "map_section"]

#: Genes mapped in one report, over all sections: what keeps its size within some megabytes.
_MOST_MAPS = 72
_PER_SECTION = 8


@dataclass(frozen=True)
class GeneMap:
    """A gene on a section: measured and predicted."""

    gene: str
    facts: str
    maps: tuple[SpotMap, ...]


@dataclass(frozen=True)
class SectionMaps:
    """The best and the worst predicted genes of a section."""

    name: str
    patient: str
    frame: Frame
    best: tuple[GeneMap, ...]
    worst: tuple[GeneMap, ...]


def choose_genes(
    result: StudyResult, section: str, scale: str, n: int
) -> tuple[list[str], list[str]]:
    """Return the n best and the n worst predicted genes of a section, the extremes first.

    Genes whose correlation is undefined are in neither, and none is in both.
    """
    scores = result.scores
    chosen = scores[
        (scores["scale"] == scale) & (scores["method"] == MODEL) & (scores["section"] == section)
    ]
    known = chosen[np.isfinite(chosen["pcc"])].sort_values("pcc", kind="stable")
    genes = [str(gene) for gene in known["gene"]]
    half = (len(genes) + 1) // 2
    return genes[::-1][: min(n, half)], genes[: min(n, len(genes) - min(n, half))]


def map_section(
    result: StudyResult,
    section: SectionEvaluation,
    scale: str,
    frame: Frame,
    baseline: str | None = None,
) -> SectionMaps:
    """Draw the best and the worst predicted genes of a section.

    Parameters
    ----------
    result : StudyResult
        The study.
    section : SectionEvaluation
        One of its sections.
    scale : {'spot', 'gene'}
        Expression scale of what is shown.
    frame : Frame
        Where the section's maps are drawn.
    baseline : str, optional
        The method whose correlation is named beside the model's.
    """
    n = int(np.clip(_MOST_MAPS // len(result.sections), 2, _PER_SECTION)) // 2
    measured, predicted = section.measured(scale), section.predicted[MODEL][scale]
    numbers = _take_numbers(result, section, scale, MODEL)
    rival = _take_numbers(result, section, scale, baseline) if baseline else {}

    def draw(gene: str) -> GeneMap:
        at = section.genes.index(gene)
        pcc, q_value = numbers[gene]["pcc"], numbers[gene]["q"]
        facts = f"PCC {format_number(pcc, 2)}, q {format_p(q_value)}"
        if baseline and gene in rival:
            facts += f" ({in_sentence(baseline)}: PCC {format_number(rival[gene]['pcc'], 2)})"
        facts += f"; {describe_scale(scale).name}"
        both = robust_limits(measured[:, at], predicted[:, at])
        own = robust_limits(predicted[:, at])
        maps = (
            draw_values(frame, measured[:, at], both, "Measured"),
            draw_values(frame, predicted[:, at], both, "Predicted, same colours"),
            draw_values(frame, predicted[:, at], own, "Predicted, own colours"),
        )
        return GeneMap(gene, facts, maps)

    best, worst = choose_genes(result, section.name, scale, n)
    return SectionMaps(
        section.name,
        section.section.patient,
        frame,
        tuple(map(draw, best)),
        tuple(map(draw, worst)),
    )


def _take_numbers(
    result: StudyResult, section: SectionEvaluation, scale: str, method: str
) -> dict[Any, dict[Any, Any]]:
    """Gene -> its correlation and q on one section."""
    scores = result.scores
    rows = scores[
        (scores["scale"] == scale)
        & (scores["method"] == method)
        & (scores["section"] == section.name)
    ]
    numbers: dict[Any, dict[Any, Any]] = rows.set_index("gene")[["pcc", "q"]].to_dict("index")
    return numbers
