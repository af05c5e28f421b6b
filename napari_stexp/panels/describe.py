"""What is open, in the words of a panel: name -> text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_stexp.panels.text import count, describe_metric, join_words, short_number

if TYPE_CHECKING:
    from napari_stexp.model import ModelBundle
    from napari_stexp.slide import Slide

__all__ = ["describe_model", "describe_slide", "describe_spots"]

_SCALES = {"spot": "per spot", "gene": "per gene"}
_MPP_SOURCES = {"metadata": "from the file", "user": "typed", "spots": "from the spots' pitch",
                "objective": "usual for the objective"}  # fmt: skip


def describe_slide(slide: Slide) -> dict[str, str]:
    """Return a slide's name, size, scale, objective and origin."""
    height, width = slide.shape
    sides = (width * slide.mpp / 1000, height * slide.mpp / 1000) if slide.mpp else None
    kind = " · ".join(part for part in (slide.vendor, slide.format) if part)
    scale = f"{slide.mpp:.4g} µm/px, {_MPP_SOURCES.get(slide.mpp_source, '')}" if slide.mpp else ""
    return {
        "Name": slide.name,
        "Size": f"{width:,} × {height:,} px",  # noqa: RUF001
        "Extent": f"{sides[0]:.3g} × {sides[1]:.3g} mm" if sides else "",  # noqa: RUF001
        "Scale": scale.rstrip(", "),
        "Objective": f"{slide.objective:g}×" if slide.objective else "",  # noqa: RUF001
        "Scanned": slide.facts.scan_date.replace("T", " "),
        "File": kind,
    }


def describe_spots(spots: Any) -> dict[str, str]:
    """Return the number of spots, where they come from and what was measured."""
    facts = spots.uns.get("stexp_spots", {})
    geometry = [
        f"{name} {short_number(float(facts[key]))} µm"
        for name, key in (("pitch", "pitch_um"), ("diameter", "diameter_um"))
        if facts.get(key) is not None
    ]
    genes = count(spots.n_vars, "gene") if spots.n_vars else "no (virtual spots)"
    return {
        "Spots": f"{spots.n_obs:,}",
        "Layout": ", ".join(geometry),
        "Measured": genes,
        "Section": str(facts.get("section") or ""),
        "Patient": str(facts.get("patient") or ""),
        "Technology": str(facts.get("technology") or ""),
    }


def describe_model(bundle: ModelBundle) -> dict[str, str]:
    """Return what a model predicts, from what, and how it looks at a slide."""
    header = bundle.header
    sections = header.sections
    patients = sorted({str(s.patient) for s in sections if s.patient})
    organs = sorted({str(s.organ) for s in sections if s.organ})
    n_spots = sum(s.n_spots for s in sections)
    reference = f"{count(n_spots, 'spot')}, {count(len(sections), 'section')}"
    if patients:
        reference += f", {count(len(patients), 'patient')}"
    patch = f"{header.input.patch_px} px"
    if header.input.mpp:
        patch += f" = {header.input.patch_px * header.input.mpp:.0f} µm"
    if header.input.n_fields > 1:
        wider = join_words([f"{field:g}" for field in header.input.context[1:]])
        patch += f", and {wider} times as wide"
    retrieval = header.retrieval
    return {
        "Name": bundle.path.name if bundle.path else "not saved",
        "Genes": f"{len(header.genes):,}: {join_words(header.genes, 4)}",
        "Encoder": header.encoder,
        "Reference": reference,
        "Sections": join_words([s.name for s in sections], 12),
        "Patients": join_words(patients, 12),
        "Organ": join_words(organs),
        "Patch": patch,
        "Default": f"{retrieval.k} neighbours, {describe_metric(retrieval.metric)}, "
        f"{_SCALES.get(retrieval.scale, retrieval.scale)}",
    }
