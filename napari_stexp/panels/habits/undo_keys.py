"""Ctrl+Z and its like, on the slide and in the docks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_stexp.panels.controller import Controller

__all__ = ["bind_undo", "bind_undo_on_slide"]

_KEYS = {"Ctrl+Z": "undo", "Ctrl+Shift+Z": "redo", "Ctrl+Y": "redo"}


def bind_undo(panel: QWidget, controller: Controller) -> None:
    """Let the keys take back and do again while the focus is in a dock.

    A line of text that is being edited has its own.

    Parameters
    ----------
    panel : QWidget
        Where they work.
    controller : Controller
        Whose session they act on.
    """
    for keys, name in _KEYS.items():
        shortcut = QShortcut(QKeySequence(keys), panel)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(_make_act(controller, name))


def bind_undo_on_slide(viewer: Any, controller: Controller) -> None:
    """Let the keys take back and do again while the focus is on the slide.

    There a layer's own keys (those of Labels, for example) go before. They outlive the
    docks, as the regions do.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose canvas it is.
    controller : Controller
        Whose session they act on.
    """
    for keys, name in _KEYS.items():
        viewer.bind_key(
            keys.replace("Ctrl", "Control").replace("+", "-"),
            _make_act(controller, name),
            overwrite=True,
        )


def _make_act(controller: Controller, name: str) -> Callable[..., None]:
    kept = ref(controller)  # the viewer may outlive it

    def act(_viewer: Any = None) -> None:
        controller = kept()
        if controller is not None:
            undoing = controller.session.undoing
            controller.cleared.emit("edit")
            controller.guard("edit", getattr(undoing, name))

    return act
