"""Measures a synthetic section with an array of spots: counts from the cells under each spot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari_stexp.sample_data.cells import KINDS, Cells
from napari_stexp.sample_data.fields import GRID_UM, soft, stream
from napari_stexp.sample_data.genes import GENES, MODULATION, rates
from napari_stexp.sample_data.layout import Layout

if TYPE_CHECKING:
    from anndata import AnnData
    from scipy.sparse import csr_matrix

__all__ = ["DIAMETER_UM", "PITCH_UM", "measure_section"]

PITCH_UM, DIAMETER_UM = 100.0, 55.0
DEPTH = 1.6  # counts per count of the programme: sequencing depth
DIFFUSION, DIFFUSION_UM = 0.10, 45.0  # share of transcripts that wander, and how far
AMBIENT = 0.03  # share of the section's mean that every spot collects
DISPERSION = 14.0  # negative binomial: variance = mean + mean² / DISPERSION
MIN_TISSUE = 0.6  # share of a spot's disc that must be tissue


def measure_section(layout: Layout, cells: Cells) -> AnnData:
    """Lay a Visium-like array over the section and draw counts.

    Returns
    -------
    AnnData
        Spots on tissue; ``X`` raw counts (csr float32), contract of
        ``napari_stexp.spots``.
    """
    from scipy.sparse import csr_matrix

    from napari_stexp.spots.record import assemble_spots

    plan = layout.plan
    xy, array = _array_on_tissue(layout)
    expected = _expected_counts(layout, cells, xy)
    rng = stream(plan.seed, "sequencing")
    expected = expected + AMBIENT * expected.mean(axis=0)
    # What differs between sections: chemistry per gene, depth; between spots: capture.
    patient = stream(sum(plan.patient.encode()), "patient")
    expected = expected * np.exp(patient.normal(0, 0.10, len(GENES)))
    expected = expected * np.exp(rng.normal(0, 0.08, len(GENES))) * np.exp(rng.normal(0, 0.15))
    expected = expected * DEPTH * np.exp(rng.normal(0, 0.22, (len(expected), 1)))
    counts = rng.poisson(expected * rng.gamma(DISPERSION, 1 / DISPERSION, expected.shape))
    spots = assemble_spots(
        [f"{col}x{row}" for col, row in array.tolist()],
        xy / plan.mpp,
        array=array,
        counts=csr_matrix(counts.astype(np.float32)),
        genes=GENES,
        diameter_px=DIAMETER_UM / plan.mpp,
        record={
            "technology": "synthetic (Visium geometry)",
            "section": plan.name,
            "patient": plan.patient,
            "pitch_um": PITCH_UM,
            "diameter_um": DIAMETER_UM,
        },
    )
    spots.obs["in_tissue"] = 1
    return spots


def _array_on_tissue(layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Centres (N, 2) in µm and array positions (column, row) of the spots on tissue."""
    from scipy import ndimage

    from napari_stexp.spots import make_grid

    plan = layout.plan
    disc = np.hypot(*np.mgrid[-13:14, -13:14]) * GRID_UM <= DIAMETER_UM / 2
    share = ndimage.convolve((layout.tissue > 0).astype(np.float32), disc / disc.sum())
    grid = make_grid(
        (plan.size_px, plan.size_px),
        plan.mpp,
        pitch_um=PITCH_UM,
        diameter_um=DIAMETER_UM,
        mask=share >= MIN_TISSUE,
        mask_downsample=GRID_UM / plan.mpp,
    )
    array = grid.obs[["array_col", "array_row"]].to_numpy()
    return np.asarray(grid.obsm["spatial"]) * plan.mpp, array


def _expected_counts(layout: Layout, cells: Cells, xy: np.ndarray) -> np.ndarray:
    """Sum the transcripts that each spot collects, (N, G), before any noise."""
    rng = stream(layout.plan.seed, "transcription")
    size = np.exp(rng.normal(0, 0.3, len(cells))).astype(np.float32)
    return np.asarray(_capture(cells, xy) @ (_transcripts(layout, cells) * size[:, None]))


def _transcripts(layout: Layout, cells: Cells) -> np.ndarray:
    """Mean transcripts of each cell, (N, G) float32: its kind, and where it lies."""
    table, activated = rates()
    result = table[cells.kind]
    where = cells.xy.T
    fibroblast = cells.kind == KINDS.index("fibroblast")
    active = layout.at("desmoplasia", *where)[fibroblast, None]
    result[fibroblast] += active * (activated - result[fibroblast])
    tumour = cells.kind == KINDS.index("tumour")
    for field, exponents in MODULATION.items():
        level = np.clip(layout.at(field, *where)[tumour], -2.2, 2.2)
        for gene, exponent in exponents.items():
            result[tumour, GENES.index(gene)] *= np.exp(exponent * level)
    _adapt_to_place(result, layout, where)
    return result


def _adapt_to_place(result: np.ndarray, layout: Layout, where: np.ndarray) -> None:
    """Hypoxia around necrosis, and the chemokines of lymphoid aggregates; in place."""
    dead = np.maximum(layout.at("necrosis", *where), layout.at("comedo", *where))
    hypoxia = 1 + 5 * np.exp(-np.clip(-dead, 0, None) / 55.0)
    for gene in ("VEGFA", "NDRG1"):
        result[:, GENES.index(gene)] *= hypoxia
    follicle = 0.35 + 2.2 * soft(layout.at("follicle", *where) + 15, 60.0)
    for gene in ("CCL19", "CXCL13"):
        result[:, GENES.index(gene)] *= follicle


def _capture(cells: Cells, xy: np.ndarray) -> csr_matrix:
    """Share of each cell's transcripts that each spot collects, (spots, cells)."""
    from scipy.sparse import csr_matrix
    from scipy.spatial import cKDTree

    pairs = cKDTree(xy).sparse_distance_matrix(
        cKDTree(cells.xy), 3 * DIFFUSION_UM, output_type="coo_matrix"
    )
    radius = DIAMETER_UM / 2
    # A cell across the disc's border gives in proportion to the part that lies on it.
    direct = soft(radius - pairs.data, 9.0)
    plume = np.exp(-(pairs.data**2) / (2 * DIFFUSION_UM**2))
    plume *= radius**2 / (2 * DIFFUSION_UM**2)  # a cell loses as much as its plume carries
    weight = (1 - DIFFUSION) * direct + DIFFUSION * plume
    return csr_matrix((weight, (pairs.row, pairs.col)), shape=(len(xy), len(cells)))
