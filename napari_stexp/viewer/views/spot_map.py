"""Where each spot falls in a cell: found once for all cells, however many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_stexp.viewer.colour import SpotColours
    from napari_stexp.viewer.views.frame import Frame

__all__ = ["SpotMap", "map_spots", "paint_spots"]

_LEAST_RADIUS = 1.0  # screen px; a spot of an overview stays visible
_LEAST_RING = 1.0


@dataclass(frozen=True)
class SpotMap:
    """Which spot covers which px of a cell.

    Attributes
    ----------
    shape : (int, int)
        Height and width, px.
    radius : float
        Of the spots as they are drawn, px.
    pixels : (P,) int64
        Flat indices of the px that a spot covers.
    spots : (P,) int32
        Which spot: the one whose centre is nearest.
    depth : (P,) float32
        How far inside of the spot's outline the px's centre is, px; from -0.5.
    lookup : (h, w) int32
        The spot at each px, -1 for none.
    """

    shape: tuple[int, int]
    radius: float
    pixels: NDArray[np.int64]
    spots: NDArray[np.int32]
    depth: NDArray[np.float32]
    lookup: NDArray[np.int32]

    def spot_at(self, x: float, y: float) -> int | None:
        """Return the spot at a place of the cell, px."""
        row, column = int(np.floor(y)), int(np.floor(x))
        if not (0 <= row < self.shape[0] and 0 <= column < self.shape[1]):
            return None
        found = int(self.lookup[row, column])
        return found if found >= 0 else None


def map_spots(
    xy: NDArray[np.float64], diameter: float, frame: Frame, shape: str = "disc"
) -> SpotMap:
    """Find which spot covers which px.

    Parameters
    ----------
    xy : (N, 2) array
        Centres, level-0 px.
    diameter : float
        As it is drawn, level-0 px.
    frame : Frame
        The camera.
    shape : {'disc', 'square'}
        Of a spot.
    """
    width, height = frame.size
    radius = max(diameter * frame.zoom / 2, _LEAST_RADIUS)
    # px centres are at whole numbers from here on
    at = frame.to_screen(xy) - 0.5
    seen = ((at > -radius - 1) & (at < (width + radius, height + radius))).all(axis=1)
    rows = np.flatnonzero(seen)
    if len(rows) > width * height // 2:
        rows = _one_per_pixel(at, rows, frame.size)
    at = at[rows]
    nearest = np.full(width * height, np.inf, np.float32)
    owner = np.full(width * height, -1, np.int32)
    reach = int(np.ceil(radius + 0.5))
    if len(rows) <= (2 * reach + 1) ** 2:
        _mark_spot_by_spot(at, rows, radius, shape, nearest.reshape(height, width),
                           owner.reshape(height, width))  # fmt: skip
    else:
        _mark_all_spots(at, rows, radius, shape, (height, width), nearest, owner)
    pixels = np.flatnonzero(owner >= 0)
    depth = (radius - nearest[pixels]).astype(np.float32)
    return SpotMap(
        (height, width), radius, pixels, owner[pixels], depth, owner.reshape(height, width)
    )


def _one_per_pixel(
    at: NDArray[np.float64], rows: NDArray[np.intp], size: tuple[int, int]
) -> NDArray[np.intp]:
    """Return one of the spots whose centres fall into the same px."""
    width, height = size[0] + 4, size[1] + 4  # spots beside the cell reach into it
    place = np.rint(at[rows]).astype(np.int64) + 2
    last = np.full(width * height, -1, np.intp)
    last[place[:, 1].clip(0, height - 1) * width + place[:, 0].clip(0, width - 1)] = rows
    return last[last >= 0]


def _distance(dx: NDArray[np.float64], dy: NDArray[np.float64], shape: str) -> NDArray[np.float32]:
    if shape == "square":
        return np.maximum(np.abs(dx), np.abs(dy)).astype(np.float32)
    return np.sqrt(dx * dx + dy * dy).astype(np.float32)


def _mark_spot_by_spot(
    at: NDArray[np.float64],
    rows: NDArray[np.intp],
    radius: float,
    shape: str,
    nearest: NDArray[np.float32],
    owner: NDArray[np.int32],
) -> None:
    """Mark the square of px around each spot: for few large ones."""
    height, width = nearest.shape
    low = np.maximum(np.floor(at - radius - 0.5).astype(int), 0)
    high = np.minimum(np.ceil(at + radius + 0.5).astype(int) + 1, (width, height))
    for spot, (x, y), (left, top), (right, bottom) in zip(rows, at, low, high, strict=True):
        if left >= right or top >= bottom:
            continue
        across, down = np.arange(left, right) - x, np.arange(top, bottom) - y
        distance = _distance(across[None, :], down[:, None], shape)
        part, own = nearest[top:bottom, left:right], owner[top:bottom, left:right]
        closer = (distance < part) & (distance < radius + 0.5)
        part[closer] = distance[closer]
        own[closer] = spot


def _mark_all_spots(
    at: NDArray[np.float64],
    rows: NDArray[np.intp],
    radius: float,
    shape: str,
    size: tuple[int, int],
    nearest: NDArray[np.float32],
    owner: NDArray[np.int32],
) -> None:
    """Mark one px of every spot after the other: for many small ones."""
    height, width = size
    middle = np.rint(at).astype(np.int64)
    rest = middle - at
    reach = int(np.ceil(radius + 0.5))
    spots = rows.astype(np.int32)
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            distance = _distance(rest[:, 0] + across, rest[:, 1] + down, shape)
            x, y = middle[:, 0] + across, middle[:, 1] + down
            here = (distance < radius + 0.5) & (x >= 0) & (x < width) & (y >= 0) & (y < height)
            place, found = (y * width + x)[here], distance[here]
            closer = found < nearest[place]
            place, found = place[closer], found[closer]
            nearest[place] = found
            owner[place] = spots[here][closer]


def paint_spots(spot_map: SpotMap, colours: SpotColours, opacity: float) -> NDArray[np.uint8]:
    """Return the spots in their colours on nothing.

    Parameters
    ----------
    spot_map : SpotMap
    colours : SpotColours
        Of all spots.
    opacity : float
        0 to 1.

    Returns
    -------
    (h, w, 4) uint8 array
        Blue, green, red and alpha, multiplied by alpha: a ``QImage`` of the format
        ``ARGB32_Premultiplied``. Outlines are smoothed over a px.
    """
    packed = _pack(colours.face, spot_map.spots, opacity)
    width = colours.ring_width
    if width.any():
        ring_px = np.where(width > 0, np.maximum(width * 2 * spot_map.radius, _LEAST_RING), 0)
        on_ring = spot_map.depth < ring_px[spot_map.spots].astype(np.float32)
        packed[on_ring] = _pack(colours.ring, spot_map.spots[on_ring], opacity)
    edge = spot_map.depth < 0.5
    covered = np.clip((spot_map.depth[edge] + 0.5) * 256, 0, 256).astype(np.uint16)
    channels = packed[edge].view(np.uint8).reshape(-1, 4).astype(np.uint16)
    faded = ((channels * covered[:, None]) >> 8).astype(np.uint8)
    packed[edge] = np.ascontiguousarray(faded).view(np.uint32).ravel()
    height, across = spot_map.shape
    picture = np.zeros(height * across, np.uint32)
    picture[spot_map.pixels] = packed
    return picture.view(np.uint8).reshape(height, across, 4)


def _pack(
    rgba: NDArray[np.float32], spots: NDArray[np.int32], opacity: float
) -> NDArray[np.uint32]:
    """Return colours of spots as premultiplied bytes B, G, R, A in one number each."""
    few = len(spots) < len(rgba)
    colours = rgba[spots] if few else rgba
    alpha = colours[:, 3:4] * opacity
    channels = np.concatenate([colours[:, 2::-1] * alpha, alpha], axis=1)
    quantised = np.ascontiguousarray(np.rint(channels * 255).clip(0, 255).astype(np.uint8))
    packed = quantised.view(np.uint32).ravel()
    return packed if few else packed[spots]
