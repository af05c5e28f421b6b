"""What maps are made of: tissue, outlines, spots, scale bar, colour bar, legend.

All places are in the units of an axis: x to the right, y down.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate.drawing import INK, shorten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_stexp.figure.outlines import Outline

__all__ = [
    "FADED",
    "MOST_VECTORS",
    "add_color_bar",
    "add_legend",
    "add_outlines",
    "add_scale_bar",
    "add_spots",
    "frame_axis",
    "map_colors",
    "show_picture",
]

#: Opacity of the tissue where it is to step back behind the spots.
FADED = 0.4
#: Spots that an SVG or a PDF holds one by one.
MOST_VECTORS = 5000
_RING = "#8d939c"


def frame_axis(axis: Axes, width: float, height: float) -> None:
    """Show exactly a view of this size, in a thin frame and without ticks."""
    axis.set(xlim=(0, width), ylim=(height, 0), aspect="equal")
    axis.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    for spine in axis.spines.values():
        spine.set(color="#d5dae1", linewidth=0.8)


def show_picture(
    axis: Axes,
    picture: NDArray[Any],
    extent: tuple[float, float, float, float],
    *,
    opacity: float = 1.0,
    level: float = 0,
    smooth: bool = False,
) -> None:
    """Show an image where it belongs.

    Parameters
    ----------
    axis : Axes
    picture : (h, w, 3) or (h, w, 4) array
    extent : (x0, y0, x1, y1)
        Outer edges of its pixels.
    opacity : float
        0 to 1.
    level : float
        What it covers: images of a lower level.
    smooth : bool
        Interpolate between its pixels.
    """
    x0, y0, x1, y1 = extent
    look = "bilinear" if smooth else "antialiased"
    axis.imshow(picture, extent=(x0, x1, y1, y0), alpha=opacity, zorder=level, interpolation=look)


def add_outlines(axis: Axes, outlines: Sequence[Outline], *, thin: bool) -> None:
    """Draw outlines in the colour of their class, or thin dark ones that cover little."""
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke

    width = 0.45 if thin else 1.6
    halo = withStroke(linewidth=width + (0.6 if thin else 1.4), foreground="white")
    for outline in outlines:
        axis.add_collection(
            LineCollection(
                list(outline.rings),
                colors=INK if thin else outline.colour,
                linewidths=width,
                path_effects=[halo],
                zorder=4,
            )
        )


def add_scale_bar(axis: Axes, size: tuple[float, float], length: float, text: str) -> None:
    """Draw a bar of a length, and what it stands for, in the lower left corner of a view."""
    from matplotlib.patheffects import withStroke

    width, height = size
    x, y = 0.03 * width, 0.97 * height
    axis.plot(
        [x, x + length],
        [y, y],
        color=INK,
        linewidth=1.8,
        zorder=6,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=4, foreground="white")],
    )
    axis.text(
        x,
        y - 0.012 * height,
        text,
        fontsize=7.5,
        color=INK,
        va="bottom",
        zorder=6,
        path_effects=[withStroke(linewidth=3.2, foreground="white")],
    )


def map_colors(
    values: NDArray[np.floating], limits: tuple[float, float], colormap: str
) -> NDArray[np.float64]:
    """Return (n, 4) colours of finite values; those beyond the limits have the nearer end's."""
    from matplotlib import colormaps

    place = np.clip((values - limits[0]) / (limits[1] - limits[0]), 0, 1)
    return np.asarray(colormaps[colormap](place))


def add_spots(
    axis: Axes,
    points: NDArray[np.floating],
    diameter: float,
    colours: Any,
    *,
    ring: bool = False,
    opacity: float = 1.0,
    square: bool = False,
) -> None:
    """Draw spots of their true size, or empty rings for those without a value.

    Parameters
    ----------
    axis : Axes
    points : (n, 2) array
        Centres.
    diameter : float
        Of all of them; a ring is drawn a fifth smaller.
    colours : colour, or one for each spot
    ring : bool
        Draw outlines.
    opacity : float
        0 to 1.
    square : bool
        Draw squares in place of discs.
    """
    if not len(points):
        return
    size = [diameter * (0.8 if ring else 1.0)]
    look: dict[str, Any] = {
        "facecolors": colours, "edgecolors": _RING if ring else "none",
        "linewidths": 0.6 if ring else 0.0, "alpha": opacity, "zorder": 2,
        "offsets": points, "offset_transform": axis.transData,
    }  # fmt: skip
    spots = _squares(size[0], look) if square else _ellipses(size, look)
    spots.set_rasterized(len(points) > MOST_VECTORS)
    axis.add_collection(spots)


def _ellipses(size: list[float], look: dict[str, Any]) -> Any:
    from matplotlib.collections import EllipseCollection

    return EllipseCollection(size, size, [0.0], units="xy", **look)


def _squares(side: float, look: dict[str, Any]) -> Any:
    """Return squares; a collection of polygons has no unit of its own but its vertices'."""
    from matplotlib.collections import PolyCollection

    points = np.asarray(look.pop("offsets"), dtype=np.float64)
    look.pop("offset_transform")
    corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * side / 2
    return PolyCollection(list(points[:, None] + corners), **look)


def add_color_bar(
    figure: Figure,
    axes: Sequence[Axes],
    limits: tuple[float, float],
    colormap: str,
    name: str,
    *,
    threshold: float | None = None,
) -> None:
    """Draw a colour bar below axes, with what it stands for."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    shown = ScalarMappable(Normalize(*limits), colormap)
    bar = figure.colorbar(shown, ax=list(axes), location="bottom", shrink=0.7, aspect=28, pad=0.02)
    bar.set_label(name, fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7.5, colors=INK)
    bar.outline.set_linewidth(0.5)
    if threshold is not None and limits[0] < threshold < limits[1]:
        bar.ax.axvspan(limits[0], threshold, color="white")
        bar.ax.axvline(threshold, color=INK, linewidth=0.8)


def add_legend(
    axis: Axes,
    entries: Sequence[tuple[str, str]],
    *,
    line: bool = False,
    style: Literal["normal", "italic"] = "normal",
) -> None:
    """Name colours below a map: as dots, or as lines.

    Parameters
    ----------
    axis : Axes
    entries : sequence of (colour, name)
    line : bool
        Colours are those of outlines.
    style : {'normal', 'italic'}
        Of the names; genes are set in italics.
    """
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"linewidth": 2} if line else {"linewidth": 0, "marker": "o"}
    handles = [
        Line2D([], [], color=colour, markersize=5, label=shorten(name, 32), **look)
        for colour, name in entries
    ]
    if not handles:
        return
    drawn = axis.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.01),
        ncols=4 if line else 2,
        frameon=False,
        fontsize=7.5 if line else 7,
        handletextpad=0.4,
        columnspacing=1.0,
    )
    for text in drawn.get_texts():
        text.set_parse_math(False)  # a class may be called ``$x_1$``
        text.set_fontstyle(style)
