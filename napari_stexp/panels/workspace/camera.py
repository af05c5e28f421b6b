"""Where the window looks at the slide, independent of the slide's scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari_stexp.viewer.frame import world_scale

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["point_camera", "read_camera"]


def read_camera(viewer: Any, session: Session) -> dict[str, Any]:
    """Return the middle of the view (level-0 px) and screen pixels per level-0 pixel."""
    if viewer is None:
        return {}
    camera, scale = viewer.scene.camera, world_scale(session.world_mpp)
    y, x = (float(value) / scale for value in camera.center[-2:])
    return {"x": x, "y": y, "zoom": float(camera.zoom) * scale}


def point_camera(viewer: Any, session: Session, camera: Mapping[str, Any]) -> None:
    """Look where `read_camera` was asked; what isn't there or no number is passed over."""
    try:
        x, y, zoom = (float(camera[name]) for name in ("x", "y", "zoom"))
    except (KeyError, TypeError, ValueError):
        return
    if viewer is None or not all(map(math.isfinite, (x, y, zoom))) or zoom <= 0:
        return
    scale = world_scale(session.world_mpp)
    view = viewer.scene.camera
    view.center = (*view.center[:-2], y * scale, x * scale)
    view.zoom = zoom / scale
