"""Reads the slide and draws the regions for the cells, in a thread of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QObject, QRunnable, QThreadPool, Signal

from napari_stexp.errors import StexpError
from napari_stexp.viewer.views.backdrop import Picture, cut_detail, cut_overview, cut_regions

if TYPE_CHECKING:
    from napari_stexp.session import Session
    from napari_stexp.viewer.annotation_tiles import RegionTiles
    from napari_stexp.viewer.views.frame import Frame

__all__ = ["Backdrop", "BackdropLoader"]


@dataclass(frozen=True, eq=False)
class Backdrop:
    """Pictures from the lowest to the topmost.

    Attributes
    ----------
    overview, detail, regions : Picture or None
    """

    overview: Picture | None = None
    detail: Picture | None = None
    regions: Picture | None = None


@dataclass(frozen=True, eq=False)
class _Order:
    """What is to be read."""

    slide: Any
    frame: Frame
    ratio: float
    regions: tuple[Any, ...]
    classes: tuple[Any, ...]
    selected: frozenset[str]


class BackdropLoader(QObject):
    """Reads what was asked for last; what was asked for meanwhile is left out.

    Parameters
    ----------
    session : Session
        Whose slide and regions.
    """

    ready = Signal(object)  # Backdrop
    _done = Signal(object)
    _early = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._waiting: _Order | None = None
        self._running = False
        self._overview: tuple[Any, Picture | None] = (None, None)
        self._tiles: tuple[tuple[Any, ...], RegionTiles | None] = ((), None)
        self._closed = False
        self._done.connect(self._take)
        self._early.connect(self._show_early)

    def ask(self, frame: Frame, ratio: float = 1.0) -> None:
        """Read what a frame shows; `ready` tells when.

        Parameters
        ----------
        frame : Frame
            In screen px.
        ratio : float
            Px of the device per screen px, to which the slide is sharp.
        """
        regions = self._session.regions
        self._waiting = _Order(
            self._session.slide, frame, ratio,
            tuple(regions.items), tuple(regions.classes), frozenset(regions.selected),
        )  # fmt: skip
        self._start()

    def _start(self) -> None:
        if self._waiting is None or self._running or self._closed:
            return
        order, self._waiting = self._waiting, None
        self._running = True
        pool = QThreadPool.globalInstance()
        assert pool is not None  # while there is an application
        pool.start(_Job(lambda: self._work(order)))

    def _work(self, order: _Order) -> None:
        """Read and draw; in the other thread."""
        backdrop = None
        try:
            backdrop = self._read(order)
        except (StexpError, OSError, ValueError, RuntimeError):
            pass  # slide or window were closed meanwhile; tiles that don't decode are grey anyway
        finally:
            try:
                self._done.emit(backdrop)
            except RuntimeError:  # the window has gone
                self._closed = True

    def _read(self, order: _Order) -> Backdrop:
        overview = detail = None
        if order.slide is not None:
            slide, overview = self._overview
            if slide is not order.slide or overview is None:
                overview = cut_overview(order.slide)
                self._overview = (order.slide, overview)
                self._early.emit(Backdrop(overview))  # there is something to see meanwhile
            detail = cut_detail(order.slide, order.frame.sharpened(order.ratio))
        # outlines are as wide on every screen
        regions = cut_regions(self._tiles_of(order), order.frame)
        return Backdrop(overview, detail, regions)

    def _tiles_of(self, order: _Order) -> RegionTiles:
        from napari_stexp.viewer.annotation_tiles import RegionTiles

        key = (order.regions, order.classes, order.selected)
        known, tiles = self._tiles
        if tiles is None or known != key:
            extent = (1, 1) if order.slide is None else order.slide.shape
            tiles = RegionTiles(order.regions, extent, order.classes, order.selected)
            self._tiles = (key, tiles)
        return tiles

    def _take(self, backdrop: Backdrop | None) -> None:
        self._running = False
        if self._closed:
            return
        if backdrop is not None:
            self.ready.emit(backdrop)
        self._start()

    def _show_early(self, backdrop: Backdrop) -> None:
        if not self._closed:
            self.ready.emit(backdrop)

    def close(self) -> None:
        """Tell of nothing more."""
        self._closed = True
        self._waiting = None


class _Job(QRunnable):
    def __init__(self, work: Any) -> None:
        super().__init__()
        self._work = work

    def run(self) -> None:
        """Do it; called by the pool."""
        self._work()
