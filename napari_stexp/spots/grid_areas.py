"""Grids of virtual spots that are finer in some regions than in others."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SpotsError
from napari_stexp.progress import Progress, exhaust
from napari_stexp.spots.grid import check_grid_request
from napari_stexp.spots.lattice import Lattice
from napari_stexp.spots.record import assemble_spots

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["GridArea", "GridPlan", "make_area_grid", "plan_area_grid"]

Inside = Callable[[NDArray[np.float64]], NDArray[np.bool_]]


@dataclass(frozen=True)
class GridArea:
    """Where spots are so far apart.

    Attributes
    ----------
    name : str
        What to call it: a class of regions, a region.
    pitch_um : float or None
        Distance between the centres of neighbouring spots, µm; None: no spots here.
    shapes : tuple of shapely Polygon or MultiPolygon, or None
        Regions, (x, y) level-0 px; None: wherever no region is.
    """

    name: str
    pitch_um: float | None
    shapes: tuple[Any, ...] | None = None


@dataclass(frozen=True, eq=False)
class GridPlan:
    """Spots of a grid before they are a table.

    Attributes
    ----------
    xy : (N, 2) float64
        Centres, level-0 px.
    array : (N, 2) int64
        (column, row) in the lattice of the spot's pitch.
    area : (N,) int
        Index of the spot's area.
    areas : tuple of GridArea
    """

    xy: NDArray[np.float64]
    array: NDArray[np.int64]
    area: NDArray[np.intp]
    areas: tuple[GridArea, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Spots of each area, by its name."""
        numbers = np.bincount(self.area, minlength=len(self.areas)).tolist()
        return {one.name: n for one, n in zip(self.areas, numbers, strict=True)}


def make_area_grid(
    shape: tuple[int, int],
    mpp: float | None,
    areas: Sequence[GridArea],
    *,
    diameter_um: float = 55.0,
    layout: str = "hex",
    inside: Inside | None = None,
) -> AnnData:
    """Lay spots over a slide, each area with a pitch of its own.

    A spot belongs to the smallest region that its centre is in, and has that area's pitch.
    All lattices of one pitch are the same one, centred on the slide, so regions that touch
    join without a seam. Where areas of different pitch meet, spots of the coarser one that
    are nearer than half the finer pitch to a spot of the finer one are left out.

    Parameters
    ----------
    shape, mpp, layout
        As of `make_grid`.
    areas : sequence of GridArea
        At most one without shapes.
    diameter_um : float
        Diameter of a spot, µm; at most the finest pitch.
    inside : callable, optional
        Returns for (N, 2) centres (x, y), level-0 px, whether a spot may lie there: on tissue.

    Returns
    -------
    AnnData
        (N, 0), as of `make_grid`; ``obs['grid_area']`` is the area's name and
        ``obs['grid_pitch_um']`` its pitch. Array positions, and ``pitch_um`` of the record,
        are there only if all spots have the same pitch.

    Raises
    ------
    ScaleError, SpotsError
        As `make_grid`.
    """
    plan = exhaust(
        plan_area_grid(shape, mpp, areas, diameter_um=diameter_um, layout=layout, inside=inside)
    )
    return assemble_plan(plan, float(mpp or 1), diameter_um, layout)


def plan_area_grid(
    shape: tuple[int, int],
    mpp: float | None,
    areas: Sequence[GridArea],
    *,
    diameter_um: float,
    layout: str,
    inside: Inside | None,
) -> Generator[Progress, None, GridPlan]:
    """Find where the spots of `make_area_grid` are; its arguments. Returns a `GridPlan`."""
    areas = tuple(areas)
    used = sorted({one.pitch_um for one in areas if one.pitch_um is not None})
    if not used:
        raise SpotsError("no area of the grid has spots", hint="Give one a pitch.")
    for pitch in used:
        check_grid_request(shape, mpp, pitch, min(diameter_um, used[0]), layout, 1.0)
    assert mpp is not None
    if diameter_um > used[0]:
        check_grid_request(shape, mpp, used[0], diameter_um, layout, 1.0)
    owner = _Owner(areas)
    parts: list[tuple[Any, Any, Any, float]] = []
    for done, pitch in enumerate(used):
        yield Progress(done, len(used), "laying the grid")
        lattice = Lattice.over(shape, pitch / mpp, diameter_um / mpp, layout)
        array, xy = lattice.points(_bounds([a for a in areas if a.pitch_um == pitch]))
        whose = owner.find(xy)
        keep = np.isin(whose, [i for i, one in enumerate(areas) if one.pitch_um == pitch])
        array, xy, whose = array[keep], xy[keep], whose[keep]
        if inside is not None:
            keep = inside(xy)
            array, xy, whose = array[keep], xy[keep], whose[keep]
        keep = _far_from(xy, parts, mpp)
        parts.append((array[keep], xy[keep], whose[keep], pitch))
    yield Progress(len(used), len(used), "laying the grid")
    array, xy, whose = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return GridPlan(xy, array, whose, areas)


def assemble_plan(plan: GridPlan, mpp: float, diameter_um: float, layout: str) -> AnnData:
    """Return a plan's spots as `make_area_grid` does.

    Raises
    ------
    SpotsError
        There are none.
    """
    if not len(plan.xy):
        raise SpotsError(
            "no spot of the grid lies on tissue or in a region",
            expected="at least one centre there",
            hint="Use a smaller pitch, or look at the tissue mask.",
        )
    pitch = np.array([one.pitch_um or np.nan for one in plan.areas])[plan.area]
    different = np.unique(pitch)
    one_pitch = len(different) == 1
    names = [f"{col}x{row}" for col, row in plan.array.tolist()]
    if not one_pitch:
        names = [f"{one:g}um-{name}" for one, name in zip(pitch.tolist(), names, strict=True)]
    adata = assemble_spots(
        names,
        plan.xy,
        array=plan.array if one_pitch else None,
        diameter_px=diameter_um / mpp,
        record={
            "technology": f"virtual grid ({layout})",
            "pitch_um": float(different[0]) if one_pitch else None,
            "diameter_um": float(diameter_um),
        },
    )
    area_names = np.array([one.name for one in plan.areas], dtype=object)
    adata.obs["grid_area"] = area_names[plan.area]
    adata.obs["grid_pitch_um"] = pitch
    return adata


class _Owner:
    """Tells which area points belong to: that of the smallest region around them."""

    def __init__(self, areas: Sequence[GridArea]) -> None:
        import shapely

        pairs = [(shape, i) for i, one in enumerate(areas) for shape in one.shapes or ()]
        pairs.sort(key=lambda pair: -pair[0].area)
        self._tree = shapely.STRtree([shape for shape, _ in pairs])
        self._area_of = np.array([-1, *(i for _, i in pairs)], dtype=np.intp)
        rest = [i for i, one in enumerate(areas) if one.shapes is None]
        self._rest = rest[0] if rest else -1

    def find(self, xy: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the index of each point's area, (N,); -1 for none."""
        import shapely

        smallest = np.full(len(xy), -1, dtype=np.intp)  # they are sorted, the smallest last
        if len(self._area_of) > 1 and len(xy):
            point, region = self._tree.query(shapely.points(xy), predicate="intersects")
            np.maximum.at(smallest, point, region)
        found = self._area_of[smallest + 1]
        return np.where(smallest < 0, self._rest, found)


def _bounds(areas: Sequence[GridArea]) -> tuple[float, float, float, float] | None:
    """Return the box around areas; None where one of them is the rest of the slide."""
    import shapely

    if any(one.shapes is None for one in areas):
        return None
    x0, y0, x1, y1 = shapely.total_bounds([shape for one in areas for shape in one.shapes or ()])
    return float(x0), float(y0), float(x1), float(y1)


def _far_from(
    xy: NDArray[np.float64], finer: Sequence[tuple[Any, Any, Any, float]], mpp: float
) -> NDArray[np.bool_]:
    """Tell which points are at least half the pitch away from the spots of each finer grid."""
    from scipy.spatial import KDTree

    keep = np.ones(len(xy), bool)
    for _, there, _, pitch in finer:
        if len(there) and len(xy):
            nearest, _ = KDTree(there).query(xy, distance_upper_bound=pitch / mpp)
            keep &= nearest >= pitch / mpp / 2
    return keep
