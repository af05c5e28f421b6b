"""Patches around points, for an image encoder: many, and fast."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError

if TYPE_CHECKING:
    from napari_stexp.slide.slide import Slide

__all__ = ["SAME_SCALE", "PatchBatch", "PatchReader"]

#: Up to this relative difference of µm/px, patches are read at level 0 without resampling.
SAME_SCALE = 0.03
#: Memory for the unresampled windows of one step in all threads, in bytes.
_WINDOW_BYTES = 64_000_000
#: Beyond this, a coordinate is as far outside as any other: keeps integers in range.
_FAR = 2**40


@dataclass(frozen=True)
class PatchBatch:
    """Patches, and which of them could be read.

    Attributes
    ----------
    pixels : (N, p, p, 3) uint8
    ok : (N,) bool
        False where a tile under the patch doesn't decode; its pixels are the fill.
    """

    pixels: NDArray[np.uint8]
    ok: NDArray[np.bool_]


class PatchReader:
    """Reads square patches of one size in µm, centred on points.

    Parameters
    ----------
    slide : Slide
    patch_px : int
        Side of the patches that come out, in px.
    mpp : float, optional
        µm per pixel of the patches that come out. Where it differs from the
        slide's by more than 3 %, patches are read from the coarsest stored
        level that is at least as fine, and resampled with an antialiasing
        (triangle) filter. None, or a slide of unknown scale: level 0 as it is.
    fill : (r, g, b)
        Colour beyond the border of the slide.
    threads : int, optional
        For decoding; up to 4 by default, 1 for none beside the caller's.
    field : float
        Side of the field of view, as a multiple of ``patch_px`` pixels of
        ``mpp``: 4 reads four times as far around the centre, at a quarter of
        the resolution (where the scale is unknown, ``4 * patch_px`` level-0
        pixels).

    Attributes
    ----------
    ratio : float
        Level-0 pixels per patch pixel.

    Notes
    -----
    The patch of the centre (cx, cy) covers, in level-0 pixels, ``floor(cx) -
    ratio * (patch_px // 2)`` and so on for ``ratio * patch_px``: at ratio 1
    this is the crop of the released mclSTExp code, pixel for pixel.
    """

    def __init__(
        self,
        slide: Slide,
        patch_px: int,
        mpp: float | None = None,
        *,
        fill: tuple[int, int, int] = (0, 0, 0),
        threads: int | None = None,
        field: float = 1.0,
    ) -> None:
        if patch_px < 1:
            raise ValueError(f"a patch of {patch_px} px")
        if not 0 < field < math.inf:
            raise ValueError(f"a field of view of {field} patches")
        self.slide = slide
        self.patch_px = int(patch_px)
        self.fill = fill
        self.threads = min(4, os.cpu_count() or 1) if threads is None else max(1, threads)
        self.ratio = _ratio(slide.mpp, mpp, field)
        self.level = self._choose_level()
        self._pyramid = slide._pyramid

    def _choose_level(self) -> int:
        fine = [
            n
            for n, level in enumerate(self.slide.levels)
            if level.stored and level.downsample <= self.ratio * (1 + 1e-6)
        ]
        return fine[-1] if fine and self.ratio != 1.0 else 0

    def read(self, centers: Any) -> PatchBatch:
        """Read patches.

        Parameters
        ----------
        centers : (N, 2) array of float
            (x, y) in level-0 pixels; may lie anywhere.

        Returns
        -------
        PatchBatch

        Raises
        ------
        SlideError
            The slide is closed.
        """
        if self.threads == 1:
            return self._read(_points(centers), None, None)
        with ThreadPoolExecutor(self.threads, "stexp-patch") as pool:
            return self._read(_points(centers), pool, None)

    def _read(
        self, centers: NDArray[np.float64], pool: ThreadPoolExecutor | None, stop: Event | None
    ) -> PatchBatch:
        if self._pyramid.closed:  # else every patch would merely be unreadable
            raise SlideError("the slide is closed", path=self.slide.path)
        if self.ratio == 1.0:
            return self._read_native(centers, pool, stop)
        size = self._window_size()
        step = max(1, _WINDOW_BYTES // self.threads // (size * size * 3))
        parts = [
            self._read_resampled(centers[i : i + step], pool, stop)
            for i in range(0, len(centers), step)
        ]
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return self._read_native(centers, None, None)
        return PatchBatch(
            np.concatenate([part.pixels for part in parts]),
            np.concatenate([part.ok for part in parts]),
        )

    def _read_native(
        self, centers: NDArray[np.float64], pool: ThreadPoolExecutor | None, stop: Event | None
    ) -> PatchBatch:
        corners = _whole(centers) - self.patch_px // 2
        found = self._pyramid.gather(
            0, corners, (self.patch_px, self.patch_px), fill=self.fill, pool=pool,
            stop=stop.is_set if stop else None,
        )  # fmt: skip
        if not found.ok.all():
            found.pixels[~found.ok] = self.fill
        return PatchBatch(found.pixels, found.ok)

    def _margin(self) -> int:
        """Pixels around a window that the filter looks at."""
        scale = self.ratio / self.slide.levels[self.level].downsample
        return math.ceil(max(scale, 1.0)) + 1

    def _window_size(self) -> int:
        scale = self.ratio / self.slide.levels[self.level].downsample
        return math.ceil(self.patch_px * scale) + 2 * self._margin() + 1

    def _read_resampled(
        self, centers: NDArray[np.float64], pool: ThreadPoolExecutor | None, stop: Event | None
    ) -> PatchBatch:
        from PIL import Image

        downsample = self.slide.levels[self.level].downsample
        start = (_whole(centers) - self.ratio * (self.patch_px // 2)) / downsample
        side = self.patch_px * self.ratio / downsample
        corners = np.floor(start).astype(np.int64) - self._margin()
        size = self._window_size()
        found = self._pyramid.gather(
            self.level, corners, (size, size), fill=self.fill, pool=pool,
            stop=stop.is_set if stop else None,
        )  # fmt: skip
        pixels = np.empty((len(centers), self.patch_px, self.patch_px, 3), np.uint8)
        offsets = start - corners

        def resample(n: int) -> None:
            if not found.ok[n]:
                pixels[n] = self.fill
                return
            x, y = offsets[n]
            patch = Image.fromarray(found.pixels[n]).resize(
                (self.patch_px, self.patch_px),
                Image.Resampling.BILINEAR,
                (x, y, x + side, y + side),
            )
            pixels[n] = np.asarray(patch)

        if pool is None:
            for n in range(len(centers)):
                resample(n)
        else:
            list(pool.map(resample, range(len(centers))))
        return PatchBatch(pixels, found.ok)

    def classify(self, centers: Any) -> NDArray[np.str_]:
        """Say where each patch lies.

        Returns
        -------
        (N,) array of str
            ``'ok'`` wholly inside the slide, ``'border'`` partly, ``'outside'``
            not at all (also where the centre is no finite number).
        """
        start = _whole(_points(centers)) - self.ratio * (self.patch_px // 2)
        end = start + self.ratio * self.patch_px
        limit = np.array(self.slide.shape[::-1], float)
        inside = ((start >= 0) & (end <= limit)).all(1)
        outside = ((end <= 0) | (start >= limit)).any(1)
        return np.where(inside, "ok", np.where(outside, "outside", "border"))

    def order(self, centers: Any) -> NDArray[np.intp]:
        """Return an order of visiting that reuses decoded tiles.

        Blocks of 8 x 8 tiles, row by row in alternating direction, and within
        a block tile by tile: a block and its rim fit any sensible cache.
        """
        level = self.slide.levels[self.level]
        side = np.array(level.tile[::-1], float) * level.downsample
        tile = np.floor_divide(_whole(_points(centers)), side).astype(np.int64)
        block = tile // 8
        block_x = np.where(block[:, 1] % 2 == 0, block[:, 0], -block[:, 0])
        return np.lexsort((tile[:, 0], tile[:, 1], block_x, block[:, 1]))

    def cut(self, centers: Any, batch_size: int) -> list[NDArray[np.intp]]:
        """Return the indices of centres, cut into batches along `order`."""
        order = self.order(centers)
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]

    def stream(
        self,
        centers: Any,
        batch_size: int,
        *,
        prefetch: int = 2,
        batches: Iterable[NDArray[np.intp]] | None = None,
    ) -> Generator[tuple[NDArray[np.intp], PatchBatch], None, None]:
        """Read patches in batches, ahead of the consumer.

        Parameters
        ----------
        centers : (N, 2) array of float
            (x, y) in level-0 pixels.
        batch_size : int
        prefetch : int
            How many batches are read ahead, at least one for each thread.
        batches : iterable of (n,) int arrays, optional
            Indices into ``centers`` to read together, in place of `cut`'s; each is
            asked for when it is about to be read, so that an order may still change.

        Yields
        ------
        indices : (n,) int array
            Into ``centers``; in `order`, unless ``batches`` says otherwise.
        batch : PatchBatch

        Notes
        -----
        Closing it stops its threads at the next tile and waits for them.
        """
        points = _points(centers)
        source = iter(self.cut(points, batch_size) if batches is None else batches)
        stop = Event()
        waiting: deque[tuple[NDArray[np.intp], Future[PatchBatch]]] = deque()
        # A thread reads whole batches: sharing out the tiles of one costs more than it gains.
        pool = ThreadPoolExecutor(self.threads, "stexp-patch")

        def submit() -> None:
            indices = next(source, None)
            if indices is not None:
                job = pool.submit(self._read, points[indices], None, stop)
                waiting.append((indices, job))

        try:
            for _ in range(max(1, prefetch, self.threads)):
                submit()
            while waiting:
                indices, job = waiting.popleft()
                batch = job.result()
                submit()
                yield indices, batch
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _ratio(slide_mpp: float | None, mpp: float | None, field: float) -> float:
    ratio = float(field) if slide_mpp is None or mpp is None else mpp * field / slide_mpp
    return 1.0 if abs(ratio - 1.0) <= SAME_SCALE else ratio


def _points(centers: Any) -> NDArray[np.float64]:
    points = np.asarray(centers, np.float64)
    if points.size == 0:
        return points.reshape(0, 2)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"centres of shape {points.shape}, not (N, 2)")
    return points


def _whole(points: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return floor of the coordinates; what is no number lies far outside."""
    far = np.nan_to_num(np.floor(points), nan=-_FAR, posinf=_FAR, neginf=-_FAR)
    return np.clip(far, -_FAR, _FAR).astype(np.int64)
