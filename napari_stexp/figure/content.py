"""What a figure shows, as plain data: where, which maps, and how they look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_stexp.figure.outlines import Outline
    from napari_stexp.slide import Slide

__all__ = [
    "Bounds",
    "ClassMap",
    "FigureContent",
    "Ground",
    "Map",
    "MixMap",
    "Surface",
    "TissueMap",
    "ValueMap",
    "make_ground",
]

#: (x0, y0, x1, y1), level-0 px.
Bounds = tuple[float, float, float, float]
_LONGEST = 1000.0  # view units along the longer side


@dataclass(frozen=True, eq=False)
class Ground:
    """The rectangle that is shown, and the slide in it.

    View units run from its upper left corner, x to the right, y down, to 1,000 along the
    longer side.

    Attributes
    ----------
    bounds : (x0, y0, x1, y1)
        Level-0 px.
    mpp : float or None
        µm per level-0 pixel; without it there is no scale bar.
    picture : (h, w, 3) uint8 array, optional
        The slide.
    extent : (x0, y0, x1, y1)
        Outer edges of the picture's pixels, level-0 px.
    """

    bounds: Bounds
    mpp: float | None = None
    picture: NDArray[np.uint8] | None = None
    extent: Bounds = (0.0, 0.0, 0.0, 0.0)

    @property
    def origin(self) -> tuple[float, float]:
        """Level-0 pixel (x, y) of the upper left corner."""
        return self.bounds[0], self.bounds[1]

    @property
    def unit(self) -> float:
        """View units per level-0 pixel."""
        x0, y0, x1, y1 = self.bounds
        return _LONGEST / max(x1 - x0, y1 - y0)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in view units."""
        x0, y0, x1, y1 = self.bounds
        return (x1 - x0) * self.unit, (y1 - y0) * self.unit

    def place(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Turn (n, 2) level-0 positions (x, y) into view units."""
        return (np.asarray(points, dtype=np.float64) - np.array(self.origin)) * self.unit

    def place_box(self, box: Bounds) -> Bounds:
        """Turn a level-0 rectangle into view units."""
        (x0, y0), (x1, y1) = self.place(np.reshape(box, (2, 2)))
        return float(x0), float(y0), float(x1), float(y1)


def make_ground(
    slide: Slide | None, bounds: Bounds, mpp: float | None, max_px: int, *, picture: bool = True
) -> Ground:
    """Read what a figure shows of a slide.

    Parameters
    ----------
    slide : Slide or None
    bounds : (x0, y0, x1, y1)
        Level-0 px.
    mpp : float or None
        µm per level-0 pixel.
    max_px : int
        Pixels along the longer side.
    picture : bool
        Whether the slide is shown at all.
    """
    ground = Ground(bounds, mpp)
    if slide is None or not picture:
        return ground
    pixels, extent = slide.picture(bounds, max_px)
    return replace(ground, picture=pixels, extent=extent) if pixels.size else ground


@dataclass(frozen=True, eq=False)
class Surface:
    """Averages on a regular grid between spots.

    Attributes
    ----------
    values : (h, w) or (h, w, 3) float array
        Values, or colours.
    cover : (h, w) float array
        How much of it is seen, 0 to 1: nothing far from spots with a value.
    extent : (x0, y0, x1, y1)
        Outer edges of its pixels, level-0 px.
    """

    values: NDArray[np.floating]
    cover: NDArray[np.floating]
    extent: Bounds


@dataclass(frozen=True, eq=False)
class TissueMap:
    """The slide alone, with its regions in the colours of their classes.

    Attributes
    ----------
    title : str
    is_gene : bool
        Whether the title is a gene's symbol, which is set in italics.
    """

    title: str = ""
    is_gene: bool = False


@dataclass(frozen=True, eq=False)
class ValueMap(TissueMap):
    """One value per spot.

    Attributes
    ----------
    values : (N,) float array
        NaN where there is none: such spots are rings.
    limits : (float, float)
        Values at the ends of the colour map.
    colormap : str
        One of matplotlib's.
    label : str
        What the values are, beside the colour bar.
    threshold : float, optional
        Values below it have no colour.
    surface : Surface, optional
        Shown in place of the spots.
    """

    values: NDArray[np.floating] | None = None
    limits: tuple[float, float] = (0.0, 1.0)
    colormap: str = "viridis"
    label: str = ""
    threshold: float | None = None
    surface: Surface | None = None


@dataclass(frozen=True, eq=False)
class ClassMap(TissueMap):
    """One class per spot.

    Attributes
    ----------
    names : (N,) array of str
        '' for none: such spots are rings.
    colours : dict of str to str
        Class -> ``#rrggbb``, in the order of the legend.
    """

    names: NDArray[Any] | None = None
    colours: dict[str, str] | None = None


@dataclass(frozen=True, eq=False)
class MixMap(TissueMap):
    """One colour per spot, mixed of several genes.

    Attributes
    ----------
    colours : (N, 4) array
        RGBA, 0 to 1; transparent for spots without a value, which are rings.
    entries : tuple of (colour, name)
        The legend.
    surface : Surface, optional
        Of colours; shown in place of the spots.
    """

    colours: NDArray[np.floating] | None = None
    entries: tuple[tuple[str, str], ...] = ()
    surface: Surface | None = None


Map = TissueMap


@dataclass(frozen=True, eq=False)
class FigureContent:
    """One figure.

    Attributes
    ----------
    ground : Ground
        Where.
    maps : tuple of TissueMap, ValueMap, ClassMap or MixMap
        From left to right and from top to bottom.
    points : (N, 2) array
        Spots' centres, (x, y) level-0 px.
    diameter : float
        Of a drawn spot, level-0 px.
    outlines : tuple of Outline
        Regions, in view units.
    title : str
        Above all of it.
    is_gene : bool
        Whether the title is a gene's symbol.
    faded : bool
        Whether the slide steps back behind the spots, and outlines are thin.
    opacity : float
        Of the spots, 0 to 1.
    square : bool
        Whether spots are squares.
    width_mm : float
        Of the figure on paper.
    columns : int
        Maps beside each other; 0 for as many as make the figure about square.
    """

    ground: Ground
    maps: tuple[Map, ...]
    points: NDArray[np.floating]
    diameter: float = 1.0
    outlines: tuple[Outline, ...] = ()
    title: str = ""
    is_gene: bool = False
    faded: bool = True
    opacity: float = 1.0
    square: bool = False
    width_mm: float = 180.0
    columns: int = 0
