"""What the report says of the study as a whole: what was tested, leakage, provenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from napari_stexp.evaluate.report_tables import list_facts
from napari_stexp.evaluate.report_words import describe_method, format_count, join_words

if TYPE_CHECKING:
    from napari_stexp.evaluate.results import SectionEvaluation, StudyResult

__all__ = ["describe_study"]

_TITLE = "How well mclSTExp predicts gene expression on unseen tissue"


def describe_study(result: StudyResult) -> dict[str, Any]:
    """Return what the page says of the whole study, by the template's names."""
    facts = result.facts
    return {
        "title": str(facts.get("title") or _TITLE),
        "lead": _lead(result),
        "glance": _glance(result),
        "remarks": [str(remark) for remark in _as_list(facts.get("remarks"))],
        "methods": [describe_method(method) for method in result.methods],
        "leakage": _say_leakage(result),
        "provenance": _list_provenance(facts),
        "facts": list_facts(facts),
    }


def _say_leakage(result: StudyResult) -> str:
    """Name the tested patients that the model and its reference bank know; '' if none."""
    if result.split != "section":
        return ""
    patients = [section.section.patient for section in result.sections]
    if "models" in result.facts:  # a cross-validation: the other tested sections were in training
        patients = [name for name in patients if not name or patients.count(name) > 1]
    known = list(dict.fromkeys(name for name in patients if name))
    excluded = {str(name) for name in _as_list(result.facts.get("excluded_patients"))}
    in_bank = [name for name in known if name not in excluded]
    texts = []
    if known:
        several = "s" if len(known) > 1 else ""
        texts.append(f"the model has seen other sections of patient{several} {join_words(known)}")
        if in_bank == known:
            texts[-1] += ", and their spots are in the reference bank"
        elif in_bank:
            texts[-1] += f"; the reference bank holds spots of {join_words(in_bank)}"
        else:
            texts[-1] += "; their spots were left out of the reference bank"
    if "" in patients:
        texts.append("of some sections the patient isn't known, and may have been in training")
    text = "; ".join(texts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _list_provenance(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what identifies the model, the data, the program and the command."""
    model = facts.get("model")
    model = model if isinstance(model, Mapping) else {}
    versions = facts.get("versions")
    versions = versions if isinstance(versions, Mapping) else {}
    rows = [
        ("Model file", model.get("file")),
        ("SHA-256", model.get("sha256")),
        ("Data set", facts.get("data")),
        ("Command", facts.get("command")),
        ("Software", facts.get("software")),
        ("Versions", ", ".join(f"{name} {version}" for name, version in versions.items())),
        ("Device", facts.get("device")),
    ]
    return [(name, str(text)) for name, text in rows if text]


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
