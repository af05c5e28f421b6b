"""Ctrl+Z and its like, on the slide and in the panel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from napari_stexp.panels.annotate.annotation_control import AnnotationControl

__all__ = ["bind_undo"]

_KEYS = {"Control-Z": "undo", "Control-Shift-Z": "redo", "Control-Y": "redo"}


def bind_undo(panel: QWidget, viewer: Any, control: AnnotationControl) -> None:
    """Let the keys undo and redo edits of the regions, on the slide and in the panel.

    On the slide a layer's own keys (those of Labels, for example) go before; there they
    outlive the panel, as the regions do.

    Parameters
    ----------
    panel : QWidget
        Where they work, too.
    viewer : napari.Viewer
        Whose canvas it is.
    control : AnnotationControl
        What undoes.
    """
    kept = ref(control)  # the viewer may outlive it

    for key, name in _KEYS.items():

        def act(_viewer: Any = None, name: str = name) -> None:
            control = kept()
            if control is not None and getattr(control.regions, f"{name}_text"):
                control.edit(name)

        viewer.bind_key(key, act, overwrite=True)
        shortcut = QShortcut(QKeySequence(key.replace("Control", "Ctrl").replace("-", "+")), panel)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(act)
