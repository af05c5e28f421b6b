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
from napari_stexp.evaluate.drawing import INK, new_figure
from napari_stexp.evaluate.report_maps import COLORMAPS
from napari_stexp.evaluate.report_words import describe_scale
from napari_stexp.figure.parts import (
    FADED,
    add_color_bar,
    add_legend,
    add_outlines,
    add_scale_bar,
    add_spots,
    frame_axis,
    map_colors,
    show_picture,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_stexp.compare.report_values import GeneValues
    from napari_stexp.evaluate.report_frames import Frame
    from napari_stexp.figure.outlines import Outline

__all__ = ["draw_class_maps", "draw_gene_maps", "draw_tissue"]

_PANEL = 3.2  # inches: width of one map beside others
_WHOLE = 6.6  # inches: width of a map by itself


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
    add_legend(axis, [(one.colour, one.name or "no class") for one in outlines], line=True)
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
        name = "difference" if panel == "residual" else words
        add_color_bar(figure, beside, limits[panel], COLORMAPS[ramp], name)
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
        add_spots(axis, frame.points[~known], frame.diameter, "#ffffff", ring=True)
        add_spots(axis, frame.points[known], frame.diameter, list(found[known]))
        axis.set_title(title, fontsize=9.5, color=INK, parse_math=False)
        shown = [(c, name) for name, c in colours.items() if (names == name).any()]
        add_legend(axis, shown)
    return figure


def _new_maps(frame: Frame, n: int, width: float) -> tuple[Figure, list[Axes]]:
    height = width * frame.height / frame.width
    figure = new_figure(width * n + 0.3, height + 1.3)
    return figure, list(figure.subplots(1, n, squeeze=False)[0])


def _show_tissue(axis: Axes, frame: Frame, outlines: Sequence[Outline], faded: bool = True) -> None:
    if frame.source:
        extent = (0.0, 0.0, frame.width, frame.height)
        opacity = FADED if faded else 1.0
        show_picture(axis, _decode(frame.source), extent, opacity=opacity)
    frame_axis(axis, frame.width, frame.height)
    add_outlines(axis, outlines, thin=faded)
    if frame.bar is not None:
        add_scale_bar(axis, (frame.width, frame.height), frame.bar.length, frame.bar.text)


def _decode(source: str) -> NDArray[np.uint8]:
    """Return the pixels of a data URI."""
    from PIL import Image

    with Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))


def _show_values(
    axis: Axes,
    frame: Frame,
    values: NDArray[np.floating],
    limits: tuple[float, float],
    ramp: str,
) -> None:
    known = np.isfinite(values)
    add_spots(axis, frame.points[~known], frame.diameter, "#ffffff", ring=True)
    colours = map_colors(values[known], limits, COLORMAPS[ramp])
    add_spots(axis, frame.points[known], frame.diameter, colours)
