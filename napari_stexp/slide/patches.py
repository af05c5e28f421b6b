"""Patches around points, for an image encoder: many, and fast."""

from __future__ import annotations

import math
import os
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import SlideError
from napari_stexp.slide.ahead import read_ahead
from napari_stexp.slide.patch_places import (
    as_points,
    classify_squares,
    visiting_order,
    whole_pixels,
)

if TYPE_CHECKING:
    from napari_stexp.slide.slide import Slide

__all__ = ["SAME_SCALE", "PatchBatch", "PatchReader"]

#: Up to this relative difference of µm/px, patches are read at level 0 without resampling.
SAME_SCALE = 0.03
#: Memory for the unresampled windows of one step in all threads, in bytes.
_WINDOW_BYTES = 64_000_000


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
            return self._read(as_points(centers), None, None)
        with ThreadPoolExecutor(self.threads, "stexp-patch") as pool:
            return self._read(as_points(centers), pool, None)

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
        corners = whole_pixels(centers) - self.patch_px // 2
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
        start = (whole_pixels(centers) - self.ratio * (self.patch_px // 2)) / downsample
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
        corner = self.ratio * (self.patch_px // 2)
        start = np.asarray(whole_pixels(as_points(centers)) - corner, np.float64)
        return classify_squares(start, self.ratio * self.patch_px, self.slide.shape)

    def order(self, centers: Any) -> NDArray[np.intp]:
        """Return an order of visiting that reuses decoded tiles; see `visiting_order`."""
        return visiting_order(as_points(centers), self.slide.levels[self.level])

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
        points = as_points(centers)
        source = iter(self.cut(points, batch_size) if batches is None else batches)
        yield from read_ahead(
            source,
            lambda indices, stop: self._read(points[indices], None, stop),
            self.threads,
            prefetch,
        )


def _ratio(slide_mpp: float | None, mpp: float | None, field: float) -> float:
    ratio = float(field) if slide_mpp is None or mpp is None else mpp * field / slide_mpp
    return 1.0 if abs(ratio - 1.0) <= SAME_SCALE else ratio
