"""Small pictures of the reference spots."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_stexp.errors import BundleError

__all__ = ["Thumbnails"]


@dataclass(frozen=True, eq=False)
class Thumbnails:
    """Small JPEG pictures of the reference patches.

    Attributes
    ----------
    data : ndarray of uint8
        The JPEG files, one after the other.
    offsets : ndarray of int64, (N + 1,)
        Where each begins; two equal offsets: no picture.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> NDArray[np.uint8] | None:
        """Decode one picture, (h, w, 3) uint8 RGB, or None where there is none."""
        from PIL import Image

        start, stop = int(self.offsets[index]), int(self.offsets[index + 1])
        if start == stop:
            return None
        try:
            with Image.open(io.BytesIO(self.data[start:stop].tobytes()), formats=["JPEG"]) as image:
                return np.asarray(image.convert("RGB"))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            raise BundleError(
                f"the picture of reference spot {index} can't be decoded", found=error
            ) from error

    def take(self, rows: NDArray[np.intp]) -> Thumbnails:
        """Keep the pictures of these rows, in this order."""
        starts, stops = self.offsets[rows], self.offsets[rows + 1]
        parts = [self.data[a:b] for a, b in zip(starts, stops, strict=True)]
        offsets = np.concatenate([[0], np.cumsum(stops - starts)]).astype(np.int64)
        return Thumbnails(np.concatenate([*parts, np.empty(0, np.uint8)]), offsets)

    @classmethod
    def from_patches(
        cls, patches: NDArray[np.uint8], side: int = 64, quality: int = 80
    ) -> Thumbnails:
        """Shrink and encode patches (N, p, p, 3) uint8 RGB to JPEGs of ``side`` px."""
        from PIL import Image

        files = []
        for patch in patches:
            image = Image.fromarray(np.ascontiguousarray(patch))
            image.thumbnail((side, side), Image.Resampling.BOX)
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=quality)
            files.append(np.frombuffer(buffer.getvalue(), np.uint8))
        offsets = np.cumsum([0, *(len(file) for file in files)], dtype=np.int64)
        return cls(np.concatenate([*files, np.empty(0, np.uint8)]), offsets)
