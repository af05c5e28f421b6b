"""The border between two sides, and which spots lie near it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_stexp.errors import EvaluationError, ScaleError

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry

    from napari_stexp.annotation import Region

__all__ = [
    "check_margin",
    "check_points",
    "find_class_area",
    "find_near_boundary",
    "find_near_other",
]

# Outlines are joined on a grid this fine: regions drawn edge to edge leave no slivers, whose
# outline would be taken for a border.
_GRID_PX = 1 / 256


def check_margin(margin_um: float, mpp: float | None) -> bool:
    """Return whether there is a margin; check it, and that it can be measured."""
    if not (np.isfinite(margin_um) and margin_um >= 0):
        raise EvaluationError("a margin can't be negative", expected="µm", found=margin_um)
    if margin_um > 0 and not (mpp is not None and np.isfinite(mpp) and mpp > 0):
        raise ScaleError(
            "a margin in µm needs the size of a pixel",
            expected="µm per pixel",
            found="none" if mpp is None else mpp,
            hint="Set the slide's µm per pixel, or leave the margin at 0.",
        )
    return margin_um > 0


def check_points(xy: ArrayLike | None, n: int | None = None) -> NDArray[np.float64]:
    """Return the centres of ``n`` spots (N, 2) as numbers, or raise `EvaluationError`."""
    points = np.empty((0, 0)) if xy is None else np.asarray(xy, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 2 or (n is not None and len(points) != n):
        raise EvaluationError(
            "centres of the spots are needed",
            expected=f"({'N' if n is None else n}, 2)",
            found="none" if xy is None else points.shape,
        )
    return points


def find_class_area(regions: Sequence[Region], name: str) -> BaseGeometry:
    """Return where `label_spots` gives the class: the smallest region on top."""
    import shapely

    order = sorted(regions, key=lambda region: region.geometry.area)  # stable, as label_spots
    order = [region for region in order if region.class_name is not None]
    others = [at for at, region in enumerate(order) if region.class_name != name]
    tree = shapely.STRtree([order[at].geometry for at in others])
    parts = []
    for rank, region in enumerate(order):
        if region.class_name == name:
            hits = (others[hit] for hit in tree.query(region.geometry, predicate="intersects"))
            on_top = [order[hit].geometry for hit in hits if hit < rank]
            parts.append(_subtract(region.geometry, on_top))
    if not parts:
        raise EvaluationError(
            f"no region has the class {name!r}, so its border is unknown",
            found=", ".join(sorted({str(region.class_name) for region in order})) or "no classes",
        )
    return shapely.union_all(parts, grid_size=_GRID_PX)


def _subtract(area: BaseGeometry, on_top: list[BaseGeometry]) -> BaseGeometry:
    import shapely

    if not on_top:
        return area
    covered = shapely.union_all(on_top, grid_size=_GRID_PX)
    return shapely.difference(area, covered, grid_size=_GRID_PX)


def find_near_boundary(
    area: BaseGeometry, points: NDArray[np.float64], radius: float
) -> NDArray[np.bool_]:
    """Whether points (N, 2) lie at most ``radius`` px from the outline or a hole's."""
    import shapely

    boundary = area.boundary
    shapely.prepare(boundary)
    return np.asarray(shapely.dwithin(boundary, shapely.points(points), radius), dtype=bool)


def find_near_other(
    inside: NDArray[np.bool_],
    across: NDArray[np.bool_],
    points: NDArray[np.float64],
    radius: float,
) -> NDArray[np.bool_]:
    """Whether half the distance to the nearest spot across the border is at most ``radius``."""
    from scipy.spatial import KDTree

    near = np.zeros(len(points), dtype=bool)
    if across.any() and inside.any():
        for here, there in ((inside, across), (across, inside)):
            distance, _ = KDTree(points[there]).query(points[here])
            near[here] = distance / 2 <= radius
    return near
