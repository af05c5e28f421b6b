"""Whether the predicted tissue is known to the model's reference, and a warning if so."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from napari_stexp.predict.params import PredictParams
from napari_stexp.predict.plan import Plan

if TYPE_CHECKING:
    from napari_stexp.model import SectionInfo

__all__ = ["describe_overlap", "is_left_out", "warn_of_overlap"]


def describe_overlap(plan: Plan) -> str:
    """Say whether the predicted section or its patient is in the reference bank.

    A prediction of tissue that the reference (and the training) has seen looks
    better than it is.

    Returns
    -------
    str
        ``section``, ``patient``, ``none``, or ``unknown`` where the spots don't
        say what they are from. Followed by ``left out`` where the user left it
        out of the reference: training may have seen it all the same.
    """
    section, patient = _origin(plan)
    sections = plan.bundle.header.sections
    for state, kept in (("", True), (" left out", False)):
        there = [s for s in sections if is_left_out(s, plan.params) != kept]
        if section and section in {s.name for s in there}:
            return f"section{state}"
        if patient and patient in {s.patient for s in there}:
            return f"patient{state}"
    return "none" if patient and all(s.patient for s in sections) else "unknown"


def is_left_out(section: SectionInfo, params: PredictParams) -> bool:
    """Tell whether the user left a section, or its patient, out of the reference."""
    return section.name in params.exclude_sections or section.patient in params.exclude_patients


def warn_of_overlap(plan: Plan) -> None:
    """Warn where the reference that is used holds the predicted section or its patient.

    Warns
    -----
    UserWarning
        Naming what is known, and the switch that leaves it out.
    """
    overlap = describe_overlap(plan)
    if overlap not in ("section", "patient"):
        return
    section, patient = _origin(plan)
    theirs = [
        s.name
        for s in plan.bundle.header.sections
        if patient and s.patient == patient and not is_left_out(s, plan.params)
    ]
    if overlap == "section":
        known = f"this very section ({section})"
    else:
        known = f"{len(theirs)} other section{'s' if len(theirs) != 1 else ''} of this patient"
    option, name = ("patient", patient) if theirs else ("section", section)
    warnings.warn(
        f"The model's reference holds {known}: the prediction looks better than it would for a "
        f"new patient. exclude_{option}s={(name,)!r} (--exclude-{option} {name}) leaves the "
        f"{option} out of the reference; training has seen it all the same.",
        stacklevel=3,
    )


def _origin(plan: Plan) -> tuple[str, str]:
    """Return the predicted section and its patient, empty text where unknown."""
    record = plan.spots.uns.get("stexp_spots", {})
    return str(record.get("section", "") or ""), str(record.get("patient", "") or "")
