"""Draws nuclei, red cells and cytoplasm as stain density, in batches of small patches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from napari_stexp.sample_data.cells import KINDS, Cells
from napari_stexp.sample_data.fields import (
    GRID_UM,
    Field,
    jittered_lattice,
    oriented_textures,
    sample,
    smooth_noise,
    stream,
)
from napari_stexp.sample_data.layout import Layout

__all__ = ["draw_cytoplasm", "draw_nuclei", "draw_red_cells"]

BATCH = 3000


@dataclass(frozen=True)
class _Chromatin:
    """How a kind of nucleus takes up haematoxylin (optical density).

    ``base`` is the mean, ``clumps`` the contrast of the chromatin, ``rim`` the
    extra density of the membrane, ``pale`` how much clearer the centre is,
    ``nucleoli`` their mean number, ``ragged`` the outline's irregularity.
    """

    base: float
    clumps: float
    rim: float = 0.0
    pale: float = 0.0
    nucleoli: float = 0.0
    ragged: float = 0.05


_LYMPHOID = _Chromatin(1.45, 0.30, 0.10, 0.0, 0.0, 0.035)
_CHROMATIN = {
    "debris": _Chromatin(1.15, 0.20, ragged=0.16),
    "luminal": _Chromatin(1.02, 0.26, 0.14, 0.16, 0.2, 0.04),
    "myoepithelial": _Chromatin(1.15, 0.22, 0.05, ragged=0.07),
    "tumour": _Chromatin(1.02, 0.34, 0.24, 0.32, 0.8, 0.085),
    "endothelial": _Chromatin(1.15, 0.2, ragged=0.08),
    "muscle": _Chromatin(0.95, 0.2, ragged=0.05),
    "plasma": _Chromatin(1.35, 0.42, 0.15, ragged=0.03),
    "bcell": _LYMPHOID,
    "tcell": _LYMPHOID,
    "macrophage": _Chromatin(0.78, 0.26, 0.26, 0.30, 0.2, 0.09),
    "fat nucleus": _Chromatin(1.05, 0.2, ragged=0.06),
    "fibroblast": _Chromatin(1.08, 0.24, 0.05, ragged=0.09),
}


def draw_nuclei(density: Field, mask: Field, layout: Layout, cells: Cells) -> None:
    """Draw all nuclei into the haematoxylin density and the nuclear mask, in place.

    Parameters
    ----------
    density, mask : (H, W) float32
        Haematoxylin optical density; 0..1 share of nucleus in each pixel.
    layout : Layout
        Gives scale, seed and nuclear grade.
    cells : Cells
        All cells; adipocytes are left out (they are vacuoles).
    """
    rng = stream(layout.plan.seed, "nuclei")
    mpp = layout.plan.mpp
    texture = oriented_textures(1, 512, 1.1, 1.1, rng)[0].astype(np.float32)
    texture += 0.7 * oriented_textures(1, 512, 2.4, 2.4, rng)[0]
    for kind, chromatin in _CHROMATIN.items():
        group = cells.of(kind)
        reach = group.radius * np.sqrt(group.elongation) * 1.35 / mpp + 3
        for low, high in ((0, 12), (12, 17), (17, 24), (24, 40)):
            chosen = group.take((reach > low) & (reach <= high))
            for start in range(0, len(chosen), BATCH):
                batch = chosen.take(np.arange(start, min(start + BATCH, len(chosen))))
                patches = _paint(batch, chromatin, high, mpp, texture, layout, rng)
                _stamp(density, mask, batch.xy / mpp, *patches)


def _paint(
    cells: Cells,
    look: _Chromatin,
    half: int,
    mpp: float,
    texture: Field,
    layout: Layout,
    rng: np.random.Generator,
) -> tuple[Field, Field]:
    """Density and mask of nuclei, (n, S, S) each, S = 2 ``half`` + 1."""
    n, one = len(cells), (slice(None), None, None)
    axis = np.arange(-half, half + 1, dtype=np.float32) * mpp
    shift = (cells.xy / mpp - np.floor(cells.xy / mpp) - 0.5).astype(np.float32) * mpp
    dx, dy = axis[None, None, :] - shift[:, 0][one], axis[None, :, None] - shift[:, 1][one]
    cos, sin = np.cos(cells.angle)[one], np.sin(cells.angle)[one]
    root = np.sqrt(cells.elongation)[one]
    u, v = (dx * cos + dy * sin) / root, (-dx * sin + dy * cos) * root
    # Spindle nuclei bend with the fibre.
    bend = (rng.normal(0, 0.012, n) * np.maximum(cells.elongation - 1.5, 0)).astype(np.float32)
    v = v + bend[one] * u * u * root**2
    r = np.hypot(u, v)
    phi = np.arctan2(v, u)
    outline = np.repeat(np.repeat(cells.radius[one], 2 * half + 1, 1), 2 * half + 1, 2)
    mitosis, grade = _mitoses(cells, layout, rng)
    ragged = look.ragged * (1 + 0.35 * grade) * (1 + 2.0 * mitosis)
    for order in (2, 3, 4, 6):
        height = (rng.normal(0, 1, n) * ragged * 1.6 / order**0.7).astype(np.float32)
        phase = rng.uniform(0, 2 * np.pi, n).astype(np.float32)
        outline += (height * cells.radius)[one] * np.cos(order * phi + phase[one])
    depth = outline - r  # µm inside the outline, roughly
    focus = rng.uniform(0.7, 1.5, n).astype(np.float32)
    mask = np.clip(depth / focus[one] + 0.5, 0, 1)
    grain = _crops(texture, n, 2 * half + 1, rng)
    pale = look.pale * (1 + 0.3 * grade) * (1 - mitosis)
    inner = np.clip(depth / (0.55 * cells.radius[one]), 0, 1)
    value = 1.0 + look.clumps * 0.8 * grain - pale.astype(np.float32)[one] * inner
    value += (look.rim * (1 - mitosis)).astype(np.float32)[one] * np.exp(
        -(((depth - 0.55) / 0.5) ** 2)
    )
    value += _nucleoli(u, v, cells, look, rng)
    strength = look.base * np.exp(rng.normal(0, 0.13, n)) * (1 + 0.6 * mitosis)
    density = mask * np.clip(value, 0.25, 2.4) * strength.astype(np.float32)[one]
    return density.astype(np.float32), mask.astype(np.float32)


def _mitoses(
    cells: Cells, layout: Layout, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """1 where a tumour cell is in mitosis, and the nuclear grade (0 for other kinds)."""
    tumour = cells.kind == KINDS.index("tumour")
    grade = np.where(tumour, layout.at("grade", *cells.xy.T), 0.0)
    rate = np.where(tumour, 0.012 * np.exp(0.8 * grade), 0.0)
    return (rng.uniform(size=len(cells)) < rate).astype(float), grade


def _nucleoli(
    u: Field, v: Field, cells: Cells, look: _Chromatin, rng: np.random.Generator
) -> Field:
    spots = np.zeros_like(u)
    if not look.nucleoli:
        return spots
    one = (slice(None), None, None)
    for _ in range(2):
        present = rng.uniform(size=len(cells)) < look.nucleoli / 2
        cu, cv = (rng.normal(0, 0.28, (2, len(cells))) * cells.radius).astype(np.float32)
        size = rng.uniform(0.5, 0.95, len(cells)).astype(np.float32)
        d2 = (u - cu[one]) ** 2 + (v - cv[one]) ** 2
        spots += (0.75 * present).astype(np.float32)[one] * np.exp(-d2 / (size[one] ** 2))
    return spots


def _crops(texture: Field, n: int, size: int, rng: np.random.Generator) -> Field:
    """Cut ``n`` random squares out of a periodic texture."""
    rows = rng.integers(0, texture.shape[0], n)[:, None] + np.arange(size)
    columns = rng.integers(0, texture.shape[1], n)[:, None] + np.arange(size)
    rows, columns = rows % texture.shape[0], columns % texture.shape[1]
    return texture[rows[:, :, None], columns[:, None, :]]


def _stamp(plane: Field, mask: Field, centers: np.ndarray, values: Field, masks: Field) -> None:
    """Unite patches with the planes; where patches overlap the darker one shows."""
    half = values.shape[1] // 2
    height, width = plane.shape
    for (cx, cy), value, cover in zip(np.floor(centers).astype(int), values, masks, strict=True):
        y0, x0 = max(cy - half, 0), max(cx - half, 0)
        y1, x1 = min(cy + half + 1, height), min(cx + half + 1, width)
        if y0 >= y1 or x0 >= x1:
            continue
        rows, columns = (
            slice(y0 - cy + half, y1 - cy + half),
            slice(x0 - cx + half, x1 - cx + half),
        )
        for target, patch in ((plane, value), (mask, cover)):
            window = target[y0:y1, x0:x1]
            np.maximum(window, patch[rows, columns], out=window)


def _discs(xy: np.ndarray, radius: np.ndarray, half: int, mpp: float, edge: float) -> Field:
    axis = np.arange(-half, half + 1, dtype=np.float32) * mpp
    shift = (xy / mpp - np.floor(xy / mpp) - 0.5) * mpp
    dx = axis[None, None, :] - shift[:, 0, None, None]
    dy = axis[None, :, None] - shift[:, 1, None, None]
    return np.clip((radius[:, None, None] - np.hypot(dx, dy)) / edge + 0.5, 0, 1).astype(np.float32)


def draw_red_cells(red: Field, layout: Layout) -> None:
    """Fill most vessels' lumens with red cells (density of the red-cell colour), in place."""
    rng = stream(layout.plan.seed, "red cells")
    mpp, size = layout.plan.mpp, layout.plan.size_um
    points = jittered_lattice((size, size), 5.4, 0.2, rng)
    points = points[sample(layout.blood, *points.T) > 1.0]
    # Neighbouring cells share the fate of their vessel: full, half empty or empty.
    fill = smooth_noise(layout.blood.shape, 160 / GRID_UM, rng)
    keep = sample(fill, *points.T) + rng.normal(0, 0.35, len(points)) > -0.35
    points = points[keep]
    radius = rng.normal(2.9, 0.2, len(points))
    discs = _discs(points, radius, 8, mpp, 0.8) - 0.35 * _discs(points, radius * 0.45, 8, mpp, 1.6)
    _stamp(red, np.zeros_like(red), points / mpp, discs, discs)


def draw_cytoplasm(cover: Field, layout: Layout, cells: Cells) -> None:
    """Draw the cell bodies of plasma cells and macrophages (0..1 cover), in place."""
    rng = stream(layout.plan.seed, "cytoplasm")
    group = cells.of("plasma", "macrophage")
    mpp = layout.plan.mpp
    way = rng.uniform(0, 2 * np.pi, len(group))
    # A plasma cell's nucleus is eccentric.
    xy = group.xy + 1.9 * np.stack([np.cos(way), np.sin(way)], axis=1)
    discs = _discs(xy, rng.normal(5.0, 0.5, len(group)), 14, mpp, 1.5)
    _stamp(cover, np.zeros_like(cover), xy / mpp, discs, discs)
