"""Keeps the window from waiting for a slide's file: tiles are drawn as they come."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from weakref import ref

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_stexp.slide import Slide
    from napari_stexp.slide.viewing import Area, SlideView

__all__ = ["LiveSlide"]


class LiveSlide:
    """Gives the slide's layer levels that never read in the thread of the window.

    Needs somebody with a clock: without one, the layer would never learn that tiles have come.

    Parameters
    ----------
    wake : callable
        Called when `draw_news` is to be called from time to time, in the window's thread, as
        long as that returns True. It may be called in any thread, and again while that goes on.
    begin : callable, optional
        Called in each reading thread before it reads.
    """

    def __init__(self, wake: Callable[[], None], begin: Callable[[], None] | None = None) -> None:
        self._wake = wake
        self._begin = begin
        self._layer: Any = lambda: None
        self._view: SlideView | None = None

    def levels(self, slide: Slide) -> list[Any] | None:
        """Return levels for a layer, of which `watch` is to be told; the last slide's end.

        Returns
        -------
        list of arrays, or None
            None for what can only be read at once.
        """
        from napari_stexp.slide import Slide

        self.stop()
        if not isinstance(slide, Slide):  # something that only looks like one
            return None
        from napari_stexp.slide.lazy import viewed_levels

        self._view = slide.start_view(self._wake, self._begin)
        return viewed_levels(self._view, self._on_screen)

    def watch(self, layer: Image) -> None:
        """Say which layer shows the levels."""
        self._layer = ref(layer)

    def _on_screen(self) -> Area | None:
        """Return what napari shows of the slide now, or is about to."""
        from napari_stexp.slide.viewing import Area

        layer = self._layer()
        if layer is None:
            return None
        (top, left), (bottom, right) = layer.corner_pixels[:, :2].tolist()
        return Area(layer.data_level, left, top, right - left + 1, bottom - top + 1)

    def draw_news(self) -> bool:
        """Draw tiles that have come; return whether more are to come."""
        view, layer = self._view, self._layer()
        if view is None or layer is None:
            return False
        if view.take_news():
            layer.refresh(thumbnail=False, highlight=False, extent=False)
        return view.pending

    def finish(self, timeout: float = 60.0) -> bool:
        """Wait until all that is on the screen is read, and draw it; for pictures of the window.

        Parameters
        ----------
        timeout : float
            Seconds.

        Returns
        -------
        bool
            Whether it was in time.
        """
        end = time.monotonic() + timeout
        while self.draw_news():
            if time.monotonic() > end:
                return False
            time.sleep(0.005)
        return True

    def stop(self) -> None:
        """Read nothing more for the slide that was shown."""
        if self._view is not None:
            self._view.stop()
        self._view, self._layer = None, lambda: None
