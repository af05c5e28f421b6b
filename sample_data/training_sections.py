"""Writes small synthetic sections of several patients, to train and evaluate a model on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_stexp.sample_data.layout import SectionPlan

    from napari_stexp.progress import Progress
    from napari_stexp.spots import SectionSource

__all__ = ["MANIFEST", "plan_sections", "write_training_sections"]

MANIFEST = "sections.csv"
SIZE_PX = 2560
_STAINS = "ABC"


def write_training_sections(
    folder: str | Path,
    n_sections: int = 4,
    *,
    seed: int = 0,
    size_px: int = SIZE_PX,
    report: Callable[[Progress], None] | None = None,
) -> Path:
    """Make sections of at least two patients, as files that a training starts from.

    Two sections of a patient share stain and patient effects; patients differ in both.
    A section takes some seconds. The same arguments give the same sections.

    Parameters
    ----------
    folder : path-like
        Made when missing; files of the same names are replaced.
    n_sections : int
        2 or more; named A1, A2, B1, B2, … after patients A, B, …
    seed : int
        Of everything.
    size_px : int
        Side of a slide at 0.5 µm/px, a multiple of 4. 2,560 gives about 150 spots.
    report : callable, optional
        Called with a `Progress` whose units are sections.

    Returns
    -------
    Path
        ``sections.csv``, a list of sections for `napari_stexp.spots.find_sections`.
        Beside it lie a slide (``.ome.tif``) and the spots (``.h5ad``: raw counts;
        ``obs['label']``, the outlined region that a spot lies in) of each section.

    Raises
    ------
    OutputError
        The folder can't be written.
    """
    from napari_stexp.progress import Progress
    from napari_stexp.spots import write_section_manifest

    folder = Path(folder)
    plans = plan_sections(n_sections, seed, size_px)
    sources = []
    for done, plan in enumerate(plans):
        if report is not None:
            report(Progress(done, len(plans), f"making section {plan.name}"))
        sources.append(_write_section(plan, folder))
    path = write_section_manifest(folder / MANIFEST, sources)
    if report is not None:
        report(Progress(len(plans), len(plans), "sections made"))
    return path


def plan_sections(n_sections: int, seed: int = 0, size_px: int = SIZE_PX) -> list[SectionPlan]:
    """Say which sections `write_training_sections` makes: two of each patient."""
    import numpy as np
    from napari_stexp.sample_data.layout import SectionPlan

    if not 2 <= n_sections <= 52:
        raise ValueError(f"{n_sections} sections, not 2 to 52")
    rng = np.random.default_rng(seed)
    each = 1 if n_sections == 2 else 2
    plans = []
    for i in range(n_sections):
        number, section = divmod(i, each)
        patient = chr(ord("A") + number)
        plans.append(
            SectionPlan(
                f"{patient}{section + 1}",
                patient,
                seed=int(rng.integers(2**31)),
                size_px=size_px,
                stain=_STAINS[number % len(_STAINS)],
                tumour=float(rng.uniform(0.27, 0.33)),
                bearing=float(rng.uniform(0, 2 * np.pi)),
            )
        )
    return plans


def _write_section(plan: SectionPlan, folder: Path) -> SectionSource:
    from napari_stexp.sample_data.outlines import draw_outlines
    from napari_stexp.sample_data.section import make_section

    from napari_stexp.annotation import label_spots
    from napari_stexp.spots import SectionSource, write_spots

    section = make_section(plan)
    section.spots.obs["label"] = label_spots(section.spots, draw_outlines(section.layout))
    return SectionSource(
        plan.name,
        plan.patient,
        organ="breast",
        technology=str(section.spots.uns["stexp_spots"]["technology"]),
        slide=section.write_slide(folder / f"{plan.name}.ome.tif"),
        spots=write_spots(section.spots, folder / f"{plan.name}.h5ad"),
    )
