"""Ducts, lobules and vessels: bodies that are placed one by one on the coarse grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari_stexp.sample_data.fields import GRID_UM, Field, stream

if TYPE_CHECKING:
    from napari_stexp.sample_data.layout import SectionPlan

__all__ = ["Canvas", "scatter"]

FAR = np.float32(-1e4)


def scatter(
    field: Field,
    center: tuple[float, float],
    radius: float,
    rng: np.random.Generator,
    *,
    wobble: float = 0.1,
    stretch: float = 1.0,
    angle: float = 0.0,
) -> None:
    """Unite a signed-distance map with one blob, in place.

    Parameters
    ----------
    field : (R, C) float32
        The map.
    center : (x, y)
        In µm.
    radius : float
        In µm, before stretching.
    rng : numpy.random.Generator
        Gives the wobble its phases.
    wobble : float
        Size of the outline's harmonics 2 to 7, relative to the radius.
    stretch, angle : float
        Long over short axis, and the long axis' angle.
    """
    reach = 3.0 * radius * max(stretch, 1.0) + 60.0
    rows = _window(center[1], reach, field.shape[0])
    columns = _window(center[0], reach, field.shape[1])
    y = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * GRID_UM - center[1]
    x = (np.arange(columns.start, columns.stop, dtype=np.float32) + 0.5) * GRID_UM - center[0]
    u = (x[None, :] * np.cos(angle) + y[:, None] * np.sin(angle)) / np.sqrt(stretch)
    v = (-x[None, :] * np.sin(angle) + y[:, None] * np.cos(angle)) * np.sqrt(stretch)
    phi = np.arctan2(v, u)
    outline = np.full_like(phi, radius)
    for order in range(2, 8):
        outline += (
            radius * wobble / order * rng.normal() * np.cos(order * phi + rng.uniform(0, 2 * np.pi))
        )
    window = field[rows, columns]
    np.maximum(window, (outline - np.hypot(u, v)).astype(np.float32), out=window)


def _window(center: float, reach: float, size: int) -> slice:
    low = int(max(0, (center - reach) / GRID_UM))
    return slice(min(low, size), int(min(size, max(0, (center + reach) / GRID_UM))))


class Canvas:
    """Places bodies so that they keep their distance, and draws them.

    Parameters
    ----------
    plan : SectionPlan
        Gives seed and size.
    tissue, tumour : (R, C) float32
        Signed distances.
    x, y : (R, C) float32
        Coordinates of the nodes in µm.
    """

    def __init__(self, plan: SectionPlan, tissue: Field, tumour: Field, x: Field, y: Field) -> None:
        self.plan, self.tissue, self.tumour, self.x, self.y = plan, tissue, tumour, x, y
        self.area_mm2 = float((tissue > 0).sum()) * (GRID_UM / 1000) ** 2

    def choose(
        self, rng: np.random.Generator, allowed: np.ndarray, per_mm2: float, apart_um: float
    ) -> list[tuple[float, float]]:
        """Choose random places in ``allowed`` that lie at least ``apart_um`` apart.

        ``per_mm2`` counts over the whole section, so that a plan of double size
        gets four times as many.
        """
        wanted = rng.poisson(per_mm2 * self.area_mm2) if self.area_mm2 < 1 else None
        wanted = round(per_mm2 * self.area_mm2) if wanted is None else wanted
        candidates = np.flatnonzero(allowed)
        chosen: list[tuple[float, float]] = []
        if not len(candidates):
            return chosen
        for index in rng.choice(candidates, size=min(len(candidates), 60 * wanted + 1)):
            if len(chosen) >= wanted:
                break
            place = (float(self.x.flat[index]), float(self.y.flat[index]))
            if all(np.hypot(place[0] - a, place[1] - b) >= apart_um for a, b in chosen):
                chosen.append(place)
        return chosen

    def draw_dcis(self) -> tuple[Field, Field, list[tuple[float, float, float]]]:
        """Ducts with in-situ carcinoma, their necrosis, and (x, y, radius) of each."""
        rng = stream(self.plan.seed, "dcis")
        duct = np.full(self.tissue.shape, FAR)
        comedo = np.full(self.tissue.shape, FAR)
        near = (self.tumour < -110) & (self.tumour > -620) & (self.tissue > 190)
        seeds = self.choose(rng, near, 0.6, 420.0)
        ducts: list[tuple[float, float, float]] = []
        for seed in seeds:  # in-situ carcinoma comes in groups of neighbouring ducts
            for _ in range(int(rng.integers(2, 6))):
                place = (seed[0] + rng.normal(0, 170), seed[1] + rng.normal(0, 170))
                radius = float(rng.uniform(62, 135))
                if not self._is_free(place, radius, ducts):
                    continue
                ducts.append((*place, radius))
                angle, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.7)
                scatter(duct, place, radius, rng, wobble=0.16, stretch=stretch, angle=angle)
                if radius > 80:
                    inner = radius * rng.uniform(0.25, 0.5)
                    scatter(comedo, place, inner, rng, wobble=0.3, stretch=stretch, angle=angle)
        return duct, comedo, ducts

    def _is_free(
        self, place: tuple[float, float], radius: float, ducts: list[tuple[float, float, float]]
    ) -> bool:
        column, row = int(place[0] / GRID_UM), int(place[1] / GRID_UM)
        if not (0 <= row < self.tissue.shape[0] and 0 <= column < self.tissue.shape[1]):
            return False
        if self.tissue[row, column] < radius + 50 or self.tumour[row, column] > -radius - 40:
            return False
        return all(np.hypot(place[0] - a, place[1] - b) > 1.3 * (radius + r) for a, b, r in ducts)

    def draw_glands(self, fat: Field, dcis: Field) -> tuple[Field, Field, Field]:
        """Lobules (zone), the epithelium of acini and ducts, and their lumens."""
        rng = stream(self.plan.seed, "glands")
        lobule = np.full(self.tissue.shape, FAR)
        gland = np.full(self.tissue.shape, FAR)
        lumen = np.full(self.tissue.shape, FAR)
        free = (self.tumour < -200) & (dcis < -230) & (self.tissue > 160) & (fat < 40)
        for cx, cy in self.choose(rng, free, 0.85, 330.0):
            radius = rng.uniform(120, 200)
            angle, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.5)
            scatter(lobule, (cx, cy), radius, rng, wobble=0.18, stretch=stretch, angle=angle)
            for px, py in self._pack(rng, (cx, cy), radius * 0.88, 43.0):
                self._draw_acinus(rng, (px, py), gland, lumen)
        for cx, cy in self.choose(rng, free & (lobule < -90), 0.55, 300.0):
            radius, angle, stretch = (
                rng.uniform(36, 65),
                rng.uniform(0, np.pi),
                rng.uniform(1.0, 2.4),
            )
            look = {"wobble": 0.2, "stretch": stretch, "angle": angle}
            scatter(lobule, (cx, cy), radius + 14, rng, **look)
            scatter(gland, (cx, cy), radius, rng, **look)
            scatter(lumen, (cx, cy), radius - 17, rng, **look)
        return lobule, gland, np.minimum(lumen, gland - 11.0)

    @staticmethod
    def _draw_acinus(
        rng: np.random.Generator, place: tuple[float, float], gland: Field, lumen: Field
    ) -> None:
        radius = rng.uniform(14, 24)
        angle, stretch = rng.uniform(0, np.pi), rng.uniform(1.0, 1.6)
        scatter(gland, place, radius, rng, wobble=0.12, stretch=stretch, angle=angle)
        inner = radius - rng.uniform(10.5, 15.5)
        scatter(lumen, place, inner, rng, wobble=0.12, stretch=stretch, angle=angle)

    @staticmethod
    def _pack(
        rng: np.random.Generator, center: tuple[float, float], radius: float, apart: float
    ) -> list[tuple[float, float]]:
        """Places in a disc, at least ``apart`` apart: dart throwing."""
        chosen: list[tuple[float, float]] = []
        for _ in range(400):
            distance, angle = radius * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
            place = (center[0] + distance * np.cos(angle), center[1] + distance * np.sin(angle))
            if all(np.hypot(place[0] - a, place[1] - b) >= apart for a, b in chosen):
                chosen.append(place)
        return chosen

    def draw_vessels(self, dcis: Field, lobule: Field) -> tuple[Field, Field]:
        """Vessels from capillaries to small arteries, and their lumens."""
        rng = stream(self.plan.seed, "vessels")
        vessel = np.full(self.tissue.shape, FAR)
        blood = np.full(self.tissue.shape, FAR)
        free = (self.tissue > 45) & (dcis < -30) & (lobule < -25)
        for rate, apart, low, high, wall in (
            (13.0, 90.0, 6.0, 12.0, 3.0),
            (1.7, 300.0, 20.0, 44.0, 11.0),
        ):
            for place in self.choose(rng, free & (vessel < -apart / 3), rate, apart):
                radius, stretch = rng.uniform(low, high), rng.uniform(1.0, 2.8)
                look = {"wobble": 0.14, "stretch": stretch, "angle": rng.uniform(0, np.pi)}
                thickness = wall * rng.uniform(0.5, 1.2)
                scatter(vessel, place, radius, rng, **look)
                scatter(blood, place, max(radius - thickness, 2.0), rng, **look)
        return vessel, np.minimum(blood, vessel - 2.0)
