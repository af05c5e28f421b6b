"""Draws the cells: titles, slide, spots, colour bars, and what is being drawn."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QPointF, QRect
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen

from napari_stexp.panels.views.cell_painter import (
    ACCENT,
    draw_colour_bar,
    draw_picture,
    draw_scale_bar,
    draw_title,
    draw_title_with_bar,
)
from napari_stexp.panels.views.legend_painter import draw_legend
from napari_stexp.panels.views.pictures import CellPicture
from napari_stexp.panels.views.views_base import ViewsBase
from napari_stexp.panels.views.words import describe_units, describe_views
from napari_stexp.viewer.views.cells import shares_scale
from napari_stexp.viewer.views.legend import list_legend

__all__ = ["ViewsDrawing"]


class ViewsDrawing(ViewsBase):
    """The part of `ViewsCanvas` that draws."""

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the theme."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange):
            self._ground = None
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: ARG002, N802 - Qt's name
        """Draw head, cells and foot."""
        self._follow_screen()
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
            if self._legend_px:
                area = self._layout.area
                place = QRect(area.right() + 1, area.top(), self._legend_px, area.height())
                draw_legend(painter, place, list_legend(self._session, views))
        painter.end()

    def _follow_screen(self) -> None:
        """Be as sharp as the screen, also after the window was moved to another one."""
        pictures, frame = self.pictures, self.frame
        if pictures is None or frame is None:
            return
        if pictures.ratio != self.devicePixelRatioF():
            self._look(frame)

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
        words = describe_units(self._session)
        at = 200 if shared else 0
        bar = min(160, foot.width() // 3)
        room = QRect(foot.left() + at, foot.top(), foot.width() - at - bar, foot.height())
        draw_title(painter, room, ("", words))
        place = QRect(foot.right() - bar, foot.top(), bar, foot.height())
        draw_scale_bar(painter, place, self.frame.zoom, self._session.world_mpp)
