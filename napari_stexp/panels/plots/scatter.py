"""Two values of each spot against each other, a dot per spot; a lasso chooses spots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal

from napari_stexp.panels.plots.plot import FONT, Plot, PlotColors, dress, leave_room

if TYPE_CHECKING:
    from napari_stexp.panels.plots.plot_library import PlotLibrary

__all__ = ["CHOSEN", "DOT", "PairWords", "Scatter", "describe_pairs"]

_HEIGHT = 260
DOT, CHOSEN = "#56B4E9", "#E69F00"  # Okabe & Ito
_MOST_DOTS = 20_000  # more take too long to draw, and cover each other
_BINS = 90
_TOOLTIP = (
    "Each dot is a spot. Drag around dots to select these spots on the slide; spots selected "
    "there are orange here."
)


@dataclass(frozen=True)
class PairWords:
    """What a plot of pairs says.

    Attributes
    ----------
    title, x, y : str
        Of the plot and its axes.
    diagonal : bool
        Whether both axes are the same quantity: then a line marks where they are equal.
    """

    title: str
    x: str
    y: str
    diagonal: bool = False


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
        self._words = PairWords("", "", "")
        self._chosen: NDArray[np.bool_] | None = None
        self._focus: int | None = None
        self._selector: Any = None

    def show_pairs(
        self,
        x: NDArray[np.float32],
        y: NDArray[np.float32],
        chosen: NDArray[np.bool_] | None,
        words: PairWords,
        focus: int | None = None,
    ) -> None:
        """Show two values per spot.

        Parameters
        ----------
        x, y : (N,) array
            NaN for none.
        chosen : (N,) bool array or None
            The selected spots.
        words : PairWords
            What the values are.
        focus : int, optional
            A spot with a ring around it.
        """
        self._pairs = np.column_stack([x, y]).astype(np.float64)
        self._chosen, self._words, self._focus = chosen, words, focus
        self.show_plot(self._paint)

    def _paint(self, figure: Any, look: PlotColors) -> None:
        axes = figure.add_subplot()
        x, y = self._pairs.T
        finite = np.isfinite(x) & np.isfinite(y)
        chosen = finite & self._chosen if self._chosen is not None else np.zeros_like(finite)
        if np.count_nonzero(finite) > _MOST_DOTS:
            _draw_density(axes, x[finite], y[finite], chosen[finite])
        else:
            rest = finite & ~chosen
            axes.scatter(x[rest], y[rest], s=9, color=DOT, alpha=0.55, linewidths=0)
            axes.scatter(
                x[chosen], y[chosen], s=18, color=CHOSEN, edgecolors=look.text, linewidths=0.5
            )
        if self._focus is not None and finite[self._focus]:
            spot = self._pairs[self._focus]
            axes.plot(*spot, "o", ms=9, mfc="none", mec=look.text, mew=1.4)
        if self._words.diagonal and finite.any():
            low, high = float(self._pairs[finite].min()), float(self._pairs[finite].max())
            axes.plot([low, high], [low, high], color=look.text, lw=0.7, ls=":", zorder=0)
        axes.set_xlabel(self._words.x)
        axes.set_ylabel(self._words.y)
        axes.set_title(self._words.title)
        dress(axes, look)
        axes.title.set_fontsize(FONT + 1)
        leave_room(figure, left=46, right=10, top=24, bottom=38)
        self._arm(axes)

    def _arm(self, axes: Any) -> None:
        from matplotlib.widgets import LassoSelector

        if self._selector is not None:
            self._selector.disconnect_events()
        self._selector = LassoSelector(
            axes, self._on_lasso, useblit=True, props={"color": CHOSEN, "linewidth": 1.5}
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


def _draw_density(
    axes: Any, x: NDArray[np.float64], y: NDArray[np.float64], chosen: NDArray[np.bool_]
) -> None:
    """Draw how many spots lie where, and on top of it where the chosen ones lie."""
    from matplotlib.colors import to_rgb

    spans = [(float(v.min()), float(v.max() if np.ptp(v) else v.min() + 1)) for v in (x, y)]
    for part, color in ((np.ones_like(chosen), DOT), (chosen, CHOSEN)):
        if not part.any():
            continue
        n, _, _ = np.histogram2d(x[part], y[part], _BINS, spans)
        picture = np.empty((_BINS, _BINS, 4))
        picture[..., :3] = to_rgb(color)
        strength = np.log1p(n.T) / np.log1p(n.max())
        picture[..., 3] = np.where(n.T > 0, 0.25 + 0.75 * strength, 0.0)
        axes.imshow(
            picture, extent=(*spans[0], *spans[1]), origin="lower", aspect="auto",
            interpolation="nearest",
        )  # fmt: skip


def describe_pairs(gene: str, pairs: NDArray[np.float64]) -> str:
    """Return a gene's name with Pearson's correlation of (N, 2) pairs, NaN left out."""
    x, y = pairs[np.isfinite(pairs).all(axis=1)].T
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return f"{gene}: no correlation (one side doesn't vary)"
    return f"{gene}: r = {np.corrcoef(x, y)[0, 1]:.3f}, {len(x):,} spots"
