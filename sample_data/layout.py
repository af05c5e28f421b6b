"""Where the tissues of a synthetic breast section lie.

A section is laid out at ``GRID_UM`` µm per node as signed distances (µm,
positive inside) and smooth densities. Everything later (cells, stain,
counts, annotation) reads these maps, so image and expression agree because
they show the same tissue, not because one is computed from the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from napari_stexp.sample_data.fields import (
    GRID_UM,
    Field,
    band_noise,
    gradient_direction,
    sample,
    signed_distance,
    smooth_noise,
    soft,
    stream,
)
from napari_stexp.sample_data.structures import Canvas, scatter

__all__ = ["Layout", "SectionPlan", "lay_out"]


@dataclass(frozen=True)
class SectionPlan:
    """What distinguishes one synthetic section from another.

    Attributes
    ----------
    name, patient : str
        Names that go into spot tables and the bundle.
    seed : int
        Of every random stream of the section.
    size_px : int
        Side of the square image in level-0 pixels, a multiple of 4 at 0.5 µm/px.
    mpp : float
        µm per pixel.
    stain : str
        Name of a ``stain.STAINS`` entry.
    tumour : float
        Radius of the tumour mass relative to the section's side.
    bearing : float
        Direction from the section's centre to the tumour, in radians.
    """

    name: str
    patient: str
    seed: int
    size_px: int
    mpp: float = 0.5
    stain: str = "A"
    tumour: float = 0.29
    bearing: float = 2.6

    def __post_init__(self) -> None:
        ratio = GRID_UM / self.mpp
        if ratio != round(ratio) or self.size_px % round(ratio):
            raise ValueError(f"size_px must be a multiple of {ratio:g} at {self.mpp} µm/px")

    @property
    def size_um(self) -> float:
        """Side of the section in µm."""
        return self.size_px * self.mpp


@dataclass
class Layout:
    """The maps of one section; signed distances unless said otherwise.

    Attributes
    ----------
    tissue, tumour, nests, fat : (R, C) float32
        The section itself; the tumour mass as a zone; its epithelial nests;
        adipose tissue without its septa.
    dcis, comedo : (R, C) float32
        Ducts filled with tumour cells, and the necrosis in their centre.
    lobule, gland, lumen : (R, C) float32
        Lobules as zones, the epithelium's outer border, and its lumens.
    vessel, blood : (R, C) float32
        Outer wall of vessels, and their lumens.
    necrosis : (R, C) float32
        Necrosis of the tumour mass.
    follicle : (R, C) float32
        Dense lymphoid aggregates.
    immune, desmoplasia : (R, C) float32
        Densities in 0..1: lymphocytes; activated tumour stroma.
    grade, amplification : (R, C) float32
        Fields around 0 with unit spread: nuclear grade and proliferation of
        the tumour; its ERBB2 amplification.
    direction : (R, C) float32
        Angle of the collagen in radians, modulo pi.
    """

    plan: SectionPlan
    tissue: Field
    tumour: Field
    nests: Field
    fat: Field
    dcis: Field
    comedo: Field
    lobule: Field
    gland: Field
    lumen: Field
    vessel: Field
    blood: Field
    necrosis: Field
    follicle: Field
    immune: Field
    desmoplasia: Field
    grade: Field
    amplification: Field
    direction: Field
    duct_centers: list[tuple[float, float, float]] = field(default_factory=list)

    def at(self, name: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Value of the map ``name`` at points in µm."""
        return sample(getattr(self, name), x, y)


def lay_out(plan: SectionPlan) -> Layout:
    """Lay out the section that ``plan`` describes."""
    side = round(plan.size_um / GRID_UM)
    grid = (np.arange(side, dtype=np.float32) + 0.5) * GRID_UM
    x, y = np.meshgrid(grid, grid)
    tissue = _outline(plan, x, y)
    tumour = _tumour_zone(plan, x, y)
    canvas = Canvas(plan, tissue, tumour, x, y)
    dcis, comedo, ducts = canvas.draw_dcis()
    fat = _fat_zone(plan, x, y, tumour, dcis)
    lobule, gland, lumen = canvas.draw_glands(fat, dcis)
    vessel, blood = canvas.draw_vessels(dcis, lobule)
    # The bodies were drawn in windows; from here on their distances hold everywhere.
    dcis, comedo = (signed_distance(body > 0, 1.5) for body in (dcis, comedo))
    lobule, gland, lumen = (signed_distance(body > 0, 1.5) for body in (lobule, gland, lumen))
    vessel, blood = (signed_distance(body > 0, 1.2) for body in (vessel, blood))
    nests = _nests(plan, tumour, tissue)
    nests = np.minimum.reduce([nests, -dcis - 10, -lobule - 5, -vessel - 6])
    fat = np.minimum.reduce([fat, -dcis - 30, -lobule - 15, -vessel - 4])
    necrosis = _necrosis(plan, tumour)
    follicle, immune = _immune(plan, canvas, tumour, np.maximum(dcis, lobule), fat)
    nests = np.minimum(nests, -follicle)
    desmoplasia = soft(np.maximum(tumour + 60, dcis + 50), 260.0)
    return Layout(
        plan=plan,
        tissue=tissue,
        tumour=tumour,
        nests=nests,
        fat=fat,
        dcis=dcis,
        comedo=comedo,
        lobule=lobule,
        gland=gland,
        lumen=lumen,
        vessel=vessel,
        blood=blood,
        necrosis=necrosis,
        follicle=follicle,
        immune=immune,
        desmoplasia=desmoplasia,
        grade=smooth_noise(tissue.shape, 700 / GRID_UM, stream(plan.seed, "grade")),
        amplification=smooth_noise(tissue.shape, 500 / GRID_UM, stream(plan.seed, "erbb2")),
        direction=_collagen_direction(plan, nests, np.maximum.reduce([dcis, lobule, vessel]), fat),
        duct_centers=ducts,
    )


def _outline(plan: SectionPlan, x: Field, y: Field) -> Field:
    """Signed distance to the border of the section: a cut block with a torn edge."""
    rng = stream(plan.seed, "outline")
    size, turn = plan.size_um, rng.uniform(-0.35, 0.35)
    dx, dy = x - size / 2, y - size / 2
    u = dx * np.cos(turn) + dy * np.sin(turn)
    v = -dx * np.sin(turn) + dy * np.cos(turn)
    a, b, power = size * rng.uniform(0.455, 0.48), size * rng.uniform(0.44, 0.47), 3.2
    radius = ((np.abs(u) / a) ** power + (np.abs(v) / b) ** power) ** (1 / power)
    distance = (1 - radius) * min(a, b)
    for wavelength, height in ((size * 0.4, size * 0.018), (140.0, 12.0), (36.0, 3.5)):
        distance = distance + height * smooth_noise(x.shape, wavelength / GRID_UM, rng)
    frame = np.minimum.reduce([x, y, size - x, size - y]) - 12.0
    return signed_distance(np.minimum(distance, frame) > 0, smooth_um=2.0)


def _tumour_zone(plan: SectionPlan, x: Field, y: Field) -> Field:
    """Signed distance to the border of the tumour mass."""
    rng = stream(plan.seed, "tumour")
    size = plan.size_um
    cx = size * (0.5 + 0.17 * np.cos(plan.bearing))
    cy = size * (0.5 + 0.17 * np.sin(plan.bearing))
    distance = plan.tumour * size - np.hypot(x - cx, y - cy)
    distance = distance + 0.075 * size * smooth_noise(x.shape, 0.3 * size / GRID_UM, rng)
    distance = distance + 22.0 * smooth_noise(x.shape, 130 / GRID_UM, rng)
    return signed_distance(distance > 0, smooth_um=8.0)


def _nests(plan: SectionPlan, tumour: Field, tissue: Field) -> Field:
    """Signed distance to the border of the tumour nests: solid inside, cords at the margin."""
    rng = stream(plan.seed, "nests")
    coarse = band_noise(tumour.shape, 210 / GRID_UM, rng, width=0.5)
    fine = band_noise(tumour.shape, 85 / GRID_UM, rng, width=0.5)
    solid = smooth_noise(tumour.shape, 600 / GRID_UM, rng)
    level = 0.6 * coarse + 0.75 * fine + 0.4 * solid
    level = level + 0.18 + 0.35 * np.tanh((tumour - 130) / 120)
    level = level - 4.0 * soft(-tumour - 35, 70.0)  # a few buds beyond the margin
    return signed_distance((level > 0) & (tissue > 0), smooth_um=2.5)


def _fat_zone(plan: SectionPlan, x: Field, y: Field, tumour: Field, dcis: Field) -> Field:
    """Signed distance to the border of adipose tissue, away from the tumour, with septa."""
    rng = stream(plan.seed, "fat")
    size = plan.size_um
    away = plan.bearing + np.pi + rng.uniform(-0.5, 0.5)
    distance = (x - size / 2) * np.cos(away) + (y - size / 2) * np.sin(away) - 0.17 * size
    distance = distance + 0.13 * size * smooth_noise(x.shape, 0.26 * size / GRID_UM, rng)
    distance = distance + 14.0 * smooth_noise(x.shape, 90 / GRID_UM, rng)
    distance = np.minimum.reduce([distance, -tumour - 70, -dcis - 70])
    septa = np.abs(smooth_noise(x.shape, 420 / GRID_UM, rng))
    return signed_distance((distance > 0) & (septa > 0.075), smooth_um=5.0)


def _necrosis(plan: SectionPlan, tumour: Field) -> Field:
    """Signed distance to the border of necrosis deep in the tumour."""
    rng = stream(plan.seed, "necrosis")
    level = smooth_noise(tumour.shape, 420 / GRID_UM, rng) + 0.35 * smooth_noise(
        tumour.shape, 60 / GRID_UM, rng
    )
    deep = soft(tumour - 190, 160.0)
    score = level * deep + 3.0 * (deep - 1.0)
    cut = max(1.0, float(np.quantile(score[tumour > 0], 0.955))) if (tumour > 0).any() else 1.0
    return signed_distance(score > cut, smooth_um=4.0)


def _immune(
    plan: SectionPlan, canvas: Canvas, tumour: Field, bodies: Field, fat: Field
) -> tuple[Field, Field]:
    """Lymphoid aggregates, and the density of lymphocytes everywhere."""
    rng = stream(plan.seed, "immune")
    margin = np.exp(-((tumour + 45) ** 2) / (2 * 110.0**2))
    places = canvas.choose(
        rng, (np.abs(tumour + 60) < 130) & (bodies < -130) & (canvas.tissue > 110), 0.75, 330.0
    )
    follicle = np.full(tumour.shape, -1e4, dtype=np.float32)
    for cx, cy in places:
        scatter(
            follicle,
            (cx, cy),
            rng.uniform(65, 125),
            rng,
            wobble=0.13,
            stretch=rng.uniform(1.0, 1.6),
            angle=rng.uniform(0, np.pi),
        )
    follicle = signed_distance(follicle > 0, 3.0)
    patchy = smooth_noise(tumour.shape, 260 / GRID_UM, rng)
    diffuse = 0.8 * margin * soft(patchy - 0.5, 1.6) + 0.05 * soft(patchy, 2.0)
    diffuse = diffuse * soft(-fat + 10, 60.0)
    around = 0.75 * soft(follicle + 30, 90.0)
    fine = 0.55 + 0.45 * np.tanh(1.5 * smooth_noise(tumour.shape, 45 / GRID_UM, rng))
    density = np.maximum.reduce([diffuse * fine, around * fine, soft(follicle, 26.0)])
    return follicle, np.clip(density, 0, 1).astype(np.float32)


def _collagen_direction(plan: SectionPlan, nests: Field, bodies: Field, fat: Field) -> Field:
    """Angle of the collagen: a wavy course of its own, wrapped around ducts and nests."""
    rng = stream(plan.seed, "collagen")
    course = rng.uniform(0, np.pi) + 0.9 * smooth_noise(nests.shape, 620 / GRID_UM, rng)
    course = course + 0.16 * smooth_noise(nests.shape, 90 / GRID_UM, rng)
    c, s = np.cos(2 * course), np.sin(2 * course)
    for distance, reach, weight in ((nests, 35.0, 1.0), (bodies, 60.0, 3.0), (fat, 25.0, 2.5)):
        gx, gy = gradient_direction(distance, smooth_um=12.0)
        wrap = weight * np.exp(-np.abs(np.minimum(distance, 0)) / reach)
        # Twice the angle of the tangent (-gy, gx): doubling makes opposite directions one.
        c = c + wrap * (gy**2 - gx**2)
        s = s - wrap * 2 * gx * gy
    return (0.5 * np.arctan2(s, c)).astype(np.float32)
