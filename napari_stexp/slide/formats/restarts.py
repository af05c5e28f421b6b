"""One huge JPEG read in parts: restart markers cut it into intervals that decode alone.

Restart intervals (ITU-T T.81, B.2.4.4) are runs of a fixed number of MCUs, the blocks of
8 or 16 px that JPEG works in; each begins with a byte boundary and fresh predictors. A
tile here is a small JPEG made of the header, with the tile's size in its frame, and the
tile's intervals with their markers counted anew.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError, TileError
from napari_stexp.progress import Progress
from napari_stexp.slide.levels import Level, broken_tile
from napari_stexp.slide.location import Location
from napari_stexp.slide.source import ByteSource, open_source

__all__ = ["JpegHead", "RestartLevel", "read_head", "scan_restarts", "tile_layout"]

_MOST_HEAD = 2**18
_BLOCK = 4 * 2**20
_LONGEST_SIDE = 65500  # px, libjpeg's limit
#: Tiles are made about this large (px): intervals alone are a few rows high.
_SIDE, _AREA = 512, 2**20


@dataclass(frozen=True)
class JpegHead:
    """The header of a baseline JPEG.

    Attributes
    ----------
    head : bytes
        From SOI through the SOS segment.
    sof : int
        Where its frame's height and width lie in ``head``.
    mcu : (int, int)
        Height and width of an MCU, px.
    interval : int
        MCUs per restart interval; 0 without.
    size : (int, int)
        Height and width that the frame claims; 0 where the image is too large to say so.
    """

    head: bytes
    sof: int
    mcu: tuple[int, int]
    interval: int
    size: tuple[int, int]


def read_head(data: bytes) -> JpegHead | None:
    """Read the header of a JPEG; None where it is no baseline JPEG in three components."""
    at, sof, mcu, interval, size = 2, 0, (8, 8), 0, (0, 0)
    if not data.startswith(b"\xff\xd8"):
        return None
    try:
        while True:
            mark, length = struct.unpack_from(">HH", data, at)
            if mark == 0xFFDD:
                (interval,) = struct.unpack_from(">H", data, at + 4)
            elif mark in (0xFFC0, 0xFFC1):
                sof = at + 5
                *size_, count = struct.unpack_from(">HHB", data, sof)
                size = (size_[0], size_[1])
                factors = [data[at + 11 + 3 * n] for n in range(count)]
                mcu = 8 * max(f & 15 for f in factors), 8 * max(f >> 4 for f in factors)
                if count != 3 or min(f & 15 for f in factors) < 1:
                    return None
            elif 0xFFC2 <= mark <= 0xFFCF and mark not in (0xFFC4, 0xFFC8, 0xFFCC):
                return None  # progressive, lossless, arithmetic
            at += 2 + length
            if mark == 0xFFDA:
                break
            if mark >> 8 != 0xFF:
                return None
    except (struct.error, IndexError):
        return None
    return JpegHead(data[:at], sof, mcu, interval, size) if sof and at <= len(data) else None


@dataclass(frozen=True)
class TileLayout:
    """How intervals make up tiles.

    Attributes
    ----------
    tile : (int, int)
        Height and width, px.
    grid : (int, int)
        Rows and columns of intervals in the image.
    per_tile : (int, int)
        The same in a whole tile.
    unit : (int, int)
        Height and width of an interval, px.
    """

    tile: tuple[int, int]
    grid: tuple[int, int]
    per_tile: tuple[int, int]
    unit: tuple[int, int]


def tile_layout(head: JpegHead, shape: tuple[int, int]) -> TileLayout | None:
    """Return how to cut an image of this shape into tiles; None where intervals don't line up."""
    across = -(-shape[1] // head.mcu[1])
    down = -(-shape[0] // head.mcu[0])
    if head.interval < 1:
        return None
    if across % head.interval == 0:
        unit = head.mcu[0], head.interval * head.mcu[1]
        grid = down, across // head.interval
    elif head.interval % across == 0:
        rows = head.interval // across
        unit = rows * head.mcu[0], across * head.mcu[1]
        grid = -(-down // rows), 1
    else:
        return None
    if max(unit) > _LONGEST_SIDE or unit[0] * unit[1] > 2**26:
        return None
    wide = min(max(1, _SIDE // unit[1]), grid[1])
    high = max(1, min(_SIDE // unit[0], _AREA // (unit[0] * unit[1] * wide), grid[0]))
    return TileLayout((high * unit[0], wide * unit[1]), grid, (high, wide), unit)


class RestartLevel:
    """A level that is one JPEG with restart markers; see the module.

    Parameters
    ----------
    level : Level
    head : JpegHead
    layout : TileLayout
    starts : (n + 1,) int64
        Where each interval's data begin in the file, after its marker; last, where the
        JPEG ends.
    source : ByteSource
    ycbcr : bool
        The components are YCbCr, else RGB.
    """

    def __init__(
        self,
        level: Level,
        head: JpegHead,
        layout: TileLayout,
        starts: NDArray[np.int64],
        source: ByteSource,
        *,
        ycbcr: bool = True,
    ) -> None:
        self.level = level
        self._colours = "YCBCR" if ycbcr else "RGB"
        self._head, self._layout, self._starts, self._source = head, layout, starts, source

    @property
    def path(self) -> Location:
        """The file that it is read from."""
        return self._source.path

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()

    def read(self, row: int, col: int) -> NDArray[np.uint8]:
        """Decode one tile, (th, tw, 3) uint8."""
        import imagecodecs

        layout = self._layout
        first = row * layout.per_tile[0], col * layout.per_tile[1]
        rows = min(layout.per_tile[0], layout.grid[0] - first[0])
        cols = min(layout.per_tile[1], layout.grid[1] - first[1])
        parts = [
            part for r in range(first[0], first[0] + rows) for part in self._row(r, first[1], cols)
        ]
        size = rows * layout.unit[0], cols * layout.unit[1]
        try:
            found = imagecodecs.jpeg8_decode(
                self._assemble(parts, size), colorspace=self._colours, outcolorspace="RGB"
            )
        except Exception as error:  # codecs raise what they like
            raise self._broken(row, col, error) from error
        if found.shape != (*size, 3):
            raise self._broken(row, col, found.shape)
        if size == self.level.tile:
            return found
        whole = np.zeros((*self.level.tile, 3), np.uint8)
        whole[: size[0], : size[1]] = found
        return whole

    def _row(self, row: int, first: int, count: int) -> list[bytes]:
        """Read the intervals of one row of a tile, without their markers."""
        at = row * self._layout.grid[1] + first
        bounds = self._starts[at : at + count + 1]
        data = self._source.read(int(bounds[0]), int(bounds[-1] - bounds[0]))
        ends = (bounds - bounds[0]).tolist()
        parts = [data[a:b] for a, b in itertools.pairwise(ends)]
        last = at + count == len(self._starts) - 1
        for n, part in enumerate(parts):
            if last and n == count - 1:
                end = part.rfind(b"\xff\xd9")
                parts[n] = part[:end] if end >= 0 else part
            elif len(part) < 2 or part[-2] != 0xFF or part[-1] != 0xD0 + (at + n) % 8:
                raise self._broken(row, first + n, "no restart marker where one must be")
            else:
                parts[n] = part[:-2]
        return parts

    def _assemble(self, parts: list[bytes], size: tuple[int, int]) -> bytes:
        head, sof = self._head.head, self._head.sof
        pieces = [head[:sof], struct.pack(">HH", *size), head[sof + 4 :]]
        for n, part in enumerate(parts):
            pieces += [part, bytes((0xFF, 0xD0 + n % 8))]
        pieces[-1] = b"\xff\xd9"
        return b"".join(pieces)

    def _broken(self, row: int, col: int, found: object) -> TileError:
        return broken_tile(self.level, f"row {row}, column {col}", self.path, found)


def scan_restarts(
    path: Location, start: int, end: int, count: int
) -> Generator[Progress, None, NDArray[np.int64]]:
    """Find the restart markers of a JPEG whose file has no table of them.

    Parameters
    ----------
    path : Path
    start, end : int
        Where the coded data begin (behind the header) and end.
    count : int
        How many intervals there must be.

    Yields
    ------
    Progress
        In blocks of 4 MiB: no more of the file is in memory at a time.

    Returns
    -------
    (count + 1,) int64
        As `RestartLevel` takes it.

    Raises
    ------
    SlideError
        There are more or fewer, or they don't count 0 to 7 in turn: the file is damaged.
    """
    source = open_source(path)
    total = max(1, -(-(end - start) // _BLOCK))
    found: list[NDArray[np.int64]] = [np.array([start], np.int64)]
    seen = 0
    try:
        for n in range(total):
            low = start + n * _BLOCK
            block = np.frombuffer(source.read(low, min(_BLOCK + 1, end - low)), np.uint8)
            marks = np.flatnonzero((block[:-1] == 0xFF) & (block[1:] >> 3 == 0xD0 >> 3))
            if (block[marks + 1] & 7 != (seen + np.arange(len(marks))) % 8).any():
                seen = -1
                break
            seen += len(marks)
            found.append(low + marks + 2)
            yield Progress(n + 1, total, "looking for restart markers")
    finally:
        source.close()
    if seen != count - 1:
        raise SlideError(
            "is a damaged NDPI", path=path, expected=f"{count - 1} restart markers in turn",
            found="others between them" if seen < 0 else seen,
        )  # fmt: skip
    return np.concatenate([*found, np.array([end], np.int64)])
