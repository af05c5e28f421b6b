"""Figures of a comparison: what they show, and the files they become."""

from __future__ import annotations

import dataclasses
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import EllipseCollection
from PIL import Image

from napari_stexp.compare import ReportContent, write_comparison_report
from napari_stexp.compare.figures import draw_class_maps, draw_gene_maps, draw_tissue
from napari_stexp.compare.report_parts import make_view
from napari_stexp.compare.report_plots import (
    draw_boxes,
    draw_confusion,
    draw_correlations,
    draw_scatter,
)
from napari_stexp.compare.report_tables import describe_agreement
from napari_stexp.compare.report_values import read_genes
from napari_stexp.evaluate.drawing import embed_plot
from napari_stexp.evaluate.report_maps import CATEGORIES
from napari_stexp.figure.saving import file_name, save_figure, unique_name
from tests.compare.contents import GENES, MPP, N, make_content, make_labels

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def content() -> ReportContent:
    return make_content()


@pytest.fixture(scope="module")
def view(content):
    return make_view(content)


def _spots(axis) -> list[EllipseCollection]:
    return [one for one in axis.collections if isinstance(one, EllipseCollection)]


def _texts(figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda one: hasattr(one, "get_text"))]


def test_a_gene_is_drawn_as_measured_predicted_and_their_difference(content, view) -> None:
    values = read_genes(content)[0]
    figure = draw_gene_maps(view.frame, view.outlines, values, "spot")
    panels = figure.axes[:3]
    assert [axis.get_title() for axis in panels] == [
        "Measured",
        "Predicted",
        "Predicted \N{MINUS SIGN} measured",
    ]
    assert sum(len(one.get_offsets()) for one in _spots(panels[1])) == N
    low, high = figure.axes[4].get_xlim()
    assert low == pytest.approx(-high)
    assert figure.get_suptitle() == values.gene
    assert figure._suptitle.get_style() == "italic"
    only = dataclasses.replace(values, measured=None)
    assert len(draw_gene_maps(view.frame, view.outlines, only, "spot").axes) == 2


def test_spots_lie_where_they_are_and_have_the_colour_of_their_class(content, view) -> None:
    labels = content.labels
    figure = draw_class_maps(view.frame, (), [("t", labels.values, view.colours)])
    rings, spots = _spots(figure.axes[0])
    unlabelled = labels.values == ""
    np.testing.assert_allclose(rings.get_offsets(), view.frame.points[unlabelled])
    np.testing.assert_allclose(spots.get_offsets(), view.frame.points[~unlabelled])
    expected = [labels.colours[name] for name in labels.values[~unlabelled]]
    np.testing.assert_allclose(spots.get_facecolors()[:, :3] * 255, expected, atol=0.5)
    legend = figure.axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == list(labels.colours)


def test_the_scale_bar_is_as_long_as_it_says(content, view) -> None:
    axis = draw_tissue(view.frame, view.outlines, "t").axes[0]
    (bar,) = axis.lines
    (text,) = axis.texts
    um = float(text.get_text().removesuffix(" µm"))
    assert np.ptp(bar.get_xdata()) / view.frame.unit * MPP == pytest.approx(um, rel=1e-3)


def test_boxes_are_quartiles_of_each_class(content) -> None:
    labels, values = content.labels, read_genes(content)[1]
    figure = draw_boxes(values, labels, "spot")
    for axis, numbers in zip(figure.axes, (values.measured, values.predicted), strict=True):
        for row, name in enumerate(labels.colours):
            chosen = numbers[(labels.values == name) & np.isfinite(numbers)]
            low, high = np.percentile(chosen, [25, 75])
            bar = axis.patches[row]
            assert bar.get_x() == pytest.approx(low, abs=1e-6)
            assert bar.get_width() == pytest.approx(high - low, abs=1e-6)
    ticks = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert ticks == ["Tumor (46)", "Stroma (50)", "Necrosis (2)"]


def test_plots_that_would_be_empty_are_left_out(content) -> None:
    values = read_genes(content)[0]
    nothing = np.full(N, np.nan, dtype=np.float32)
    empty = dataclasses.replace(values, measured=None, predicted=nothing)
    assert draw_boxes(empty, content.labels, "spot") is None
    assert draw_scatter(empty, content.labels, "spot") is None
    assert draw_scatter(dataclasses.replace(empty, measured=nothing), None, "spot") is None
    scores = dataclasses.replace(content.scores, scores=content.scores.scores * np.nan)
    assert draw_correlations(scores, []) is None


def test_correlations_that_are_all_the_same_are_drawn(content) -> None:
    scores = content.scores.scores.assign(pcc_spot=1.0)
    figure = draw_correlations(dataclasses.replace(content.scores, scores=scores), ["GENE1"])
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == len(scores)


def test_a_constant_gene_is_drawn(content, view) -> None:
    flat = np.ones(N, dtype=np.float32)
    values = dataclasses.replace(read_genes(content)[0], predicted=flat, measured=0 * flat)
    for figure in (
        draw_gene_maps(view.frame, (), values, "spot"),
        draw_boxes(values, content.labels, "spot"),
        draw_scatter(values, content.labels, "spot"),
    ):
        assert embed_plot(figure, "drawn", density=0.5).width > 100


def test_the_scatter_holds_every_spot_once(content) -> None:
    values = read_genes(content)[0]
    known = np.isfinite(values.predicted)
    for labels in (content.labels, None):
        (axis,) = draw_scatter(values, labels, "spot").axes
        points = np.vstack([one.get_offsets() for one in axis.collections])
        expected = np.column_stack([values.measured, values.predicted])[known]
        order, wanted = (np.lexsort(table.T) for table in (points, expected))
        np.testing.assert_allclose(points[order], expected[wanted])
        assert "98 spots" in axis.get_title("right")


def test_names_with_dollars_are_no_formulas(content, view, tmp_path) -> None:
    labels = make_labels({"$x_1$": (1, 2, 3), "$": (4, 5, 6), "a$b$": (7, 8, 9)})
    colours = dict(zip(labels.colours, CATEGORIES, strict=False))
    values = dataclasses.replace(read_genes(content)[0], gene="$\\frac$")
    figures = [
        draw_class_maps(view.frame, (), [("$\\bad$", labels.values, colours)]),
        draw_boxes(values, labels, "spot"),
        draw_scatter(values, labels, "spot"),
        draw_gene_maps(view.frame, (), values, "spot"),
    ]
    for figure in figures:
        embed_plot(figure, "drawn", density=0.5)
    save_figure(figures[1], tmp_path / "boxes", "$\\note$")
    assert "$x_1$ (46)" in _texts(figures[1])


def test_the_confusion_shows_its_counts(content) -> None:
    part = describe_agreement(content, content.agreements[0])
    (axis,) = draw_confusion(part.confusion, "t").axes
    shown = [int(text.get_text()) for text in axis.texts if text.get_text().isdigit()]
    assert sum(shown) == content.agreements[0].n_compared


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("written")
    content = make_content(genes=["GENE0"])
    write_comparison_report(content, folder / "r.html", folder / "figures", folder / "tables")
    return folder


def test_every_figure_is_a_png_and_an_svg(written) -> None:
    names = {path.stem for path in (written / "figures").iterdir()}
    assert names == {
        "tissue",
        "labels",
        "gene-GENE0-maps",
        "gene-GENE0-classes",
        "gene-GENE0-scatter",
        "domains-kmeans-predicted",
        "confusion-kmeans-predicted",
        "correlations",
    }
    for name in names:
        with Image.open(written / "figures" / f"{name}.png") as image:
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.1)
            assert "model small model cdcdcdcdcdcd" in image.info["Description"]
            assert image.width > 1000
        root = ET.parse(written / "figures" / f"{name}.svg").getroot()
        assert root.tag == f"{SVG}svg"
        text = (written / "figures" / f"{name}.svg").read_text("utf-8")
        assert "slide abababababab" in text
        assert not {
            one.get("{http://www.w3.org/1999/xlink}href")
            for one in root.iter(f"{SVG}image")
            if not one.get("{http://www.w3.org/1999/xlink}href").startswith("data:")
        }


def test_the_tissue_is_dense_enough_for_print(written) -> None:
    with Image.open(written / "figures" / "tissue.png") as image:
        assert image.width > 6.5 * 300


def test_every_table_is_written_whole(written) -> None:
    import pandas as pd

    content = make_content(genes=["GENE0"])
    names = {path.name for path in (written / "tables").iterdir()}
    assert names == {
        "genes-Tumor-vs-all_other_classes-predicted.csv",
        "genes-Tumor-vs-all_other_classes-measured.csv",
        "confusion-kmeans-predicted.csv",
        "disagreement-kmeans-predicted.csv",
        "correlations.csv",
    }
    for contrast in content.contrasts:
        path = written / "tables" / f"genes-Tumor-vs-all_other_classes-{contrast.source}.csv"
        table = pd.read_csv(path, index_col="gene")
        pd.testing.assert_frame_equal(table, contrast.table, rtol=1e-5)
    disagreement = pd.read_csv(written / "tables" / "disagreement-kmeans-predicted.csv")
    spots = content.agreements[0].disagreement["spot"]
    assert disagreement["barcode"].tolist() == list(content.prediction.obs_names[spots])
    correlations = pd.read_csv(written / "tables" / "correlations.csv", index_col="gene")
    assert list(correlations.index) == list(GENES)


def test_names_of_files_are_plain_and_unique() -> None:
    assert file_name("gene", "HLA-DRA/2", "../x") == "gene-HLA-DRA_2-x"
    assert file_name("Immune cells: CD8", "腫瘍") == "Immune_cells_CD8-腫瘍"
    assert file_name("///") == "unnamed"
    assert len(file_name("x" * 500)) <= 120
    taken: set[str] = set()
    names = [unique_name(name, taken) for name in ("a", "A", "a", "b")]
    assert names == ["a", "A-2", "a-3", "b"]
