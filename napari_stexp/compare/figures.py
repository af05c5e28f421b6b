"""Plots and maps of a comparison as figures: off screen, ready for a page, a PNG or an SVG.

Maps are drawn in the units of a `Frame`: x to the right, y down, from its upper left corner.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.compare.report_maps import GENE_PANELS, limits_of
from napari_stexp.evaluate.drawing import INK, new_figure, shorten
from napari_stexp.evaluate.report_maps import COLORMAPS
from napari_stexp.evaluate.report_words import describe_scale

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_stexp.compare.report_outlines import Outline
    from napari_stexp.compare.report_values import GeneValues
    from napari_stexp.evaluate.report_frames import Frame

__all__ = ["draw_class_maps", "draw_gene_maps", "draw_tissue"]

_PANEL = 3.2  # inches: width of one map beside others
_WHOLE = 6.6  # inches: width of a map by itself
_FADED = 0.4  # of the tissue under spots
_MOST_VECTORS = 5000  # spots that an SVG holds one by one
_RING = "#8d939c"


def draw_tissue(frame: Frame, outlines: Sequence[Outline], title: str) -> Figure:
    """Draw the stained section with its regions.

    Parameters
    ----------
    frame : Frame
        The view and its picture.
    outlines : sequence of Outline
        Regions, class by class.
    title : str
        Above it.
    """
    figure, (axis,) = _new_maps(frame, 1, _WHOLE)
    _show_tissue(axis, frame, outlines, faded=False)
    axis.set_title(title, fontsize=10.5, color=INK, parse_math=False)
    _add_legend(axis, [(one.colour, one.name or "no class") for one in outlines], line=True)
    return figure


def draw_gene_maps(
    frame: Frame, outlines: Sequence[Outline], values: GeneValues, scale: str
) -> Figure:
    """Draw what was measured and predicted of a gene with shared colours, and the difference.

    Parameters
    ----------
    frame, outlines
        As `draw_tissue`.
    values : GeneValues
        Of one gene.
    scale : str
        Expression scale, for the colour bars.
    """
    panels: dict[str, Any] = dict(values.sources)
    if values.residual is not None:
        panels["residual"] = values.residual
    figure, axes = _new_maps(frame, len(panels), _PANEL if len(panels) > 1 else _WHOLE)
    limits = limits_of(values)
    words = f"log10(1 + x), {describe_scale(scale).name}"
    bars: dict[str, list[Axes]] = {}
    for axis, (panel, numbers) in zip(axes, panels.items(), strict=True):
        ramp = "diverging" if panel == "residual" else "ramp"
        _show_tissue(axis, frame, outlines)
        _show_values(axis, frame, numbers, limits[panel], ramp)
        axis.set_title(GENE_PANELS[panel], fontsize=9.5, color=INK)
        bars.setdefault(ramp, []).append(axis)
    for ramp, beside in bars.items():
        panel = "residual" if ramp == "diverging" else next(iter(values.sources))
        _add_bar(
            figure, beside, limits[panel], ramp, "difference" if panel == "residual" else words
        )
    figure.suptitle(values.gene, style="italic", fontsize=12, color=INK, parse_math=False)
    return figure


def draw_class_maps(
    frame: Frame,
    outlines: Sequence[Outline],
    panels: Sequence[tuple[str, NDArray[np.object_], Mapping[str, str]]],
) -> Figure:
    """Draw one class per spot, in one panel or several.

    Parameters
    ----------
    frame, outlines
        As `draw_tissue`.
    panels : sequence of (title, names, colours)
        Names (N,) of classes, '' for none; class -> ``#rrggbb``.
    """
    figure, axes = _new_maps(frame, len(panels), _PANEL if len(panels) > 1 else _WHOLE)
    for axis, (title, names, colours) in zip(axes, panels, strict=True):
        _show_tissue(axis, frame, outlines)
        known = np.isin(names.astype(str), list(colours))
        found = np.array([colours.get(str(name), "#ffffff") for name in names], dtype=object)
        _add_spots(axis, frame, ~known, "#ffffff", ring=True)
        _add_spots(axis, frame, known, list(found[known]))
        axis.set_title(title, fontsize=9.5, color=INK, parse_math=False)
        shown = [(c, name) for name, c in colours.items() if (names == name).any()]
        _add_legend(axis, shown)
    return figure


def _new_maps(frame: Frame, n: int, width: float) -> tuple[Figure, list[Axes]]:
    height = width * frame.height / frame.width
    figure = new_figure(width * n + 0.3, height + 1.3)
    return figure, list(figure.subplots(1, n, squeeze=False)[0])


def _show_tissue(axis: Axes, frame: Frame, outlines: Sequence[Outline], faded: bool = True) -> None:
    if frame.source:
        axis.imshow(
            _decode(frame.source),
            extent=(0, frame.width, frame.height, 0),
            alpha=_FADED if faded else 1.0,
            zorder=0,
        )
    axis.set(xlim=(0, frame.width), ylim=(frame.height, 0), aspect="equal")
    axis.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False)
    for spine in axis.spines.values():
        spine.set(color="#d5dae1", linewidth=0.8)
    for outline in outlines:
        axis.add_collection(_line_collection(outline, faded))
    _add_scale_bar(axis, frame)


def _line_collection(outline: Outline, thin: bool) -> Any:
    """Return outlines in the colour of their class, or thin ones that cover little."""
    from matplotlib.collections import LineCollection
    from matplotlib.patheffects import withStroke

    width = 0.45 if thin else 1.6
    halo = withStroke(linewidth=width + (0.6 if thin else 1.4), foreground="white")
    return LineCollection(
        list(outline.rings),
        colors=INK if thin else outline.colour,
        linewidths=width,
        path_effects=[halo],
        zorder=4,
    )


def _decode(source: str) -> NDArray[np.uint8]:
    """Return the pixels of a data URI."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))


def _add_scale_bar(axis: Axes, frame: Frame) -> None:
    if frame.bar is None:
        return
    from matplotlib.patheffects import withStroke

    x, y = 0.03 * frame.width, 0.97 * frame.height
    axis.plot(
        [x, x + frame.bar.length],
        [y, y],
        color=INK,
        linewidth=1.8,
        zorder=6,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=4, foreground="white")],
    )
    axis.text(
        x,
        y - 0.012 * frame.height,
        frame.bar.text,
        fontsize=7.5,
        color=INK,
        va="bottom",
        zorder=6,
        path_effects=[withStroke(linewidth=3.2, foreground="white")],
    )


def _show_values(
    axis: Axes,
    frame: Frame,
    values: NDArray[np.floating],
    limits: tuple[float, float],
    ramp: str,
) -> None:
    from matplotlib import colormaps

    known = np.isfinite(values)
    place = np.clip((values[known] - limits[0]) / (limits[1] - limits[0]), 0, 1)
    _add_spots(axis, frame, ~known, "#ffffff", ring=True)
    _add_spots(axis, frame, known, colormaps[COLORMAPS[ramp]](place))


def _add_spots(
    axis: Axes, frame: Frame, chosen: NDArray[np.bool_], colours: Any, ring: bool = False
) -> None:
    from matplotlib.collections import EllipseCollection

    if not chosen.any():
        return
    size = [frame.diameter * (0.8 if ring else 1.0)]
    spots = EllipseCollection(
        size, size, [0.0], units="xy", offsets=frame.points[chosen],
        offset_transform=axis.transData, facecolors=colours, zorder=2,
        edgecolors=_RING if ring else "none", linewidths=0.6 if ring else 0.0,
    )  # fmt: skip
    spots.set_rasterized(int(chosen.sum()) > _MOST_VECTORS)
    axis.add_collection(spots)


def _add_bar(
    figure: Figure, axes: list[Axes], limits: tuple[float, float], ramp: str, name: str
) -> None:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    shown = ScalarMappable(Normalize(*limits), COLORMAPS[ramp])
    bar = figure.colorbar(shown, ax=axes, location="bottom", shrink=0.7, aspect=28, pad=0.02)
    bar.set_label(name, fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=7.5, colors=INK)
    bar.outline.set_linewidth(0.5)


def _add_legend(axis: Axes, entries: list[tuple[str, str]], line: bool = False) -> None:
    """Name colours below a map: as dots, or as lines."""
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"linewidth": 2} if line else {"linewidth": 0, "marker": "o"}
    handles = [
        Line2D([], [], color=colour, markersize=5, label=shorten(name, 32), **look)
        for colour, name in entries
    ]
    if handles:
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
        _forbid_math(drawn)


def _forbid_math(legend: Any) -> None:
    """Take names as they are: a class may be called ``$x_1$``."""
    for text in legend.get_texts():
        text.set_parse_math(False)
