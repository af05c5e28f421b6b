"""One synthetic section, from its plan to picture, counts and outlines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from napari_stexp.sample_data.cells import Cells, adipocytes, populate
from napari_stexp.sample_data.expression import measure_section
from napari_stexp.sample_data.layout import Layout, SectionPlan, lay_out
from napari_stexp.sample_data.stain import render
from napari_stexp.sample_data.writing import write_slide

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["SHIPPED", "TRAINING", "VALIDATION", "Section", "make_section"]

#: The section that is shipped: a patient and a stain that the model has not seen.
SHIPPED = SectionPlan("breast_synthetic", "P3", seed=7, size_px=6144, stain="C", bearing=2.6)
#: What the shipped bundle is trained on.
TRAINING = (
    SectionPlan("T1", "P1", seed=101, size_px=4096, stain="A", bearing=0.4, tumour=0.30),
    SectionPlan("T2", "P1", seed=102, size_px=4096, stain="A", bearing=4.2, tumour=0.26),
    SectionPlan("T3", "P2", seed=103, size_px=4096, stain="B", bearing=1.7, tumour=0.31),
    SectionPlan("T4", "P2", seed=104, size_px=4096, stain="B", bearing=5.5, tumour=0.27),
)
#: What its per-gene scores are measured on: another patient again.
VALIDATION = SectionPlan("V1", "P4", seed=105, size_px=4096, stain="C", bearing=3.4, tumour=0.29)


@dataclass
class Section:
    """A section with all that was made of it.

    Attributes
    ----------
    layout : Layout
        Where the tissues are.
    cells : Cells
        Every cell.
    image : (H, W, 3) uint8
        What the scanner saw.
    spots : AnnData
        What the array measured.
    """

    layout: Layout
    cells: Cells
    image: np.ndarray
    spots: AnnData

    def write_slide(self, path: str | Path, *, quality: int = 70) -> Path:
        """Write the picture as OME-TIFF."""
        return write_slide(self.image, path, self.layout.plan.mpp, quality=quality)


def make_section(plan: SectionPlan) -> Section:
    """Make the section that a plan describes; the same plan gives the same section."""
    layout = lay_out(plan)
    fat_cells, vacuole = adipocytes(layout)
    cells = populate(layout, fat_cells, vacuole)
    return Section(layout, cells, render(layout, cells, vacuole), measure_section(layout, cells))
