"""Pitch, diameter and µm per pixel of spots, from where they lie."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.spots.record import spots_record

if TYPE_CHECKING:
    from anndata import AnnData

__all__ = ["drawn_diameter_px", "estimate_mpp", "known_length", "spot_diameter_px", "spot_pitch_px"]

# An array whose spots lie further than this from the fitted lattice (share of the
# pitch) isn't described by it: the array positions are then not used.
_LATTICE_TOLERANCE = 0.5
_MOST_LOOKED_AT = 20_000  # spots, of which the nearest neighbour is looked for
# Of larger tables the pitch is kept: the places, some of them, and what was found.
_PITCHES: deque[tuple[weakref.ref[Any], bytes, float | None]] = deque(maxlen=8)
# Visium's ratio of diameter to pitch, 55 µm to 100 µm, for spots whose diameter isn't known.
_DIAMETER_PER_PITCH = 0.55


def spot_pitch_px(adata: AnnData) -> float | None:
    """Centre-to-centre distance of neighbouring spots, in level-0 pixels.

    The median nearest-neighbour distance. Where array positions are known, the
    distances are those of the lattice fitted to all spots (least squares, affine):
    printed arrays jitter, the nearest neighbour is then nearer than the pitch, and the
    plain median is 7 % short on HER2ST.

    Returns
    -------
    float or None
        None with fewer than two spots at distinct places.
    """
    places = adata.obsm["spatial"]
    if len(places) <= _MOST_LOOKED_AT:
        return _find_pitch(adata)
    mark = np.asarray(places[:: max(1, len(places) // 50)]).tobytes()  # others, if they were moved
    found = next((one for one in _PITCHES if one[0]() is places and one[1] == mark), None)
    if found is None:
        found = (weakref.ref(places), mark, _find_pitch(adata))
        _PITCHES.append(found)
    return found[2]


def _find_pitch(adata: AnnData) -> float | None:
    xy = np.asarray(adata.obsm["spatial"], dtype=np.float64)
    xy = xy[np.isfinite(xy).all(axis=1)]
    plain = _median_nearest(xy)
    if plain is None or not {"array_col", "array_row"} <= set(adata.obs.columns):
        return plain
    fitted = _fit_lattice(adata)
    if fitted is None:
        return plain
    lattice, residual = fitted
    pitch = _median_nearest(lattice)
    if pitch is None or residual > _LATTICE_TOLERANCE * pitch:
        return plain
    return pitch


def spot_diameter_px(adata: AnnData) -> float | None:
    """Diameter of a spot in level-0 pixels, None where unknown.

    ``spot_diameter_fullres`` of the first library in ``uns['spatial']``; else the
    diameter in µm by the pitch in µm and pixels.
    """
    libraries = adata.uns.get("spatial")
    if isinstance(libraries, Mapping):
        for library in libraries.values():
            factors = library.get("scalefactors", {}) if isinstance(library, Mapping) else {}
            diameter = known_length(factors.get("spot_diameter_fullres"))
            if diameter is not None:
                return diameter
    mpp = estimate_mpp(adata)
    diameter_um = known_length(spots_record(adata).get("diameter_um"))
    return diameter_um / mpp if mpp and diameter_um else None


def drawn_diameter_px(adata: AnnData) -> float:
    """Return how large a spot is drawn: its diameter where it is known, else a guess.

    From the pitch, at Visium's ratio of the two; without a pitch 1 % of the extent.

    Parameters
    ----------
    adata : AnnData
        ``obsm['spatial']`` (N, 2), level-0 px.
    """
    diameter = spot_diameter_px(adata)
    if diameter:
        return float(diameter)
    pitch = spot_pitch_px(adata)
    if pitch:
        return float(pitch) * _DIAMETER_PER_PITCH
    extent = float(np.ptp(adata.obsm["spatial"], axis=0).max()) if adata.n_obs else 0.0
    return max(extent / 100, 10.0)


def estimate_mpp(adata: AnnData) -> float | None:
    """µm per level-0 pixel from the array's known pitch; None where that is unknown.

    Of cells, which have no pitch, what their files state.
    """
    record = spots_record(adata)
    pitch_um = known_length(record.get("pitch_um"))
    if pitch_um is None:
        return known_length(record.get("microns_per_pixel"))
    pitch_px = spot_pitch_px(adata)
    return pitch_um / pitch_px if pitch_px else None


def known_length(value: Any) -> float | None:
    """Return a length out of someone's file as a float, None if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) and number > 0 else None


def _median_nearest(xy: NDArray[np.float64]) -> float | None:
    """Median distance to the nearest other place, same unit as ``xy`` (N, 2).

    Of very many, those around the middle are looked at: all of 500,000 take two seconds.
    """
    from scipy.spatial import KDTree

    some = xy
    if len(xy) > _MOST_LOOKED_AT:
        away = np.abs(xy - np.median(xy, axis=0)).max(axis=1)
        some = xy[np.argpartition(away, _MOST_LOOKED_AT)[:_MOST_LOOKED_AT]]
    places = np.unique(some, axis=0)
    if len(places) < 2:
        places = np.unique(xy, axis=0)
    if len(places) < 2:
        return None
    distance, _ = KDTree(places).query(places, k=2)
    return float(np.median(distance[:, 1]))


def _fit_lattice(adata: AnnData) -> tuple[NDArray[np.float64], float] | None:
    """Fit (x, y) px = A · (array_col, array_row) + b.

    Returns the fitted centres (N, 2) and the median distance from them, or None where
    the array positions don't span a plane.
    """
    xy = np.asarray(adata.obsm["spatial"], dtype=np.float64)
    array = adata.obs[["array_col", "array_row"]].to_numpy(dtype=np.float64)
    known = np.isfinite(xy).all(axis=1) & np.isfinite(array).all(axis=1)
    design = np.column_stack([array[known], np.ones(known.sum())])
    coefficients, _, rank, _ = np.linalg.lstsq(design, xy[known], rcond=None)
    if rank < 3:
        return None
    lattice = design @ coefficients
    return lattice, float(np.median(np.linalg.norm(xy[known] - lattice, axis=1)))
