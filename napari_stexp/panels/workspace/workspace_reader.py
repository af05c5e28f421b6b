"""Workspaces through napari's own *File → Open*, ``viewer.open`` and ``napari work.stexp``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari_stexp.viewer.reader import get_workspace_reader as get_layer_reader
from napari_stexp.viewer.reader import read_workspace_layers

__all__ = ["get_workspace_reader", "open_in_window"]

_NOTHING = [(None,)]  # napari's sign for layers that come in another way
_WHERE = "Slide & spots"


def get_workspace_reader(path: str | Sequence[str]) -> Any:
    """Return the reader of one ``.stexp`` file, None for anything else."""
    return None if get_layer_reader(path) is None else open_in_window


def open_in_window(path: str | Sequence[str]) -> Any:
    """Open the whole work in napari's present window, with its docks.

    What would be lost and what is missing is asked in the docks. Without a window of
    napari's, the shown part of the work is returned as layers.

    Parameters
    ----------
    path : str or sequence of one str

    Returns
    -------
    list of layer data tuples
        Empty for napari where the work is in the window.
    """
    viewer = _present_viewer()
    if viewer is None:
        return read_workspace_layers(path)
    from napari_stexp.panels.habits.actions import find_dock
    from napari_stexp.panels.registry import get_controller, open_all

    controller = get_controller(viewer)
    if find_dock(viewer.window._qt_window, _WHERE) is None:
        open_all(viewer)
    controller.workspace.open(Path(path if isinstance(path, str) else path[0]))
    _wait(controller.tasks.get("workspace"))
    return _NOTHING


def _present_viewer() -> Any:
    """Return the viewer that a file is opened in, None where there is no window for it."""
    import napari
    from qtpy.QtCore import QCoreApplication, QThread

    app = QCoreApplication.instance()
    if app is None or QThread.currentThread() is not app.thread():
        return None
    return napari.current_viewer()


def _wait(handle: Any) -> None:
    """Keep the window alive until what was started has ended: a script goes on after it."""
    from qtpy.QtCore import QEventLoop

    if handle is not None:
        loop = QEventLoop()
        handle.finished.connect(loop.quit)
        loop.exec()
