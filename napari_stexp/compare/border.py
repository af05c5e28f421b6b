"""The border between two sides, and which spots lie near it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    "find_near_other",
    "find_near_outlines",
    "outline_class",
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


def outline_class(regions: Sequence[Region], name: str) -> NDArray[np.object_]:
    """Return the outlines of where `label_spots` gives the class: the smallest region on top."""
    import shapely

    order = sorted(regions, key=lambda region: region.geometry.area)  # stable, as label_spots
    order = [region for region in order if region.class_name is not None]
    mine = np.array([region.class_name == name for region in order], dtype=bool)
    if not mine.any():
        raise EvaluationError(
            f"no region has the class {name!r}, so its border is unknown",
            found=", ".join(sorted({str(region.class_name) for region in order})) or "no classes",
        )
    shapes = np.array([region.geometry for region in order], dtype=object)
    one, two = shapely.STRtree(shapes).query(shapes[mine], predicate="intersects")
    one = np.flatnonzero(mine)[one]
    parts = shapes.copy()
    covered = ~mine[two] & (two < one)
    for at, on_top in _group(one[covered], two[covered]):
        top = shapely.union_all(shapes[on_top], grid_size=_GRID_PX)
        parts[at] = shapely.difference(shapes[at], top, grid_size=_GRID_PX)
    touching = mine[two]
    joined = _join(parts, one[touching], two[touching], mine)
    return shapely.boundary(np.array(joined, dtype=object))


def _join(
    parts: NDArray[np.object_],
    one: NDArray[np.intp],
    two: NDArray[np.intp],
    mine: NDArray[np.bool_],
) -> list[BaseGeometry]:
    """Join those ``parts`` that are ``mine`` and, by the pairs ``one`` and ``two``, touch."""
    import shapely
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = coo_array((np.ones(len(one), dtype=bool), (one, two)), shape=(len(parts),) * 2)
    component = connected_components(pairs, directed=False)[1]
    members = np.flatnonzero(mine)
    return [
        shapely.union_all(parts[group], grid_size=_GRID_PX) if len(group) > 1 else parts[group[0]]
        for _, group in _group(component[members], members)
    ]


def _group(
    keys: NDArray[np.integer], values: NDArray[np.intp]
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Yield every key with its values."""
    order = np.argsort(keys, kind="stable")
    names, starts = np.unique(keys[order], return_index=True)
    ends = [*starts[1:], len(order)]
    for name, start, end in zip(names, starts, ends[: len(names)], strict=True):
        yield int(name), values[order[start:end]]


def find_near_outlines(
    outlines: NDArray[np.object_], points: NDArray[np.float64], radius: float
) -> NDArray[np.bool_]:
    """Whether points (N, 2) lie at most ``radius`` px from one of the outlines."""
    import shapely

    near = np.zeros(len(points), dtype=bool)
    tree = shapely.STRtree(shapely.points(points))
    near[tree.query(outlines, predicate="dwithin", distance=radius)[1]] = True
    return near


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
