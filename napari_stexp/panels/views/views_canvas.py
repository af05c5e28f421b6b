"""The widget that shows cells beside each other, and moves them together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt, QTimer, Signal
from qtpy.QtGui import (
    QColor,
    QFontMetrics,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QResizeEvent,
    QWheelEvent,
)
from qtpy.QtWidgets import QPushButton, QToolTip, QWidget

from napari_stexp.panels.views.backdrop_loader import Backdrop, BackdropLoader
from napari_stexp.panels.views.cell_layout import CellLayout
from napari_stexp.panels.views.cell_painter import (
    ACCENT,
    draw_colour_bar,
    draw_picture,
    draw_scale_bar,
    draw_title,
    draw_title_with_bar,
    to_image,
)
from napari_stexp.panels.views.pictures import CellPicture, Pictures
from napari_stexp.panels.views.words import describe_views
from napari_stexp.viewer.views.cells import describe_in_cell, list_cells, shares_scale
from napari_stexp.viewer.views.frame import Frame, arrange, fit_frame

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["ViewsCanvas"]

_TURN = 0.03  # seconds of work between two turns of the event loop
_BACKDROP_MS = 120  # after the camera has come to rest
_DRAG_PX = 4
_STEP = 1.1  # of the wheel, as napari's


class ViewsCanvas(QWidget):
    """Shows the cells of a session's views with one camera.

    The wheel zooms, dragging moves all of them, a double click shows the whole section again.
    """

    cell_clicked = Signal(str, object)  # name of the cell, row of the spot or None
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
        self._ground: QImage | None = None
        self._layers: list[tuple[QImage, tuple[float, float, float, float]]] = []
        self._hovered: int | None = None
        self._pressed: QPointF | None = None
        self._dragged = False
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
        area = QRect(2, head, self.width() - 4, self.height() - head - foot)
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

    def follow_tool(self) -> None:
        """Show what the mouse does."""
        draws = self.tools is not None and self.tools.draws
        self.setCursor(Qt.CursorShape.CrossCursor if draws else Qt.CursorShape.ArrowCursor)
        self._ring(None)
        self.update()

    def _move(self, frame: Frame) -> None:
        self._moved = True
        self._look(frame)

    def _look(self, frame: Frame) -> None:
        self.frame = frame
        self._ground = None
        if self.pictures is not None:
            self.pictures.look(frame)
        self._backdrop_timer.start()
        self._soon()
        self.moved.emit(frame)

    # ---- slide ---------------------------------------------------------------------------

    def _ask_backdrop(self) -> None:
        if self.frame is not None:
            self.loader.ask(self.frame)

    def _take_backdrop(self, backdrop: Backdrop) -> None:
        pictures = (backdrop.overview, backdrop.detail, backdrop.regions)
        self._layers = [(to_image(one), one.extent) for one in pictures if one is not None]
        self._ground = None
        self.update()

    def _draw_ground(self, frame: Frame) -> QImage:
        """Return slide and regions as every cell has them."""
        if self._ground is None:
            ground = QImage(QSize(*frame.size), QImage.Format.Format_RGB32)
            ground.fill(self._back)
            painter = QPainter(ground)
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            for image, extent in self._layers:
                draw_picture(painter, image, extent, frame)
            painter.end()
            self._ground = ground
        return self._ground

    # ---- painting ------------------------------------------------------------------------

    @property
    def _back(self) -> QColor:
        return self.palette().color(self.backgroundRole())

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._ground = None
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Draw head, cells and foot."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), self._back)
        painter.setPen(self.palette().color(self.foregroundRole()))
        if self.pictures is not None and self._layout is not None and self.frame is not None:
            views = [item.view for item in self.pictures.items if item.view is not None]
            shared = bool(views) and shares_scale(views)
            self._draw_head(painter)
            for index, item in enumerate(self.pictures.items):
                self._draw_cell(painter, index, item, own_bar=not shared)
            self._draw_foot(painter, shared)
        painter.end()

    def _draw_head(self, painter: QPainter) -> None:
        room = QRect(4, 2, self.button.x() - 12, self._line + 8)
        draw_title(painter, room, ("", describe_views(self._session)))

    def _draw_cell(
        self, painter: QPainter, index: int, item: CellPicture, *, own_bar: bool
    ) -> None:
        assert self._layout is not None
        assert self.frame is not None
        title, place = self._layout.title(index), self._layout.picture(index)
        active = item.cell.kind == "genes" and item.cell.name == self._session.gene
        view = item.view if own_bar and item.view is not None and item.view.has_values else None
        words = item.cell.title(self._session)
        if view is None:
            draw_title(painter, title, words, bold=active)
        else:
            draw_title_with_bar(painter, title, words, view, bold=active)
        painter.save()
        painter.setClipRect(place)
        painter.translate(place.topLeft())
        painter.drawImage(0, 0, self._draw_ground(self.frame))
        self._draw_spots(painter, item)
        self._draw_over(painter)
        painter.restore()
        if active:
            painter.save()
            painter.setPen(QPen(ACCENT, 2))
            painter.drawRect(place.adjusted(1, 1, -1, -1))
            painter.restore()

    def _draw_spots(self, painter: QPainter, item: CellPicture) -> None:
        frame = self.frame
        assert frame is not None
        if item.heat is not None:
            painter.save()
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.setOpacity(self._session.display.opacity)
            draw_picture(painter, *item.heat, frame)
            painter.restore()
        elif item.image is None or item.frame is None:
            return
        elif item.frame == frame:
            painter.drawImage(0, 0, item.image)
        else:  # it is being painted anew: the old one, moved
            draw_picture(painter, item.image, item.frame.bounds, frame)

    def _draw_over(self, painter: QPainter) -> None:
        """Ring the spots under the mouse and in focus, and draw what is being drawn."""
        assert self.frame is not None
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._draw_ring(painter, self._session.focus, 5.0, 2.5)
        self._draw_ring(painter, self._hovered, 3.0, 1.5)
        if self.tools is not None:
            self.tools.draw(painter, self.frame)

    def _draw_ring(self, painter: QPainter, spot: int | None, outer: float, inner: float) -> None:
        """Draw a white ring on a wider black one around a spot."""
        frame, pictures = self.frame, self.pictures
        if frame is None or pictures is None or spot is None or spot >= len(pictures.positions):
            return
        x, y = frame.to_screen(pictures.positions[spot])
        radius = max(pictures.diameter * frame.zoom / 2, 3.0) + outer / 2 + 1
        for color, width in ((QColor(0, 0, 0), outer), (QColor(255, 255, 255), inner)):
            painter.setPen(QPen(color, width))
            painter.drawEllipse(QPointF(x, y), radius, radius)

    def _draw_foot(self, painter: QPainter, shared: bool) -> None:
        assert self._layout is not None
        assert self.pictures is not None
        assert self.frame is not None
        foot = QRect(4, self._layout.area.bottom() + 1, self.width() - 8, self._line + 10)
        if shared:
            view = next(one.view for one in self.pictures.items if one.view and one.view.has_values)
            draw_colour_bar(painter, QRect(foot.left(), foot.top(), 190, foot.height()), view)
        words = self._session.unit_of(self._session.gene)
        at = 200 if shared else 0
        bar = min(160, foot.width() // 3)
        room = QRect(foot.left() + at, foot.top(), foot.width() - at - bar, foot.height())
        draw_title(painter, room, ("", words))
        place = QRect(foot.right() - bar, foot.top(), bar, foot.height())
        draw_scale_bar(painter, place, self.frame.zoom, self._session.world_mpp)

    # ---- mouse ---------------------------------------------------------------------------

    def place_in_cell(self, at: QPointF | QPoint) -> tuple[int, tuple[float, float]] | None:
        """Return the cell at a place of the widget, and the place in its picture, px."""
        if self._layout is None:
            return None
        point = at if isinstance(at, QPoint) else at.toPoint()
        index = self._layout.cell_at(point)
        if index is None:
            return None
        corner = self._layout.picture(index).topLeft()
        return index, (float(at.x() - corner.x()), float(at.y() - corner.y()))

    def where(self, index: int, xy: tuple[float, float]) -> QPoint:
        """Return where a level-0 position is in a cell, px of the widget."""
        assert self._layout is not None
        assert self.frame is not None
        x, y = self.frame.to_screen(xy)
        return self._layout.picture(index).topLeft() + QPoint(round(x), round(y))

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        """Zoom; what is under the mouse stays there."""
        found = self.place_in_cell(event.position())
        if found is not None and self.frame is not None and event.angleDelta().y():
            factor = _STEP ** (event.angleDelta().y() / 120)
            self._move(self.frame.zoomed(factor, found[1]))
        event.accept()

    def _uses_tool(self, kind: str, event: QMouseEvent) -> bool:
        """Pass an event on to the tool in the hand; False where there is none."""
        found = self.place_in_cell(event.position())
        if self.tools is None or not self.tools.is_active or self.frame is None:
            return False
        if found is not None:
            self.tools.send(kind, event, found[1], self.frame)
            self.update()
        return bool(self.tools.draws)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Begin to drag, to click or to draw."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        if self._uses_tool("mouse_press", event):
            return
        if event.button() == Qt.MouseButton.LeftButton:
            self._pressed, self._dragged = event.position(), False

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Move the slide, go on drawing, or say what is under the mouse."""
        drawing = self._uses_tool("mouse_move", event)
        at = event.position()
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            if not drawing:
                self._hover(event)
            return
        step = at - self._pressed
        if not self._dragged and step.manhattanLength() < _DRAG_PX:
            return
        self._dragged, self._pressed = True, at
        if self.frame is not None:
            self._move(self.frame.moved(step.x(), step.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Tell of a click that was no drag."""
        drawing = self._uses_tool("mouse_release", event)
        pressed, self._pressed = self._pressed, None
        picks = self.tools is not None and self.tools.is_active
        if drawing or picks or pressed is None or self._dragged or self.pictures is None:
            return
        found = self.place_in_cell(event.position())
        if found is not None:
            index, place = found
            self.cell_clicked.emit(self.pictures.items[index].cell.name, self._spot_at(place))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Finish what is being drawn, or show the whole section again."""
        if self._uses_tool("mouse_double_click", event):
            return
        if event.button() == Qt.MouseButton.LeftButton:
            self.fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Leave with Escape; other keys are napari's, and with a tool in the hand all are."""
        idle = self.tools is None or not self.tools.is_active
        if event.key() == Qt.Key.Key_Escape and idle:
            self.leave_requested.emit()
        else:
            event.ignore()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Ring no spot any more."""
        super().leaveEvent(event)
        self._ring(None)

    def _spot_at(self, place: tuple[float, float]) -> int | None:
        pictures = self.pictures
        if pictures is None or pictures.map is None or not self._session.display.visible:
            return None
        return pictures.map.spot_at(*place)

    def _ring(self, spot: int | None) -> None:
        if spot != self._hovered:
            self._hovered = spot
            self.update()

    def _hover(self, event: QMouseEvent) -> None:
        found = self.place_in_cell(event.position())
        spot = None if found is None else self._spot_at(found[1])
        self._ring(spot)
        if found is None or spot is None or self.pictures is None:
            QToolTip.hideText()
            return
        item = self.pictures.items[found[0]]
        if item.view is not None:
            text = describe_in_cell(self._session, item.cell, item.view, spot)
            QToolTip.showText(event.globalPosition().toPoint(), text, self)

    # ---- ending --------------------------------------------------------------------------

    def close_views(self) -> None:
        """Let go of slide, spots and pictures."""
        self.loader.close()
        self._work_timer.stop()
        self._backdrop_timer.stop()
        self.pictures = None
        self._layers.clear()
        self._ground = None
