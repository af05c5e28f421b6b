"""Mixes stain densities to the colours that a scanner sees (Beer-Lambert law).

For every channel c: intensity = white_c * exp(-sum over stains of density * od_c).
Stain vectors: Ruifrok and Johnston, Anal Quant Cytol Histol 2001 (23:291), and
Macenko et al., ISBI 2009; every laboratory's own lie around them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from napari_stexp.sample_data.cells import Cells
from napari_stexp.sample_data.fields import GRID_UM, Field, enlarge, smooth_noise, soft, stream
from napari_stexp.sample_data.layout import Layout
from napari_stexp.sample_data.matrix import Densities, draw_matrix
from napari_stexp.sample_data.nuclei import draw_cytoplasm, draw_nuclei, draw_red_cells

__all__ = ["STAINS", "Stain", "render"]

STRIP = 512


@dataclass(frozen=True)
class Stain:
    """One laboratory's staining and scanner.

    Attributes
    ----------
    haematoxylin, eosin : tuple of float
        Optical density in red, green and blue, of unit length.
    strength : tuple of float
        Factors on the densities of haematoxylin and eosin.
    white : tuple of float
        Colour of the empty slide.
    """

    haematoxylin: tuple[float, float, float]
    eosin: tuple[float, float, float]
    strength: tuple[float, float]
    white: tuple[float, float, float]


STAINS = {
    "A": Stain((0.650, 0.704, 0.286), (0.130, 0.905, 0.405), (1.00, 1.00), (243, 242, 245)),
    "B": Stain((0.600, 0.724, 0.340), (0.190, 0.860, 0.473), (0.92, 1.10), (245, 243, 242)),
    "C": Stain((0.620, 0.716, 0.321), (0.155, 0.885, 0.439), (1.06, 0.95), (241, 241, 243)),
}
_RED_CELL = (0.12, 0.72, 0.68)


def render(layout: Layout, cells: Cells, vacuole: Field) -> np.ndarray:
    """Render a section as a scanner would see it.

    Returns
    -------
    (H, W, 3) uint8
    """
    planes = draw_matrix(layout, cells, vacuole)
    _add_cells(planes, layout, cells)
    return _scan(planes, layout)


def _add_cells(planes: Densities, layout: Layout, cells: Cells) -> None:
    """Lay cell bodies, nuclei and red cells over the matrix, in place."""
    cover = np.zeros_like(planes.eosin)
    draw_cytoplasm(cover, layout, cells)
    planes.eosin += (0.42 - planes.eosin) * (0.7 * cover)
    planes.haematoxylin += (0.34 - planes.haematoxylin) * (0.7 * cover)
    nuclear = np.zeros_like(planes.eosin)
    density = np.zeros_like(planes.eosin)
    draw_nuclei(density, nuclear, layout, cells)
    planes.eosin *= 1 - 0.55 * nuclear
    planes.haematoxylin *= 1 - 0.8 * nuclear
    planes.haematoxylin += density
    draw_red_cells(planes.red, layout)


def _scan(planes: Densities, layout: Layout) -> np.ndarray:
    """Mix the stains, blur by the optics, add shot noise, digitise; in strips of rows."""
    from scipy import ndimage

    plan, stain = layout.plan, STAINS[layout.plan.stain]
    rng = stream(plan.seed, "scan")
    shape = layout.tissue.shape
    # Section thickness and uptake of each stain drift over the section.
    uptake = [
        stain.strength[i] * np.exp(0.07 * smooth_noise(shape, 900 / GRID_UM, rng)) for i in (0, 1)
    ]
    light = 1 + 0.008 * smooth_noise(shape, 1500 / GRID_UM, rng)
    dirt = _dirt(layout, rng)
    vectors = np.array([stain.haematoxylin, stain.eosin, _RED_CELL], dtype=np.float32)
    image = np.empty((plan.size_px, plan.size_px, 3), dtype=np.uint8)
    margin, factor = 4, round(GRID_UM / plan.mpp)
    for top in range(0, plan.size_px, STRIP):
        low, high = max(top - margin, 0), min(top + STRIP + margin, plan.size_px)
        rows = slice(low, high)
        size, nodes = (high - low, plan.size_px), slice(low // factor, -(-high // factor))
        tint = [_cut(field, nodes, low, size, factor) for field in (*uptake, light, dirt)]
        density = np.stack(
            [planes.haematoxylin[rows] * tint[0], planes.eosin[rows] * tint[1], planes.red[rows]],
            axis=-1,
        )
        density[..., 1] += tint[3]
        seen = np.exp(-density @ vectors) * np.array(stain.white, dtype=np.float32)
        seen *= tint[2][..., None]
        seen = ndimage.gaussian_filter(seen, (0.62, 0.62, 0))
        seen = seen[top - low : top - low + STRIP]
        noise = rng.standard_normal(seen.shape[:2], dtype=np.float32)[..., None]
        seen = seen + noise * np.sqrt(np.maximum(seen, 1)) * 0.07
        image[top : top + STRIP] = np.clip(np.round(seen), 0, 255)
    return image


def _cut(field: Field, nodes: slice, low: int, size: tuple[int, int], factor: int) -> Field:
    big = enlarge(field[nodes], ((nodes.stop - nodes.start) * factor, size[1]))
    start = low - nodes.start * factor
    return big[start : start + size[0]]


def _dirt(layout: Layout, rng: np.random.Generator) -> Field:
    """Faint haze beside the section and a few crumbs of tissue on the glass."""
    shape = layout.tissue.shape
    haze = 0.012 * np.exp(np.minimum(layout.tissue, 0) / 60.0)
    crumbs = smooth_noise(shape, 9 / GRID_UM, rng) + 0.8 * smooth_noise(shape, 60 / GRID_UM, rng)
    near = np.exp(np.minimum(layout.tissue, 0) / 45.0)
    outside = soft(-layout.tissue - 8, 8.0)
    return (haze + 0.3 * outside * soft(crumbs - 4.6 + 1.3 * near, 0.7)).astype(np.float32)
