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
    from napari.components import ViewerModel

    from napari_stexp.session import Session
    from napari_stexp.slide import Slide

__all__ = ["WorldFrame", "image_frame", "layer_frame", "place", "to_level0", "to_yx", "world_scale"]


def layer_frame(mpp: float | None) -> dict[str, Any]:
    """Return ``scale``, ``translate`` and ``units`` of layers that hold level-0 positions."""
    unit = "pixel" if mpp is None else "um"
    scale = 1.0 if mpp is None else float(mpp)
    return {"scale": (scale, scale), "translate": (0.0, 0.0), "units": (unit, unit)}


def world_scale(mpp: float | None) -> float:
    """Return world units per level-0 px."""
    return float(layer_frame(mpp)["scale"][0])


def image_frame(slide: Slide) -> dict[str, Any]:
    """Return ``scale``, ``translate`` and ``units`` of the slide's image layer."""
    frame = layer_frame(slide.mpp)
    half = frame["scale"][0] / 2
    return {**frame, "translate": (half, half)}


def place(layer: Any, frame: dict[str, Any]) -> None:
    """Give a layer the scale, place and units of a frame."""
    for name, value in frame.items():
        setattr(layer, name, value)


def to_level0(position: ArrayLike, mpp: float | None) -> tuple[float, float]:
    """Turn a world position (…, y, x), such as the cursor's, into (x, y) in level-0 px."""
    y, x = np.asarray(position, dtype=np.float64)[-2:] / layer_frame(mpp)["scale"]
    return float(x), float(y)


def to_yx(xy: ArrayLike) -> NDArray[np.float64]:
    """Turn (N, 2) positions (x, y) into napari's (y, x), or back."""
    return np.ascontiguousarray(np.asarray(xy, dtype=np.float64)[:, ::-1])


class WorldFrame:
    """Where the mouse is, and how large things are, at a session's present scale and zoom.

    Parameters
    ----------
    session : Session
    viewer : ViewerModel
    """

    def __init__(self, session: Session, viewer: ViewerModel) -> None:
        self._session = session
        self._viewer = viewer

    def place_of(self, event: Any) -> tuple[float, float]:
        """Return (x, y) of a mouse event in level-0 px."""
        return to_level0(event.position, self._session.world_mpp)

    @property
    def scale(self) -> float:
        """World units per level-0 px."""
        return world_scale(self._session.world_mpp)

    @property
    def screen_px(self) -> float:
        """Level-0 px per screen pixel."""
        return 1 / (float(self._viewer.scene.camera.zoom) * self.scale)
