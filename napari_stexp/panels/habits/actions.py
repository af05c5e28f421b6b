"""What keys and menus do: each a method without arguments, safe to call at any time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from weakref import ref

from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_stexp.panels.registry import PANELS, get_adapter, get_controller
from napari_stexp.viewer.picking import find_spot

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller
    from napari_stexp.session import Session
    from napari_stexp.viewer import LayerAdapter

__all__ = ["Actions", "find_dock", "raise_dock"]


def find_dock(window: QMainWindow, title: str) -> QDockWidget | None:
    """Return the dock of a title that is open in a window."""
    wanted = title.replace("&", "&&")
    for dock in window.findChildren(QDockWidget):
        if dock.windowTitle() in (title, wanted) and not dock.isHidden():
            return dock
    return None


def raise_dock(window: QMainWindow, title: str) -> QWidget | None:
    """Bring a dock to the front; return what is in it, None where it isn't open."""
    dock = find_dock(window, title)
    if dock is None:
        return None
    dock.raise_()
    return dock.widget()


class Actions:
    """What keys and menus do in one window.

    Parameters
    ----------
    viewer : napari.Viewer
    window : QMainWindow
        napari's; no reference to it is kept alive.
    """

    def __init__(self, viewer: Any, window: QMainWindow) -> None:
        self._viewer = ref(viewer)
        self._window = ref(window)
        self._controller = ref(get_controller(viewer))

    @property
    def window(self) -> QMainWindow:
        """The main window of napari."""
        window = self._window()
        assert window is not None  # what calls us lives in it
        return window

    @property
    def controller(self) -> Controller:
        """The window's controller."""
        controller = self._controller()
        assert controller is not None
        return controller

    @property
    def adapter(self) -> LayerAdapter:
        """What shows the session."""
        return get_adapter(self._viewer())

    @property
    def session(self) -> Session:
        """What is open."""
        return self.controller.session

    # ---- help and tabs -------------------------------------------------------------------

    def show_shortcuts(self) -> None:
        """Open the list of keys."""
        from napari_stexp.panels.habits.shortcuts_dialog import ShortcutsDialog

        ShortcutsDialog(self.window).show()

    def show_tab(self, number: int) -> None:
        """Bring a tab to the front, counted from 0; one that is closed is opened."""
        titles = list(PANELS)
        if number < len(titles):
            self.open_tab(titles[number])

    def open_tab(self, title: str) -> Any:
        """Bring a tab to the front; all are opened where it isn't there. Return its panel."""
        panel = raise_dock(self.window, title)
        if panel is None:
            from napari_stexp.panels.registry import open_all

            viewer = self._viewer()
            open_all(viewer)
            panel = raise_dock(self.window, title)
        return panel

    # ---- predicting ----------------------------------------------------------------------

    def predict(self) -> None:
        """Predict all spots."""
        self.open_tab("Predict")
        self.controller.predicting.predict("tissue")

    def predict_in_view(self) -> None:
        """Predict the spots that are in view."""
        self.open_tab("Predict")
        self.controller.predicting.predict("view")

    # ---- genes ---------------------------------------------------------------------------

    def find_gene(self) -> None:
        """Put the cursor into the search line of the genes."""
        search = self.open_tab("Genes").list.search
        search.setFocus()
        search.selectAll()

    def next_gene(self) -> None:
        """Show the next gene of the list."""
        self._step(1)

    def previous_gene(self) -> None:
        """Show the gene before in the list."""
        self._step(-1)

    def mark_gene(self) -> None:
        """Make the gene a favourite, or no longer."""
        gene = self.session.gene
        if gene is not None and gene not in self.session.signatures:
            self.session.marks.toggle(gene)

    def show_profile(self, spot: int) -> None:
        """Look at a spot in the tab Plots."""
        self.session.focus_spot(spot)
        self.open_tab("Plots")

    def _step(self, steps: int) -> None:
        dock = find_dock(self.window, "Genes")
        if dock is not None:
            dock.widget().list.step(steps)

    # ---- view ----------------------------------------------------------------------------

    def switch_source(self) -> None:
        """Show what was measured in place of what was predicted, or the other way round."""
        session = self.session
        other = "measured" if session.source == "predicted" else "predicted"
        if session.prediction is not None and session.has_measurement:
            self.controller.set_source(other)

    def switch_sides(self) -> None:
        """Show measured, predicted and difference side by side, or one view again."""
        comparison = self.session.comparison
        if comparison.side_by_side:
            comparison.side_by_side = False
        elif self.session.prediction is not None and self.session.has_measurement:
            comparison.side_by_side = not self.session.hides_values

    def switch_spots(self) -> None:
        """Hide the spots, or show them."""
        display = self.session.display
        self.controller.set_display(replace(display, visible=not display.visible))

    def switch_heat_map(self) -> None:
        """Draw a heat map in place of spots, or spots again."""
        display = self.session.display
        mode = "spots" if display.mode == "heat map" else "heat map"
        self.controller.set_display(replace(display, mode=mode))

    def fit(self) -> None:
        """Fit the slide into the window."""
        self.adapter.fit()

    def fly_to(self, spot: int) -> None:
        """Zoom to a spot."""
        self.controller.guard("view", self.adapter.fly_to, spot)

    def spot_at(self, x: float, y: float) -> int | None:
        """Return the spot at (x, y), level-0 px."""
        return find_spot(self.session, x, y)

    def export_figure(self) -> None:
        """Ask what to export as a figure."""
        self.open_tab("Genes").figure.ask()

    # ---- undo ----------------------------------------------------------------------------

    def undo(self) -> None:
        """Take back what was done last."""
        self.controller.guard("edit", self.session.undoing.undo)

    def redo(self) -> None:
        """Do again what was taken back."""
        self.controller.guard("edit", self.session.undoing.redo)
