"""Regions as outlines in a view, for drawings in a page and for figures alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from napari_stexp.annotation import classes_of

if TYPE_CHECKING:
    from napari_stexp.annotation import Region

__all__ = [
    "MOST_REGIONS",
    "Outline",
    "Place",
    "bounds_of",
    "hex_of",
    "outline_regions",
    "svg_path",
]

#: Outlines drawn in one picture: the largest. More are neither seen nor quickly shown.
MOST_REGIONS = 2000
_UNCLASSIFIED = "#1c2430"
_TOLERANCE = 0.5  # view units


class Place(Protocol):
    """Where a view lies on the slide."""

    @property
    def origin(self) -> tuple[float, float]:
        """Level-0 pixel (x, y) of its upper left corner."""

    @property
    def unit(self) -> float:
        """View units per level-0 pixel."""


@dataclass(frozen=True, eq=False)
class Outline:
    """All regions of one class.

    Attributes
    ----------
    name : str
        The class; '' for regions without one.
    colour : str
        ``#rrggbb``.
    rings : tuple of (n, 2) arrays
        Closed outlines and those of holes, (x, y) in units of the view.
    """

    name: str
    colour: str
    rings: tuple[NDArray[np.float64], ...]


def hex_of(color: tuple[int, int, int]) -> str:
    """Return ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*color)


def bounds_of(regions: Sequence[Region]) -> tuple[float, float, float, float] | None:
    """Return (x0, y0, x1, y1) around all regions, None without any."""
    if not regions:
        return None
    table = np.array([region.geometry.bounds for region in regions])
    low, high = table[:, :2].min(axis=0), table[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def outline_regions(regions: Sequence[Region], view: Place) -> tuple[Outline, ...]:
    """Return the outlines of the largest `MOST_REGIONS` regions, class by class.

    Classes of large regions come first, so that small regions are drawn on top of them.
    Outlines are simplified to half a unit of the view.
    """
    areas = np.array([region.geometry.area for region in regions])
    largest = np.sort(np.argsort(-areas, kind="stable")[:MOST_REGIONS])
    shown = [regions[at] for at in largest]
    colours = {one.name: hex_of(one.color) for one in classes_of(shown)}
    rings: dict[str, list[NDArray[np.float64]]] = {}
    sizes: dict[str, list[float]] = {}
    for region in shown:
        name = region.class_name if region.class_name in colours else ""
        rings.setdefault(name or "", []).extend(_rings(region.geometry, view))
        sizes.setdefault(name or "", []).append(region.geometry.area)
    order = sorted(rings, key=lambda name: -float(np.mean(sizes[name])))
    return tuple(
        Outline(name, colours.get(name, _UNCLASSIFIED), tuple(rings[name])) for name in order
    )


def _rings(geometry: Any, view: Place) -> list[NDArray[np.float64]]:
    simple = geometry.simplify(_TOLERANCE / view.unit, preserve_topology=True)
    found = []
    for polygon in getattr(simple, "geoms", [simple]):
        for ring in (polygon.exterior, *polygon.interiors):
            points = np.asarray(ring.coords)[:, :2]
            found.append((points - np.array(view.origin)) * view.unit)
    return found


def svg_path(rings: Sequence[NDArray[np.float64]]) -> str:
    """Return the outlines as the path of an SVG."""
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring[:-1]) + "Z" for ring in rings)
