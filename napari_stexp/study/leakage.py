"""The leakage guard: what a model has seen of the sections it is to be judged on.

A model knows a section that it was trained or early-stopped on, whatever is left out of
its reference bank afterwards: the weights remember. So what was *held out* follows from
the training alone, and leaving a patient out of the bank doesn't change it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.errors import EvaluationError
from napari_stexp.evaluate import SPLITS
from napari_stexp.model import SectionInfo

if TYPE_CHECKING:
    from napari_stexp.dataset import TrainingSet
    from napari_stexp.model import ModelBundle, ReferenceBank

__all__ = ["check_splits", "find_splits", "refuse_copies", "seen_sections"]

#: Share of a section's spots whose counts the bank also holds, from which it is a copy.
_COPIED = 0.5
#: Poorer rows may be equal by chance.
_LEAST_COUNTS = 20


def seen_sections(bundle: ModelBundle) -> tuple[SectionInfo, ...]:
    """Return the sections that the model was trained on, or stopped or chosen by."""
    sections = list(bundle.header.sections)
    for key in ("sections", "validation_sections"):
        for entry in bundle.header.training.get(key) or ():
            info = _as_info(entry)
            if info is not None and not any(_is_same(info, known) for known in sections):
                sections.append(info)
    return tuple(sections)


def _as_info(entry: Any) -> SectionInfo | None:
    """Read a section from a training record, which is free JSON."""
    if isinstance(entry, str) and entry:
        return SectionInfo(name=entry)
    if isinstance(entry, dict) and isinstance(entry.get("name"), str) and entry["name"]:
        return SectionInfo(name=entry["name"], patient=str(entry.get("patient") or ""))
    return None


def _is_same(first: SectionInfo, second: SectionInfo) -> bool:
    """Whether two may be one section: the same name, and no two known patients."""
    known = first.patient and second.patient
    return first.name == second.name and (not known or first.patient == second.patient)


def find_splits(bundle: ModelBundle, sections: Sequence[SectionInfo]) -> dict[str, str | None]:
    """Tell for each section what the model had not seen of it.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    sections : sequence of SectionInfo
        Sections that it might be judged on.

    Returns
    -------
    dict
        Section name -> ``'patient'``: the model has seen nothing of the patient;
        ``'section'``: it has seen other sections of the patient, or this can't be ruled
        out because a patient is unknown; None: it has seen the section itself.
    """
    seen = seen_sections(bundle)
    patients = {known.patient for known in seen}
    splits: dict[str, str | None] = {}
    for info in sections:
        if any(_is_same(info, known) for known in seen):
            splits[info.name] = None
        elif info.patient and "" not in patients and info.patient not in patients:
            splits[info.name] = "patient"
        else:
            splits[info.name] = "section"
    return splits


def check_splits(bundle: ModelBundle, sections: Sequence[SectionInfo], split: str) -> None:
    """Check that the model has not seen more of sections than a split says.

    Sections of unseen patients may be counted with the weaker split 'section'.

    Raises
    ------
    EvaluationError
        A section was seen, or 'patient' is claimed though the patient was seen or may
        have been.
    """
    if split not in SPLITS:
        raise EvaluationError("unknown split", expected=" or ".join(SPLITS), found=repr(split))
    found = find_splits(bundle, sections)
    seen = [name for name, known in found.items() if known is None]
    if seen:
        raise EvaluationError(
            "the model was trained or validated on sections that it is to be judged on",
            path=bundle.path,
            expected="sections that were held out",
            found=", ".join(seen),
            hint="Leaving them out of the reference wouldn't help: the weights have seen them. "
            "Train without them.",
        )
    weaker = [name for name, known in found.items() if known != split]
    if split == "patient" and weaker:
        raise EvaluationError(
            "the model has seen other sections of the patient, or the patient is unknown",
            path=bundle.path,
            expected="sections of patients that were held out whole",
            found=", ".join(weaker),
            hint="Evaluate these with the split 'section'; the two are not comparable.",
        )


def refuse_copies(bank: ReferenceBank, held_out: TrainingSet) -> None:
    """Refuse sections whose very counts the reference bank holds, whatever they are called.

    Parameters
    ----------
    bank : ReferenceBank
        With counts over the gene list.
    held_out : TrainingSet
        Sections to predict, over the same genes.

    Raises
    ------
    EvaluationError
        Half of a section's spots or more have the counts of a reference spot, gene by gene.
    """
    if bank.counts is None:
        return
    known = {row for row in _fingerprints(bank.counts) if row is not None}
    reference = held_out.reference
    for info, part in zip(reference.sections, reference.slices, strict=True):
        rows = [row for row in _fingerprints(reference.counts[part]) if row is not None]
        copied = sum(row in known for row in rows)
        if rows and copied >= _COPIED * len(rows):
            raise EvaluationError(
                f"section {info.name} is in the model's reference under another name",
                expected="a section that the model was not trained on",
                found=f"{copied} of {len(rows)} spots with the counts of a reference spot",
            )


def _fingerprints(counts: Any) -> list[bytes | None]:
    """Return each row's counts as bytes, None where there is too little in it to tell."""
    from scipy import sparse

    rows = sparse.csr_array(counts, dtype=np.float32, copy=True)
    rows.eliminate_zeros()
    rows.sort_indices()
    totals = np.asarray(rows.sum(axis=1)).ravel()
    indices = rows.indices.astype(np.int32)
    bounds = list(zip(rows.indptr[:-1], rows.indptr[1:], strict=True))
    return [
        indices[a:b].tobytes() + rows.data[a:b].tobytes() if total >= _LEAST_COUNTS else None
        for (a, b), total in zip(bounds, totals, strict=True)
    ]
