"""From values to colours: what a spot looks like, whether it has a value or not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari.utils.colormaps import Colormap

__all__ = [
    "FAILED_RING",
    "PENDING_RING",
    "RESIDUAL",
    "SELECTED_RING",
    "SpotColours",
    "colour_spots",
    "find_colormap",
    "map_values",
    "pack_colours",
    "paint_table",
    "ring_selected",
]

_STEPS = 256

#: Name of the diverging map: blue below zero, white at zero, red above it.
RESIDUAL = "stexp-residual"
# ColorBrewer's RdBu with 11 classes, turned round, which stays legible to colour-blind eyes
# (Harrower & Brewer, The Cartographic Journal 2003).
_RESIDUAL_COLORS = (
    "#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7",
    "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f",
)  # fmt: skip

# A spot without a value is an empty ring, so that the tissue shows through and no colour of
# the map is mistaken for it: thin and dark while it waits, thick and light where it failed.
PENDING_RING = ((0.38, 0.38, 0.38, 0.9), 0.06)  # RGBA, width relative to the diameter
FAILED_RING = ((0.62, 0.62, 0.62, 1.0), 0.18)
# Cyan is neither in haematoxylin and eosin nor at the ends of the maps.
SELECTED_RING = ((0.0, 1.0, 1.0, 1.0), 0.15)


@dataclass(frozen=True)
class SpotColours:
    """How N spots are painted.

    Attributes
    ----------
    face, ring : (N, 4) float32
        RGBA, 0 to 1, of the disc and of its outline.
    ring_width : (N,) float32
        Width of the outline relative to the diameter; 0 for spots with a value.
    """

    face: NDArray[np.float32]
    ring: NDArray[np.float32]
    ring_width: NDArray[np.float32]


@lru_cache(maxsize=16)
def find_colormap(name: str) -> Colormap:
    """Return a colour map of napari's, or the one for residuals."""
    from napari.utils.colormaps import Colormap, ensure_colormap

    if name != RESIDUAL:
        return ensure_colormap(name)
    return Colormap(list(_RESIDUAL_COLORS), name=RESIDUAL, display_name="residual")


@lru_cache(maxsize=16)
def colour_table(colormap: str) -> NDArray[np.float32]:
    """Return a colour map as (256, 4) float32 RGBA."""
    table = find_colormap(colormap).map(np.linspace(0, 1, _STEPS, dtype=np.float32))
    return np.ascontiguousarray(table, dtype=np.float32)


def map_values(
    values: NDArray[np.float32], limits: tuple[float, float], colormap: str = "viridis"
) -> NDArray[np.float32]:
    """Map values to colours.

    Parameters
    ----------
    values : (N,) float array
        What is shown; values beyond the limits take the colour of the nearer end.
    limits : (float, float)
        Values of the first and the last colour, low < high.
    colormap : str
        Name of a napari colour map, or `RESIDUAL`.

    Returns
    -------
    (N, 4) float32 array
        RGBA, 0 to 1; fully transparent where the value isn't finite.
    """
    low, high = limits
    finite = np.isfinite(values)
    position = (np.where(finite, values, low).astype(np.float64) - low) / (high - low)
    index = np.rint(np.clip(position, 0, 1) * (_STEPS - 1)).astype(np.intp)
    colours = colour_table(colormap)[index]
    colours[~finite] = 0
    return colours


def map_to_bytes(
    values: NDArray[np.float32], limits: tuple[float, float], colormap: str = "viridis"
) -> NDArray[np.uint32]:
    """Do the same in a tenth of the time, (N,) RGBA bytes; see `pack_colours`."""
    low, high = limits
    finite = np.isfinite(values)
    position = np.where(finite, values, np.float32(low)) - np.float32(low)
    position *= np.float32((_STEPS - 1) / (high - low))
    np.clip(position, 0, _STEPS - 1, out=position)
    colours = packed_table(colormap).take(np.rint(position, out=position).astype(np.uint8))
    if not finite.all():
        colours[~finite] = 0
    return colours


def pack_colours(rgba: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Return colours (…, 4), 0 to 1, as the four bytes of a number each, (…)."""
    numbers = np.ascontiguousarray(np.rint(np.asarray(rgba) * 255).astype(np.uint8))
    return numbers.view(np.uint32)[..., 0]


@lru_cache(maxsize=16)
def packed_table(colormap: str) -> NDArray[np.uint32]:
    """Return a colour map as (256,) RGBA bytes."""
    return pack_colours(colour_table(colormap))


def paint_table(
    values: NDArray[np.float32] | None,
    status: NDArray[np.str_],
    limits: tuple[float, float],
    colormap: str = "viridis",
    threshold: float | None = None,
    faces: NDArray[np.float32] | None = None,
    selection: NDArray[np.bool_] | None = None,
) -> NDArray[np.uint32]:
    """Return how spots look, as `colour_spots` does, for a `SpotsRaster`.

    Returns
    -------
    (3, N) uint32 array
        RGBA bytes of each spot's inside, of the ring around it, where what has failed and
        what is selected is marked, and of its rim, where what waits is.
    """
    n = len(status)
    if faces is not None:
        face = pack_colours(faces)
        empty = faces[:, 3] == 0
    elif values is None:
        face, empty = np.zeros(n, np.uint32), np.ones(n, bool)
    else:
        face, empty = map_to_bytes(values, limits, colormap), ~np.isfinite(values)
        if threshold is not None:
            face[values < threshold] = 0
    table = np.stack([face] * 3)
    if empty.any():
        waiting = status == "pending"
        table[2, empty & waiting] = pack_colours(np.float32(PENDING_RING[0]))
        table[1:, empty & ~waiting] = pack_colours(np.float32(FAILED_RING[0]))
    if selection is not None:
        table[1:, selection] = pack_colours(np.float32(SELECTED_RING[0]))
    return table


def colour_spots(
    values: NDArray[np.float32] | None,
    status: NDArray[np.str_],
    limits: tuple[float, float],
    colormap: str = "viridis",
    threshold: float | None = None,
    faces: NDArray[np.float32] | None = None,
) -> SpotColours:
    """Return how spots look: coloured discs, and rings where there is no value.

    Parameters
    ----------
    values : (N,) float array or None
        The shown values; None when there are none at all yet.
    status : (N,) array of str
        'pending' marks spots that still wait; any other spot without a finite
        value has failed.
    limits, colormap
        As in `map_values`.
    threshold : float, optional
        Values below it get no colour, and no ring either.
    faces : (N, 4) float32 array, optional
        RGBA to be used in place of the values' colours; clear where there is no value.
    """
    n = len(status)
    if faces is not None:
        face, empty = faces, faces[:, 3] == 0
    elif values is None:
        face, empty = np.zeros((n, 4), np.float32), np.ones(n, bool)
    else:
        face, empty = map_values(values, limits, colormap), ~np.isfinite(values)
        if threshold is not None:
            face[values < threshold] = 0
    ring = np.zeros((n, 4), np.float32)
    width = np.zeros(n, np.float32)
    waiting = status == "pending"
    for chosen, (colour, relative) in (
        (empty & waiting, PENDING_RING),
        (empty & ~waiting, FAILED_RING),
    ):
        ring[chosen] = colour
        width[chosen] = relative
    return SpotColours(face, ring, width)


def ring_selected(colours: SpotColours, selection: NDArray[np.bool_] | None) -> SpotColours:
    """Return the same colours with thick rings around chosen spots.

    Parameters
    ----------
    colours : SpotColours
        Of N spots.
    selection : (N,) bool array or None
    """
    if selection is None:
        return colours
    ring, width = colours.ring.copy(), colours.ring_width.copy()
    ring[selection], width[selection] = SELECTED_RING
    return replace(colours, ring=ring, ring_width=width)
