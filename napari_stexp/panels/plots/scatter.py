"""One gene, measured against predicted, a dot per spot; a lasso around dots chooses spots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal

from napari_stexp.panels.plots.plot import FONT, Plot, PlotColors, dress, leave_room

if TYPE_CHECKING:
    from napari_stexp.panels.plots.plot_library import PlotLibrary

__all__ = ["Scatter"]

_HEIGHT = 260
_DOT, _CHOSEN = "#56B4E9", "#E69F00"  # Okabe & Ito
_TOOLTIP = (
    "Each dot is a spot. Drag around dots to select these spots on the slide; spots selected "
    "there are orange here."
)


class Scatter(Plot):
    """Draws pairs of values, and asks for the spots in a lasso.

    Parameters
    ----------
    library : PlotLibrary
        As of any plot.
    """

    lassoed = Signal(object)  # (N,) bool

    def __init__(self, library: PlotLibrary) -> None:
        super().__init__(_HEIGHT, _TOOLTIP, library)
        self._pairs: NDArray[np.float64] = np.empty((0, 2))
        self._title = self._unit = ""
        self._chosen: NDArray[np.bool_] | None = None
        self._selector: Any = None

    def show_pairs(
        self,
        measured: NDArray[np.float32],
        predicted: NDArray[np.float32],
        chosen: NDArray[np.bool_] | None,
        gene: str,
        unit: str,
    ) -> None:
        """Show a gene.

        Parameters
        ----------
        measured, predicted : (N,) array
            NaN for none.
        chosen : (N,) bool array or None
            The selected spots.
        gene, unit : str
            What the values are.
        """
        self._pairs = np.column_stack([measured, predicted]).astype(np.float64)
        self._chosen, self._unit = chosen, unit
        self._title = describe_pairs(gene, self._pairs)
        self.show_plot(self._paint)

    def _paint(self, figure: Any, look: PlotColors) -> None:
        axes = figure.add_subplot()
        x, y = self._pairs.T
        finite = np.isfinite(x) & np.isfinite(y)
        chosen = finite & self._chosen if self._chosen is not None else np.zeros_like(finite)
        rest = finite & ~chosen
        axes.scatter(x[rest], y[rest], s=9, color=_DOT, alpha=0.55, linewidths=0)
        axes.scatter(
            x[chosen], y[chosen], s=18, color=_CHOSEN, edgecolors=look.text, linewidths=0.5
        )
        if finite.any():
            low, high = float(self._pairs[finite].min()), float(self._pairs[finite].max())
            axes.plot([low, high], [low, high], color=look.text, lw=0.7, ls=":", zorder=0)
        axes.set_xlabel(f"measured, {self._unit}")
        axes.set_ylabel(f"predicted, {self._unit}")
        axes.set_title(self._title)
        dress(axes, look)
        axes.title.set_fontsize(FONT + 1)
        leave_room(figure, left=46, right=10, top=24, bottom=38)
        self._arm(axes)

    def _arm(self, axes: Any) -> None:
        from matplotlib.widgets import LassoSelector

        if self._selector is not None:
            self._selector.disconnect_events()
        self._selector = LassoSelector(
            axes, self._on_lasso, useblit=True, props={"color": _CHOSEN, "linewidth": 1.5}
        )

    def _on_lasso(self, corners: list[tuple[float, float]]) -> None:
        if len(corners) < 3:
            self.lassoed.emit(np.zeros(len(self._pairs), dtype=bool))  # a click selects none
            return
        from matplotlib.path import Path

        finite = np.isfinite(self._pairs).all(axis=1)
        inside = np.zeros(len(self._pairs), dtype=bool)
        inside[finite] = Path(corners).contains_points(self._pairs[finite])
        self.lassoed.emit(inside)


def describe_pairs(gene: str, pairs: NDArray[np.float64]) -> str:
    """Return a gene's name with Pearson's correlation of (N, 2) pairs, NaN left out."""
    x, y = pairs[np.isfinite(pairs).all(axis=1)].T
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return f"{gene}: no correlation (one side doesn't vary)"
    return f"{gene}: r = {np.corrcoef(x, y)[0, 1]:.3f}, {len(x):,} spots"
