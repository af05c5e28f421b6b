"""A small plot in a panel: drawn with matplotlib once it is seen, in the window's colours."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QObject, QSize, QTimer, Signal
from qtpy.QtGui import QColor, QPaintEvent, QShowEvent
from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_stexp.panels.train.loss_curve import import_canvas

if TYPE_CHECKING:
    from napari_stexp.panels.plots.plot_library import PlotLibrary

__all__ = ["FONT", "Plot", "PlotColors", "dress", "leave_room"]

FONT = 8  # points
_SOON_MS = 60


@dataclass(frozen=True)
class PlotColors:
    """The window's colours, as matplotlib takes them.

    Attributes
    ----------
    text, back : str
        Of text and lines, and behind them.
    dark : bool
        Whether the background is the darker of the two.
    """

    text: str
    back: str
    dark: bool


class Plot(QWidget):
    """Draws when it is seen, and anew when the theme changes.

    Parameters
    ----------
    height : int
        In px.
    tooltip : str
        What the plot shows.
    library : PlotLibrary
        Imports matplotlib when there is something to draw.
    """

    drawn = Signal()

    def __init__(self, height: int, tooltip: str, library: PlotLibrary) -> None:
        super().__init__()
        self._library = library
        library.ready.connect(self._plan)
        self._height = height
        self.setToolTip(tooltip)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._draw: Callable[[Any, PlotColors], None] | None = None
        self.figure: Any = None
        self.canvas: Any = None
        self._drawn_size = (0, 0)
        self._is_stale = False
        self.draw_ms = 0.0  # how long the last drawing took
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_SOON_MS)
        self._timer.timeout.connect(self._draw_if_seen)
        self.hide()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be as wide as the panel."""
        return QSize(300, self._height)

    def show_plot(self, draw: Callable[[Any, PlotColors], None] | None) -> None:
        """Draw this, soon: a function of an empty figure and colours. None hides the plot."""
        self._draw = draw
        self.setVisible(draw is not None)
        self._plan()

    @property
    def colors(self) -> PlotColors:
        """The window's colours at present."""
        palette = self.palette()
        text: QColor = palette.color(self.foregroundRole())
        back: QColor = palette.color(self.backgroundRole())
        return PlotColors(text.name(), back.name(), back.lightness() < text.lightness())

    def _plan(self) -> None:
        self._is_stale = self._draw is not None
        if self._is_stale and not self._timer.isActive():
            self._timer.start()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Draw what has come while nobody looked."""
        super().showEvent(event)
        self._plan()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw what has come while another tab was in front: Qt tells of that in no other way."""
        super().paintEvent(event)
        if self._is_stale:
            self._plan()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Do the same where the canvas covers all of the widget."""
        if watched is self.canvas and event.type() == QEvent.Type.Paint and self._is_stale:
            self._plan()
        return super().eventFilter(watched, event)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._plan()

    def _draw_if_seen(self) -> None:
        if not self.isVisible() or self.visibleRegion().isEmpty() or self._draw is None:
            return  # seen again, it draws
        if not self._library.is_ready:
            self._library.want()
            return
        start = time.perf_counter()
        self._is_stale = False
        if self.canvas is None:
            canvas_class, figure_class = import_canvas()
            self.figure = figure_class()
            self.canvas = canvas_class(self.figure)
            self.canvas.setFixedHeight(self._height)
            self.canvas.setMinimumWidth(0)
            self._layout.addWidget(self.canvas)
            ratio = self.figure.dpi / self.devicePixelRatioF()
            self.figure.set_size_inches(max(self.width(), 50) / ratio, self._height / ratio)
            self.canvas.installEventFilter(self)
            self.canvas.mpl_connect("resize_event", self._on_resized)
        colors = self.colors
        self.figure.clear()
        self.figure.set_facecolor(colors.back)
        self._draw(self.figure, colors)
        self.canvas.draw()
        self._drawn_size = self._size()
        self.draw_ms = 1000 * (time.perf_counter() - start)
        self.drawn.emit()

    def _size(self) -> tuple[int, int]:
        return round(self.figure.bbox.width), round(self.figure.bbox.height)

    def _on_resized(self, _event: Any) -> None:
        """Draw anew: the room around the axes is in px."""
        if self._size() != self._drawn_size:
            self._plan()


def leave_room(figure: Any, *, left: int, right: int, top: int, bottom: int) -> None:
    """Leave room around the axes, px; a layout engine would take longer than the drawing."""
    width, height = figure.get_size_inches() * figure.dpi
    ratio = figure.canvas.device_pixel_ratio
    width, height = width / ratio, height / ratio
    figure.subplots_adjust(
        left=left / width, right=1 - right / width, top=1 - top / height, bottom=bottom / height
    )


def dress(axes: Any, colors: PlotColors) -> None:
    """Give axes the window's colours and small type."""
    axes.set_facecolor(colors.back)
    axes.tick_params(labelsize=FONT - 1, colors=colors.text, length=3)
    for label in (axes.xaxis.label, axes.yaxis.label, axes.title):
        label.set_color(colors.text)
        label.set_fontsize(FONT)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(colors.text)
        spine.set_alpha(0.5)
