"""What a comparison report says in words: what was compared, in short, and how it was made."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.evaluate.report_words import (
    GLOSSARY,
    describe_scale,
    format_count,
    format_number,
    name_algorithm,
)

if TYPE_CHECKING:
    from napari_stexp.compare.region_genes import RegionGenes
    from napari_stexp.compare.report_content import ReportContent

__all__ = [
    "WORDS",
    "describe_blinding",
    "describe_content",
    "list_marks",
    "make_note",
    "say_in_short",
    "say_overlap",
    "title_of",
    "top_genes",
]

_KINDS = {
    "regions": "the outlined regions",
    "column": "a column of the spots' table",
    "table": "a table of labels",
    "domains": "spatial domains",
}
_OVERLAPS = {
    "section": "the model's reference holds this very section: the prediction looks far better "
    "than it would on a new one",
    "section left out": "this section was left out of the reference, but the model was trained "
    "on it: the prediction looks better than it would on a new one",
    "patient": "the model's reference holds other sections of this patient: the prediction looks "
    "better than it would on a new patient",
    "patient left out": "this patient was left out of the reference, but the model was trained on "
    "other sections of theirs: the prediction looks better than it would on a new patient",
}
_NOW = (
    "Spot",
    "PCC (r)",
    "ACG",
    "HEG",
    "MSE, MAE",
    "Spatial domain",
    "ARI, NMI",
    "Per-spot scale",
    "Per-gene scale",
)
#: Words used in the report -> what they mean.
WORDS = {
    "Mean inside, mean outside": "Means of a gene's values over the spots of either side, on the "
    "logarithmic scale, log10(1 + x).",
    "Difference": "The mean inside less the mean outside, on that scale.",
    "log\N{SUBSCRIPT TWO} fold change": "Logarithm to base 2 of the ratio of both means, each "
    "brought back from the logarithmic scale first: 1 is twice as much inside.",
    "AUROC": "The chance that a spot inside has a higher value than a spot outside, ties counted "
    "half: 0.5 tells nothing apart, 1 and 0 tell the sides apart fully.",
    "p (of a region)": "Wilcoxon's rank-sum test between the two sides, two-sided, as if spots "
    "were independent. They are not, so it is too small: use it to rank genes.",
    "p (of a correlation)": GLOSSARY["p"],
    "q": GLOSSARY["q"],
    "Residual": "Predicted less measured, on the logarithmic scale: above 0 the prediction is too "
    "high.",
} | {name: GLOSSARY[name] for name in _NOW}


def title_of(content: ReportContent) -> str:
    """Return the report's title."""
    if content.title:
        return content.title
    what = "Predicted expression" if content.prediction is not None else "Measured expression"
    return f"{what} and annotation of {content.section}"


def describe_content(content: ReportContent) -> list[tuple[str, str]]:
    """Return what was compared, as pairs of name and text."""
    model = _part(content.facts, "model")
    name = str(model.get("name") or "")
    rows = [
        ("Section", content.section),
        ("Model", ", ".join(part for part in (name, _say_encoder(model)) if part)),
        ("Annotation", _say_labels(content)),
        ("Spots", _say_spots(content)),
        ("Values", _say_values(content)),
        ("Scale of the slide", f"{content.mpp:.4g} µm per pixel" if content.mpp else "unknown"),
        ("Predicted", str(content.facts.get("created") or "")),
        ("Report made", str(content.provenance.get("created") or "")),
    ]
    return [(name, text) for name, text in rows if text]


def _say_labels(content: ReportContent) -> str:
    labels = content.labels
    return f"{labels.title} ({_KINDS.get(labels.kind, labels.kind)})" if labels else ""


def _say_encoder(model: Mapping[str, Any]) -> str:
    return f"encoder {model['encoder']}" if model.get("encoder") else ""


def _say_spots(content: ReportContent) -> str:
    text = format_count(content.n_spots)
    if content.prediction is not None:
        n = int(np.isfinite(np.asarray(content.prediction.X[:, 0])).sum())
        text += f", {format_count(n)} predicted"
    if content.is_measured and content.spots is not None:
        n = int(content.base.obs_names.isin(content.spots.obs_names).sum())
        text += f", {format_count(n)} measured"
    if content.labels is not None:
        text += f", {format_count(int((content.labels.values != '').sum()))} labelled"
    return text


def _say_values(content: ReportContent) -> str:
    genes = f"{format_count(content.base.n_vars)} genes"
    said = str(content.facts.get("values") or "log10(1 + x)")
    return f"{genes}, {said} ({describe_scale(content.scale).name})"


def _part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = facts.get(name)
    return found if isinstance(found, Mapping) else {}


def say_overlap(content: ReportContent) -> str:
    """Say whether the model knows the section or its patient; '' where it doesn't."""
    found = str(_part(content.facts, "reference").get("overlap") or "")
    text = _OVERLAPS.get(found, "")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def top_genes(contrast: RegionGenes, n: int = 5, higher: bool = True) -> list[str]:
    """Return the first genes that are higher inside (or lower), best first."""
    table = contrast.table
    chosen = table[(table["auroc"] > 0.5) if higher else (table["auroc"] < 0.5)]
    return [str(gene) for gene in chosen.index[:n]]


def say_in_short(content: ReportContent) -> list[str]:
    """Return the main results in a few sentences; genes of regions are in `list_marks`."""
    said = []
    if content.scores is not None:
        said.append(_say_scores(content))
    if content.agreements:
        numbers = [
            f"{name_algorithm(one.method)} of the {one.source} expression "
            f"{format_number(one.ari)} and {format_number(one.nmi)}"
            for one in content.agreements
        ]
        said.append(
            "Agreement of spatial domains with the labels (ARI and NMI; an ARI of 0 is about "
            f"chance, 1 the same division): {'; '.join(numbers)}."
        )
    return said


def list_marks(content: ReportContent) -> list[tuple[str, str, list[str]]]:
    """Return inside, outside and the first genes that are predicted higher inside.

    Measured ones where nothing was predicted.
    """
    source = "measured" if content.prediction is None else "predicted"
    return [
        (one.sides.name_inside, one.sides.name_outside, top_genes(one))
        for one in content.contrasts
        if one.source == source
    ]


def _say_scores(content: ReportContent) -> str:
    assert content.scores is not None
    scale, summary = content.scores.scale, content.scores.summary
    return (
        f"Prediction and measurement correlate at a mean PCC of "
        f"{format_number(summary[f'acg_pcc_{scale}'])} over {format_count(summary['n_genes'])} "
        f"genes, {format_number(summary[f'heg_pcc_{scale}'])} over the 50 most expressed "
        f"({describe_scale(scale).name}, {format_count(summary['n_spots'])} spots); "
        f"{format_count(summary[f'n_significant_{scale}'])} genes have PCC > 0 and q < 0.05."
    )


def describe_blinding(record: Mapping[str, Any] | None) -> list[str]:
    """Say how the annotation was made, a headline and a sentence each; nothing without a record.

    Only what was locked before any expression was seen, and not edited since, is called blind.
    """
    state = str((record or {}).get("state") or "off")
    if record is None or state == "off":
        return []
    started, locked = record.get("started"), record.get("locked_at")
    n_unlocks = int(record.get("n_unlocks") or 0)
    blind = bool(locked) and not record.get("seen_before") and not n_unlocks
    said = ["Annotated blind." if blind else "Annotated with expression hidden."]
    said.append(f"Annotating began {_say_time(started)}, with expression hidden.")
    if locked:
        n = int(record.get("n_regions") or 0)
        count = f", with {format_count(n)} region{'s' if n != 1 else ''}" if n else ""
        said.append(
            f"After {_say_duration(float(record.get('seconds') or 0))} the annotation was locked, "
            f"and expression was shown, {_say_time(locked)}{count}."
        )
    else:
        said.append("It wasn't locked yet when this report was written.")
    if record.get("seen_before"):
        said.append("Not blind: expression had been shown on this slide before annotating began.")
    if n_unlocks:
        times = "once" if n_unlocks == 1 else f"{n_unlocks} times"
        said.append(
            f"The annotation was unlocked {times} after that: it may have been changed by someone "
            "who had seen expression."
        )
    return said


def _say_time(text: Any) -> str:
    try:
        return f"on {datetime.fromisoformat(str(text)):%Y-%m-%d at %H:%M:%S %Z}".rstrip()
    except ValueError:
        return "at an unknown time"


def _say_duration(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"


def make_note(content: ReportContent) -> str:
    """Return where a figure comes from, in one line."""
    from napari_stexp._version import __version__

    slide, model = _part(content.facts, "slide"), _part(content.facts, "model")
    parts = [f"napari-stexp {__version__}", content.section]
    if slide.get("fingerprint"):
        parts.append(f"slide {str(slide['fingerprint'])[:12]}")
    if model.get("name"):
        digest = str(model.get("sha256") or "")[:12]
        parts.append(f"model {model['name']} {digest}".rstrip())
    if content.labels is not None:
        parts.append(f"annotation {content.labels.title}")
    parts.append(describe_scale(content.scale).name)
    if content.provenance.get("created"):
        parts.append(str(content.provenance["created"]))
    return "; ".join([*parts, "research use only"])
