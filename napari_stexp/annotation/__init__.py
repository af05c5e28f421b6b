"""Pathologists' regions: read and written as QuPath's GeoJSON, and which spot lies in which.

All coordinates are (x, y) in level-0 pixels of the slide, origin at the top left.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_EXPORTS = {
    "Region": "region",
    "label_spots": "labels",
    "read_geojson": "geojson",
    "read_regions": "geojson",
    "write_geojson": "geojson",
}

__all__ = sorted(_EXPORTS)  # noqa: PLE0605

if TYPE_CHECKING:
    from napari_stexp.annotation.geojson import read_geojson as read_geojson
    from napari_stexp.annotation.geojson import read_regions as read_regions
    from napari_stexp.annotation.geojson import write_geojson as write_geojson
    from napari_stexp.annotation.labels import label_spots as label_spots
    from napari_stexp.annotation.region import Region as Region


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        module = importlib.import_module(f"{__name__}.{_EXPORTS[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
