"""The numbers of a study as tidy tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.evaluate.bootstrap import combine_sections
from napari_stexp.evaluate.results import ALL, METRICS

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.evaluate.scoring import SectionScores

__all__ = ["tabulate_scores", "tabulate_summary"]

_SCORES = (
    *("method", "split", "scale", "section", "patient", "gene"),
    *("pcc", "p", "q", "mse", "mae", "mean_measured", "n_spots"),
)
_SUMMARY = (
    *("method", "split", "scale", "section", "patient", "metric"),
    *("value", "ci_low", "ci_high", "n_genes", "n_spots", "resampled"),
)


def tabulate_scores(scored: Sequence[SectionScores]) -> pd.DataFrame:
    """One row per method, scale, section and gene (`StudyResult.scores`)."""
    import pandas as pd

    parts = []
    for part in scored:
        section = part.section
        for method, scores in part.scores.items():
            table = scores.reset_index()
            table["method"], table["split"] = method, section.split
            table["scale"], table["section"] = part.scale, section.name
            table["patient"] = section.section.patient
            parts.append(table[list(_SCORES)])
    return pd.concat(parts, ignore_index=True)


def tabulate_summary(
    scored: Sequence[SectionScores], units: Mapping[str, str], resampled: str, seed: int = 0
) -> pd.DataFrame:
    """One row per method, scale, section or 'all', and metric (`StudyResult.summary`).

    Parameters
    ----------
    scored : sequence of SectionScores
        One per section and scale.
    units : mapping
        Section -> what is drawn for the rows of all sections (`combine_sections`).
    resampled : str
        The word for that.
    seed : int
        Of that draw.
    """
    import pandas as pd

    rows = []
    for part in scored:
        for method, values in part.values.items():
            for metric in METRICS:
                drawn = "spots" if metric in part.replicates[method] else ""
                rows.append(
                    _name(part, method, metric)
                    | _number(values[metric], part.interval(method, metric))
                    | {"n_genes": int(part.counted_genes(method, metric).sum())}
                    | {"n_spots": part.n_spots, "resampled": drawn}
                )
    for scale in dict.fromkeys(part.scale for part in scored):
        parts = [part for part in scored if part.scale == scale]
        for method in parts[0].values:
            rows += [_combine(parts, method, metric, units, resampled, seed) for metric in METRICS]
    return pd.DataFrame(rows, columns=list(_SUMMARY))


def _combine(
    parts: Sequence[SectionScores],
    method: str,
    metric: str,
    units: Mapping[str, str],
    resampled: str,
    seed: int,
) -> dict[str, Any]:
    """One row of the summary over all sections."""
    values = [part.values[method][metric] for part in parts]
    replicates = [part.replicates[method].get(metric) for part in parts]
    drawn = [found for found in replicates if found is not None]
    counted = np.any([part.counted_genes(method, metric) for part in parts], axis=0)
    if len(drawn) == len(parts):
        of = [units[part.section.name] for part in parts]
        number = _number(*combine_sections(values, drawn, of, seed))
    else:
        number = _number(float(np.mean(values)), (float("nan"), float("nan")))
        resampled = ""
    return (
        _name(parts[0], method, metric)
        | {"section": ALL, "patient": ""}
        | number
        | {"n_genes": int(counted.sum()), "resampled": resampled}
        | {"n_spots": sum(part.n_spots for part in parts)}
    )


def _name(part: SectionScores, method: str, metric: str) -> dict[str, Any]:
    section = part.section
    return {
        "method": method,
        "split": section.split,
        "scale": part.scale,
        "section": section.name,
        "patient": section.section.patient,
        "metric": metric,
    }


def _number(value: float, interval: tuple[float, float]) -> dict[str, float]:
    return {"value": value, "ci_low": interval[0], "ci_high": interval[1]}
