"""Finds regions at a place, among many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["RegionIndex"]


class RegionIndex:
    """A tree of the boxes of regions, made anew when it is asked about others.

    Coordinates are (x, y), level-0 px.
    """

    def __init__(self) -> None:
        self._regions: Sequence[Any] = ()
        self._tree: Any = None

    def find(self, regions: Sequence[Any], x: float, y: float) -> Any:
        """Return the smallest region that holds a place, or None.

        Parameters
        ----------
        regions : sequence of Region
            The same sequence is looked through without building the tree again.
        x, y : float
            Of the place.
        """
        import shapely

        if self._tree is None or regions is not self._regions:
            self._regions = regions
            self._tree = shapely.STRtree([region.geometry for region in regions])
        found = self._tree.query(shapely.Point(x, y), predicate="intersects")
        inside = [regions[index] for index in found]
        return min(inside, key=lambda region: region.geometry.area) if inside else None
