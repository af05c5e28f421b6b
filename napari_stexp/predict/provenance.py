"""Where a prediction comes from: slide, model, settings, device, versions, time."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from napari_stexp._version import __version__
from napari_stexp.predict.agreement import MEANING
from napari_stexp.predict.params import PredictParams
from napari_stexp.predict.plan import Plan

if TYPE_CHECKING:
    import torch

    from napari_stexp.model import SectionInfo

__all__ = ["describe_overlap", "make_provenance"]

_PACKAGES = ("anndata", "numpy", "scipy", "torch", "torchvision")
_SCALES = {
    "spot": "log10(1 + counts scaled to {target:g} per spot over the gene list)",
    "gene": "log10(1 + counts scaled to {target:g} per gene over each reference section)",
}


def make_provenance(plan: Plan, device: torch.device) -> dict[str, Any]:
    """Collect ``uns['stexp']``: text, numbers and flags only, so that h5ad holds it.

    What is unknown is absent.
    """
    from napari_stexp.predict.devices import describe_device

    bundle, params = plan.bundle, plan.params
    target = bundle.header.retrieval.target_sum
    return {
        "software": f"napari-stexp {__version__}",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": params.scale,
        "values": _SCALES[str(params.scale)].format(target=target),
        "confidence": MEANING,
        "slide": _describe_slide(plan),
        "model": _known(
            name=bundle.header.name,
            file=bundle.path.name if bundle.path is not None else None,
            sha256=bundle.sha256,
            encoder=bundle.header.encoder,
            windowing=bundle.header.windowing,
            citation=bundle.header.citation,
        ),
        "reference": _describe_reference(plan),
        "parameters": _describe_params(plan),
        "device": {"name": str(device), "label": describe_device(device)},
        "versions": {"python": platform.python_version(), "napari-stexp": __version__}
        | {name: metadata.version(name) for name in _PACKAGES},
        "intended_use": bundle.header.intended_use,
    }


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
    record = plan.spots.uns.get("stexp_spots", {})
    section, patient = str(record.get("section", "")), str(record.get("patient", ""))
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


def _describe_slide(plan: Plan) -> dict[str, Any]:
    slide, contract = plan.slide, plan.bundle.header.input
    height, width = slide.shape
    return _known(
        name=slide.name,
        file=slide.path.name,
        fingerprint=slide.fingerprint(),
        height=int(height),
        width=int(width),
        mpp=slide.mpp,
        mpp_source=slide.mpp_source,
        patch_px=contract.patch_px,
        patch_mpp=contract.mpp,
    )


def _describe_reference(plan: Plan) -> dict[str, Any]:
    params = plan.params
    used = [s.name for s in plan.bundle.header.sections if not is_left_out(s, params)]
    return {
        "n_spots": len(plan.bank.embeddings),
        "sections": ", ".join(used),
        "overlap": describe_overlap(plan),
    }


def _describe_params(plan: Plan) -> dict[str, Any]:
    values = asdict(plan.params)
    for name in ("exclude_sections", "exclude_patients"):
        values[name] = ", ".join(values[name])
    return _known(**values)


def _known(**facts: Any) -> dict[str, Any]:
    """Leave out what is None or empty: h5ad has no None."""
    return {name: value for name, value in facts.items() if value not in (None, "")}
