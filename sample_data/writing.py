"""Writes the synthetic slide as a pyramidal OME-TIFF."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np

__all__ = ["write_slide"]

TILE = 512
SMALLEST = 1024  # the coarsest level is no larger than this


def write_slide(image: np.ndarray, path: str | Path, mpp: float, *, quality: int = 70) -> Path:
    """Write an image as OME-TIFF: JPEG tiles, further levels in SubIFDs, µm per pixel.

    Parameters
    ----------
    image : (H, W, 3) uint8
        Level 0.
    path : path-like
        The file; written whole or not at all.
    mpp : float
        µm per pixel of level 0.
    quality : int
        JPEG quality. Chroma is stored at half the resolution, as scanners do.
    """
    import tifffile

    from napari_stexp.files import atomic_path

    path = Path(path)
    levels = [image]
    while max(levels[-1].shape[:2]) > SMALLEST:
        levels.append(_halve(levels[-1]))
    options = {
        "photometric": "rgb",
        "compression": "jpeg",
        "compressionargs": {"level": quality},
        "subsampling": (2, 2),
        "tile": (TILE, TILE),
        "resolutionunit": "CENTIMETER",
        "software": False,
    }
    metadata = {
        "axes": "YXS",
        "PhysicalSizeX": mpp,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": mpp,
        "PhysicalSizeYUnit": "µm",
        "Name": path.name.split(".")[0],
        "Description": "Synthetic H&E-stained breast section; no patient's tissue.",
        # tifffile would take the clock's; a fixed one keeps the file the same from run to run.
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_URL, path.name)),
    }
    with atomic_path(path) as temporary, tifffile.TiffWriter(temporary, ome=True) as tiff:
        for index, level in enumerate(levels):
            tiff.write(
                level,
                subifds=len(levels) - 1 if index == 0 else None,
                subfiletype=int(index > 0),
                metadata=metadata if index == 0 else None,
                resolution=(1e4 / (mpp * 2**index),) * 2,
                **options,
            )
    return path


def _halve(image: np.ndarray) -> np.ndarray:
    """Average 2 x 2 pixels; an odd last row or column is repeated."""
    odd = [(0, size % 2) for size in image.shape[:2]]
    wide = np.pad(image, [*odd, (0, 0)], mode="edge").astype(np.uint16)
    total = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
    return ((total + 2) // 4).astype(np.uint8)
