"""Slides of any size, written at once: all their tiles are a few, which many places share."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

__all__ = ["write_shared_slide"]

TILE = 256
_SHORT, _LONG, _RATIONAL, _LONG8 = 3, 4, 5, 16  # types of TIFF's values


def write_shared_slide(
    path: Path, side: int, texture: np.ndarray, *, mpp: float = 0.5, step: int = 2
) -> Path:
    """Write a square JPEG pyramid that repeats a texture, as BigTIFF.

    Parameters
    ----------
    path : Path
    side : int
        Of level 0, px.
    texture : (n * 256, n * 256, 3) uint8 array
        Its tiles are coded once per level.
    mpp : float
        µm per level-0 pixel.
    step : int
        Factor between levels.
    """
    from PIL import Image

    with path.open("wb") as file:
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0))
        pointer, level = 8, 0  # where the place of the next page is to be written
        while True:
            tiles = _write_tiles(file, texture, -(-side // TILE))
            pointer = _write_page(file, pointer, side, tiles, level, mpp * step**level)
            if side <= 1024:
                return path
            small = np.asarray(Image.fromarray(texture).reduce(step))
            copies = -(-TILE // len(small))
            texture = np.tile(small, (copies, copies, 1))
            side, level = side // step, level + 1


def _write_tiles(file: BinaryIO, texture: np.ndarray, across: int) -> np.ndarray:
    """Write a texture's tiles; return (2, across, across) offsets and lengths of all places."""
    import imagecodecs

    n = len(texture) // TILE
    tiles = np.empty((2, n, n), np.uint64)
    for row in range(n):
        for col in range(n):
            piece = texture[row * TILE : (row + 1) * TILE, col * TILE : (col + 1) * TILE]
            data = imagecodecs.jpeg8_encode(
                np.ascontiguousarray(piece), level=80,
                colorspace="rgb", outcolorspace="ycbcr", subsampling="420",
            )  # fmt: skip
            tiles[:, row, col] = file.tell(), len(data)
            file.write(data)
    at = np.arange(across) % n
    return tiles[:, at[:, None], at]


def _write_page(
    file: BinaryIO, pointer: int, side: int, tiles: np.ndarray, level: int, mpp: float
) -> int:
    """Write the tags of a level, and its place to ``pointer``; return where the next one's goes."""
    places = []
    for values in tiles:
        places.append(file.tell())
        file.write(np.ascontiguousarray(values, "<u8").tobytes())
    offsets, lengths = places
    resolution = struct.pack("<II", round(1e4 / mpp), 1)  # per cm
    number = tiles[0].size
    tags = [
        (254, _LONG, 1, 1 if level else 0), (256, _LONG, 1, side), (257, _LONG, 1, side),
        (258, _SHORT, 3, struct.pack("<HHH", 8, 8, 8)), (259, _SHORT, 1, 7), (262, _SHORT, 1, 6),
        (277, _SHORT, 1, 3), (282, _RATIONAL, 1, resolution), (283, _RATIONAL, 1, resolution),
        (284, _SHORT, 1, 1), (296, _SHORT, 1, 3), (322, _LONG, 1, TILE), (323, _LONG, 1, TILE),
        (324, _LONG8, number, offsets), (325, _LONG8, number, lengths),
        (530, _SHORT, 2, struct.pack("<HH", 2, 2)),
    ]  # fmt: skip
    if number == 1:  # a single value stands in the tag itself
        tags[13:15] = [(324, _LONG8, 1, int(tiles[0, 0, 0])), (325, _LONG8, 1, int(tiles[1, 0, 0]))]
    page = file.tell()
    file.write(struct.pack("<Q", len(tags)))
    for code, kind, count, value in tags:
        held = value if isinstance(value, bytes) else struct.pack("<Q", value)
        file.write(struct.pack("<HHQ", code, kind, count) + held.ljust(8, b"\0"))
    following = file.tell()
    file.write(bytes(8))
    file.seek(pointer)
    file.write(struct.pack("<Q", page))
    file.seek(0, 2)
    return following
