"""Puts the cells in the place of napari's canvas, and keeps them in step with the session."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_stexp.panels.views.views_canvas import ViewsCanvas
from napari_stexp.viewer.frame import world_scale

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.viewer import LayerAdapter
    from napari_stexp.viewer.views.frame import Frame

__all__ = ["ViewsControl"]


class ViewsControl(QObject):
    """Shows `Session.views` in a window; napari's layers stay as they are underneath.

    Parameters
    ----------
    controller : Controller
        Whose session is shown.
    adapter : LayerAdapter
        Of the same viewer: for its drawing tools and its camera.
    window : QMainWindow
        napari's.

    Attributes
    ----------
    canvas : ViewsCanvas or None
        None while a single picture is shown.
    """

    def __init__(self, controller: Controller, adapter: LayerAdapter, window: QMainWindow) -> None:
        super().__init__(controller)
        self._controller = controller
        self._session = controller.session
        self._adapter = adapter
        self._window = ref(window)  # who holds it keeps all of napari's window alive
        self._host: QWidget | None = None
        self.canvas: ViewsCanvas | None = None
        self._camera = adapter.viewer.scene.camera
        self._before = (self._camera.center, self._camera.zoom)
        self._connections = self._connect()
        self._on_views()

    def _connect(self) -> list[tuple[Any, Any]]:
        session, regions = self._session, self._session.regions
        labels = session.labelling
        slots: dict[Any, tuple[Any, ...]] = {
            self._on_views: (session.views.changed, session.predictions.changed),
            self._on_spots: (session.spots_changed, session.slide_changed),
            self._on_hidden: (session.values_hidden_changed,),
            self._on_values: (
                session.prediction_changed, session.prediction_updated, session.source_changed,
                session.gene_changed, session.signatures.scores_changed,
            ),
            self._on_content: (
                session.composite_changed, labels.values_changed, labels.shown_changed
            ),
            self._on_display: (session.display_changed,),
            self._on_selection: (session.selection_changed,),
            self._on_focus: (session.focus_changed,),
            self._on_regions: (
                regions.changed, regions.classes_changed, regions.selection_changed
            ),
            self._on_tool: (regions.tool_changed,),
        }  # fmt: skip
        connections = [(signal, slot) for slot, signals in slots.items() for signal in signals]
        for signal, slot in connections:
            signal.connect(slot)
        for event in (self._camera.events.center, self._camera.events.zoom):
            event.connect(self._on_camera)
        viewer = self._adapter.viewer
        viewer.layers.selection.events.active.connect(self._on_active_layer)
        return connections

    # ---- showing and leaving -------------------------------------------------------------

    def _on_views(self) -> None:
        session = self._session
        if session.views.kind == "single":
            self._leave()
        elif session.spots is None or session.hides_values or not self._is_worth_it():
            session.views.show("single")
        elif self.canvas is None:
            self._enter()
        else:
            self.canvas.show_cells()

    def _is_worth_it(self) -> bool:
        """Whether there is anything to show side by side."""
        return self._session.views.kind != "models" or len(self._session.predictions) > 0

    def _enter(self) -> None:
        window = self._window()
        self._host = None if window is None else find_canvas(window)
        if self._host is None:
            return
        self._before = (self._camera.center, self._camera.zoom)
        canvas = self.canvas = ViewsCanvas(self._session, self._host)
        from napari_stexp.panels.views.tool_mouse import ToolMouse

        canvas.tools = ToolMouse(self._adapter)
        canvas.cell_clicked.connect(self._on_clicked)
        canvas.leave_requested.connect(self.leave)
        canvas.moved.connect(lambda frame: self._adapter.show_cells(frame.bounds))
        canvas.setGeometry(self._host.rect())
        canvas.lower()  # napari's own notices are children of its canvas, too, and stay on top
        self._host.installEventFilter(self)
        canvas.show_cells()
        canvas.show()

    def _leave(self) -> None:
        canvas, self.canvas = self.canvas, None
        host, self._host = self._host, None
        if host is not None:
            with contextlib.suppress(RuntimeError):  # Qt's half of it is gone already
                host.removeEventFilter(self)
        if canvas is not None:
            with contextlib.suppress(RuntimeError):
                canvas.close_views()
                canvas.hide()
                canvas.deleteLater()
            self._camera.center, self._camera.zoom = self._before
            self._adapter.show_cells(None)

    def leave(self) -> None:
        """Show a single picture again."""
        self._session.views.show("single")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Be as large as napari's canvas."""
        if event.type() == QEvent.Type.Resize and self.canvas is not None:
            self.canvas.setGeometry(self._host.rect())  # type: ignore[union-attr]
        return super().eventFilter(watched, event)

    def close(self) -> None:
        """Leave, and stop following."""
        self._leave()
        for signal, slot in self._connections:
            signal.disconnect(slot, missing_ok=True)
        self._connections.clear()
        for event in (self._camera.events.center, self._camera.events.zoom):
            event.disconnect(self._on_camera)
        viewer = self._adapter.viewer
        viewer.layers.selection.events.active.disconnect(self._on_active_layer)

    # ---- following the session -----------------------------------------------------------

    def _on_spots(self, _: Any = None) -> None:
        """Another section is looked at on its own first; a new scale changes nothing here."""
        canvas = self.canvas
        if canvas is None:
            return
        if canvas.pictures is None or canvas.pictures.spots is not self._session.spots:
            self.leave()
        else:
            canvas.follow_regions()
            canvas.update()

    def _on_hidden(self, _: Any = None) -> None:
        if self._session.hides_values:
            self.leave()
        else:
            self._on_values()

    def _on_values(self, _: Any = None) -> None:
        if self.canvas is not None:
            self.canvas.revalue()

    def _on_content(self, _: Any = None) -> None:
        """Cells of classes and of mixed genes come and go, and so does the legend."""
        canvas = self.canvas
        if canvas is None or canvas.pictures is None:
            return
        if canvas.pictures.spots is self._session.spots:
            canvas.show_cells()
            canvas.revalue()

    def _on_display(self, _: Any = None) -> None:
        if self.canvas is not None:
            self.canvas.restyle()

    def _on_selection(self, _: Any = None) -> None:
        if self.canvas is not None:
            self.canvas.mark_selected()

    def _on_focus(self, _: Any = None) -> None:
        if self.canvas is not None:
            self.canvas.update()

    def _on_regions(self, _: Any = None) -> None:
        if self.canvas is not None:
            self.canvas.follow_regions()

    def _on_tool(self, _: Any = None) -> None:
        if self.canvas is not None:
            self.canvas.follow_tool()

    # ---- following the user --------------------------------------------------------------

    def _on_clicked(self, name: str, spot: int | None) -> None:
        session = self._session
        if session.views.kind == "genes" and name in session.views.genes:
            self._controller.set_gene(name)
        elif session.views.kind == "models" and name in session.predictions:
            self._controller.guard("genes", session.show_model, name)
        self._controller.guard("genes", session.focus_spot, spot)

    def _on_camera(self, _: Any = None) -> None:
        """Fly where the camera is sent; the mouse doesn't reach napari's canvas meanwhile."""
        canvas = self.canvas
        if canvas is None or canvas.frame is None or canvas.tools.is_matching:
            return
        scale = world_scale(self._session.world_mpp)
        y, x = (float(value) / scale for value in self._camera.center[-2:])
        width, height = canvas.frame.size
        smaller = min(width / canvas.width(), height / canvas.height())
        canvas.fly_to((x, y), float(self._camera.zoom) * scale * smaller)

    def _on_active_layer(self, event: Any) -> None:
        """Corners of an outline are moved in a single picture."""
        editor = self._adapter.drawing.editor.layer
        if self.canvas is not None and editor is not None and event.value is editor:
            self.leave()

    @property
    def frame(self) -> Frame | None:
        """What the cells show, None while there are none."""
        return None if self.canvas is None else self.canvas.frame


def find_canvas(window: QMainWindow) -> QWidget | None:
    """Return the widget that napari draws on: the largest one of OpenGL in its middle."""
    from qtpy.QtOpenGLWidgets import QOpenGLWidget

    middle = window.centralWidget()
    found = [] if middle is None else middle.findChildren(QOpenGLWidget)
    return max(found, key=lambda one: one.width() * one.height(), default=None)
