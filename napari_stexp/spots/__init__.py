"""Spots as AnnData: HER2ST tables, h5ad files and virtual grids.

Every function here returns or takes an :class:`anndata.AnnData` with

- ``obs_names``: barcodes, unique;
- ``obsm['spatial']``: (N, 2) float64, (x, y) in level-0 pixels of the slide;
- ``obs['array_col' | 'array_row']``: int64 array position where known (HER2ST's x and y);
- ``X``: raw counts, csr float32 (N, G), or (N, 0) for spots without measurement;
- ``uns['spatial'][library]['scalefactors']['spot_diameter_fullres']``: level-0 pixels;
- ``uns['stexp_spots']``: technology, section, patient, pitch_um, diameter_um, source,
  each absent where unknown.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

_EXPORTS = {
    "Her2stSection": "her2st",
    "check_scale": "checks",
    "check_spots": "checks",
    "estimate_mpp": "scale",
    "find_her2st_sections": "her2st",
    "make_grid": "grid",
    "read_her2st": "her2st",
    "read_reference": "reading",
    "read_spots": "reading",
    "spot_diameter_px": "scale",
    "spot_pitch_px": "scale",
    "write_spots": "h5ad",
}

__all__ = sorted(_EXPORTS)  # noqa: PLE0605

if TYPE_CHECKING:
    from napari_stexp.spots.checks import check_scale as check_scale
    from napari_stexp.spots.checks import check_spots as check_spots
    from napari_stexp.spots.grid import make_grid as make_grid
    from napari_stexp.spots.h5ad import write_spots as write_spots
    from napari_stexp.spots.her2st import Her2stSection as Her2stSection
    from napari_stexp.spots.her2st import find_her2st_sections as find_her2st_sections
    from napari_stexp.spots.her2st import read_her2st as read_her2st
    from napari_stexp.spots.reading import read_reference as read_reference
    from napari_stexp.spots.reading import read_spots as read_spots
    from napari_stexp.spots.scale import estimate_mpp as estimate_mpp
    from napari_stexp.spots.scale import spot_diameter_px as spot_diameter_px
    from napari_stexp.spots.scale import spot_pitch_px as spot_pitch_px


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        module = importlib.import_module(f"{__name__}.{_EXPORTS[name]}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
