"""Maps of spots over tissue, as vector drawings that share one picture of the section.

A section's thumbnail is embedded once and referred to by each of its maps. All spots of
one colour are a single path of dots (lines of no length with round ends), so that a map
costs some ten bytes per spot and stays sharp however far it is enlarged or printed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate.report_frames import Frame
from napari_stexp.evaluate.report_words import format_number

__all__ = [
    "ColourBar",
    "SpotMap",
    "draw_classes",
    "draw_values",
    "ramp_stops",
    "robust_limits",
]

#: Name of a gradient in the document -> matplotlib's name.
COLORMAPS = {"ramp": "viridis", "diverging": "RdBu_r"}
_STEPS = 48
#: Categories that stay apart with any colour vision (Okabe and Ito, then Tol's muted).
CATEGORIES = (
    "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#F0E442", "#332288",
    "#882255", "#999933", "#44AA99", "#AA4499",
)  # fmt: skip
UNLABELLED = "#b9bec7"


@dataclass(frozen=True)
class ColourBar:
    """Values at the two ends of the colour map, and the name of its gradient."""

    low: str
    high: str
    ramp: str = "ramp"


@dataclass(frozen=True)
class SpotMap:
    """One map.

    Attributes
    ----------
    title : str
        What is shown.
    paths : tuple of (colour, path)
        Filled spots; the path is that of an SVG.
    hollow : str
        Path of the spots without a value.
    bar : ColourBar, optional
        Of a map of values.
    legend : tuple of (colour, name)
        Of a map of categories.
    picture : str
        Data URI of the spots as an image over the whole view, where they are too many
        for paths.
    """

    title: str
    paths: tuple[tuple[str, str], ...]
    hollow: str = ""
    bar: ColourBar | None = None
    legend: tuple[tuple[str, str], ...] = ()
    picture: str = ""


def robust_limits(*values: NDArray[np.floating]) -> tuple[float, float]:
    """Return the 1st and 99th percentile of all finite values, apart from each other."""
    together = np.concatenate([np.ravel(part) for part in values]).astype(np.float64)
    together = together[np.isfinite(together)]
    if not len(together):
        return 0.0, 1.0
    low, high = np.percentile(together, [1, 99])
    if high - low < 1e-9:
        low, high = float(together.min()), float(together.max())
    return (float(low), float(high)) if high - low >= 1e-9 else (float(low), float(low) + 1.0)


@lru_cache(maxsize=8)
def ramp_stops(steps: int = _STEPS, ramp: str = "ramp") -> tuple[str, ...]:
    """Colours of a gradient from low to high, as ``#rrggbb``."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return tuple(to_hex(colour) for colour in colormaps[COLORMAPS[ramp]](np.linspace(0, 1, steps)))


def draw_values(
    frame: Frame,
    values: NDArray[np.floating],
    limits: tuple[float, float],
    title: str,
    ramp: str = "ramp",
) -> SpotMap:
    """Draw one value per spot; values beyond the limits take the colour of the nearer end."""
    low, high = limits
    values = np.asarray(values, dtype=np.float64)
    known = np.isfinite(values)
    place = (np.where(known, values, low) - low) / (high - low)
    step = np.clip(np.round(place * (_STEPS - 1)), 0, _STEPS - 1).astype(int)
    stops = ramp_stops(ramp=ramp)
    paths = tuple(
        (stops[at], _dots(frame.points[known & (step == at)])) for at in np.unique(step[known])
    )
    bar = ColourBar(format_number(low, 2), format_number(high, 2), ramp)
    return SpotMap(title, paths, _dots(frame.points[~known]), bar)


def draw_classes(
    frame: Frame, names: Iterable[Any], colours: dict[str, str], title: str
) -> SpotMap:
    """Draw one category per spot; an empty name is a spot without one.

    Parameters
    ----------
    frame : Frame
        Where.
    names : N text
        Category of each spot.
    colours : dict
        Category -> colour, in the order of the legend.
    title : str
        What is shown.
    """
    table = np.array([str(name) for name in names], dtype=object)
    paths, legend = [], []
    for name, colour in colours.items():
        chosen = table == name
        if chosen.any():
            paths.append((colour, _dots(frame.points[chosen])))
            legend.append((colour, name))
    hollow = _dots(frame.points[~np.isin(table, list(colours))])
    return SpotMap(title, tuple(paths), hollow, legend=tuple(legend))


def _dots(points: NDArray[np.float64]) -> str:
    points = points[np.isfinite(points).all(axis=1)]
    return "".join(f"M{x:.5g} {y:.5g}h0" for x, y in points)
