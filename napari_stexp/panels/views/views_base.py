"""What the cells hold, where they are, and the camera that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QRect, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QFontMetrics, QImage, QPainter, QResizeEvent
from qtpy.QtWidgets import QPushButton, QWidget

from napari_stexp.panels.views.backdrop_loader import Backdrop, BackdropLoader
from napari_stexp.panels.views.cell_layout import CellLayout
from napari_stexp.panels.views.cell_painter import draw_picture, to_image
from napari_stexp.panels.views.legend_painter import legend_width
from napari_stexp.panels.views.pictures import CellPicture, Pictures
from napari_stexp.viewer.views.cells import list_cells
from napari_stexp.viewer.views.frame import Frame, arrange, fit_frame
from napari_stexp.viewer.views.legend import list_legend

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["ViewsBase"]

_TURN = 0.03  # seconds of work between two turns of the event loop
_BACKDROP_MS = 120  # after the camera has come to rest


class ViewsBase(QWidget):
    """Keeps cells, camera and slide; the part of `ViewsCanvas` that neither draws nor listens.

    Parameters
    ----------
    session : Session
        Its spots must be set.
    parent : QWidget, optional
        What it covers.

    Attributes
    ----------
    pictures : Pictures or None
    frame : Frame or None
        The camera; None until there is room for a cell.
    tools : ToolMouse or None
        Where drawing tools can be used.
    """

    leave_requested = Signal()
    moved = Signal(object)  # Frame

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setToolTip("")
        self.pictures: Pictures | None = None
        self.frame: Frame | None = None
        self.tools: Any = None  # a `ToolMouse`, while one of the drawing tools may be in hand
        self._layout: CellLayout | None = None
        self._legend_px = 0
        self._ground: QImage | None = None
        self._layers: list[tuple[QImage, tuple[float, float, float, float]]] = []
        self._hovered: int | None = None
        self._moved = False  # by hand, so that it stays where it is
        self.loader = BackdropLoader(session, self)
        self.loader.ready.connect(self._take_backdrop)
        self.button = QPushButton("One picture", self)
        self.button.setToolTip("Leave the pictures beside each other (Escape)")
        self.button.setCursor(Qt.CursorShape.ArrowCursor)
        self.button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.button.clicked.connect(self.leave_requested)
        self._work_timer = self._make_timer(0, self._work)
        self._backdrop_timer = self._make_timer(_BACKDROP_MS, self._ask_backdrop)

    def _make_timer(self, milliseconds: int, slot: Any) -> QTimer:
        timer = QTimer(self)
        timer.setSingleShot(True)
        timer.setInterval(milliseconds)
        timer.timeout.connect(slot)
        return timer

    # ---- content -------------------------------------------------------------------------

    def show_cells(self) -> None:
        """Show what the session's views ask for; the camera stays while the spots do."""
        cells = list_cells(self._session)
        old, self.pictures = self.pictures, Pictures(self._session, cells)
        if old is None or old.spots is not self.pictures.spots:
            old, self._moved = None, False
        known = {} if old is None else {item.cell: item for item in old.items}
        self.pictures.items = [known.get(cell) or CellPicture(cell) for cell in cells]
        self._arrange()

    def revalue(self) -> None:
        """Follow the values, their limits and colours."""
        if self.pictures is not None:
            self.pictures.revalue()
            self._soon()

    def restyle(self) -> None:
        """Follow the spots' size, shape and opacity, and the values."""
        if self.pictures is not None:
            self.pictures.remap()
            self.revalue()

    def mark_selected(self) -> None:
        """Follow the choice of spots."""
        if self.pictures is not None:
            self.pictures.mark_selected()
            self._soon()

    def follow_regions(self) -> None:
        """Follow the regions, their classes and the choice among them."""
        self._backdrop_timer.start()

    def _soon(self) -> None:
        if not self._work_timer.isActive():
            self._work_timer.start()
        self.update()

    def _work(self) -> None:
        if self.pictures is None:
            return
        self.pictures.work(_TURN)
        self.update()
        if not self.pictures.is_done:
            self._work_timer.start()

    @property
    def is_done(self) -> bool:
        """Whether every cell is drawn as it should be."""
        return self.pictures is not None and self.pictures.is_done

    # ---- layout and camera ---------------------------------------------------------------

    @property
    def _line(self) -> int:
        return QFontMetrics(self.font()).height()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Arrange the cells anew."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        pictures = self.pictures
        if pictures is None or not pictures.items or self.width() < 40 or self.height() < 40:
            return
        head, foot = self._line + 12, self._line + 10
        self._legend_px = legend_width(list_legend(self._session), self.font())
        width = self.width() - 4 - self._legend_px
        area = QRect(2, head, width, self.height() - head - foot)
        title = self._line + 10
        xy = pictures.positions
        extent = xy.max(axis=0) - xy.min(axis=0) + pictures.diameter
        shape = arrange(len(pictures.items), (area.width(), area.height()), extent, title)
        self._layout = CellLayout(len(pictures.items), shape, area, title)
        hint = self.button.sizeHint()
        self.button.setGeometry(self.width() - hint.width() - 4, 2, hint.width(), head - 4)
        size = self._layout.size
        if self.frame is None or not self._moved:
            self._look(fit_frame(xy, pictures.diameter / 2, size))
        else:
            self._look(self.frame if self.frame.size == size else self.frame.resized(size))

    def fit(self) -> None:
        """Let the spots fill the cells."""
        if self.pictures is not None and self._layout is not None:
            self._moved = False
            margin = self.pictures.diameter / 2
            self._look(fit_frame(self.pictures.positions, margin, self._layout.size))

    def fly_to(self, center: tuple[float, float], zoom: float) -> None:
        """Put a place, (x, y) level-0 px, into the middle; ``zoom``: screen px per such px."""
        if self.frame is not None:
            self._move(Frame(center, zoom, self.frame.size))

    def _move(self, frame: Frame) -> None:
        self._moved = True
        self._look(frame)

    def _look(self, frame: Frame) -> None:
        self.frame = frame
        self._ground = None
        if self.pictures is not None:
            self.pictures.look(frame, self.devicePixelRatioF())
        self._backdrop_timer.start()
        self._soon()
        self.moved.emit(frame)

    # ---- slide ---------------------------------------------------------------------------

    def _ask_backdrop(self) -> None:
        if self.frame is not None:
            self.loader.ask(self.frame, self.devicePixelRatioF())

    def _take_backdrop(self, backdrop: Backdrop) -> None:
        pictures = (backdrop.overview, backdrop.detail, backdrop.regions)
        self._layers = [(to_image(one), one.extent) for one in pictures if one is not None]
        self._ground = None
        self.update()

    def _draw_ground(self, frame: Frame) -> QImage:
        """Return slide and regions as every cell has them."""
        if self._ground is None:
            ratio = self.devicePixelRatioF()
            size = QSize(*frame.sharpened(ratio).size)
            ground = QImage(size, QImage.Format.Format_RGB32)
            ground.setDevicePixelRatio(ratio)
            ground.fill(self._back)
            painter = QPainter(ground)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            for image, extent in self._layers:
                draw_picture(painter, image, extent, frame)
            painter.end()
            self._ground = ground
        return self._ground

    @property
    def _back(self) -> QColor:
        return self.palette().color(self.backgroundRole())

    # ---- ending --------------------------------------------------------------------------

    def close_views(self) -> None:
        """Let go of slide, spots and pictures."""
        self.loader.close()
        self._work_timer.stop()
        self._backdrop_timer.stop()
        self.pictures = None
        self._layers.clear()
        self._ground = None
