"""Where a prediction comes from: slide, model, settings, device, versions, time."""

from __future__ import annotations

import platform
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from napari_stexp._version import __version__
from napari_stexp.predict.agreement import MEANING
from napari_stexp.predict.overlap import describe_overlap, is_left_out
from napari_stexp.predict.plan import Plan
from napari_stexp.slide.location import is_address

if TYPE_CHECKING:
    import torch

__all__ = ["describe_params", "describe_slide", "make_provenance"]

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
        "slide": describe_slide(plan),
        "model": _known(
            name=bundle.header.name,
            file=bundle.path.name if bundle.path is not None else None,
            sha256=bundle.sha256,
            encoder=bundle.header.encoder,
            windowing=bundle.header.windowing,
            citation=bundle.header.citation,
        ),
        "reference": _describe_reference(plan),
        "parameters": describe_params(plan),
        "device": {"name": str(device), "label": describe_device(device)},
        "versions": {"python": platform.python_version(), "napari-stexp": __version__}
        | {name: metadata.version(name) for name in _PACKAGES},
        "intended_use": bundle.header.intended_use,
    }


def describe_slide(plan: Plan) -> dict[str, Any]:
    """Say which slide is read, and how."""
    slide, contract = plan.slide, plan.bundle.header.input
    height, width = slide.shape
    return _known(
        name=slide.name,
        file=slide.path.name,
        address=str(slide.path) if is_address(slide.path) else None,
        fingerprint=slide.fingerprint(),
        height=int(height),
        width=int(width),
        mpp=slide.mpp,
        mpp_source=slide.mpp_source,
        scale_settled=" / ".join(one.sentence for one in slide.settled),
        objective=slide.objective,
        scan_date=slide.facts.scan_date,
        backend=slide.backend,
        colour=slide.colour,
        patch_px=contract.patch_px,
        patch_mpp=contract.mpp,
        fields_of_view=" ".join(f"{field:g}" for field in contract.context)
        if contract.n_fields > 1
        else None,
    )


def _describe_reference(plan: Plan) -> dict[str, Any]:
    params = plan.params
    used = [s.name for s in plan.bundle.header.sections if not is_left_out(s, params)]
    return {
        "n_spots": len(plan.bank.embeddings),
        "sections": ", ".join(used),
        "overlap": describe_overlap(plan),
    }


def describe_params(plan: Plan) -> dict[str, Any]:
    """Say with which settings, those of the bundle filled in."""
    values = asdict(plan.params)
    for name in ("exclude_sections", "exclude_patients"):
        values[name] = ", ".join(values[name])
    return _known(**values)


def _known(**facts: Any) -> dict[str, Any]:
    """Leave out what is None or empty: h5ad has no None."""
    return {name: value for name, value in facts.items() if value not in (None, "")}
