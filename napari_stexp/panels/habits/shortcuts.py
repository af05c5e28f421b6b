"""All keyboard shortcuts in one place: what they are, and what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QMainWindow

if TYPE_CHECKING:
    from napari_stexp.panels.habits.actions import Actions

__all__ = ["SHORTCUTS", "Shortcut", "bind_shortcuts", "keys_of"]


@dataclass(frozen=True)
class Shortcut:
    """A key and what it does.

    Attributes
    ----------
    section : str
        Heading in the list.
    keys : tuple of str
        As Qt writes them: 'Ctrl+F'.
    text : str
        What happens, for a person.
    action : str
        Method of `Actions`; empty for keys that others listen to (napari, a tool in hand).
    """

    section: str
    keys: tuple[str, ...]
    text: str
    action: str = ""


#: In the order of the list. Keys that napari uses on a canvas of two dimensions are left to it.
SHORTCUTS: tuple[Shortcut, ...] = (
    Shortcut("Help", ("F1",), "Show this list", "show_shortcuts"),
    Shortcut("Files", ("Ctrl+O",), "Open files: slide, spots, model, annotation, workspace"),
    Shortcut("Files", ("Ctrl+S",), "Save the workspace"),
    Shortcut("Files", ("Ctrl+Shift+E",), "Export a figure", "export_figure"),
    Shortcut("Files", ("Alt+S",), "Save a screenshot (of a single picture)"),
    Shortcut("Files", ("Alt+Shift+S",), "Save a screenshot of the window, as it is"),
    Shortcut("Predict", ("F5",), "Predict all spots", "predict"),
    Shortcut("Predict", ("Shift+F5",), "Predict what is in view", "predict_in_view"),
    Shortcut("Genes", ("Ctrl+F",), "Find a gene", "find_gene"),
    Shortcut("Genes", ("Ctrl+PgDown",), "Next gene of the list", "next_gene"),
    Shortcut("Genes", ("Ctrl+PgUp",), "Previous gene of the list", "previous_gene"),
    Shortcut("Genes", ("Ctrl+D",), "Make the gene a favourite, or no longer", "mark_gene"),
    Shortcut("View", ("F6",), "Measured in place of predicted values, and back", "switch_source"),
    Shortcut("View", ("F7",), "Measured, predicted and difference side by side", "switch_sides"),
    Shortcut("View", ("F8",), "Hide the spots, or show them", "switch_spots"),
    Shortcut("View", ("F9",), "Smooth heat map in place of spots, and back", "switch_heat_map"),
    Shortcut("View", ("Ctrl+R",), "Fit the slide into the window"),
    Shortcut("View", ("Alt+1", "… Alt+7"), "Go to a tab of the dock", "show_tab"),
    Shortcut("Undo", ("Ctrl+Z",), "Take back what was done last", "undo"),
    Shortcut("Undo", ("Ctrl+Shift+Z", "Ctrl+Y"), "Do again what was taken back", "redo"),
    Shortcut("Drawing", ("1", "… 9"), "Choose a class, while a drawing tool is in hand"),
    Shortcut("Drawing", ("Enter",), "Finish the outline"),
    Shortcut("Drawing", ("Escape",), "Drop the outline; put the tool away"),
    Shortcut("Drawing", ("Space",), "Move the slide while it is held"),
    Shortcut("Mouse", ("Click on a spot",), "Show its profile in the tab Plots"),
    Shortcut("Mouse", ("Right click",), "Menu of what is under the mouse"),
    Shortcut("Mouse", ("Wheel",), "Zoom"),
    Shortcut("Mouse", ("Drag",), "Move the slide"),
)  # fmt: skip

_UNDO = ("undo", "redo")  # on the canvas a layer's own Ctrl+Z goes before: see undo_keys


def keys_of(action: str) -> str:
    """Return an action's keys as they are shown: 'Ctrl+F', or '' without any."""
    for shortcut in SHORTCUTS:
        if shortcut.action == action:
            return " or ".join(
                key if key.startswith("…") else _native(key) for key in shortcut.keys
            )
    return ""


def _native(keys: str) -> str:
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText) or keys


def bind_shortcuts(window: QMainWindow, actions: Actions) -> list[QShortcut]:
    """Let the keys work wherever the focus is in napari's window.

    Parameters
    ----------
    window : QMainWindow
        napari's.
    actions : Actions
        What the keys do.

    Returns
    -------
    list of QShortcut
        Owned by the window.
    """
    bound = []
    for shortcut in SHORTCUTS:
        if not shortcut.action or shortcut.action in _UNDO:
            continue
        if shortcut.action == "show_tab":
            for number in range(1, 8):
                bound.append(_bind(window, f"Alt+{number}", actions.show_tab, number - 1))
            continue
        for keys in shortcut.keys:
            bound.append(_bind(window, keys, getattr(actions, shortcut.action)))
    return bound


def _bind(window: QMainWindow, keys: str, call: Any, *arguments: Any) -> QShortcut:
    shortcut = QShortcut(QKeySequence(keys), window)
    shortcut.setContext(Qt.ShortcutContext.WindowShortcut)
    shortcut.setAutoRepeat("Pg" in keys)
    shortcut.activated.connect(lambda: call(*arguments))
    return shortcut
