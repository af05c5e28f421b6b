"""Hamamatsu NDPI: a classic TIFF with 64-bit offsets, each level one JPEG."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

_SHORT, _LONG, _RATIONAL, _SIGNED, _FLOAT = 3, 4, 5, 9, 11
_ASCII = 2


def encode(image: np.ndarray, *, blocks: int = 8, subsampling: int = 0) -> bytes:
    """JPEG with a restart marker every ``blocks`` MCUs; none for 0."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(
        buffer, "JPEG", quality=90, subsampling=subsampling, restart_marker_blocks=blocks
    )
    return buffer.getvalue()


def find_starts(jpeg: bytes) -> np.ndarray:
    """Where each restart interval begins, from the JPEG's first byte."""
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", jpeg, at)
        at += 2 + length
        if marker == 0xFFDA:
            break
    body = np.frombuffer(jpeg, np.uint8)
    marks = np.flatnonzero((body[:-1] == 0xFF) & (body[1:] >= 0xD0) & (body[1:] <= 0xD7))
    return np.concatenate([[at], marks[marks >= at] + 2]).astype(np.uint64)


def write_ndpi(
    path: Path,
    images: Sequence[np.ndarray],
    *,
    macro: np.ndarray | None = None,
    blocks: int = 8,
    subsampling: int = 0,
    table: bool = True,
    gap: int = 0,
) -> Path:
    """Write levels (finest first) at 20x, 40x and so on; ``gap`` empty bytes come before them.

    The gap is a hole in the file that takes no room on the disk: over 4 GiB, all
    offsets need their upper halves.
    """
    with path.open("wb") as file:
        file.write(b"II*\0" + b"\0" * 8)
        file.seek(12 + gap)
        link = 4
        pages = [(image, 20.0 / 2**n) for n, image in enumerate(images)]
        if macro is not None:
            pages.append((macro, -1.0))
        for image, lens in pages:
            whole = encode(image, blocks=blocks if lens > 0 else 0, subsampling=subsampling)
            start = file.tell()
            file.write(whole)
            starts = find_starts(whole) if table and lens > 0 and blocks else None
            link = _write_directory(file, link, image, lens, (start, len(whole)), starts)
    return path


def _write_directory(file, link, image, lens, extent, starts) -> int:
    height, width = image.shape[:2]
    start, count = extent

    def outside(data: bytes) -> int:
        at = file.tell()
        file.write(data)
        return at

    tags = [
        (254, _LONG, 1, 0), (256, _LONG, 1, width), (257, _LONG, 1, height),
        (258, _SHORT, 3, outside(struct.pack("<3H", 8, 8, 8))), (259, _SHORT, 1, 7),
        (262, _SHORT, 1, 6), (271, _ASCII, 10, outside(b"Hamamatsu\0")),
        (273, _LONG, 1, start), (277, _SHORT, 1, 3), (278, _LONG, 1, height),
        (279, _LONG, 1, count),
        (282, _RATIONAL, 1, outside(struct.pack("<2I", 20000, 1))),
        (283, _RATIONAL, 1, outside(struct.pack("<2I", 20000, 1))), (296, _SHORT, 1, 3),
        (65420, _LONG, 1, 1), (65421, _FLOAT, 1, struct.unpack("<I", struct.pack("<f", lens))[0]),
        (65422, _SIGNED, 1, 0), (65423, _SIGNED, 1, 0), (65424, _SIGNED, 1, 0),
    ]  # fmt: skip
    if starts is not None:
        low = (starts & 0xFFFFFFFF).astype("<u4").tobytes()
        high = (starts >> np.uint64(32)).astype("<u4").tobytes()
        tags.append((65426, _LONG, len(starts), outside(low)))
        tags.append((65432, _LONG, len(starts), outside(high)))
    directory = file.tell()
    file.write(struct.pack("<H", len(tags)))
    for code, kind, number, value in tags:
        file.write(struct.pack("<HHII", code, kind, number, value & 0xFFFFFFFF))
    following = file.tell()
    file.write(b"\0" * 8 + b"".join(struct.pack("<I", value >> 32) for *_, value in tags))
    end = file.tell()
    file.seek(link)
    file.write(struct.pack("<Q", directory))
    file.seek(end)
    return following
