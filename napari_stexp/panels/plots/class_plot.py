"""One gene in each class: violins, or boxes where there are many classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.panels.plots.plot import FONT, PlotColors, dress, leave_room

__all__ = ["draw_classes"]

_MOST_VIOLINS, _MOST_LEVEL = 10, 4
_FEWEST_SPOTS = 3  # fewer have no shape
_MOST_VALUES = 2000  # a density of more looks the same and takes a second


def draw_classes(
    figure: Any,
    look: PlotColors,
    values: NDArray[np.float32],
    labels: NDArray[np.object_],
    colours: Mapping[str, tuple[int, int, int]],
    title: str,
    unit: str,
) -> None:
    """Draw the values of each class beside each other.

    Parameters
    ----------
    figure : Figure
        Empty.
    look : PlotColors
        The window's colours.
    values : (N,) array
        NaN for none.
    labels : (N,) array of str
        Class of each spot.
    colours : mapping of str to (int, int, int)
        Of the classes, in the order in which they are drawn.
    title, unit : str
        Of the plot, and of the values.
    """
    finite = np.isfinite(values)
    groups = {name: values[finite & (labels == name)] for name in colours}
    groups = {name: found for name, found in groups.items() if len(found) >= _FEWEST_SPOTS}
    axes = figure.add_subplot()
    if not groups:
        axes.text(
            0.5,
            0.5,
            "No class has spots with a value.",
            ha="center",
            transform=axes.transAxes,
            color=look.text,
            fontsize=FONT,
        )
    places = np.arange(1, len(groups) + 1)
    for place, (name, found) in zip(places, groups.items(), strict=True):
        color = tuple(part / 255 for part in colours[name])
        if len(groups) <= _MOST_VIOLINS and np.ptp(found) > 0:
            drawn = axes.violinplot(
                _thin_out(found), [place], widths=0.85, showextrema=False, points=60
            )
            for body in drawn["bodies"]:
                body.set(facecolor=color, edgecolor=look.text, alpha=0.75, linewidth=0.6)
        _draw_box(axes, place, found, look.text)
    between = "\n" if len(groups) <= _MOST_LEVEL else " "
    axes.set_xticks(
        places, [f"{_shorten(name)}{between}{len(found):,}" for name, found in groups.items()]
    )
    axes.set_ylabel(unit)
    axes.set_title(title)
    dress(axes, look)
    few = len(groups) <= _MOST_LEVEL
    axes.tick_params(axis="x", length=0)
    if not few:
        for label in axes.get_xticklabels():
            label.set(rotation=35, ha="right", rotation_mode="anchor")
    leave_room(figure, left=52, right=6, top=20, bottom=34 if few else 68)


def _thin_out(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return evenly spaced quantiles in place of very many values."""
    if len(values) <= _MOST_VALUES:
        return values
    return np.quantile(values, (np.arange(_MOST_VALUES) + 0.5) / _MOST_VALUES)


def _draw_box(axes: Any, place: float, values: NDArray[np.float32], color: str) -> None:
    """Draw median, quartiles, and whiskers at the 5th and 95th percentile."""
    low, q1, median, q3, high = np.percentile(values, [5, 25, 50, 75, 95])
    axes.plot([place, place], [low, high], color=color, lw=0.8)
    axes.plot([place, place], [q1, q3], color=color, lw=3.5, solid_capstyle="butt")
    axes.plot([place - 0.16, place + 0.16], [median, median], color=color, lw=1.6)


def _shorten(name: str, length: int = 13) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"
