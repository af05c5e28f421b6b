"""Held-out scores into the bundle that they are about, with all that qualifies them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import ALL, BASELINES, MODEL

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.evaluate import StudyResult
    from napari_stexp.model import ModelBundle

__all__ = ["strongest_baseline", "with_study_scores"]


def with_study_scores(bundle: ModelBundle, result: StudyResult) -> ModelBundle:
    """Return the bundle with the held-out scores of its genes.

    Columns, S standing for each expression scale: ``pcc_S``, the gene's correlation,
    averaged over the held-out sections in which it is defined; ``baseline_pcc_S``, the same
    of the strongest baseline (the one with the highest ACG on this scale), where baselines
    were fitted. The header's ``evaluation`` names the split, the sections, the patients and
    the baselines, and gives the overall numbers with their intervals.

    Parameters
    ----------
    bundle : ModelBundle
        The model that was evaluated, or one that was trained in the same way on more
        sections than the models of a cross-validation were.
    result : StudyResult
        Of `evaluate_bundle` or `cross_validate`.

    Raises
    ------
    EvaluationError
        The result is of other genes.
    """
    import pandas as pd

    scored = set(result.scores["gene"].astype(str))
    missing = [gene for gene in bundle.genes if gene not in scored]
    if missing:
        raise EvaluationError(
            "the scores are not of this model's genes",
            path=bundle.path,
            expected=f"{len(bundle.genes)} genes",
            found=f"{len(missing)} without a score ({', '.join(missing[:5])})",
        )
    columns: dict[str, pd.Series] = {}
    baselines: dict[str, str] = {}
    for scale in result.scales:
        columns[f"pcc_{scale}"] = _mean_per_gene(result, MODEL, scale)
        baseline = strongest_baseline(result, scale)
        if baseline is not None:
            baselines[scale] = baseline
            columns[f"baseline_pcc_{scale}"] = _mean_per_gene(result, baseline, scale)
    return bundle.with_scores(pd.DataFrame(columns), _describe(result, baselines))


def strongest_baseline(result: StudyResult, scale: str) -> str | None:
    """Return the baseline with the highest ACG over all sections; None without baselines."""
    rows = _overall(result, scale, "acg_pcc")
    values = {name: rows[name] for name in BASELINES if name in rows and rows[name] == rows[name]}
    return max(values, key=values.__getitem__) if values else None


def _overall(result: StudyResult, scale: str, metric: str) -> dict[str, float]:
    """Return method -> value over all sections."""
    table = result.summary
    chosen = table[
        (table["scale"] == scale) & (table["metric"] == metric) & (table["section"] == ALL)
    ]
    return {
        str(method): float(value)
        for method, value in zip(chosen["method"], chosen["value"], strict=True)
    }


def _mean_per_gene(result: StudyResult, method: str, scale: str) -> pd.Series:
    table = result.scores
    chosen = table[(table["method"] == method) & (table["scale"] == scale)]
    means: pd.Series = chosen.groupby(chosen["gene"].astype(str), sort=False)["pcc"].mean()
    return means


def _describe(result: StudyResult, baselines: dict[str, str]) -> dict[str, Any]:
    """Return the header's record of how the scores were measured."""
    infos = [section.section for section in result.sections]
    kept = ("protocol", "excluded_patients", "remarks", "retrieval", "software", "created")
    return {
        "hold_out": result.split,
        "split": result.split,
        "sections": [info.name for info in infos],
        "patients": sorted({info.patient for info in infos}),
        "n_spots": sum(section.n_spots for section in result.sections),
        "scales": list(result.scales),
        "strongest_baseline": baselines,
        "overall": _overall_records(result, baselines),
    } | {name: result.facts[name] for name in kept if result.facts.get(name)}


def _overall_records(result: StudyResult, baselines: dict[str, str]) -> list[dict[str, Any]]:
    """Return ACG and HEG of the model and its strongest baseline, with their intervals."""
    table = result.summary
    records = []
    for scale in result.scales:
        for method in (MODEL, *filter(None, [baselines.get(scale)])):
            chosen = table[
                (table["method"] == method)
                & (table["scale"] == scale)
                & (table["section"] == ALL)
                & table["metric"].isin(["acg_pcc", "heg_pcc"])
            ]
            records += [
                {"method": method, "scale": scale, "metric": str(row["metric"])}
                | {name: _finite(row[name]) for name in ("value", "ci_low", "ci_high")}
                for _, row in chosen.iterrows()
            ]
    return records


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if number - number == 0 else None
