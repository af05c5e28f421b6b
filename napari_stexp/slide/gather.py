"""Cutting many equal windows out of a level, decoding each tile once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import TileError
from napari_stexp.slide.levels import Level

__all__ = ["Windows", "gather_windows"]

ReadTile = Callable[[int, int], NDArray[np.uint8]]
Colour = tuple[int, int, int]


@dataclass
class Windows:
    """What `gather_windows` found.

    Attributes
    ----------
    pixels : (n, height, width, 3) uint8
    ok : (n,) bool
        False where a tile under the window didn't decode.
    errors : list of TileError
        One per such tile.
    """

    pixels: NDArray[np.uint8]
    ok: NDArray[np.bool_]
    errors: list[TileError]


def gather_windows(
    read_tile: ReadTile,
    level: Level,
    corners: NDArray[np.int64],
    size: tuple[int, int],
    *,
    fill: Colour = (0, 0, 0),
    broken: Colour = (0, 0, 0),
    pool: ThreadPoolExecutor | None = None,
    stop: Callable[[], bool] | None = None,
) -> Windows:
    """Cut windows of one size out of a level.

    The work goes tile by tile, not window by window: each tile is fetched
    once, copied to all windows that it touches, and let go.

    Parameters
    ----------
    read_tile : callable
        ``read_tile(row, col)`` gives a (th, tw, 3) uint8 tile of the level or
        raises `TileError`.
    level : Level
    corners : (n, 2) int64
        Upper left pixel (x, y) of each window, in the level's pixels. It may
        lie anywhere, also outside.
    size : (int, int)
        Height and width of the windows.
    fill, broken : (r, g, b)
        Colour outside the image, and of a tile that doesn't decode.
    pool : ThreadPoolExecutor, optional
        Fetches tiles in its threads.
    stop : callable, optional
        Asked before each tile; once true, the rest is left out (the result is
        then of no use).
    """
    corners = np.asarray(corners, np.int64).reshape(-1, 2)
    height, width = size
    pixels = np.empty((len(corners), height, width, 3), np.uint8)
    partly_out = (
        (corners < 0).any(1)
        | (corners[:, 0] + width > level.shape[1])
        | (corners[:, 1] + height > level.shape[0])
    )
    pixels[partly_out] = fill
    result = Windows(pixels, np.ones(len(corners), bool), [])
    groups = _group_by_tile(level, corners, size)

    def fetch(group: tuple[int, int, list[list[int]]]) -> None:
        if stop is not None and stop():
            return
        row, col, pieces = group
        try:
            tile = read_tile(row, col)
        except TileError as error:
            result.errors.append(error)
            for n, top, left, h, w, _, _ in pieces:
                result.ok[n] = False
                pixels[n, top : top + h, left : left + w] = broken
            return
        for n, top, left, h, w, y, x in pieces:
            pixels[n, top : top + h, left : left + w] = tile[y : y + h, x : x + w]

    _run(fetch, groups, pool)
    return result


def _run(
    fetch: Callable[[tuple[int, int, list[list[int]]]], None],
    groups: list[tuple[int, int, list[list[int]]]],
    pool: ThreadPoolExecutor | None,
) -> None:
    if pool is None or len(groups) < 2:
        for group in groups:
            fetch(group)
        return

    def fetch_all(part: Iterable[tuple[int, int, list[list[int]]]]) -> None:
        for group in part:
            fetch(group)

    parts = min(len(groups), 16)  # a task per tile would spend its time on being scheduled
    list(pool.map(fetch_all, (groups[i::parts] for i in range(parts))))


def _group_by_tile(
    level: Level, corners: NDArray[np.int64], size: tuple[int, int]
) -> list[tuple[int, int, list[list[int]]]]:
    """Say for each tile which piece of it goes where.

    Returns
    -------
    list of (row, col, pieces)
        Each piece is [window, top, left, height, width, y, x]: the place in
        the window, its size, and its place in the tile.
    """
    (rows_px, cols_px), (th, tw) = level.shape, level.tile
    left = np.clip(corners[:, 0], 0, cols_px)
    right = np.clip(corners[:, 0] + size[1], 0, cols_px)
    top = np.clip(corners[:, 1], 0, rows_px)
    bottom = np.clip(corners[:, 1] + size[0], 0, rows_px)
    seen = (right > left) & (bottom > top)
    row0, col0 = top // th, left // tw
    n_rows = np.where(seen, (bottom - 1) // th - row0 + 1, 0)
    n_cols = np.where(seen, (right - 1) // tw - col0 + 1, 0)
    count = n_rows * n_cols
    window = np.repeat(np.arange(len(corners)), count)
    if not len(window):
        return []
    nth = np.arange(len(window)) - np.repeat(np.cumsum(count) - count, count)
    row = row0[window] + nth // n_cols[window]
    col = col0[window] + nth % n_cols[window]
    y0, y1 = np.maximum(top[window], row * th), np.minimum(bottom[window], (row + 1) * th)
    x0, x1 = np.maximum(left[window], col * tw), np.minimum(right[window], (col + 1) * tw)
    pieces = np.stack(
        [window, y0 - corners[window, 1], x0 - corners[window, 0],
         y1 - y0, x1 - x0, y0 - row * th, x0 - col * tw],
        axis=1,
    )  # fmt: skip
    tile = row * level.grid[1] + col
    order = np.argsort(tile, kind="stable")
    tiles, starts = np.unique(tile[order], return_index=True)
    ends = np.append(starts[1:], len(order))
    pieces = pieces[order]
    return [
        (int(t // level.grid[1]), int(t % level.grid[1]), pieces[a:b].tolist())
        for t, a, b in zip(tiles, starts, ends, strict=True)
    ]
