"""One session, one controller and one layer adapter per viewer."""

from __future__ import annotations

import contextlib
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.session import Session
    from napari_stexp.viewer import LayerAdapter

__all__ = [
    "ALIGN",
    "PANELS",
    "PLUGIN",
    "TRAIN",
    "get_adapter",
    "get_controller",
    "get_session",
    "join_tabs",
    "open_align",
    "open_all",
    "open_train",
]

PLUGIN = "napari-stexp"
# Dock title -> class, in the order of the tabs; the titles are the manifest's display names.
PANELS = {
    "Slide & spots": "SlidePanel",
    "Model": "ModelPanel",
    "Predict": "PredictPanel",
    "Genes": "GenesPanel",
    "Annotations": "AnnotationsPanel",
    "Compare": "ComparePanel",
    "Plots": "PlotsPanel",
}
# Not opened with the others: most people predict, few train.
TRAIN = ("Train", "TrainPanel")
ALIGN = ("Align", "AlignPanel")

_TABS_PX = 28  # as wide as the tabs beside the docks

_CONTROLLERS: WeakKeyDictionary[Any, Controller] = WeakKeyDictionary()
_ADAPTERS: WeakKeyDictionary[Any, LayerAdapter] = WeakKeyDictionary()


def unwrap(napari_viewer: Any) -> Any:
    """Return the viewer itself; napari hands plugins a proxy that dies with the call."""
    return getattr(napari_viewer, "__wrapped__", napari_viewer)


def get_controller(napari_viewer: Any) -> Controller:
    """Return the viewer's controller; made, with session and layers, when first asked for."""
    viewer = unwrap(napari_viewer)
    if viewer not in _CONTROLLERS:
        from napari_stexp.panels.controller import Controller
        from napari_stexp.panels.view_clock import ViewClock
        from napari_stexp.panels.workbench import offer_in_console
        from napari_stexp.session import Session
        from napari_stexp.viewer import LayerAdapter

        _make_units_ready()
        session = Session()
        controller = _CONTROLLERS[viewer] = Controller(session)
        _ADAPTERS[viewer] = LayerAdapter(session, viewer, ViewClock(controller).live)
        _ADAPTERS[viewer].use_aside(controller.aside)
        _CONTROLLERS[viewer].predicting.follow(_ADAPTERS[viewer])
        _CONTROLLERS[viewer].workspace.attach(viewer)
        offer_in_console(viewer)
    return _CONTROLLERS[viewer]


def _make_units_ready() -> None:
    """Let pint read its units now: 0.2 s that the first layer with µm would wait for.

    In this thread, because pint is not protected against two threads that do so.
    """
    import pint

    _ = pint.get_application_registry().micrometer


def get_session(napari_viewer: Any) -> Session:
    """Return the viewer's session, which its layers follow."""
    return get_controller(napari_viewer).session


def get_adapter(napari_viewer: Any) -> LayerAdapter:
    """Return what keeps the viewer's layers in step with its session."""
    get_controller(napari_viewer)
    return _ADAPTERS[unwrap(napari_viewer)]


def end_with(window: Any, controller: Controller) -> None:
    """End a controller when napari's window is closed, and forget its viewer.

    The layer adapter refers to its viewer, which therefore never leaves a weak
    dictionary by itself.

    Parameters
    ----------
    window : QMainWindow
        napari's window; anything else, such as a floating dock, is ignored.
    controller : Controller
        Whose panels are docked in it.
    """
    from qtpy.QtWidgets import QMainWindow

    if isinstance(window, QMainWindow) and controller.watcher is None:
        from napari_stexp.panels.closing import CloseWatcher

        watcher = CloseWatcher(window)
        watcher.closing.connect(controller.predicting.run.pause)
        watcher.stayed.connect(controller.predicting.run.resume)
        watcher.closed.connect(partial(_forget, controller))
        controller.watcher = watcher
        _follow_views(window, controller)
        _follow_work(window, controller)
        _follow_keys(window, controller)


def _follow_work(window: Any, controller: Controller) -> None:
    """Let a window name the work, save it with keys, take drops and ask before it closes."""
    from napari_stexp.panels.letters import LettersAhead
    from napari_stexp.panels.redraw import draw_in_a_turn_of_its_own
    from napari_stexp.panels.workspace.window_habits import WindowHabits
    from napari_stexp.viewer.plate import use_plates

    use_plates()
    draw_in_a_turn_of_its_own(window)
    letters = LettersAhead(window, controller)
    controller.watcher.closed.connect(letters.stop)  # type: ignore[union-attr]
    controller.habits = WindowHabits(controller, window)


def _follow_keys(window: Any, controller: Controller) -> None:
    """Let keys and the right mouse button work wherever the focus is."""
    from napari_stexp.panels.habits.actions import Actions
    from napari_stexp.panels.habits.canvas_menu import CanvasMenu
    from napari_stexp.panels.habits.shortcuts import bind_shortcuts
    from napari_stexp.panels.habits.undo_keys import bind_undo_on_slide

    for viewer, other in _CONTROLLERS.items():
        if other is controller:
            actions = Actions(viewer, window)
            bind_shortcuts(window, actions)
            bind_undo_on_slide(viewer, controller)
            menu = CanvasMenu(viewer, actions)
            controller.watcher.closed.connect(menu.close)  # type: ignore[union-attr]
            return


def _follow_views(window: Any, controller: Controller) -> None:
    """Show pictures side by side in a window, when the session asks for them."""
    from napari_stexp.panels.views.views_control import ViewsControl

    for viewer, other in _CONTROLLERS.items():
        if other is controller:
            views = ViewsControl(controller, _ADAPTERS[viewer], window)
            controller.watcher.closed.connect(views.close)  # type: ignore[union-attr]
            return


def _forget(controller: Controller) -> None:
    with contextlib.suppress(RuntimeError):  # the interpreter is going, Qt's half has gone
        controller.close()
    for viewer, other in list(_CONTROLLERS.items()):
        if other is controller:
            del _CONTROLLERS[viewer]
            _ADAPTERS.pop(viewer).close()


def open_all(napari_viewer: Any) -> dict[str, Any]:
    """Open the panels as tabs on the right, 'Slide & spots' in front.

    Panels that are open already are kept as they are.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.

    Returns
    -------
    dict of str to QWidget
        The panels by title.
    """
    from qtpy.QtCore import Qt

    from napari_stexp.panels.widgets import PANEL_WIDTH

    viewer = unwrap(napari_viewer)
    docks: list[Any] = []
    panels: dict[str, Any] = {}
    for title in PANELS:
        dock, panels[title] = viewer.window.add_plugin_dock_widget(PLUGIN, title)
        # The tabs are too narrow for the plugin's name, and take '&' for a shortcut.
        dock.setWindowTitle(title.replace("&", "&&"))
        docks.append(dock)
    for before, dock in pairwise(docks):
        dock.parent().tabifyDockWidget(before, dock)
    controller = get_controller(viewer)
    end_with(docks[0].parent(), controller)
    controller.warm_up_soon()
    _turn_tabs(docks[0].parent())
    for dock in docks:
        dock.show()
    if docks[0].width() < PANEL_WIDTH:  # a dock that came and went may have left less
        width = PANEL_WIDTH + _TABS_PX
        docks[0].parent().resizeDocks(docks[:1], [width], Qt.Orientation.Horizontal)
    docks[0].raise_()
    controller.habits.begin(list(PANELS))
    return panels


def _turn_tabs(main: Any) -> None:
    """Put the tabs of docks on the right beside them: seven titles don't fit underneath."""
    from qtpy.QtCore import Qt
    from qtpy.QtWidgets import QTabWidget

    main.setTabPosition(Qt.DockWidgetArea.RightDockWidgetArea, QTabWidget.TabPosition.East)


def open_train(napari_viewer: Any) -> Any:
    """Open the panel *Train*, as `open_extra` does."""
    return open_extra(napari_viewer, TRAIN[0])


def open_align(napari_viewer: Any) -> Any:
    """Open the panel *Align*, as `open_extra` does."""
    return open_extra(napari_viewer, ALIGN[0])


def open_extra(napari_viewer: Any, title: str) -> Any:
    """Open a panel that isn't opened with the others, as a tab beside them where they are open.

    Parameters
    ----------
    napari_viewer : napari.Viewer
        The viewer.
    title : str
        Of the panel.

    Returns
    -------
    QWidget
        The panel; one that is open already is kept as it is.
    """
    viewer = unwrap(napari_viewer)
    dock, panel = viewer.window.add_plugin_dock_widget(PLUGIN, title)
    join_tabs(panel, title)
    dock.show()
    dock.raise_()
    return panel


def join_tabs(panel: Any, title: str = TRAIN[0]) -> None:
    """Put a panel's dock behind those of the others, and to the front; once."""
    from qtpy.QtWidgets import QDockWidget, QMainWindow

    dock = panel.parent()
    main = dock.parent() if isinstance(dock, QDockWidget) else None
    if not isinstance(main, QMainWindow) or dock.windowTitle() == title:
        return
    dock.setWindowTitle(title)
    titles = {title.replace("&", "&&") for title in PANELS}
    others = [
        other
        for other in main.findChildren(QDockWidget)
        if other.windowTitle() in titles and not other.isFloating() and not other.isHidden()
    ]
    if others:
        main.tabifyDockWidget(others[-1], dock)
        dock.raise_()
