"""An image layer that is coloured by values, and says whose they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import napari.layers
import numpy as np
from napari.components.overlays import ColorBarOverlay
from napari.utils.colormaps import Colormap, ensure_colormap
from napari.utils.events import EventedModel

__all__ = ["Image"]


class _ValueScale(EventedModel):
    """What the colours mean, as napari's colour bar wants to know it."""

    contrast_limits: tuple[float, float] | None = (0.0, 1.0)
    continuous_colormap: Colormap = ensure_colormap("viridis")


class Image(napari.layers.Image):
    """An RGBA image whose colours stand for values; of one class's name with its base.

    napari names a layer's icon, and what can be done with it, after its class.

    Parameters
    ----------
    data, **attributes
        As of its base; the last axis is RGBA.

    Attributes
    ----------
    describe : callable or None
        Takes (y, x) in world units, and returns what the status bar says of that place.
    """

    def __init__(self, data: Any, **attributes: Any) -> None:
        super().__init__(data, rgb=True, **attributes)
        self.describe: Callable[[float, float], str] | None = None
        self.value_scale = _ValueScale()
        # As napari's own Points do for the one attribute that its colour bar follows.
        self._overlays["face_colorbar"] = ColorBarOverlay(colormanager_attribute="value_scale")

    @property
    def face_colorbar(self) -> ColorBarOverlay:
        """The colour bar, by the name that it has on Points."""
        found: ColorBarOverlay = self._overlays["face_colorbar"]
        return found

    @property
    def face_contrast_limits(self) -> tuple[float, float] | None:
        """Values of the first and the last colour."""
        return self.value_scale.contrast_limits

    @face_contrast_limits.setter
    def face_contrast_limits(self, limits: tuple[float, float]) -> None:
        self.value_scale.contrast_limits = limits

    @property
    def face_colormap(self) -> Colormap:
        """The colours of the colour bar."""
        return self.value_scale.continuous_colormap

    @face_colormap.setter
    def face_colormap(self, colormap: Colormap) -> None:
        self.value_scale.continuous_colormap = colormap

    def get_status(self, position: Any = None, **options: Any) -> dict[str, str]:
        """Say which spot lies at a place, in place of the colour that it has."""
        status: dict[str, str] = super().get_status(position, **options)
        if self.describe is not None and position is not None and options.get("world"):
            y, x = np.asarray(position, dtype=float)[-2:]
            status["value"] = self.describe(float(y), float(x))
            status["coordinates"] = f" [{y:.0f} {x:.0f}]: {status['value']}".rstrip(": ")
        return status
