"""Which spot each pixel of a tile belongs to, and how much of the pixel it covers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.viewer.colour import FAILED_RING, PENDING_RING
from napari_stexp.viewer.spot_grid import SpotGrid

__all__ = ["draw_codes"]

_SMALL = 1.5  # px: discs of a smaller radius are drawn as squares of whole pixels
_LEAST_DIAMETER = 2.0  # px: at an overview of a whole slide spots stay visible
_AT_ONCE = 2_000_000  # pixels of discs whose distances are held at a time


def draw_codes(
    grid: SpotGrid,
    corner: NDArray[np.float64],
    step: NDArray[np.float64],
    side: int,
    diameter: float,
    shape: str = "disc",
) -> tuple[NDArray[np.int32], NDArray[np.uint8] | None]:
    """Draw a tile.

    Parameters
    ----------
    grid : SpotGrid
        N spots.
    corner : (2,) array
        (x, y) of the tile's top left corner, level-0 px.
    step : (2,) array
        Level-0 px per pixel, along x and y.
    side : int
        The tile's width and height, px.
    diameter : float
        Of a spot, level-0 px.
    shape : {'disc', 'square'}

    Returns
    -------
    codes : (side, side) int32
        The spot's row where a pixel lies inside of it, plus N in the ring that marks what has
        failed or is selected, plus 2 N in the thin rim at its edge; 3 N beside all spots.
    cover : (side, side) uint8, or None
        How much of a pixel is the spot's, 255 for all of it. None where spots are so
        small that their edges aren't smoothed.
    """
    n = len(grid.xy)
    codes = np.full((side, side), 3 * n, np.int32)
    radius = max(diameter / float(step.mean()), _LEAST_DIAMETER) / 2
    reach = (radius + 2) * step
    found = grid.in_box(*(corner - reach), *(corner + side * step + reach))
    if not len(found):
        return codes, None
    centres = ((grid.xy[found] - corner) / step).astype(np.float32)  # px of the tile
    if radius < _SMALL:
        # As rings: what has failed, or is selected, is seen; what waits is left clear.
        _stamp_squares(codes, found + n, centres, 2 * radius)
        return codes, None
    cover = np.full((side, side), 255, np.uint8)
    window = int(np.ceil(radius)) * 2 + 2
    at_once = max(_AT_ONCE // window**2, 1)
    parts = [slice(start, start + at_once) for start in range(0, len(found), at_once)]
    edges, insides = [], []
    for part in parts:
        pixels, spots, distance = _measure(centres[part], found[part], radius, side, shape)
        full = distance <= radius - 0.5
        edges.append((pixels[~full], spots[~full], distance[~full]))
        insides.append((pixels[full], spots[full], distance[full]))
    for pixels, spots, distance in (*edges, *insides):  # no edge on what lies inside another spot
        codes.ravel()[pixels] = spots + n * _zones(distance, radius)
        cover.ravel()[pixels] = np.clip((radius - distance + 0.5) * 255, 0, 255)
    return codes, cover


def _stamp_squares(codes: NDArray[Any], found: Any, centres: Any, width: float) -> None:
    """Draw tiny spots: squares of whole pixels, so that dense ones leave no gaps."""
    side, n_pixels = len(codes), round(width)
    first = np.floor(centres - n_pixels / 2 + 0.5).astype(np.int32)
    for dy in range(n_pixels):
        for dx in range(n_pixels):
            column, row = first[:, 0] + dx, first[:, 1] + dy
            inside = (column >= 0) & (column < side) & (row >= 0) & (row < side)
            codes[row[inside], column[inside]] = found[inside]


def _measure(
    centres: NDArray[np.float32], found: NDArray[np.intp], radius: float, side: int, shape: str
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Return the pixels that spots reach, their spots, and their distance from the centre, px."""
    window = np.arange(int(np.ceil(radius)) * 2 + 2, dtype=np.int32)
    first = np.floor(centres - radius - 0.5).astype(np.int32)[..., None]
    at = first + window  # (n, 2, K) columns and rows
    away = np.abs(at + np.float32(0.5) - centres[..., None])
    inside = (at >= 0) & (at < side)
    dx, dy = away[:, None, 0, :], away[:, 1, :, None]
    distance = np.maximum(dx, dy) if shape == "square" else np.sqrt(dx**2 + dy**2)
    near = (distance < radius + 0.5) & inside[:, None, 0, :] & inside[:, 1, :, None]
    which, row, column = np.nonzero(near)
    pixels = at[which, 1, row].astype(np.intp) * side + at[which, 0, column]
    return pixels, found[which], distance[near]


def _zones(distance: NDArray[np.float32], radius: float) -> NDArray[np.int32]:
    """Return 0 inside a spot, 1 in the ring and 2 in the rim, both at least a pixel wide."""
    ring, rim = (max(2 * radius * width, 1.0) for width in (FAILED_RING[1], PENDING_RING[1]))
    return (distance > radius - ring).astype(np.int32) + (distance > radius - rim)
