"""Files that several rooms' tests are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile


def write_ome_tiff(path: Path, image: np.ndarray, mpp: float, tile: int = 128) -> Path:
    """Write an RGB image (h, w, 3) uint8 as a tiled OME-TIFF of ``mpp`` µm per pixel."""
    scale: dict[str, Any] = {f"PhysicalSize{axis}": mpp for axis in "XY"}
    scale |= {f"PhysicalSize{axis}Unit": "µm" for axis in "XY"}
    tifffile.imwrite(
        path, image, tile=(tile, tile), photometric="rgb", metadata={"axes": "YXS", **scale}
    )
    return path
