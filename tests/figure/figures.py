"""Small content for figures: 25 spots on a square of tissue."""

from __future__ import annotations

from typing import Any

import numpy as np
from shapely.geometry import box

from napari_stexp.annotation import Region
from napari_stexp.figure import FigureContent, Ground, ValueMap, outline_regions

SIDE, PITCH, MPP = 5, 200.0, 0.5
BOUNDS = (0.0, 0.0, 1200.0, 1000.0)
POINTS = np.stack(np.meshgrid(np.arange(1, SIDE + 1), np.arange(1, SIDE + 1)), -1).reshape(
    -1, 2
) * np.array([PITCH, 160.0])
N = len(POINTS)
VALUES = np.linspace(0, 2, N, dtype=np.float32)
REGIONS = (Region(box(100, 100, 600, 600), "Tumor", color=(200, 0, 0)),)


def make_ground(**facts: Any) -> Ground:
    picture = np.full((100, 120, 3), 200, np.uint8)
    known = {"bounds": BOUNDS, "mpp": MPP, "picture": picture, "extent": BOUNDS}
    return Ground(**(known | facts))


def make_map(title: str = "ERBB2", **facts: Any) -> ValueMap:
    known = {"values": VALUES, "limits": (0.0, 2.0), "label": "predicted, log10(1+CP10K)"}
    return ValueMap(title, **({"is_gene": True} | known | facts))


def make_content(*maps: Any, **facts: Any) -> FigureContent:
    ground = facts.pop("ground", make_ground())
    outlines = outline_regions(REGIONS, ground)
    known = {"diameter": 110.0, "outlines": outlines, "width_mm": 80.0}
    return FigureContent(ground, maps or (make_map(),), POINTS, **(known | facts))
