"""From predictions of held-out sections to the tables of a study."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate.bootstrap import CONFIDENCE
from napari_stexp.evaluate.comparison import compare_methods
from napari_stexp.evaluate.domains import (
    check_algorithms,
    compare_labels,
    find_domains,
    is_labelled,
)
from napari_stexp.evaluate.results import (
    ALGORITHMS,
    ALL,
    BASELINES,
    MEASURED,
    MODEL,
    SectionEvaluation,
    StudyResult,
)
from napari_stexp.evaluate.scoring import SectionScores, find_common_spots, score_section
from napari_stexp.evaluate.tabulate import tabulate_scores, tabulate_summary
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["assess"]

_DOMAINS = (
    *("section", "method", "split", "scale", "algorithm", "truth"),
    *("ari", "nmi", "n_domains", "n_classes", "n_spots"),
)


def assess(
    sections: Sequence[SectionEvaluation],
    facts: Mapping[str, Any] | None = None,
    *,
    n_bootstrap: int = 1000,
    seed: int = 0,
    domains: bool = True,
    algorithms: Sequence[str] = ALGORITHMS,
) -> Generator[Progress, None, StudyResult]:
    """Score every method on every section and scale, with baselines beside the model.

    All methods are scored on the same spots: those that every one of them predicted. A
    section's intervals are 95 % percentile intervals of the bootstrap over its spots; all
    genes' correlations are computed again in each resample (the genes of HEG stay those
    of the section). The number over all sections is the mean over sections, and its
    interval is drawn over patients (split 'patient') or sections (split 'section'); of a
    single patient or section, over spots. Numbers of significant genes have no interval.

    Domains are found among the spots that have a label, as the released evaluation does,
    as many as there are classes, on the per-spot scale where there are predictions on it.

    Parameters
    ----------
    sections : sequence of SectionEvaluation
        All of one split, with the same genes, methods and scales.
    facts : mapping, optional
        JSON to keep with the result.
    n_bootstrap : int
        Resamples; 0: no intervals.
    seed : int
        Of the resamples and of the domains.
    domains : bool
        Whether sections with labels are divided into domains.
    algorithms : sequence of {'kmeans', 'leiden'}
        How.

    Yields
    ------
    Progress
        Units are section and scale, then section, method and algorithm.

    Returns
    -------
    StudyResult

    Raises
    ------
    EvaluationError
        Sections of different splits, genes, methods or scales, or named twice; too few
        predicted spots; unusable counts; Leiden without scanpy and igraph.
    """
    sections = tuple(sections)
    _check_sections(sections, n_bootstrap)
    labelled = [s for s in sections if domains and _count_classes(s) > 1]
    if labelled:
        check_algorithms(algorithms)
    scales = sections[0].scales
    for section in sections:
        for scale in scales:
            find_common_spots(section, scale)  # what can't be scored, before any work
    per_section = (len(sections[0].methods) + 1) * len(algorithms)
    total = len(sections) * len(scales) + len(labelled) * per_section

    scored: list[SectionScores] = []
    for section in sections:
        for scale in scales:
            yield Progress(len(scored), total, f"scoring {section.name} per {scale}")
            scored.append(score_section(section, scale, n_bootstrap, seed))
    found = yield from _find_all_domains(labelled, scales[0], algorithms, seed, len(scored), total)
    units, resampled = _choose_units(sections)
    yield Progress(total, total, "putting the tables together")
    methods = sections[0].methods
    compared = MODEL in methods and any(method in BASELINES for method in methods)
    return StudyResult(
        sections=sections,
        scores=tabulate_scores(scored),
        summary=tabulate_summary(scored, units, resampled, seed),
        domains=found[0],
        confusions=found[1],
        facts=dict(facts or {}) | {"assessment": _describe(n_bootstrap, seed, labelled, scales)},
        comparisons=compare_methods(scored, units, resampled, seed) if compared else None,
    )


def _check_sections(sections: Sequence[SectionEvaluation], n_bootstrap: int) -> None:
    if not sections:
        raise EvaluationError("there is no section to evaluate")
    if n_bootstrap < 0:
        raise EvaluationError("resamples can't be negative", found=n_bootstrap)
    splits = sorted({section.split for section in sections})
    if len(splits) > 1:
        raise EvaluationError(
            "numbers of held-out patients and of held-out sections are never put into one table",
            expected="sections of one split",
            found=" and ".join(splits),
        )
    names = [section.name for section in sections]
    if len(set(names)) < len(names) or ALL in names:
        raise EvaluationError(
            "sections need names of their own",
            expected=f"each once, and none of them {ALL!r}",
            found=", ".join(names),
        )
    first = sections[0]
    if not first.methods:
        raise EvaluationError(f"nothing was predicted on section {first.name}")
    for section in sections:
        _check_alike(section, first)


def _check_alike(section: SectionEvaluation, first: SectionEvaluation) -> None:
    """Check that a section has the genes, methods and scales of the first."""
    for what, mine, wanted in (
        ("genes", section.genes, first.genes),
        ("methods", section.methods, first.methods),
        ("scales", section.scales, first.scales),
    ):
        if mine != wanted:
            raise EvaluationError(
                f"sections {first.name} and {section.name} differ in their {what}",
                expected=f"{len(wanted)}: {', '.join(wanted[:6])}",
                found=f"{len(mine)}: {', '.join(mine[:6])}",
            )
    for method in section.methods:
        absent = [scale for scale in first.scales if scale not in section.predicted[method]]
        if absent:
            raise EvaluationError(
                f"section {section.name}: {method} predicted on some of the scales only",
                expected=" and ".join(first.scales),
                found=f"none per {' or '.join(absent)}",
            )


def _choose_units(sections: Sequence[SectionEvaluation]) -> tuple[dict[str, str], str]:
    """Section -> what is drawn for the interval over all sections, and the word for it.

    A section whose patient is unknown is a unit of its own.
    """
    by_patient = sections[0].split == "patient"
    units = {
        section.name: f"patient {section.section.patient}"
        if by_patient and section.section.patient
        else f"section {section.name}"
        for section in sections
    }
    if len(set(units.values())) == 1:
        return units, "spots"
    return units, "patients" if by_patient else "sections"


def _describe(
    n_bootstrap: int, seed: int, labelled: Sequence[SectionEvaluation], scales: Sequence[str]
) -> dict[str, Any]:
    return {
        "n_bootstrap": n_bootstrap,
        "confidence": CONFIDENCE,
        "seed": seed,
        "domains_of": [section.name for section in labelled],
        "domains_scale": scales[0] if labelled else None,
    }


def _count_classes(section: SectionEvaluation) -> int:
    if section.labels is None:
        return 0
    known = is_labelled(section.labels)
    return len(set(np.asarray(section.labels, dtype=object)[known]))


Domains = tuple["pd.DataFrame", dict[tuple[str, str, str], "pd.DataFrame"]]


def _find_all_domains(
    sections: Sequence[SectionEvaluation],
    scale: str,
    algorithms: Sequence[str],
    seed: int,
    done: int,
    total: int,
) -> Generator[Progress, None, Domains]:
    """Divide each section by each method's prediction and by the measurement."""
    import pandas as pd

    rows, confusions = [], {}
    for section in sections:
        spots = find_common_spots(section, scale)
        labels = np.asarray(section.labels, dtype=object)
        spots = spots[is_labelled(labels[spots])]
        labels = labels[spots].astype(str)
        for method in (*section.methods, MEASURED):
            values = _take_values(section, method, scale)[spots]
            for algorithm in algorithms:
                yield Progress(done, total, f"domains of {section.name}, {method}")
                done += 1
                n_classes = len(set(labels))
                if n_classes < 2:
                    continue  # the spots of the other classes weren't predicted
                found = find_domains(values, n_classes, algorithm, seed=seed)
                ari, nmi, confusion = compare_labels(labels, found)
                confusions[section.name, method, algorithm] = confusion
                rows.append(
                    {"section": section.name, "method": method, "split": section.split}
                    | {"scale": scale, "algorithm": algorithm, "truth": "labels"}
                    | {"ari": ari, "nmi": nmi, "n_domains": int(found.max()) + 1}
                    | {"n_classes": n_classes, "n_spots": len(spots)}
                )
    return pd.DataFrame(rows, columns=list(_DOMAINS)), confusions


def _take_values(section: SectionEvaluation, method: str, scale: str) -> NDArray[np.floating]:
    return section.measured(scale) if method == MEASURED else section.predicted[method][scale]
