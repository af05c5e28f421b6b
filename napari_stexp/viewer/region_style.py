"""How regions look: the colour of their class, and what is selected or locked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["HALO", "HALO_WIDTH", "RegionStyles", "class_colours", "style_regions"]

RGB = tuple[float, float, float]

#: RGBA of the line below each outline, and how much wider it is than the outline.
HALO = (1.0, 1.0, 1.0, 0.85)
HALO_WIDTH = 1.1

_PLAIN, _SELECTED, _LOCKED = 1.0, 1.8, 0.6  # widths of an outline relative to the usual one
_GREY = 0.55  # part of grey in the outline of a region that can't be edited

# Okabe & Ito's palette for colour-blind eyes (2008), without its yellow and black, which
# vanish on a slide's background or among nuclei.
_PALETTE = (
    (0.00, 0.45, 0.70),
    (0.84, 0.37, 0.00),
    (0.00, 0.62, 0.45),
    (0.80, 0.47, 0.65),
    (0.34, 0.71, 0.91),
    (0.90, 0.62, 0.00),
)


@dataclass(frozen=True)
class RegionStyles:
    """How n regions are drawn.

    Attributes
    ----------
    color : (n, 3) float32
        RGB of the outline, 0 to 1.
    width : (n,) float32
        Width of the outline relative to the usual one: more where the region is
        selected, less where it is locked.
    selected : (n,) bool
    """

    color: NDArray[np.float32]
    width: NDArray[np.float32]
    selected: NDArray[np.bool_]


def class_colours(regions: Iterable[Any], classes: Iterable[Any] = ()) -> dict[str, RGB]:
    """Return RGB, 0 to 1, of each class of these regions.

    The palette's colour goes first, then the file's own, then one of a fixed list.

    Parameters
    ----------
    regions : iterable of Region
    classes : iterable of RegionClass
        The palette.
    """
    present: dict[str, tuple[int, int, int] | None] = {}
    for region in regions:
        name = region.class_name or ""
        if present.get(name) is None:
            present[name] = region.color
    palette = {one.name: one.color for one in classes}
    colours: dict[str, RGB] = {}
    for name, own in present.items():
        color = palette.get(name, own)
        if color is not None:
            colours[name] = (color[0] / 255, color[1] / 255, color[2] / 255)
    for number, name in enumerate(sorted(set(present) - set(colours))):
        colours[name] = _PALETTE[number % len(_PALETTE)]
    return colours


def style_regions(
    regions: Sequence[Any], classes: Iterable[Any] = (), selected: frozenset[str] = frozenset()
) -> RegionStyles:
    """Return how regions are drawn.

    Parameters
    ----------
    regions : sequence of Region
    classes : iterable of RegionClass
        The palette; what isn't in it has the file's own colour.
    selected : set of str
        Ids.
    """
    n = len(regions)
    colours = class_colours(regions, classes)
    color = np.array([colours[r.class_name or ""] for r in regions], np.float32).reshape(n, 3)
    chosen = np.fromiter((r.id in selected for r in regions), np.bool_, n)
    locked = np.fromiter((r.locked for r in regions), np.bool_, n)
    color[locked] = color[locked] * (1 - _GREY) + 0.5 * _GREY
    width = np.where(locked, _LOCKED, _PLAIN)
    return RegionStyles(color, np.where(chosen, _SELECTED, width).astype(np.float32), chosen)
