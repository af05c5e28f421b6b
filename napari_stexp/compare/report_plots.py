"""The plots of a comparison report: one gene by class and against its measurement, all genes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.evaluate.drawing import FAINT, INK, WIDTH, new_figure, shorten, style_axis, wrap
from napari_stexp.evaluate.report_words import describe_scale, format_number
from napari_stexp.figure.outlines import hex_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from napari_stexp.compare.report_content import LabelsOfSpots
    from napari_stexp.compare.report_values import GeneValues
    from napari_stexp.evaluate import EvaluationResult

__all__ = ["PLOT_DENSITY", "draw_boxes", "draw_confusion", "draw_correlations", "draw_scatter"]

#: Image pixels per CSS pixel that print at 300 dpi (`embed_plot`).
PLOT_DENSITY = 3.125
_MOST_POINTS = 400  # of one class, drawn one by one beside its box
_ROW = 0.32  # inches per class
_PLOT_WIDTH = 5.6  # inches: half of the page
_PLAIN = "#0072B2"


def draw_boxes(values: GeneValues, labels: LabelsOfSpots, scale: str) -> Figure | None:
    """Draw a gene's values per class: quartiles, whiskers of 1.5 times their distance, spots.

    Parameters
    ----------
    values : GeneValues
        Of one gene.
    labels : LabelsOfSpots
        Class of each spot.
    scale : str
        Expression scale of the values.

    Returns
    -------
    Figure or None
        None where no labelled spot has a value.
    """
    classes = [name for name in labels.colours if _any_value(values, labels.values == name)]
    if not classes:
        return None
    sources = values.sources
    figure = new_figure(_PLOT_WIDTH, max(0.95 + _ROW * len(classes), 2.0))
    axes = figure.subplots(1, len(sources), sharey=True, squeeze=False)[0]
    for axis, (source, numbers) in zip(axes, sources.items(), strict=True):
        for row, name in enumerate(classes):
            chosen = numbers[(labels.values == name) & np.isfinite(numbers)]
            if len(chosen):
                _draw_box(axis, row, chosen.astype(np.float64), hex_of(labels.colours[name]))
        style_axis(axis, source, "")
    counts = [int((labels.values == name).sum()) for name in classes]
    names = [
        f"{wrap(shorten(name, 44), 24)} ({n})" for name, n in zip(classes, counts, strict=True)
    ]
    axes[0].set_yticks(range(len(classes)), names, parse_math=False)
    axes[0].set_ylim(len(classes) - 0.4, -0.6)
    axes[0].tick_params(axis="y", labelsize=9)
    _write_titles(axes[0], axes[-1], values.gene, f"log10(1 + x), {describe_scale(scale).name}")
    return figure


def _any_value(values: GeneValues, chosen: NDArray[np.bool_]) -> bool:
    return any(bool(np.isfinite(part[chosen]).any()) for part in values.sources.values())


def _draw_box(axis: Axes, row: int, values: NDArray[np.float64], colour: str) -> None:
    from matplotlib.cbook import boxplot_stats

    found = boxplot_stats(values)[0]
    axis.hlines(row, found["whislo"], found["whishi"], color=INK, linewidth=1, zorder=1)
    axis.barh(row, found["q3"] - found["q1"], 0.62, left=found["q1"], facecolor=colour, alpha=0.55,
              edgecolor=INK, linewidth=0.9, zorder=2)  # fmt: skip
    axis.vlines(found["med"], row - 0.31, row + 0.31, color=INK, linewidth=2, zorder=3)
    shown = values if len(values) <= _MOST_POINTS else found["fliers"][:_MOST_POINTS]
    jitter = np.random.default_rng(row).uniform(-0.22, 0.22, len(shown))
    axis.scatter(shown, row + jitter, s=4, color=INK, alpha=0.35, linewidths=0, zorder=4)


def draw_scatter(values: GeneValues, labels: LabelsOfSpots | None, scale: str) -> Figure | None:
    """Draw a gene's prediction against its measurement, one point per spot, None without both.

    Parameters are those of `draw_boxes`.
    """
    if values.measured is None or values.predicted is None:
        return None
    known = np.isfinite(values.measured) & np.isfinite(values.predicted)
    if not known.any():
        return None
    figure = new_figure(_PLOT_WIDTH, 3.3)
    axis = figure.subplots()
    for chosen, colour in _groups(labels, known):
        axis.scatter(values.measured[chosen], values.predicted[chosen], s=14, color=colour,
                     alpha=0.7, linewidths=0, rasterized=len(known) > 5000)  # fmt: skip
    axis.margins(0.05)
    limits = axis.get_xlim(), axis.get_ylim()
    axis.axline((0, 0), slope=1, color=FAINT, linewidth=1, linestyle="--", zorder=0)
    axis.set(xlim=limits[0], ylim=limits[1])
    style_axis(
        axis,
        f"measured, log10(1 + x), {describe_scale(scale).name}",
        f"predicted, {describe_scale(scale).name}",
    )
    text = f"PCC {format_number(values.pcc, 2)}, {int(known.sum()):,} spots"
    _write_titles(axis, axis, values.gene, text)
    return figure


def _write_titles(first: Axes, last: Axes, gene: str, facts: str) -> None:
    """Write the gene over the left end of a plot, and facts over its right end."""
    first.set_title(gene, fontsize=11, color=INK, loc="left", style="italic", parse_math=False)
    last.set_title(facts, fontsize=9.5, color=INK, loc="right")


def _groups(
    labels: LabelsOfSpots | None, known: NDArray[np.bool_]
) -> list[tuple[NDArray[np.bool_], str]]:
    """Return spots and their colour, those without a class first."""
    if labels is None:
        return [(known, _PLAIN)]
    named = np.isin(labels.values.astype(str), list(labels.colours))
    groups = [(known & ~named, "#b9bec7")]
    groups += [
        (known & (labels.values == name), hex_of(color)) for name, color in labels.colours.items()
    ]
    return [group for group in groups if group[0].any()]


def draw_correlations(scores: EvaluationResult, genes: list[str]) -> Figure | None:
    """Draw how the correlations of all genes are distributed, the shown genes marked.

    Returns None where no correlation is defined.
    """
    pcc = scores.scores[f"pcc_{scores.scale}"]
    known = pcc[np.isfinite(pcc)]
    if known.empty:
        return None
    figure = new_figure(WIDTH, 3.6)
    axis = figure.subplots()
    limits = float(known.min()) - 0.01, float(known.max()) + 0.01  # a range, also of one value
    n_bins = min(60, max(10, len(known) // 8))
    axis.hist(known, bins=n_bins, range=limits, color=_PLAIN, alpha=0.75)
    axis.axvline(0, color=INK, linewidth=0.8)
    mean = float(known.mean())
    axis.axvline(mean, color="#D55E00", linewidth=1.6)
    axis.set_title(f"mean {format_number(mean, 3)}", fontsize=10, color="#D55E00", loc="right")
    top = axis.get_ylim()[1]
    axis.set_ylim(0, top * 1.05)
    for gene in [name for name in dict.fromkeys(genes) if name in known.index]:
        axis.plot([known[gene]] * 2, [0, -0.05 * top], color=INK, linewidth=1.2, clip_on=False)
    _name_marks(axis, {gene: float(known[gene]) for gene in dict.fromkeys(genes) if gene in known})
    style_axis(axis, f"PCC per gene, {describe_scale(scores.scale).name}", "genes")
    return figure


def _name_marks(axis: Axes, places: Mapping[str, float]) -> None:
    """Write names of genes over their places, in as many rows as keep them apart."""
    from matplotlib.patheffects import withStroke

    low, high = axis.get_xlim()
    ends: list[float] = []
    for gene, place in sorted(places.items(), key=lambda item: item[1]):
        width = 0.022 * (high - low) * (min(len(gene), 18) + 1)
        row = next((at for at, end in enumerate(ends) if end < place - width / 2), len(ends))
        ends[row : row + 1] = [place + width / 2]
        axis.text(
            place, 0.97 - 0.075 * row, shorten(gene), transform=axis.get_xaxis_transform(),
            ha="center", va="top", fontsize=8.5, style="italic", parse_math=False,
            path_effects=[withStroke(linewidth=2.5, foreground="white")],
        )  # fmt: skip


def draw_confusion(table: Any, title: str) -> Figure:
    """Draw a confusion table (`napari_stexp.evaluate.report_tables.Confusion`)."""
    n_rows, n_columns = len(table.classes), len(table.domains)
    figure = new_figure(2.4 + 0.62 * n_columns, 1.1 + 0.38 * n_rows)
    axis = figure.subplots()
    shares = np.array([[cell[1] for cell in row] for row in table.cells])
    axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for row, cells in enumerate(table.cells):
        for column, (count, share, *_) in enumerate(cells):
            axis.text(column, row, f"{count}", ha="center", va="center", fontsize=9,
                      color="white" if share > 0.5 else INK)  # fmt: skip
    axis.set_xticks(range(n_columns), table.domains)
    names = [shorten(name, 28) for name in table.classes]
    axis.set_yticks(range(n_rows), names, parse_math=False)
    style_axis(axis, "domain", "")
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)
    axis.set_title(title, fontsize=9.5, color=INK, loc="left", parse_math=False)
    return figure
