"""What reads the pixels of a slide: tiles, regions, small pictures, and for the screen."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.slide.levels import Level
from napari_stexp.slide.pyramid import Pyramid

if TYPE_CHECKING:
    import dask.array

    from napari_stexp.slide.viewing import SlideView

__all__ = ["ReadsPixels"]


class ReadsPixels(ABC):
    """The part of `Slide` that reads; safe from many threads."""

    _pyramid: Pyramid

    @property
    @abstractmethod
    def name(self) -> str:
        """The slide's name, for messages."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """The levels, finest first, down to at most 2,000 px."""
        return self._pyramid.levels

    def read_tile(self, level: int, row: int, col: int) -> NDArray[np.uint8]:
        """Return one decoded tile through the shared cache.

        Returns
        -------
        (th, tw, 3) uint8 array, read-only
            Whole also at the border, where what lies outside has no meaning.

        Raises
        ------
        TileError
            It doesn't decode.
        """
        rows, cols = self.levels[level].grid
        if not (0 <= row < rows and 0 <= col < cols):
            raise IndexError(f"tile ({row}, {col}) of {rows} x {cols}")
        return self._pyramid.read_tile(level, row, col)

    def read_region(
        self,
        x: int,
        y: int,
        width: int,
        height: int,
        level: int = 0,
        fill: tuple[int, int, int] = (0, 0, 0),
    ) -> NDArray[np.uint8]:
        """Return a rectangle of one level.

        Parameters
        ----------
        x, y : int
            Its upper left pixel, in *that level's* pixels; may lie outside.
        width, height : int
            Its size in that level's pixels.
        level : int
        fill : (r, g, b)
            Colour beyond the border of the image.

        Returns
        -------
        (height, width, 3) uint8 array

        Raises
        ------
        TileError
            A tile of a stored level doesn't decode. (On a synthesised level,
            which is for looking, that part is grey.)
        """
        if width < 0 or height < 0:
            raise ValueError(f"a region of {width} x {height} px")
        return self._pyramid.read_region(x, y, width, height, level, fill)

    def thumbnail(self, max_px: int = 2000) -> tuple[NDArray[np.uint8], float]:
        """Return the whole slide as a small picture.

        Parameters
        ----------
        max_px : int
            The longer side is at most this.

        Returns
        -------
        image : (h, w, 3) uint8 array
            Tiles that don't decode are grey.
        downsample : float
            Level-0 pixels per pixel of the picture.
        """
        from PIL import Image

        fits = [n for n, level in enumerate(self.levels) if max(level.shape) <= max_px]
        if fits and (fits[0] == 0 or max(self.levels[fits[0]].shape) > max_px / 2):
            return self._whole_level(fits[0]), self.levels[fits[0]].downsample
        finer = fits[0] - 1 if fits else len(self.levels) - 1
        height, width = self.levels[finer].shape
        shrink = max(height, width) / max_px
        size = max(1, int(width / shrink)), max(1, int(height / shrink))
        # cutting off what is less than a pixel keeps the factor the same in x and y
        box = (0.0, 0.0, min(size[0] * shrink, width), min(size[1] * shrink, height))
        image = Image.fromarray(self._whole_level(finer))
        small = image.resize(size, Image.Resampling.BOX, box)
        return np.array(small), self.levels[finer].downsample * shrink

    def picture(
        self, bounds: tuple[float, float, float, float], max_px: int = 2000
    ) -> tuple[NDArray[np.uint8], tuple[float, float, float, float]]:
        """Return a rectangle as a small picture, and where it lies.

        Parameters
        ----------
        bounds : (x0, y0, x1, y1)
            Level-0 px; what lies outside the slide is cut off.
        max_px : int
            The longer side of the whole rectangle is at most this; it is never enlarged.

        Returns
        -------
        image : (h, w, 3) uint8 array
            Tiles that don't decode are grey.
        extent : (x0, y0, x1, y1)
            Outer edges of its pixels, level-0 px.
        """
        from napari_stexp.slide.picture import cut_picture

        return cut_picture(self._pyramid, bounds, max_px)

    def _whole_level(self, level: int) -> NDArray[np.uint8]:
        height, width = self.levels[level].shape
        return self._pyramid.show_region(0, 0, width, height, level)

    def dask_levels(self) -> list[dask.array.Array]:
        """Return every level as a lazy (h, w, 3) uint8 array, for napari.

        Chunks are square; reading one decodes its own tiles only, through the
        shared cache, so memory stays flat. Give the layer ``cache=False``:
        napari's own cache of dask results would keep every chunk a second
        time, up to a quarter of the machine's memory. Tiles that don't decode
        are grey, with one warning in the log.
        """
        from napari_stexp.slide.lazy import dask_levels

        return dask_levels(self._pyramid, self.name)

    def overview(self) -> NDArray[np.uint8]:
        """Return the coarsest level, (h, w, 3) uint8, read-only.

        It is read once and kept as long as the slide is open, so that whoever shows the slide
        has it at once. Tiles that don't decode are grey.
        """
        return self._pyramid.read_overview()

    def start_view(
        self, wake: Callable[[], None], begin: Callable[[], None] | None = None
    ) -> SlideView:
        """Return what reads this slide for a screen, in threads of its own; see `SlideView`."""
        from napari_stexp.slide.viewing import SlideView

        return SlideView(self._pyramid, wake, begin)
