"""The widget that shows cells beside each other, and moves them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QPoint, QPointF, Qt, Signal
from qtpy.QtGui import QKeyEvent, QMouseEvent, QWheelEvent
from qtpy.QtWidgets import QToolTip, QWidget

from napari_stexp.panels.views.views_drawing import ViewsDrawing
from napari_stexp.viewer.views.cells import describe_in_cell

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = ["ViewsCanvas"]

_DRAG_PX = 4
_STEP = 1.1  # of the wheel, as napari's


class ViewsCanvas(ViewsDrawing):
    """Shows the cells of a session's views with one camera.

    The wheel zooms, dragging moves all of them, a double click shows the whole section again.

    Parameters
    ----------
    session : Session
        Its spots must be set.
    parent : QWidget, optional
        What it covers.
    """

    cell_clicked = Signal(str, object)  # name of the cell, row of the spot or None

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self._pressed: QPointF | None = None
        self._dragged = False

    def follow_tool(self) -> None:
        """Show what the mouse does."""
        draws = self.tools is not None and self.tools.draws
        self.setCursor(Qt.CursorShape.CrossCursor if draws else Qt.CursorShape.ArrowCursor)
        self._ring(None)
        self.update()

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
        if pictures is None or not self._session.display.visible:
            return None
        return pictures.spot_at(*place)

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
