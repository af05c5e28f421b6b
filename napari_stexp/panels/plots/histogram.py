"""How the values of the spots are spread; a range of them chooses spots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal

from napari_stexp.panels.plots.plot import FONT, Plot, PlotColors, dress, leave_room
from napari_stexp.panels.plots.scatter import CHOSEN, DOT

if TYPE_CHECKING:
    from napari_stexp.panels.plots.plot_library import PlotLibrary

__all__ = ["Histogram"]

_HEIGHT = 230
_BINS = 40
_TOOLTIP = (
    "How many spots have which value. Drag from left to right to select the spots in a range on "
    "the slide; spots selected there are orange here. The line is the clicked spot."
)


class Histogram(Plot):
    """Draws a histogram of all spots, and of the chosen ones in front of it.

    Parameters
    ----------
    library : PlotLibrary
        As of any plot.
    """

    ranged = Signal(object)  # (N,) bool

    def __init__(self, library: PlotLibrary) -> None:
        super().__init__(_HEIGHT, _TOOLTIP, library)
        self._values: NDArray[np.float32] = np.empty(0, np.float32)
        self._chosen: NDArray[np.bool_] | None = None
        self._focus: int | None = None
        self._title = self._unit = ""
        self._selector: Any = None

    def show_values(
        self,
        values: NDArray[np.float32],
        chosen: NDArray[np.bool_] | None,
        title: str,
        unit: str,
        focus: int | None = None,
    ) -> None:
        """Show the values of N spots.

        Parameters
        ----------
        values : (N,) array
            NaN for none.
        chosen : (N,) bool array or None
            The selected spots.
        title, unit : str
            Of the plot, and of the values.
        focus : int, optional
            A spot whose value is marked.
        """
        self._values, self._chosen, self._focus = values, chosen, focus
        self._title, self._unit = title, unit
        self.show_plot(self._paint)

    def _paint(self, figure: Any, look: PlotColors) -> None:
        axes = figure.add_subplot()
        values = self._values
        finite = np.isfinite(values)
        if finite.any():
            edges = np.histogram_bin_edges(values[finite], _BINS)
            axes.stairs(np.histogram(values[finite], edges)[0], edges, fill=True, color=DOT)
            chosen = finite & self._chosen if self._chosen is not None else None
            if chosen is not None and chosen.any():
                axes.stairs(np.histogram(values[chosen], edges)[0], edges, fill=True, color=CHOSEN)
            if self._focus is not None and finite[self._focus]:
                axes.axvline(float(values[self._focus]), color=look.text, lw=1.4)
        axes.yaxis.get_major_locator().set_params(integer=True)
        axes.set_xlabel(self._unit)
        axes.set_ylabel("spots")
        axes.set_title(self._title)
        dress(axes, look)
        axes.title.set_fontsize(FONT + 1)
        leave_room(figure, left=46, right=10, top=24, bottom=38)
        self._arm(axes)

    def _arm(self, axes: Any) -> None:
        from matplotlib.widgets import SpanSelector

        if self._selector is not None:
            self._selector.disconnect_events()
        self._selector = SpanSelector(
            axes,
            self._on_range,
            "horizontal",
            useblit=True,
            props={"facecolor": CHOSEN, "alpha": 0.35},
        )

    def _on_range(self, low: float, high: float) -> None:
        with np.errstate(invalid="ignore"):
            inside = (self._values >= low) & (self._values <= high)
        self.ranged.emit(inside & (high > low))  # a click selects none
