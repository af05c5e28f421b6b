"""The plots of the report, drawn off screen and embedded as PNG.

Only ``Figure`` objects with their own canvas are used: no pyplot, no global state, so
that a report can be written beside a window or in another thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_stexp.evaluate.drawing import (
    FAINT,
    INK,
    WIDTH,
    Picture,
    embed_plot,
    new_figure,
    shorten,
    style_axis,
    wrap,
)
from napari_stexp.evaluate.report_verdict import mean_over_sections, read_value
from napari_stexp.evaluate.report_words import METRICS, describe_method, describe_scale
from napari_stexp.evaluate.results import METHODS, MODEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from napari_stexp.evaluate.results import StudyResult

__all__ = [
    "draw_distribution",
    "draw_levels",
    "draw_p_values",
    "draw_scatter",
    "draw_sections",
]

#: Okabe and Ito's colours, told apart with any colour vision; the model takes the strongest.
COLOURS = dict(
    zip(METHODS, ("#0072B2", "#7F7F7F", "#E69F00", "#D55E00", "#CC79A7", "#009E73"), strict=True)
)
_MARKERS = dict(zip(METHODS, ("o", "X", "s", "D", "^", "v"), strict=True))
#: p below this can't be told from 0.
_SMALLEST_P = 1e-300
_MANY_SECTIONS = 12  # above which their rows are drawn closer
_FEW_GENES = 10  # a violin of fewer is an invention


def draw_sections(result: StudyResult, scale: str) -> Picture:
    """Draw ACG and HEG of each method on each section, with their intervals."""
    names = [section.name for section in result.sections]
    methods = [method for method in result.methods if method != "mean"]
    row = (0.17 if len(names) <= _MANY_SECTIONS else 0.075) * max(len(methods), 3)
    height = 1.0 + row * len(names)
    figure = new_figure(2 * WIDTH, height)
    axes = figure.subplots(1, 2, sharey=True)
    for axis, metric in zip(axes, ("acg_pcc", "heg_pcc"), strict=True):
        for at, method in enumerate(methods):
            offset = 0.8 * ((at + 0.5) / len(methods) - 0.5)
            _draw_whiskers(axis, result, scale, method, metric, offset)
        style_axis(axis, f"{METRICS[metric].name} (PCC), {describe_scale(scale).name}", "")
        axis.axvline(0, color=INK, linewidth=0.8)
        for border in np.arange(len(names) - 1) + 0.5:
            axis.axhline(border, color=FAINT, linewidth=0.6)
    axes[0].set_yticks(range(len(names)), [shorten(name) for name in names], parse_math=False)
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, frameon=False, fontsize=9.5)
    return embed_plot(figure, "ACG and HEG of each method on each section, with 95 % intervals")


def _draw_whiskers(
    axis: Axes, result: StudyResult, scale: str, method: str, metric: str, offset: float
) -> None:
    found = np.array(
        [
            read_value(result.summary, scale, method, metric, section.name)
            for section in result.sections
        ]
    )
    value, low, high = found.T
    places = np.arange(len(found)) + offset
    spread = np.abs(np.stack([value - low, high - value]))
    axis.errorbar(
        value,
        places,
        xerr=np.nan_to_num(spread),
        fmt=_MARKERS[method],
        color=COLOURS[method],
        markersize=5.5,
        elinewidth=1.3,
        label=describe_method(method).name,
    )


def draw_distribution(result: StudyResult, scale: str) -> Picture:
    """Draw how the correlation is distributed over the genes, for each method."""
    methods = list(result.methods)
    figure = new_figure(WIDTH, 1.0 + 0.52 * len(methods))
    axis = figure.subplots()
    for at, method in enumerate(methods):
        pcc = mean_over_sections(result, scale, method).to_numpy(dtype=np.float64)
        _draw_violin(axis, pcc[np.isfinite(pcc)], at, COLOURS[method])
    names = [describe_method(method).name for method in methods]
    axis.set_yticks(range(len(methods)), [wrap(name) for name in names])
    axis.set_ylim(len(methods) - 0.4, -0.6)
    axis.axvline(0, color=INK, linewidth=0.8)
    style_axis(axis, f"PCC per gene, {describe_scale(scale).name}{_over(result)}", "")
    return embed_plot(figure, "Distribution of the correlation over genes, one row per method")


def _draw_violin(axis: Axes, values: Any, place: int, colour: str) -> None:
    if len(values) == 0:
        axis.text(0.02, place, "undefined: the same in all spots", va="center", fontsize=9)
        return
    if len(values) >= _FEW_GENES and np.ptp(values) > 1e-6:
        parts: dict[str, Any] = axis.violinplot(
            values, positions=[place], orientation="horizontal", widths=0.8, showextrema=False
        )
        for body in parts["bodies"]:
            body.set(facecolor=colour, alpha=0.45, edgecolor=colour)
        low, median, high = np.percentile(values, [25, 50, 75])
        axis.plot([low, high], [place, place], color=INK, linewidth=3, solid_capstyle="butt")
        axis.plot(median, place, "|", color="white", markersize=5, markeredgewidth=1.6)
    else:
        axis.plot(values, np.full(len(values), place), "o", color=colour, markersize=5, alpha=0.7)
    axis.plot(values.mean(), place, "D", color="white", markeredgecolor=INK, markersize=5.5)


def draw_scatter(result: StudyResult, scale: str, baseline: str) -> Picture:
    """Draw each gene's correlation, the model's against the strongest baseline's."""
    ours = mean_over_sections(result, scale, MODEL)
    theirs = mean_over_sections(result, scale, baseline).reindex(ours.index)
    known = np.isfinite(ours.to_numpy()) & np.isfinite(theirs.to_numpy())
    x, y = theirs.to_numpy()[known], ours.to_numpy()[known]
    figure = new_figure(WIDTH, WIDTH)
    axis = figure.subplots()
    ahead = y > x
    for chosen, colour in ((ahead, COLOURS[MODEL]), (~ahead, COLOURS[baseline])):
        axis.scatter(x[chosen], y[chosen], s=14, color=colour, alpha=0.55, linewidths=0)
    _same_limits(axis, x, y)
    _name_extremes(axis, x, y, ours.index.to_numpy()[known], y - x, 3)
    axis.set_aspect("equal")
    style_axis(
        axis,
        f"{describe_method(baseline).name}: PCC, {describe_scale(scale).name}",
        f"{describe_method(MODEL).name}: PCC, {describe_scale(scale).name}",
    )
    for text, place, side, colour in (
        (f"mclSTExp ahead: {ahead.sum()} genes", (0.03, 0.97), "left", COLOURS[MODEL]),
        (f"baseline ahead: {(~ahead).sum()} genes", (0.97, 0.03), "right", COLOURS[baseline]),
    ):
        up = "top" if side == "left" else "bottom"
        axis.text(
            *place, text, transform=axis.transAxes, ha=side, va=up, color=colour, weight="bold"
        )
    return embed_plot(figure, "Correlation of each gene, mclSTExp against the strongest baseline")


def _same_limits(axis: Axes, x: Any, y: Any) -> None:
    both = np.concatenate([x, y])
    margin = 0.06 * max(float(np.ptp(both)), 0.1)
    limits = (both.min() - margin, both.max() + margin)
    axis.set(xlim=limits, ylim=limits)
    axis.plot(limits, limits, color=INK, linewidth=1, linestyle="--", zorder=0)
    axis.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    axis.axvline(0, color=FAINT, linewidth=0.8, zorder=0)


def draw_p_values(result: StudyResult, scale: str) -> Picture:
    """Draw -log10 p against the correlation of each gene in each section."""
    scores = result.scores
    scores = scores[(scores["scale"] == scale) & (scores["method"] == MODEL)]
    scores = scores[np.isfinite(scores["pcc"]) & np.isfinite(scores["p"])]
    pcc = scores["pcc"].to_numpy()
    height = -np.log10(np.maximum(scores["p"].to_numpy(), _SMALLEST_P))
    significant = (scores["q"].to_numpy() < 0.05) & (pcc > 0)
    figure = new_figure(WIDTH, 4.4)
    axis = figure.subplots()
    for chosen, colour, label in (
        (significant, COLOURS[MODEL], "PCC > 0 and q < 0.05"),
        (~significant, "#8d939c", "other"),
    ):
        name = f"{label}: {int(chosen.sum()):,}"
        axis.scatter(
            pcc[chosen], height[chosen], s=14, color=colour, alpha=0.5, linewidths=0, label=name
        )
    axis.legend(frameon=False, loc="upper left", fontsize=9.5, handletextpad=0.2)
    axis.axvline(0, color=FAINT, linewidth=0.8, zorder=0)
    axis.set_ylim(bottom=0)
    axis.margins(y=0.12)
    if len(result.sections) == 1:
        _name_extremes(axis, pcc, height, scores["gene"].to_numpy(), height, 5, lowest=False)
    per = "gene and section" if len(result.sections) > 1 else "gene"
    name = f"{describe_method(MODEL).name}: PCC, {describe_scale(scale).name}, one point per {per}"
    style_axis(axis, name, r"$-\log_{10}\,p$")
    return embed_plot(figure, "Minus log10 p against the correlation of each gene")


def draw_levels(result: StudyResult, scale: str) -> Picture:
    """Draw the correlation of each gene against its mean measured expression."""
    scores = result.scores
    chosen = scores[(scores["scale"] == scale) & (scores["method"] == MODEL)]
    table = chosen.groupby("gene", sort=False)[["pcc", "mean_measured"]].mean().dropna()
    x, y = table["mean_measured"].to_numpy(), table["pcc"].to_numpy()
    figure = new_figure(WIDTH, 4.4)
    axis = figure.subplots()
    axis.scatter(x, y, s=14, color=COLOURS[MODEL], alpha=0.5, linewidths=0)
    axis.axhline(0, color=INK, linewidth=0.8, zorder=0)
    axis.margins(0.09)
    _name_extremes(axis, x, y, table.index.to_numpy(), y, 4)
    words = describe_scale(scale).name
    x_name = f"mean measured expression, log10(1 + x), {words}"
    style_axis(axis, x_name, f"PCC per gene{_over(result)}")
    return embed_plot(figure, "Correlation of each gene against its mean measured expression")


def _name_extremes(
    axis: Axes, x: Any, y: Any, names: Any, order: Any, n: int, lowest: bool = True
) -> None:
    """Write the names of the genes at the ends of ``order`` beside their points.

    The axes' limits must be set before, or names are written over each other.
    """
    from matplotlib.patheffects import withStroke

    ranks = np.argsort(order, kind="stable")
    chosen = list(ranks[::-1][:n])
    if lowest:
        chosen += [at for at in ranks[:n] if at not in chosen]
    left, right = axis.get_xlim()
    taken: list[tuple[float, float]] = []
    for at in chosen:
        spot = axis.transData.transform((x[at], y[at]))
        if any(abs(spot[0] - a) < 70 and abs(spot[1] - b) < 14 for a, b in taken):
            continue  # would be written over another name
        taken.append((float(spot[0]), float(spot[1])))
        before = x[at] > left + 0.75 * (right - left)
        axis.annotate(
            shorten(str(names[at])),
            (x[at], y[at]),
            xytext=(-5 if before else 5, 0),
            textcoords="offset points",
            ha="right" if before else "left",
            va="center",
            fontsize=9,
            style="italic",
            parse_math=False,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )


def _over(result: StudyResult) -> str:
    return ", mean over sections" if len(result.sections) > 1 else ""
