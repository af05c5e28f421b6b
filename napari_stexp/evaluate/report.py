"""The report of a hold-out study: one HTML file that needs nothing else to be read."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate.report_domains import find_domain_scale, list_domain_maps
from napari_stexp.evaluate.report_figures import (
    Picture,
    draw_distribution,
    draw_levels,
    draw_p_values,
    draw_scatter,
    draw_sections,
)
from napari_stexp.evaluate.report_maps import Frame, frame_section, ramp_stops
from napari_stexp.evaluate.report_sections import SectionMaps, map_section
from napari_stexp.evaluate.report_tables import (
    GeneRow,
    SummaryGroup,
    list_domains,
    list_facts,
    list_genes,
    list_mean_domains,
    list_summaries,
)
from napari_stexp.evaluate.report_verdict import Verdict, judge, judge_domains
from napari_stexp.evaluate.report_words import (
    GLOSSARY,
    METRICS,
    Words,
    describe_method,
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

_TITLE = "How well mclSTExp predicts gene expression on unseen tissue"
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
    for section, frame in zip(result.sections, frames, strict=True):
        if mapped is not None and _is_predicted(section, mapped.scale):
            mapped.maps.append(map_section(result, section, mapped.scale, frame))
        yield Progress(next(done), total, "maps")
    for part in scales:
        part.maps_elsewhere = mapped.words.name if mapped and part is not mapped else ""
    text = _render(
        **_describe_study(result),
        split=describe_split(split),
        scales=scales,
        frames=frames,
        domains=_describe_domains(result, frames),
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


def _describe_study(result: StudyResult) -> dict[str, Any]:
    facts = result.facts
    return {
        "title": str(facts.get("title") or _TITLE),
        "lead": _lead(result),
        "glance": _glance(result),
        "remarks": [str(remark) for remark in _as_list(facts.get("remarks"))],
        "methods": [describe_method(method) for method in result.methods],
        "facts": list_facts(facts),
    }


def _lead(result: StudyResult) -> str:
    n_spots = sum(section.n_spots for section in result.sections)
    n_sections = len(result.sections)
    genes = {gene for section in result.sections for gene in section.genes}
    return (
        f"Expression of {format_count(len(genes))} genes was predicted from H&E images at "
        f"{format_count(n_spots)} spots of {n_sections} held-out section"
        f"{'s' if n_sections > 1 else ''} and compared with what was measured there, beside "
        "simple methods that any useful model must beat."
    )


def _glance(result: StudyResult) -> list[tuple[str, str]]:
    facts = result.facts
    organs = sorted({section.section.organ for section in result.sections} - {""})
    rows = [
        ("Protocol", facts.get("protocol")),
        ("Model", _say_model(facts.get("model"))),
        ("Trained on", join_words([str(part) for part in _as_list(facts.get("trained_on"))], 40)),
        ("Tested on", _say_sections(result.sections)),
        ("Organ", join_words(organs)),
        ("Made", facts.get("created")),
    ]
    return [(name, str(text)) for name, text in rows if text]


def _say_sections(sections: Sequence[SectionEvaluation]) -> str:
    """Name sections by patient: ``C2 and C3 (patient C); B4 (patient B)``."""
    by_patient: dict[str, list[str]] = {}
    for section in sections:
        by_patient.setdefault(section.section.patient, []).append(section.name)
    return "; ".join(
        join_words(names, 40) + (f" (patient {patient})" if patient else "")
        for patient, names in by_patient.items()
    )


def _say_model(model: object) -> str:
    if isinstance(model, Mapping):
        name, encoder = str(model.get("name") or ""), model.get("encoder")
        return f"{name}, encoder {encoder}" if name and encoder else name
    return str(model or "")


def _as_list(value: object) -> Sequence[Any]:
    if isinstance(value, Mapping):
        return list(value)
    if isinstance(value, list | tuple):
        return value
    return [value] if value else []


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
