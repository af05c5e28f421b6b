"""Outlines the tissues of a section as a pathologist would: by hand, roughly, not nest by nest."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import numpy as np
from napari_stexp.sample_data.fields import GRID_UM, Field, signed_distance, smooth_noise, stream
from napari_stexp.sample_data.layout import Layout

if TYPE_CHECKING:
    from shapely import Polygon

    from napari_stexp.annotation import Region

__all__ = ["CLASSES", "draw_outlines"]

#: Class name -> colour. Names as in the labels of Andersson et al. 2021 (HER2ST).
CLASSES = {
    "Invasive cancer": (200, 0, 0),
    "Cancer in situ": (255, 140, 0),
    "Breast glands": (0, 150, 90),
    "Connective tissue": (150, 200, 150),
    "Adipose tissue": (240, 220, 90),
    "Immune infiltrate": (90, 60, 200),
    "Necrosis": (70, 70, 70),
}
_SMALLEST_MM2 = {
    "Invasive cancer": 0.03,
    "Cancer in situ": 0.004,
    "Breast glands": 0.006,
    "Connective tissue": 0.03,
    "Adipose tissue": 0.02,
    "Immune infiltrate": 0.012,
    "Necrosis": 0.006,
}


def draw_outlines(layout: Layout) -> list[Region]:
    """Outline all tissues of a section.

    Returns
    -------
    list of Region
        Level-0 pixels, (x, y); larger tissues first. Small regions may lie inside
        larger ones, as in QuPath.
    """
    from napari_stexp.annotation import Region

    regions = []
    for name, distance in _hand_drawn(layout).items():
        for polygon in _trace(distance, layout, _SMALLEST_MM2[name]):
            identity = uuid.uuid5(uuid.NAMESPACE_URL, f"{layout.plan.seed}/{name}/{polygon.wkt}")
            regions.append(
                Region(geometry=polygon, class_name=name, color=CLASSES[name], id=str(identity))
            )
    return regions


def _hand_drawn(layout: Layout) -> dict[str, Field]:
    """Smoothed zones with the wobble of a hand, as signed distances in µm."""
    tissue = layout.tissue
    cancer = _zone(_blur(layout.nests > 0, 55) > 0.24)
    cancer = np.minimum(cancer, -layout.dcis - 12)
    zones = {
        "Invasive cancer": cancer,
        "Adipose tissue": _zone(_blur(layout.fat > 0, 22) > 0.5),
        "Breast glands": layout.lobule + 4,
        "Cancer in situ": layout.dcis + 6,
        "Immune infiltrate": _zone(_blur(layout.immune, 22) > 0.42),
        "Necrosis": _zone(_blur(np.minimum(layout.necrosis, layout.nests) > 0, 16) > 0.45),
    }
    taken = np.maximum.reduce([zones[name] for name in zones if name != "Necrosis"])
    # What is left is connective tissue; the hand keeps off the neighbours' outlines.
    zones["Connective tissue"] = -taken - 9
    drawn = {}
    for name, zone in zones.items():
        rng = stream(layout.plan.seed, f"hand {name}")
        small = name in ("Cancer in situ", "Breast glands", "Necrosis")
        wobble = (5.0 if small else 9.0) * smooth_noise(tissue.shape, 170 / GRID_UM, rng)
        wobble += 1.5 * smooth_noise(tissue.shape, 30 / GRID_UM, rng)
        edge = tissue + 3 * smooth_noise(tissue.shape, 120 / GRID_UM, rng)
        drawn[name] = np.minimum(zone + wobble, edge)
    order = [name for name in CLASSES if name in drawn]
    return {name: drawn[name] for name in order}


def _blur(mask: np.ndarray, sigma_um: float) -> Field:
    from scipy import ndimage

    return ndimage.gaussian_filter(mask.astype(np.float32), sigma_um / GRID_UM)


def _zone(mask: np.ndarray) -> Field:
    return signed_distance(mask, smooth_um=6.0)


def _trace(distance: Field, layout: Layout, smallest_mm2: float) -> list[Polygon]:
    """Turn a signed distance into polygons with holes, in level-0 pixels."""
    import shapely
    from skimage.measure import find_contours

    mpp = layout.plan.mpp
    padded = np.pad(distance, 1, constant_values=-1.0)  # so that every contour closes
    rings = []
    for contour in find_contours(padded, 0.0):
        if len(contour) >= 8:
            xy = (contour[:, ::-1] - 0.5) * GRID_UM / mpp
            ring = shapely.Polygon(np.clip(xy, 0, layout.plan.size_px))
            rings.append(ring.simplify(2.5 / mpp).buffer(0))
    area: shapely.Geometry = shapely.Polygon()
    for ring in sorted(rings, key=lambda ring: -ring.area):
        area = area.symmetric_difference(ring)  # a ring inside a ring is a hole
    px_per_mm2 = (1000 / mpp) ** 2
    polygons = []
    for part in shapely.get_parts(area):
        holes = [hole for hole in part.interiors if shapely.Polygon(hole).area > 0.002 * px_per_mm2]
        whole = shapely.Polygon(part.exterior, holes)
        whole = shapely.set_precision(whole, 0.5)
        if whole.geom_type == "Polygon" and whole.area > smallest_mm2 * px_per_mm2:
            polygons.append(whole)
    return polygons
