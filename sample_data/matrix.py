"""Draws everything between the nuclei as stain density: collagen, fat, cytoplasm, lumens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from napari_stexp.sample_data.cells import Cells
from napari_stexp.sample_data.fields import (
    GRID_UM,
    Field,
    enlarge,
    oriented_textures,
    smooth_noise,
    soft,
    stream,
)
from napari_stexp.sample_data.layout import Layout

__all__ = ["Densities", "draw_matrix"]

N_ANGLES, STRIP = 64, 512
TEXTURE_SIDE, SMALL_SIDE = 1024, 256  # of the textures of sections and of small pieces


@dataclass
class Densities:
    """Optical densities of a section, (H, W) float32 each.

    Attributes
    ----------
    haematoxylin, eosin, red : float32
        Of the two stains, and of red cells' own colour.
    """

    haematoxylin: Field
    eosin: Field
    red: Field


def draw_matrix(layout: Layout, cells: Cells, vacuole: Field) -> Densities:
    """Draw the section without its nuclei.

    Parameters
    ----------
    layout : Layout
        Where the tissues are.
    cells : Cells
        Gives the borders of epithelial cells.
    vacuole : (R, C) float32
        Distance to the walls of adipocytes, from ``cells.adipocytes``.
    """
    shape = (layout.plan.size_px,) * 2
    rng = stream(layout.plan.seed, "matrix")
    planes = Densities(*(np.zeros(shape, dtype=np.float32) for _ in range(3)))
    fibres = _Fibres(layout, rng)
    coarse = _coarse_maps(layout, vacuole, rng)
    borders = _cell_borders(layout, cells)
    grain = _grain(rng)
    for top in range(0, shape[0], STRIP):
        rows = slice(top, min(top + STRIP, shape[0]))
        strip = _Strip(layout, coarse, rows)
        eosin, haematoxylin = fibres.draw(strip, rows)
        eosin, haematoxylin = _draw_epithelium(
            strip, eosin, haematoxylin, strip.cut(borders), _tiled(grain, rows, shape[1])
        )
        eosin, haematoxylin = _draw_holes(strip, eosin, haematoxylin)
        planes.eosin[rows], planes.haematoxylin[rows] = eosin, haematoxylin
    return planes


class _Strip:
    """Coarse maps enlarged to a strip of image rows, when asked for."""

    def __init__(self, layout: Layout, coarse: dict[str, Field], rows: slice) -> None:
        self.layout, self.coarse, self.rows = layout, coarse, rows
        self.factor = round(GRID_UM / layout.plan.mpp)
        self.width = layout.plan.size_px

    def __getitem__(self, name: str) -> Field:
        field = self.coarse.get(name)
        return self.cut(getattr(self.layout, name) if field is None else field)

    def cut(self, field: Field) -> Field:
        """Enlarge this strip of a field that covers the section at any spacing."""
        factor = self.width // field.shape[1]
        first, last = self.rows.start // factor, -(-self.rows.stop // factor)
        margin = 4  # bicubic interpolation reaches two nodes; strips must join without a seam
        low, high = max(first - margin, 0), min(last + margin, field.shape[0])
        big = enlarge(field[low:high], ((high - low) * factor, self.width))
        start = self.rows.start - low * factor
        return big[start : start + self.rows.stop - self.rows.start]


def _coarse_maps(layout: Layout, vacuole: Field, rng: np.random.Generator) -> dict[str, Field]:
    """Further maps at the layout's spacing, drawn once per section."""
    shape = layout.tissue.shape
    noise = {
        name: smooth_noise(shape, um / GRID_UM, rng)
        for name, um in (("oedema", 230.0), ("patch", 60.0), ("edge", 7.0), ("secretion", 25.0))
    }
    bodies = np.maximum(layout.dcis, layout.gland)
    return {
        **noise,
        "vacuole": vacuole,
        "epithelium": np.maximum.reduce([layout.nests, layout.dcis, layout.gland]),
        "bodies": bodies,
        "rot": np.maximum(
            np.minimum(layout.necrosis, layout.nests + 12),
            layout.comedo,
        ),
    }


def _grain(rng: np.random.Generator) -> Field:
    """Fine-grained cytoplasm texture, periodic, unit variance."""
    fine = oriented_textures(1, TEXTURE_SIDE, 1.3, 1.3, rng)[0].astype(np.float32)
    blotch = oriented_textures(1, TEXTURE_SIDE, 6.0, 6.0, rng)[0].astype(np.float32)
    return (0.6 * fine + 0.8 * blotch).astype(np.float32)


def _tiled(texture: Field, rows: slice, width: int) -> Field:
    side = texture.shape[0]
    return texture[np.arange(rows.start, rows.stop)[:, None] % side, np.arange(width)[None] % side]


class _Fibres:
    """Collagen: fibre textures that follow the direction field, in bundles with clefts."""

    def __init__(self, layout: Layout, rng: np.random.Generator) -> None:
        self.layout = layout
        px = 1.0 / layout.plan.mpp
        self.side = TEXTURE_SIDE if layout.plan.size_px > TEXTURE_SIDE else SMALL_SIDE
        self.bundles = oriented_textures(N_ANGLES, self.side, 26 * px, 2.3 * px, rng)
        self.fibrils = oriented_textures(N_ANGLES, self.side, 11 * px, 0.45 * px, rng)
        # Twice the angle, as a vector: interpolates across the jump from pi to 0.
        self.doubled = np.cos(2 * layout.direction), np.sin(2 * layout.direction)
        shape = layout.tissue.shape
        # A fine warp makes the fibres wavy, a wide one hides that the texture repeats.
        self.warp = [
            (2.2 * smooth_noise(shape, 34 / GRID_UM, rng) + 60 * smooth_noise(shape, 500, rng)) * px
            for _ in range(2)
        ]

    def draw(self, strip: _Strip, rows: slice) -> tuple[Field, Field]:
        """Eosin and haematoxylin of the stroma in a strip."""
        y, x = np.arange(rows.start, rows.stop)[:, None], np.arange(strip.width)[None, :]
        ty = (y + strip.cut(self.warp[1])).astype(np.int32) % self.side
        tx = (x + strip.cut(self.warp[0])).astype(np.int32) % self.side
        c, s = (strip.cut(part) for part in self.doubled)
        angle = np.round(np.arctan2(s, c) * (0.5 / np.pi * N_ANGLES)).astype(np.int32) % N_ANGLES
        bundle = self.bundles[angle, ty, tx].astype(np.float32)
        fibril = self.fibrils[angle, ty, tx].astype(np.float32)
        active, loose = strip["desmoplasia"], soft(strip["lobule"], 40.0)
        oedema = strip["oedema"]
        dense = np.clip(1.0 - 0.22 * active - 0.46 * loose - 0.13 * oedema, 0.35, 1.3)
        dense *= 1 - 0.6 * strip["immune"]
        # The walls between adipocytes are too thin to show fibres.
        fat = soft(strip["fat"], 10.0)
        eosin = dense * (0.52 + (1 - 0.85 * fat) * (0.125 * bundle + 0.095 * fibril))
        # Hyaline collagen in the sheath of ducts and lobular ducts.
        sheath = np.exp(-(((strip["bodies"] + 6.0) / 6.0) ** 2))
        eosin += 0.16 * sheath
        split = (
            bundle
            + 0.25 * fibril
            + 1.55
            - 0.45 * np.clip(oedema, -1, 1.5)
            + 0.9 * sheath
            + 0.8 * strip["immune"]
            + 3 * fat
        )
        eosin = np.clip(eosin, 0.1, None) * (0.10 + 0.90 * soft(split, 0.5))
        haematoxylin = 0.05 + 0.09 * active + 0.09 * loose + 0.02 * bundle
        haematoxylin = haematoxylin + 0.13 * strip["immune"]
        return eosin, np.clip(haematoxylin, 0.01, None) * (0.25 + 0.75 * soft(split, 0.5))


def _cell_borders(layout: Layout, cells: Cells) -> Field:
    """Map the closeness (0..1) to the border between two epithelial cells, at 1 µm per node."""
    from scipy.spatial import cKDTree

    side = round(layout.plan.size_um)
    borders = np.zeros((side, side), dtype=np.float32)
    xy = cells.of("tumour", "luminal").xy
    zone = np.maximum.reduce([layout.nests, layout.dcis, layout.gland]) > -2
    zone = zone.repeat(2, 0).repeat(2, 1)[:side, :side]
    if len(xy) < 2 or not zone.any():
        return borders
    rows, columns = np.nonzero(zone)
    nodes = np.stack([columns + 0.5, rows + 0.5], axis=1)
    near = cKDTree(xy).query(nodes, k=2, workers=-1)[0]
    borders[rows, columns] = np.exp(-(((near[:, 1] - near[:, 0]) / 1.5) ** 2))
    return borders


def _draw_epithelium(
    strip: _Strip, eosin: Field, haematoxylin: Field, borders: Field, grain: Field
) -> tuple[Field, Field]:
    """Lay nests, ducts, glands and their necrosis over the stroma."""
    edge = strip["epithelium"] + 1.3 * strip["edge"]
    patch = strip["patch"]
    # Retraction: a cleft around some nests, where fixation has shrunk them.
    cleft = np.exp(-(((edge + 2.6) / 1.7) ** 2)) * soft(patch - 0.3, 0.8)
    cleft = cleft * soft(-strip["lobule"], 4.0)
    eosin, haematoxylin = eosin * (1 - 0.92 * cleft), haematoxylin * (1 - 0.9 * cleft)
    inside = soft(edge, 1.6)
    cytoplasm = 0.47 + 0.06 * grain + 0.06 * patch - 0.13 * borders
    basophil = 0.27 + 0.05 * grain - 0.08 * borders - 0.03 * patch
    eosin = eosin + (cytoplasm - eosin) * inside
    haematoxylin = haematoxylin + (basophil - haematoxylin) * inside
    wall = soft(strip["vessel"], 1.5)
    eosin = eosin + (0.62 + 0.07 * grain - eosin) * wall * (1 - inside)
    rot = soft(strip["rot"] + 9.0 * patch, 22.0)
    eosin = eosin + (0.66 + 0.17 * grain + 0.06 * strip["secretion"] - eosin) * rot
    haematoxylin = haematoxylin + (0.12 + 0.07 * grain - haematoxylin) * rot
    return eosin, haematoxylin


def _draw_holes(strip: _Strip, eosin: Field, haematoxylin: Field) -> tuple[Field, Field]:
    """Clear vacuoles, lumens, tears and what lies outside the section; darken its edge."""
    tissue = strip["tissue"]
    clear = np.maximum.reduce(
        [
            soft(strip["vacuole"], 1.1),
            soft(strip["blood"], 1.2),
        ]
    )
    lumen = soft(strip["lumen"] + 0.8 * strip["edge"], 1.4)
    secretion = 0.16 * soft(strip["secretion"] - 0.6, 1.2) * lumen
    left = (1 - clear) * (1 - lumen) * soft(tissue, 3.0)
    left *= 1 + 0.22 * np.exp(-np.clip(tissue, 0, None) / 16.0)
    return eosin * left + secretion * soft(tissue, 3.0), haematoxylin * left + 0.2 * secretion
