"""Several fields of view around each point: the tissue's detail, and what surrounds it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.slide.patches import PatchBatch, PatchReader

if TYPE_CHECKING:
    from napari_stexp.slide.slide import Slide

__all__ = ["FieldReader"]


class FieldReader(PatchReader):
    """Reads S square fields of view centred on each point, all of ``patch_px`` pixels.

    Parameters
    ----------
    slide, patch_px, mpp, fill, threads
        See `PatchReader`.
    context : sequence of float
        Sides of the fields of view, as multiples of ``patch_px`` pixels of
        ``mpp`` (of level-0 pixels, where a scale is unknown).

    Notes
    -----
    Pixels are (N, S, p, p, 3), or (N, p, p, 3) of a single field, which are then
    those of `PatchReader`. A point counts as readable when all of its fields
    are. `classify`, `order`, ``ratio`` and ``level`` are those of the first.
    """

    def __init__(
        self,
        slide: Slide,
        patch_px: int,
        mpp: float | None = None,
        context: Sequence[float] = (1.0,),
        *,
        fill: tuple[int, int, int] = (0, 0, 0),
        threads: int | None = None,
    ) -> None:
        if not len(context):
            raise ValueError("no field of view")
        super().__init__(slide, patch_px, mpp, fill=fill, threads=threads, field=context[0])
        self.context = tuple(map(float, context))
        self._wider = [
            PatchReader(slide, patch_px, mpp, fill=fill, threads=threads, field=field)
            for field in self.context[1:]
        ]

    def _read(
        self, centers: NDArray[np.float64], pool: ThreadPoolExecutor | None, stop: Event | None
    ) -> PatchBatch:
        first = super()._read(centers, pool, stop)
        if not self._wider:
            return first
        pixels = np.empty((len(centers), len(self.context), *first.pixels.shape[1:]), np.uint8)
        pixels[:, 0] = first.pixels
        ok = first.ok.copy()
        for i, reader in enumerate(self._wider, 1):
            part = reader._read(centers, pool, stop)
            pixels[:, i] = part.pixels
            ok &= part.ok
        return PatchBatch(pixels, ok)
