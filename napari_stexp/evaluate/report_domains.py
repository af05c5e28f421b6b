"""Maps of spatial domains beside the pathologist's labels, and their confusion tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate.domains import (
    compare_labels,
    find_domains,
    is_labelled,
    match_domains,
)
from napari_stexp.evaluate.report_frames import Frame
from napari_stexp.evaluate.report_maps import CATEGORIES, SpotMap, draw_classes
from napari_stexp.evaluate.report_tables import Confusion, list_confusions, name_clustered
from napari_stexp.evaluate.report_words import (
    describe_method,
    format_number,
    in_sentence,
    join_words,
    name_algorithm,
)
from napari_stexp.evaluate.results import ALGORITHMS, BASELINES, MEASURED, MODEL
from napari_stexp.evaluate.scoring import find_common_spots

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.evaluate.results import SectionEvaluation, StudyResult

__all__ = [
    "DomainMaps",
    "find_domain_scale",
    "judge_domains",
    "list_domain_maps",
    "match_colours",
    "say_what_is_missing",
]


@dataclass(frozen=True)
class DomainMaps:
    """A section's labels and domains.

    Attributes
    ----------
    name, patient : str
        Of the section.
    frame : Frame
        Where its maps are drawn.
    maps : tuple of SpotMap
        Labels, domains of the measurement, domains of the model's prediction.
    confusions : tuple of (algorithm, tables)
        Labels by domains.
    """

    name: str
    patient: str
    frame: Frame
    maps: tuple[SpotMap, ...]
    confusions: tuple[tuple[str, tuple[Confusion, ...]], ...]


def find_domain_scale(result: StudyResult) -> str:
    """Return the expression scale that the domains were found on."""
    return str(result.domains["scale"].iloc[0])


def list_domain_maps(result: StudyResult, frames: Sequence[Frame]) -> list[DomainMaps]:
    """Return maps and confusion tables of the sections whose domains were compared."""
    found = []
    for section, frame in zip(result.sections, frames, strict=True):
        tables = tuple(
            (name_algorithm(algorithm), tuple(list_confusions(result, section.name, algorithm)))
            for algorithm in ALGORITHMS
        )
        tables = tuple(pair for pair in tables if pair[1])
        if tables:
            maps = _map_domains(result, section, frame)
            patient = section.section.patient
            found.append(DomainMaps(section.name, patient, frame, maps, tables))
    return found


def _map_domains(
    result: StudyResult, section: SectionEvaluation, frame: Frame
) -> tuple[SpotMap, ...]:
    if section.labels is None:
        return ()
    known = is_labelled(section.labels)
    labels = np.where(known, np.asarray(section.labels, dtype=object), "")
    classes = sorted(set(labels[known]), key=str)
    colours = {str(name): CATEGORIES[at % len(CATEGORIES)] for at, name in enumerate(classes)}
    maps = [draw_classes(frame, labels, colours, "Pathologist's labels")]
    for method in (MEASURED, MODEL):
        algorithm = next(
            (a for a in ALGORITHMS if (section.name, method, a) in result.confusions), ""
        )
        if not algorithm:
            continue
        confusion = result.confusions[section.name, method, algorithm]
        domains = _find_again(result, section, labels, method, algorithm)
        if domains is None:
            continue
        title = f"{_name_source(method)}: {name_algorithm(algorithm)} domains"
        names = [f"domain {at}" if at >= 0 else "" for at in domains]
        maps.append(draw_classes(frame, names, match_colours(confusion, colours), title))
    return tuple(maps)


def _name_source(method: str) -> str:
    return (
        name_clustered(method) if method == MEASURED else f"Predicted by {name_clustered(method)}"
    )


def _find_again(
    result: StudyResult,
    section: SectionEvaluation,
    labels: NDArray[np.object_],
    method: str,
    algorithm: str,
) -> NDArray[np.intp] | None:
    """Return the domain of each spot, -1 for spots that weren't clustered.

    A result keeps how domains and labels coincide, and not each spot's domain. They are
    found again as `assess` found them, and None is returned where they don't come out the
    same: a map must not contradict the table beside it.
    """
    scale = find_domain_scale(result)
    spots = find_common_spots(section, scale)
    spots = spots[labels[spots] != ""]
    values = section.measured(scale) if method == MEASURED else section.predicted[method][scale]
    seed = int(result.facts.get("assessment", {}).get("seed", 0))
    n_classes = len(set(labels[spots].astype(str)))
    found = find_domains(values[spots], n_classes, algorithm, seed=seed)
    _, _, confusion = compare_labels(labels[spots], found)
    known = result.confusions[section.name, method, algorithm]
    if confusion.shape != known.shape or (confusion.to_numpy() != known.to_numpy()).any():
        return None
    domains = np.full(section.n_spots, -1, dtype=np.intp)
    domains[spots] = found
    return domains


def match_colours(confusion: pd.DataFrame, colours: dict[str, str]) -> dict[str, str]:
    """Give each domain the colour of the label that it matches."""
    spare = [colour for colour in CATEGORIES if colour not in colours.values()] or list(CATEGORIES)
    found, n_left = {}, 0
    for column, row in match_domains(confusion).items():
        if row is None:
            colour, n_left = spare[n_left % len(spare)], n_left + 1
        else:
            colour = colours[str(confusion.index[row])]
        found[f"domain {confusion.columns[column]}"] = colour
    return found


def judge_domains(result: StudyResult) -> list[str]:
    """Say how domains of the prediction agree with labels, beside the measurement's."""
    table = result.domains
    if table is None or table.empty:
        return []
    sentences = []
    for algorithm in [name for name in ALGORITHMS if name in set(table["algorithm"])]:
        means = table[table["algorithm"] == algorithm].groupby("method")["ari"].mean().to_dict()
        rivals = {name: means[name] for name in BASELINES if name in means}
        if MODEL not in means:
            continue
        text = (
            f"{name_algorithm(algorithm)}: domains of {describe_method(MODEL).name}'s prediction "
            f"agree with the labels at ARI {format_number(means[MODEL])}"
        )
        if MEASURED in means:
            text += f", those of the measured expression at {format_number(means[MEASURED])}"
        if rivals:
            best = max(rivals, key=lambda name: rivals[name])
            text += f"; the best baseline, {in_sentence(best)}, at {format_number(rivals[best])}"
        sentences.append(f"{text}.")
    return sentences


def say_what_is_missing(result: StudyResult) -> str:
    """Name the sections whose domains weren't compared with labels, and why."""
    compared = set() if result.domains is None else set(result.domains["section"])
    reasons: dict[str, list[str]] = {}
    for section in result.sections:
        if section.name in compared:
            continue
        known = () if section.labels is None else set(section.labels[is_labelled(section.labels)])
        reason = "without a pathologist's labels"
        if known:
            reason = "with a single label" if len(known) == 1 else "labelled, but not compared"
        reasons.setdefault(reason, []).append(section.name)
    texts = [f"{reason}: {join_words(names, 40)}" for reason, names in reasons.items()]
    return f"Not compared with labels ({'; '.join(texts)})." if texts else ""
