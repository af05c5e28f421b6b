"""matplotlib, imported in a worker before the first plot: in the window it would take a second."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal

from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.panels.controller import Controller

__all__ = ["PlotLibrary"]


class PlotLibrary(QObject):
    """Imports what plots need when the first one wants it.

    Parameters
    ----------
    controller : Controller
        Runs the task.
    """

    ready = Signal()

    def __init__(self, controller: Controller) -> None:
        super().__init__(controller)
        self._controller = controller
        self.is_ready = False

    def want(self) -> None:
        """Get ready, if it isn't yet; ``ready`` tells."""
        if self.is_ready:
            self.ready.emit()
        elif not self._controller.busy("plots"):
            self._controller.start(
                "plots", import_steps(), title="Getting ready to draw", on_return=self._on_ready
            )

    def _on_ready(self, _result: None) -> None:
        self.is_ready = True
        self.ready.emit()


def import_steps() -> Generator[Progress, None, None]:
    """Import matplotlib, list its fonts, and draw something once."""
    yield Progress(0, 0, "getting ready to draw")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.widgets import LassoSelector, SpanSelector  # noqa: F401 - for later

    yield Progress(0, 0, "getting ready to draw")
    figure = Figure(figsize=(1, 1))
    figure.add_subplot().set_title("a")
    FigureCanvasAgg(figure).draw()
