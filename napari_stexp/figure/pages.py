"""Drawing a figure: one map, or several with linked views, their titles, bars and legends."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate.drawing import INK, new_figure, shorten
from napari_stexp.evaluate.report_frames import measure_bar
from napari_stexp.figure.content import (
    ClassMap,
    FigureContent,
    Map,
    MixMap,
    Surface,
    ValueMap,
)
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

__all__ = ["MM_PER_INCH", "count_columns", "draw_figure", "panel_px"]

MM_PER_INCH = 25.4
_TITLE, _BAR, _LINE = 0.3, 0.55, 0.16  # inches: heights of what stands around a map
_NARROW = 2.4  # inches: narrower maps have the short form of what their values are


def count_columns(n_maps: int, aspect: float, columns: int = 0) -> int:
    """Return how many maps stand beside each other.

    Parameters
    ----------
    n_maps : int
    aspect : float
        Height of a map over its width.
    columns : int
        What was asked for; 0 for what makes the figure about as wide as high, three maps
        at most being in one row.
    """
    if columns:
        return min(columns, n_maps)
    if n_maps <= 3:
        return n_maps
    return min(n_maps, max(1, round(math.sqrt(n_maps * aspect))))


def panel_px(content_width_mm: float, columns: int, dpi: int) -> int:
    """Return how many pixels a map is wide on paper."""
    return max(1, round(content_width_mm / MM_PER_INCH / columns * dpi))


def draw_figure(content: FigureContent) -> Figure:
    """Draw a figure.

    Parameters
    ----------
    content : FigureContent
        What it shows.

    Returns
    -------
    matplotlib.figure.Figure
        With a canvas of its own; it takes no part in pyplot.
    """
    width, height = content.ground.size
    n = len(content.maps)
    columns = count_columns(n, height / width, content.columns)
    rows = math.ceil(n / columns)
    shared = _shared_bar(content)
    panel = content.width_mm / MM_PER_INCH / columns
    below = max(_space_below(one, content, shared is not None) for one in content.maps)
    figure = new_figure(
        panel * columns,
        rows * (panel * height / width + _TITLE + below)
        + (_BAR if shared else 0)
        + (_TITLE if content.title else 0),
    )
    axes = list(figure.subplots(rows, columns, squeeze=False).ravel())
    for axis in axes[n:]:
        axis.remove()
    for axis, one in zip(axes, content.maps, strict=False):
        _draw_map(figure, axis, one, content, with_bar=shared is None, narrow=panel < _NARROW)
    if shared is not None:
        _draw_bar(figure, axes[:n], shared, narrow=False)
    if content.title:
        style = "italic" if content.is_gene else "normal"
        figure.suptitle(content.title, style=style, fontsize=12, color=INK, parse_math=False)
    return figure


def _space_below(one: Map, content: FigureContent, is_shared: bool) -> float:
    """Return the inches that bar or legend take below a map."""
    outlines = _LINE * (math.ceil(len(content.outlines) / 4) + 1)
    if isinstance(one, ValueMap):
        named = outlines if _names_outlines(content) else 0.0
        return named + (0.0 if is_shared else _BAR)
    if isinstance(one, MixMap):
        return _LINE * (math.ceil(len(one.entries) / 2) + 1)
    if isinstance(one, ClassMap):
        return _LINE * (math.ceil(len(one.colours or ()) / 2) + 1)
    return outlines


def _shared_bar(content: FigureContent) -> ValueMap | None:
    """Return one of the maps if one colour bar does for all of them."""
    maps = content.maps
    first = maps[0]
    if len(maps) < 2 or not isinstance(first, ValueMap):
        return None
    same = all(
        isinstance(one, ValueMap)
        and (one.limits, one.colormap, one.label, one.threshold)
        == (first.limits, first.colormap, first.label, first.threshold)
        for one in maps
    )
    return first if same else None


def _draw_map(
    figure: Figure, axis: Axes, one: Map, content: FigureContent, *, with_bar: bool, narrow: bool
) -> None:
    ground = content.ground
    width, height = ground.size
    plain = type(one) is Map
    if ground.picture is not None:
        opacity = FADED if content.faded and not plain else 1.0
        show_picture(axis, ground.picture, ground.place_box(ground.extent), opacity=opacity)
    frame_axis(axis, width, height)
    if isinstance(one, ValueMap):
        _draw_values(axis, one, content)
        if with_bar:
            _draw_bar(figure, [axis], one, narrow=narrow)
    elif isinstance(one, ClassMap):
        _draw_classes(axis, one, content)
    elif isinstance(one, MixMap):
        _draw_mixture(axis, one, content)
    add_outlines(axis, content.outlines, thin=content.faded and not plain)
    if plain or _names_outlines(content):
        named = [(line.colour, line.name or "no class") for line in content.outlines]
        add_legend(axis, named, line=True)
    bar = measure_bar(ground.bounds[2] - ground.bounds[0], ground.mpp, ground.unit)
    if bar is not None:
        add_scale_bar(axis, (width, height), bar.length, bar.text)
    if one.title:
        style = "italic" if one.is_gene else "normal"
        title = shorten(one.title, 24 if narrow else 60)
        axis.set_title(title, fontsize=10, color=INK, style=style, parse_math=False)


def _names_outlines(content: FigureContent) -> bool:
    """Whether a single map of values has outlines in colours, which want a legend."""
    one = content.maps[0]
    return len(content.maps) == 1 and isinstance(one, ValueMap) and not content.faded


def _draw_bar(figure: Figure, axes: list[Axes], one: ValueMap, *, narrow: bool) -> None:
    name = one.label
    if one.threshold is not None:
        name += f"; not coloured below {one.threshold:.3g}"
    if narrow:  # in two lines at the most
        name = name.replace("; ", "\n").replace(", ", "\n", 1)
    add_color_bar(figure, axes, one.limits, one.colormap, name, threshold=one.threshold)


def _draw_values(axis: Axes, one: ValueMap, content: FigureContent) -> None:
    if one.surface is not None:
        averages = np.asarray(one.surface.values, dtype=np.float64)
        cover = np.where(np.isfinite(averages), one.surface.cover, 0.0)
        if one.threshold is not None:
            cover[averages < one.threshold] = 0
        colours = map_colors(np.nan_to_num(averages, nan=one.limits[0]), one.limits, one.colormap)
        _show_surface(axis, one.surface, colours[..., :3], cover, content)
        return
    if one.values is None:
        return
    known = np.isfinite(one.values)
    _add(axis, content, ~known, "none", ring=True)
    if one.threshold is not None:
        known &= one.values >= one.threshold
    _add(axis, content, known, map_colors(one.values[known], one.limits, one.colormap))


def _show_surface(
    axis: Axes,
    surface: Surface,
    colours: NDArray[np.floating],
    cover: NDArray[np.floating],
    content: FigureContent,
) -> None:
    picture = np.dstack([colours, np.clip(cover * content.opacity, 0, 1)])
    show_picture(axis, picture, content.ground.place_box(surface.extent), level=2, smooth=True)


def _draw_classes(axis: Axes, one: ClassMap, content: FigureContent) -> None:
    if one.names is None:
        return
    colours = one.colours or {}
    names = np.asarray(one.names, dtype=object)
    known = np.isin(names.astype(str), list(colours))
    _add(axis, content, ~known, "none", ring=True)
    _add(axis, content, known, np.array([colours[str(name)] for name in names[known]]))
    add_legend(axis, [(c, name) for name, c in colours.items() if (names == name).any()])


def _draw_mixture(axis: Axes, one: MixMap, content: FigureContent) -> None:
    add_legend(axis, one.entries, style="italic")
    if one.surface is not None:
        colours = np.clip(np.nan_to_num(one.surface.values), 0, 1)
        _show_surface(axis, one.surface, colours, one.surface.cover, content)
        return
    if one.colours is None:
        return
    known = one.colours[:, 3] > 0
    _add(axis, content, ~known, "none", ring=True)
    _add(axis, content, known, one.colours[known, :3])


def _add(
    axis: Axes,
    content: FigureContent,
    chosen: NDArray[np.bool_],
    colours: object,
    *,
    ring: bool = False,
) -> None:
    """Draw the chosen spots, those inside the view."""
    ground = content.ground
    points = ground.place(content.points[chosen])
    diameter = content.diameter * ground.unit
    inside = ((points > -diameter) & (points < np.array(ground.size) + diameter)).all(axis=1)
    if isinstance(colours, np.ndarray):
        colours = colours[inside]
    add_spots(
        axis,
        points[inside],
        diameter,
        colours,
        ring=ring,
        opacity=1.0 if ring else content.opacity,
        square=content.square,
    )
