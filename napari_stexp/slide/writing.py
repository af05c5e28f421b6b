"""Writing a tiled pyramid TIFF, in a thread whose progress is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

import numpy as np
from numpy.typing import NDArray

from napari_stexp.progress import Progress
from napari_stexp.slide.levels import COARSEST_PX, halved
from napari_stexp.slide.pyramid import halve

__all__ = ["ReadRows", "count_workers", "write_steps"]

_TILE = 256

ReadRows = Callable[[int, int], NDArray[np.uint8]]
Report = Callable[[int], None]


def count_workers() -> int:
    """Return how many threads compute and compress tiles."""
    return min(8, os.cpu_count() or 1)


def write_steps(
    path: Path, shape: tuple[int, int], read_rows: ReadRows
) -> Generator[Progress, None, None]:
    """Write a tiled pyramid TIFF, level 0 pixel for pixel, the others as 2 x 2 means.

    Losslessly, with Zstandard. Only one band of tiles and the next level are in memory.
    Closing the generator stops the thread that writes at its next tile and waits for it.

    Parameters
    ----------
    path : Path
    shape : (int, int)
        Height and width of level 0.
    read_rows : callable
        ``read_rows(start, stop)`` gives (stop - start, width, 3) uint8 rows;
        called in order, in bands of a tile's height, from that thread.

    Yields
    ------
    Progress
        In tiles.
    """
    total = sum(-(-h // _TILE) * -(-w // _TILE) for h, w in _level_shapes(shape))
    yield from _run_in_thread(
        lambda report: _write_pyramid(path, shape, read_rows, report),
        total,
        "writing the tiled pyramid",
    )


def _level_shapes(shape: tuple[int, int]) -> list[tuple[int, int]]:
    shapes = [shape]
    while max(shapes[-1]) > COARSEST_PX:
        shapes.append(halved(shapes[-1]))
    return shapes


def _write_pyramid(path: Path, shape: tuple[int, int], read_rows: ReadRows, report: Report) -> None:
    """Write the file; ``report`` hears the number of tiles so far, and may raise to stop."""
    import tifffile

    shapes = _level_shapes(shape)
    # Zstandard may not shrink noise: the raw size decides whether 32-bit offsets are enough.
    big = sum(h * w for h, w in shapes) * 3 > 3.5e9
    done = 0
    with tifffile.TiffWriter(path, bigtiff=big) as writer:
        for n, level in enumerate(shapes):
            coarser = np.empty((*halved(level), 3), np.uint8) if n + 1 < len(shapes) else None

            def count(tiles: Iterator[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
                nonlocal done
                for tile in tiles:
                    done += 1
                    report(done)
                    yield tile

            writer.write(
                count(_cut(level, read_rows, coarser)),
                shape=(*level, 3), dtype=np.uint8, tile=(_TILE, _TILE), photometric="rgb",
                maxworkers=count_workers(), metadata=None, subfiletype=1 if n else 0,
                subifds=len(shapes) - 1 if n == 0 else 0, compression="zstd",
                compressionargs={"level": 3}, predictor=True,
            )  # fmt: skip
            if coarser is not None:
                read_rows = _rows_of(coarser)


def _rows_of(image: NDArray[np.uint8]) -> ReadRows:
    return lambda start, stop: image[start:stop]


def _cut(
    shape: tuple[int, int], read_rows: ReadRows, coarser: NDArray[np.uint8] | None
) -> Iterator[NDArray[np.uint8]]:
    """Yield the tiles of a level, and fill the next level on the way."""
    height, width = shape
    for top in range(0, height, _TILE):
        band = read_rows(top, min(top + _TILE, height))
        if coarser is not None:
            small = halve(band)
            coarser[top // 2 : top // 2 + len(small)] = small
        for left in range(0, width, _TILE):
            tile = band[:, left : left + _TILE]
            if tile.shape[:2] != (_TILE, _TILE):
                padding = ((0, _TILE - tile.shape[0]), (0, _TILE - tile.shape[1]), (0, 0))
                tile = np.pad(tile, padding, mode="edge")
            yield np.ascontiguousarray(tile)


class _StoppedError(Exception):
    """Ends the writing thread when nobody listens any more."""


def _run_in_thread(
    work: Callable[[Report], None], total: int, stage: str
) -> Generator[Progress, None, None]:
    """Run blocking work in a thread, and yield its progress.

    Closing the generator stops the work at its next report and waits for it.
    """
    messages: SimpleQueue[int | BaseException | None] = SimpleQueue()
    stop = Event()

    def report(done: int) -> None:
        if stop.is_set():
            raise _StoppedError
        messages.put(done)

    def run() -> None:
        try:
            work(report)
        except BaseException as error:  # noqa: BLE001  handed to the listener
            messages.put(error)
        else:
            messages.put(None)

    thread = Thread(target=run, name="stexp-convert", daemon=True)
    thread.start()
    try:
        while (message := messages.get()) is not None:
            if isinstance(message, BaseException):
                raise message
            yield Progress(message, total, stage)
    finally:
        stop.set()
        thread.join()
