"""What a window's docks and forms look like, for a workspace: tab in front, folds, grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from qtpy.QtWidgets import QDockWidget, QMainWindow

from napari_stexp.panels.fold import Fold
from napari_stexp.panels.panel import Panel
from napari_stexp.panels.registry import ALIGN, TRAIN, open_align, open_train
from napari_stexp.panels.slide.grid_form import GridForm
from napari_stexp.panels.tasks import GridSettings

__all__ = ["read_state", "show_state"]

#: Of the grid's form; pitches of regions belong to the regions of the moment.
_GRID = ("layout", "pitch_um", "diameter_um", "in_tissue")


def read_state(window: QMainWindow) -> dict[str, Any]:
    """Return which tab is in front, which folds are open, and the grid that is asked for."""
    state: dict[str, Any] = {"tab": "", "folds": {}}
    for title, dock, panel in _panels(window):
        if dock.isVisible() and not dock.visibleRegion().isEmpty():
            state["tab"] = title
        for fold in panel.findChildren(Fold):
            state["folds"][f"{title}/{fold.title}"] = fold.opened
    for form in window.findChildren(GridForm):
        grid = form.settings()
        state["grid"] = {name: getattr(grid, name) for name in _GRID}
    return state


def show_state(window: QMainWindow, viewer: Any, state: Mapping[str, Any]) -> None:
    """Let a window look as `read_state` found it; what isn't there is passed over."""
    if not state:
        return
    tab, folds = state.get("tab"), dict(state.get("folds", {}))
    extra = {TRAIN[0]: open_train, ALIGN[0]: open_align}.get(str(tab))
    if extra is not None:
        extra(viewer)
    for title, dock, panel in _panels(window):
        for fold in panel.findChildren(Fold):
            fold.set_opened(bool(folds.get(f"{title}/{fold.title}", fold.opened)))
        if title == tab:
            dock.raise_()
    for form in window.findChildren(GridForm):
        with suppress(KeyError, TypeError, ValueError):
            words = state["grid"]
            known = {name: words[name] for name in _GRID if name in words}
            form.show_settings(GridSettings(**known))


def _panels(window: QMainWindow) -> Iterator[tuple[str, QDockWidget, Panel]]:
    for dock in window.findChildren(QDockWidget):
        panel = dock.widget()
        if isinstance(panel, Panel):
            yield dock.windowTitle().replace("&&", "&"), dock, panel
