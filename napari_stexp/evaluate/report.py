"""The report of a hold-out study: one HTML file that needs nothing else to be read."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate.drawing import Picture
from napari_stexp.evaluate.report_domains import (
    find_domain_scale,
    judge_domains,
    list_domain_maps,
    say_what_is_missing,
)
from napari_stexp.evaluate.report_figures import (
    draw_distribution,
    draw_levels,
    draw_p_values,
    draw_scatter,
    draw_sections,
)
from napari_stexp.evaluate.report_frames import Frame, frame_section
from napari_stexp.evaluate.report_maps import ramp_stops
from napari_stexp.evaluate.report_sections import SectionMaps, map_section
from napari_stexp.evaluate.report_study import describe_study
from napari_stexp.evaluate.report_tables import (
    GeneRow,
    SummaryGroup,
    list_domains,
    list_genes,
    list_mean_domains,
    list_summaries,
)
from napari_stexp.evaluate.report_verdict import Verdict, judge
from napari_stexp.evaluate.report_words import (
    GLOSSARY,
    METRICS,
    Words,
    describe_scale,
    describe_split,
    format_count,
    in_sentence,
    join_words,
)
from napari_stexp.evaluate.results import ALL, MODEL
from napari_stexp.files import atomic_path, check_writable
from napari_stexp.progress import Progress, exhaust

if TYPE_CHECKING:
    from napari_stexp.evaluate.results import SectionEvaluation, StudyResult

__all__ = ["compose_report", "write_report"]

_N_TOP_GENES = 50
#: Above so many sections their pictures are made smaller.
_MANY_SECTIONS = 12
_DRAWN = {"ahead", "level", "behind", "alone"}


def write_report(result: StudyResult, path: str | Path) -> Path:
    """Write a study's report as one self-contained HTML file.

    Parameters
    ----------
    result : StudyResult
        What `assess` returns. Of ``result.facts`` these are shown on top where they are
        given, and everything under *Settings and provenance*: ``title``, ``protocol``,
        ``model`` (text, or a mapping with ``name`` and ``encoder``), ``trained_on`` (list
        of text), ``remarks`` (list of text), ``created``.
    path : path-like
        The file to write; replaced if it is there, left alone if anything fails.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    EvaluationError
        The result holds no section, or numbers of more than one kind of hold-out.
    OutputError
        The file can't be written.

    See Also
    --------
    compose_report : the same in steps, with progress.
    """
    return exhaust(compose_report(result, path))


def compose_report(result: StudyResult, path: str | Path) -> Generator[Progress, None, Path]:
    """Write a study's report, yielding how far it is.

    Parameters and errors are those of `write_report`.

    Yields
    ------
    Progress
        Units are expression scales and sections.

    Returns
    -------
    Path
        The file.
    """
    path = Path(path)
    split = _find_split(result)
    check_writable(path)
    n_sections = len(result.sections)
    total = len(result.scales) + 2 * n_sections
    done = count(1)
    frames: list[Frame] = []
    for at, section in enumerate(result.sections):
        size = 1000 if n_sections <= _MANY_SECTIONS else 700
        frames.append(frame_section(section, f"tissue-{at}", size))
        yield Progress(next(done), total, "tissue")
    scales = []
    for scale in result.scales:
        scales.append(_describe_scale_part(result, scale))
        yield Progress(next(done), total, "plots")
    mapped = next((part for part in scales if part.verdict.outcome in _DRAWN), None)
    baseline = mapped.verdict.baseline if mapped else None
    for section, frame in zip(result.sections, frames, strict=True):
        if mapped is not None and _is_predicted(section, mapped.scale):
            mapped.maps.append(map_section(result, section, mapped.scale, frame, baseline))
        yield Progress(next(done), total, "maps")
    for part in scales:
        part.maps_elsewhere = mapped.words.name if mapped and part is not mapped else ""
    text = _render(
        **describe_study(result),
        split=describe_split(split),
        scales=scales,
        frames=frames,
        domains=_describe_domains(result, frames),
        missing_labels=say_what_is_missing(result),
    )
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


@dataclass
class _ScalePart:
    """What the page says on one expression scale."""

    scale: str
    key: str
    words: Words
    verdict: Verdict
    overall: list[SummaryGroup]
    groups: list[SummaryGroup]
    n_sections: int
    has_mean: bool
    resampled: str
    counts: str
    genes: list[GeneRow]
    baseline_name: str
    distribution: Picture
    sections_plot: Picture | None
    scatter: Picture | None
    p_values: Picture | None
    levels: Picture | None
    maps: list[SectionMaps]
    maps_elsewhere: str = ""


def _find_split(result: StudyResult) -> str:
    splits = {str(split) for split in result.scores["split"]}
    if not result.sections or len(splits) != 1:
        raise EvaluationError(
            "a report is about one kind of hold-out",
            expected="scores of at least one section, all held out by section or all by patient",
            found=f"{len(result.sections)} sections, held out by {join_words(sorted(splits))}",
            hint="Write one report for each.",
        )
    return splits.pop()


def _is_predicted(section: SectionEvaluation, scale: str) -> bool:
    return scale in section.predicted.get(MODEL, {})


def _describe_scale_part(result: StudyResult, scale: str) -> _ScalePart:
    verdict = judge(result, scale)
    groups = list_summaries(result, scale)
    several = len(result.sections) > 1
    drawn = verdict.outcome in _DRAWN
    baseline = verdict.baseline
    return _ScalePart(
        scale=scale,
        key=f"scale-{scale}",
        words=describe_scale(scale),
        verdict=verdict,
        # The mean over one section is that section: it is printed once, by its name.
        overall=groups[:1] if several else groups[-1:],
        groups=groups[1:] if several else [],
        n_sections=len(result.sections),
        has_mean="mean" in result.methods,
        resampled=_say_resampled(result, scale),
        counts=_count_p_values(result, scale),
        genes=list_genes(result, scale, baseline),
        baseline_name=in_sentence(baseline) if baseline else "",
        distribution=draw_distribution(result, scale),
        sections_plot=draw_sections(result, scale) if several else None,
        scatter=draw_scatter(result, scale, baseline) if drawn and baseline else None,
        p_values=draw_p_values(result, scale) if drawn else None,
        levels=draw_levels(result, scale) if drawn else None,
        maps=[],
    )


def _say_resampled(result: StudyResult, scale: str) -> str:
    """Say what the intervals over all sections were drawn from."""
    table = result.summary
    if "resampled" not in table:
        return ""
    words = table.loc[(table["scale"] == scale) & (table["section"] == ALL), "resampled"]
    found = sorted({str(word) for word in words if isinstance(word, str) and word})
    if not found:
        return ""
    text = f" from resampled {join_words(found)}"
    if "spots" in found:
        return f"{text}, which says nothing about other sections or patients"
    n_units = {"patients": len({part.section.patient for part in result.sections})}
    n = min(n_units.get(word, len(result.sections)) for word in found)
    return f"{text} ({n}: so few make it too narrow)" if n < 10 else text


def _count_p_values(result: StudyResult, scale: str) -> str:
    """Say for how many genes p and q are small."""
    scores = result.scores
    chosen = scores[(scores["scale"] == scale) & (scores["method"] == MODEL)]
    positive = chosen[chosen["pcc"] > 0]
    p, q = int((positive["p"] < 0.05).sum()), int((positive["q"] < 0.05).sum())
    undefined = int(chosen["pcc"].isna().sum())
    what = "genes" if len(result.sections) == 1 else "pairs of gene and section"
    return (
        f"Of {format_count(len(chosen))} {what}, {format_count(p)} have PCC > 0 and p < 0.05 "
        f"(two-sided), {format_count(q)} PCC > 0 and q < 0.05"
        + (f"; of {format_count(undefined)} it is undefined." if undefined else ".")
    )


def _describe_domains(result: StudyResult, frames: list[Frame]) -> dict[str, Any] | None:
    rows = list_domains(result)
    if not rows:
        return None
    return {
        "rows": rows,
        "means": list_mean_domains(result),
        "sentences": judge_domains(result),
        "sections": list_domain_maps(result, frames),
        "words": describe_scale(find_domain_scale(result)),
    }


def _render(**values: Any) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from napari_stexp._version import __version__

    loader = PackageLoader("napari_stexp.evaluate", "report_templates")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup(loader.get_source(environment, "style.css")[0])
    return environment.get_template("page.html").render(
        style=style,
        version=__version__,
        ramp=ramp_stops(9),
        metrics=list(METRICS.values()),
        model=MODEL,
        glossary=GLOSSARY,
        n_top=_N_TOP_GENES,
        **values,
    )
