"""Between level-0 pixels and napari's world: µm where the scale is known, else pixels.

The world's origin is the slide's top left corner, and a level-0 position (x, y) lies at
(y, x) times µm/px. A napari image has the *centre* of its first pixel at its origin, so images
are shifted by half a pixel and points and shapes are not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from napari_stexp.slide import Slide

__all__ = ["image_frame", "layer_frame", "to_yx"]


def layer_frame(slide: Slide | None) -> dict[str, Any]:
    """Return ``scale``, ``translate`` and ``units`` of layers that hold level-0 positions."""
    mpp = None if slide is None else slide.mpp
    unit = "pixel" if mpp is None else "um"
    scale = 1.0 if mpp is None else float(mpp)
    return {"scale": (scale, scale), "translate": (0.0, 0.0), "units": (unit, unit)}


def image_frame(slide: Slide) -> dict[str, Any]:
    """Return ``scale``, ``translate`` and ``units`` of the slide's image layer."""
    frame = layer_frame(slide)
    half = frame["scale"][0] / 2
    return {**frame, "translate": (half, half)}


def to_yx(xy: ArrayLike) -> NDArray[np.float64]:
    """Turn (N, 2) positions (x, y) into napari's (y, x), or back."""
    return np.ascontiguousarray(np.asarray(xy, dtype=np.float64)[:, ::-1])
