"""Which cells a section holds, and where: the table that both image and counts are made from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from napari_stexp.sample_data.fields import (
    GRID_UM,
    Field,
    gradient_direction,
    jittered_lattice,
    sample,
    smooth_noise,
    stream,
)
from napari_stexp.sample_data.layout import Layout

__all__ = ["KINDS", "Cells", "adipocytes", "populate"]

# Order is priority: where two nuclei would overlap, the earlier kind stays.
KINDS = (
    "debris",
    "luminal",
    "myoepithelial",
    "tumour",
    "endothelial",
    "muscle",
    "plasma",
    "bcell",
    "tcell",
    "macrophage",
    "fibroblast",
    "fat nucleus",
    "adipocyte",
)
# Nucleus: mean semi-axis (µm), its relative spread, mean long over short axis.
_NUCLEUS = {
    "debris": (1.5, 0.35, 1.2),
    "luminal": (3.5, 0.10, 1.35),
    "myoepithelial": (2.7, 0.12, 2.2),
    "tumour": (4.9, 0.15, 1.28),
    "endothelial": (2.7, 0.12, 3.2),
    "muscle": (2.9, 0.12, 4.2),
    "plasma": (3.2, 0.08, 1.12),
    "bcell": (3.0, 0.09, 1.10),
    "tcell": (2.9, 0.09, 1.12),
    "macrophage": (3.7, 0.12, 1.5),
    "fibroblast": (2.9, 0.17, 3.6),
    "fat nucleus": (2.5, 0.15, 3.0),
    "adipocyte": (2.5, 0.15, 3.0),
}


@dataclass
class Cells:
    """Cells of a section, one entry each.

    Attributes
    ----------
    xy : (N, 2) float64
        Centre of the nucleus in µm. An adipocyte is its vacuole; its nucleus, where the
        section meets it, is an entry of its own that transcribes nothing more.
    kind : (N,) int8
        Index into ``KINDS``.
    radius, elongation, angle : (N,) float32
        Geometric mean semi-axis of the nucleus in µm, long over short axis,
        direction of the long axis.
    """

    xy: np.ndarray
    kind: np.ndarray
    radius: np.ndarray
    elongation: np.ndarray
    angle: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, index: np.ndarray) -> Cells:
        """Select cells by boolean mask or index."""
        return Cells(*(getattr(self, name)[index] for name in self.__dataclass_fields__))

    def of(self, *kinds: str) -> Cells:
        """Select all cells of these kinds."""
        return self.take(np.isin(self.kind, [KINDS.index(kind) for kind in kinds]))


def adipocytes(layout: Layout) -> tuple[np.ndarray, Field]:
    """Adipocytes and the map of their vacuoles.

    Returns
    -------
    (N, 2) float64
        Centres in µm.
    (R, C) float32
        Distance in µm to the wall, positive inside a vacuole.
    """
    from scipy.spatial import cKDTree

    size, rng = layout.plan.size_um, stream(layout.plan.seed, "adipocytes")
    points = jittered_lattice((size, size), 58.0, 0.2, rng)
    points = points[layout.at("fat", *points.T) > -15]
    vacuole = np.full(layout.fat.shape, -20.0, dtype=np.float32)
    inside = layout.fat > -2
    if len(points) < 5 or not inside.any():
        return points[:0], vacuole
    rows, columns = np.nonzero(inside)
    nodes = np.stack([columns + 0.5, rows + 0.5], axis=1) * GRID_UM
    near = cKDTree(points).query(nodes, k=5, workers=-1)[0]
    # A soft minimum over the neighbours rounds the corners of the Voronoi cells.
    softness = 5.0
    others = -softness * np.log(np.exp(-(near[:, 1:] - near[:, :1]) / softness).sum(axis=1))
    wall = 1.15 + 0.3 * smooth_noise(vacuole.shape, 120 / GRID_UM, rng)[inside]
    depth = np.minimum(others / 2 - wall, (layout.fat[inside] - 2.0) * 0.9)
    vacuole[inside] = np.clip(depth, -20.0, None)
    lost = layout.at("fat", *points.T) < 4
    return points[~lost], vacuole


def populate(layout: Layout, fat_cells: np.ndarray, vacuole: Field) -> Cells:
    """Place all cells of a section."""
    rng = stream(layout.plan.seed, "cells")
    groups: list[tuple[str, np.ndarray, np.ndarray | None]] = [
        *_epithelium(layout, rng),
        *_vessel_cells(layout, rng),
        *_immune_cells(layout, rng),
        *_stroma_cells(layout, vacuole, rng),
    ]
    cells = _thin(_dress(layout, groups, rng))
    fat = _dress(layout, [("adipocyte", fat_cells, None)], rng)
    return Cells(
        *(
            np.concatenate([getattr(cells, name), getattr(fat, name)])
            for name in cells.__dataclass_fields__
        )
    )


def _lattice(layout: Layout, spacing: float, jitter: float, rng: np.random.Generator) -> np.ndarray:
    """Candidates over the tissue: a jittered lattice, warped so that its rows don't show."""
    size = layout.plan.size_um
    points = jittered_lattice((size, size), spacing, jitter, rng)
    for axis in (0, 1):
        warp = smooth_noise(layout.tissue.shape, 90 / GRID_UM, rng)
        points[:, axis] += 0.8 * spacing * sample(warp, *points.T)
    inside = ((points >= 0) & (points < size)).all(axis=1)
    points = points[inside]
    return points[layout.at("tissue", *points.T) > 3.0]


def _on_ring(
    points: np.ndarray, distance: Field, depth: float, reach: float
) -> tuple[np.ndarray, np.ndarray]:
    """Move the points near a contour onto it; their tangent's angle comes along."""
    at = sample(distance, *points.T)
    points = points[np.abs(at - depth) < reach].copy()
    gx, gy = gradient_direction(distance, smooth_um=3.0)
    for _ in range(3):
        step = depth - sample(distance, *points.T)
        points[:, 0] += step * sample(gx, *points.T)
        points[:, 1] += step * sample(gy, *points.T)
    tangent = np.arctan2(sample(gx, *points.T), -sample(gy, *points.T))
    return points, tangent


def _epithelium(layout: Layout, rng: np.random.Generator) -> list[tuple]:
    nests = _lattice(layout, 10.7, 0.16, rng)
    dead = layout.at("necrosis", *nests.T) > rng.normal(0, 14, len(nests))
    in_nest = layout.at("nests", *nests.T) > 2.5
    in_duct = layout.at("dcis", *nests.T) > 7.0
    comedo = layout.at("comedo", *nests.T) > rng.normal(0, 5, len(nests))
    debris = _lattice(layout, 9.0, 0.3, rng)
    rot = np.maximum(
        np.minimum(layout.at("necrosis", *debris.T), layout.at("tumour", *debris.T)),
        layout.at("comedo", *debris.T),
    )
    debris = debris[(rot > 0) & (rng.uniform(size=len(debris)) < 0.45)]
    ring = _lattice(layout, 6.3, 0.12, rng)
    luminal, tangent = _on_ring(ring, np.maximum(layout.lumen, -60), -5.0, 4.0)
    keep = layout.at("gland", *luminal.T) > 2.0
    basal, basal_tangent = _on_ring(ring, layout.gland, 2.2, 3.2)
    duct_basal, duct_tangent = _on_ring(ring, layout.dcis, 2.5, 3.0)
    thin = rng.uniform(size=len(duct_basal)) < 0.6
    return [
        ("tumour", nests[((in_nest & ~dead) | (in_duct & ~comedo))], None),
        ("debris", debris, None),
        # Columnar cells stand upright: the nucleus is long across the tangent.
        ("luminal", luminal[keep], tangent[keep] + np.pi / 2),
        ("myoepithelial", basal, basal_tangent),
        ("myoepithelial", duct_basal[thin], duct_tangent[thin]),
    ]


def _vessel_cells(layout: Layout, rng: np.random.Generator) -> list[tuple]:
    lattice = _lattice(layout, 8.5, 0.2, rng)
    inner, tangent = _on_ring(lattice, layout.blood, -1.6, 5.0)
    thin = rng.uniform(size=len(inner)) < 0.55
    wall = _lattice(layout, 9.0, 0.25, rng)
    depth = layout.at("vessel", *wall.T)
    media = (depth > 1.5) & (layout.at("blood", *wall.T) < -4.5)
    wall = wall[media & (rng.uniform(size=len(wall)) < 0.7)]
    gx, gy = gradient_direction(layout.vessel)
    around = np.arctan2(sample(gx, *wall.T), -sample(gy, *wall.T))
    return [("endothelial", inner[thin], tangent[thin]), ("muscle", wall, around)]


def _immune_cells(layout: Layout, rng: np.random.Generator) -> list[tuple]:
    points = _lattice(layout, 6.7, 0.2, rng)
    density = layout.at("immune", *points.T)
    barrier = np.maximum.reduce(
        [layout.at(name, *points.T) for name in ("nests", "dcis", "gland", "vessel")]
    )
    density = density * np.where(barrier > 0, 0.05, 1.0)
    density = density * np.where(layout.at("fat", *points.T) > 0, 0.1, 1.0)
    points = points[rng.uniform(size=len(points)) < density]
    follicle = layout.at("follicle", *points.T)
    b_share = np.clip(0.12 + follicle / 70.0, 0.08, 0.8)
    plasma_share = np.clip(0.30 - follicle / 120.0, 0.04, 0.34)
    draw = rng.uniform(size=len(points))
    b = draw < b_share
    plasma = ~b & (draw < b_share + plasma_share)
    eater = ~b & ~plasma & (draw > 0.93)
    t = ~b & ~plasma & ~eater
    named = (("bcell", b), ("plasma", plasma), ("macrophage", eater), ("tcell", t))
    return [(kind, points[chosen], None) for kind, chosen in named]


def _stroma_cells(layout: Layout, vacuole: Field, rng: np.random.Generator) -> list[tuple]:
    points = _lattice(layout, 12.0, 0.3, rng)
    active = layout.at("desmoplasia", *points.T)
    loose = layout.at("lobule", *points.T) > 0
    barrier = np.maximum.reduce(
        [layout.at(name, *points.T) for name in ("nests", "dcis", "gland", "vessel", "fat")]
    )
    crowd = smooth_noise(layout.tissue.shape, 150 / GRID_UM, rng)
    density = 0.13 + 0.30 * active + 0.25 * loose + 0.10 * sample(crowd, *points.T)
    keep = (barrier < -3) & (rng.uniform(size=len(points)) < density)
    fibroblasts = points[keep]
    angle = layout.at("direction", *fibroblasts.T) + rng.normal(0, 0.18, len(fibroblasts))
    # Macrophages lie scattered in all stroma; adipocyte nuclei are in the walls.
    eaters = points[(barrier < -3) & (rng.uniform(size=len(points)) < 0.025)]
    walls = _lattice(layout, 17.0, 0.3, rng)
    walls = walls[(layout.at("fat", *walls.T) > 6) & (sample(vacuole, *walls.T) < 4)]
    walls, tangent = _on_ring(walls, np.maximum(vacuole, -8), 0.2, 8.0)
    # Few sections through an adipocyte meet its nucleus; capillaries run between them.
    draw = rng.uniform(size=len(walls))
    fat, capillary = draw < 0.28, draw > 0.86
    return [
        ("fibroblast", fibroblasts, angle),
        ("macrophage", eaters, None),
        ("fat nucleus", walls[fat], tangent[fat]),
        ("endothelial", walls[capillary], tangent[capillary]),
    ]


def _dress(layout: Layout, groups: list[tuple], rng: np.random.Generator) -> Cells:
    """Give every place a nucleus of its kind."""
    parts: list[tuple[np.ndarray, ...]] = []
    for kind, points, angle in groups:
        mean, spread, long = _NUCLEUS[kind]
        n = len(points)
        radius = mean * np.exp(rng.normal(0, spread, n))
        if kind == "tumour":  # pleomorphism grows with the grade
            grade = layout.at("grade", *points.T) if n else np.zeros(0)
            radius = mean * (1 + 0.14 * grade) * np.exp(rng.normal(0, 1, n) * (0.13 + 0.03 * grade))
            radius = np.clip(radius, 3.2, 8.5)
        elongation = 1 + (long - 1) * rng.gamma(5.0, 0.2, n)
        turn = rng.uniform(0, np.pi, n) if angle is None else angle
        parts.append(
            (points.reshape(-1, 2), np.full(n, KINDS.index(kind)), radius, elongation, turn)
        )
    xy, kinds, radius, elongation, turn = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Cells(
        xy,
        kinds.astype(np.int8),
        radius.astype(np.float32),
        elongation.astype(np.float32),
        turn.astype(np.float32),
    )


def _thin(cells: Cells) -> Cells:
    """Drop the lower-ranking nucleus of every pair that would overlap too much."""
    from scipy.spatial import cKDTree

    order = np.argsort(cells.kind, kind="stable")
    cells = cells.take(order)
    pairs = cKDTree(cells.xy).query_pairs(12.0, output_type="ndarray")
    apart = np.hypot(*(cells.xy[pairs[:, 0]] - cells.xy[pairs[:, 1]]).T)
    wanted = 0.78 * (cells.radius[pairs[:, 0]] + cells.radius[pairs[:, 1]])
    close = np.sort(pairs[apart < wanted], axis=1)
    keep = np.ones(len(cells), dtype=bool)
    for first, second in close[np.lexsort(close.T[::-1])]:
        if keep[first]:
            keep[second] = False
    return cells.take(keep)
