"""Pictures of many spots that are begun before the spots are shown, off the window's thread."""

from __future__ import annotations

import weakref
from typing import Any

from napari_stexp.viewer.spot_grid import SpotGrid
from napari_stexp.viewer.spots_raster import SpotsRaster

__all__ = ["prepare_picture", "ready_grid", "take_raster"]


class _Ready:
    def __init__(self, spots: Any) -> None:
        from napari_stexp.spots import drawn_diameter_px

        self.places = weakref.ref(spots.obsm["spatial"])
        self.grid = SpotGrid(spots.obsm["spatial"])
        self.raster: SpotsRaster | None = SpotsRaster(self.grid, drawn_diameter_px(spots))
        self.raster.draw_ahead()
        self.spots: weakref.ref[Any] = weakref.ref(spots, self._forget)

    def is_of(self, spots: Any) -> bool:
        return self.places() is spots.obsm["spatial"] and self.spots() is spots

    def _forget(self, _gone: Any) -> None:
        if self in _KNOWN:
            _KNOWN.remove(self)


_KNOWN: list[_Ready] = []


def prepare_picture(spots: Any) -> None:
    """Find, in any thread, which pixels show which spot, for the first picture of them.

    What was found is kept as long as the spots (AnnData) are, unless they are moved.
    """
    if _find(spots) is None:
        _KNOWN.append(_Ready(spots))


def ready_grid(spots: Any) -> SpotGrid:
    """Return the spots by place; made now, where they weren't prepared."""
    found = _find(spots)
    return SpotGrid(spots.obsm["spatial"]) if found is None else found.grid


def take_raster(spots: Any, diameter: float) -> SpotsRaster | None:
    """Return the picture that was begun, for one layer to paint; None where there is none."""
    found = _find(spots)
    raster = None if found is None else found.raster
    if found is None or raster is None or raster.diameter != diameter:
        return None
    found.raster = None
    return raster


def _find(spots: Any) -> _Ready | None:
    return next((one for one in list(_KNOWN) if one.is_of(spots)), None)
