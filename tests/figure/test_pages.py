"""What figures show: maps, bars, legends, titles, and where everything lies."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.collections import EllipseCollection, LineCollection, PolyCollection
from matplotlib.image import AxesImage

from napari_stexp.figure import ClassMap, HeatMap, MixMap, Surface, TissueMap, draw_figure
from napari_stexp.figure.pages import count_columns
from tests.figure.figures import (
    BOUNDS,
    MPP,
    PITCH,
    POINTS,
    VALUES,
    N,
    make_content,
    make_ground,
    make_map,
)


def _spots(axis):
    """Return (rings, discs) of a map."""
    found = [one for one in axis.collections if isinstance(one, EllipseCollection)]
    rings = [one for one in found if one.get_linewidths()[0] > 0]
    return rings, [one for one in found if one not in rings]


def _bars(figure):
    return [axis for axis in figure.axes if axis.get_label() == "<colorbar>"]


def test_spots_lie_where_they_are_with_the_colour_of_their_value() -> None:
    content = make_content()
    figure = draw_figure(content)
    rings, (discs,) = _spots(figure.axes[0])
    assert rings == []
    unit = content.ground.unit
    np.testing.assert_allclose(discs.get_offsets(), POINTS * unit)
    np.testing.assert_allclose(discs.get_facecolors(), colormaps["viridis"](VALUES / 2), atol=1e-6)
    assert discs.get_widths()[0] == pytest.approx(110.0 * unit)
    (bar,) = _bars(figure)
    assert bar.get_xlim() == (0.0, 2.0)
    assert bar.get_xlabel() == "predicted, log10(1+CP10K)"


def test_genes_are_in_italics_and_other_titles_are_not() -> None:
    figure = draw_figure(make_content(make_map("ERBB2"), make_map("b", is_gene=False)))
    assert [axis.title.get_style() for axis in figure.axes[:2]] == ["italic", "normal"]
    figure = draw_figure(make_content(title="ERBB2", is_gene=True))
    assert figure._suptitle.get_style() == "italic"


def test_names_are_no_formulas() -> None:
    figure = draw_figure(make_content(make_map("$x_1"), title="$x$"))
    figure.draw_without_rendering()
    assert figure.axes[0].get_title() == "$x_1"


def test_spots_without_a_value_are_rings_and_those_below_the_threshold_are_clear() -> None:
    values = VALUES.copy()
    values[:3] = np.nan
    figure = draw_figure(make_content(make_map(values=values, threshold=1.0)))
    (rings,), (discs,) = _spots(figure.axes[0])
    assert len(rings.get_offsets()) == 3
    assert len(discs.get_offsets()) == (values >= 1).sum()
    assert "not coloured below 1" in _bars(figure)[0].get_xlabel()


def test_the_scale_bar_is_as_long_as_it_says() -> None:
    content = make_content()
    axis = draw_figure(content).axes[0]
    (line,) = axis.lines
    (text,) = axis.texts
    um = float(text.get_text().removesuffix(" µm"))
    assert np.ptp(line.get_xdata()) / content.ground.unit * MPP == pytest.approx(um, rel=1e-3)
    axis = draw_figure(make_content(ground=make_ground(mpp=None))).axes[0]
    assert len(axis.lines) == len(axis.texts) == 0


def test_the_slide_lies_below_its_spots() -> None:
    extent = (300.0, 200.0, 900.0, 800.0)
    content = make_content(ground=make_ground(extent=extent))
    axis = draw_figure(content).axes[0]
    (picture,) = [one for one in axis.get_children() if isinstance(one, AxesImage)]
    unit = content.ground.unit
    left, right, bottom, top = picture.get_extent()
    np.testing.assert_allclose(np.array([left, top, right, bottom]) / unit, extent)
    assert picture.get_alpha() < 1
    plain = draw_figure(make_content(faded=False)).axes[0]
    (picture,) = [one for one in plain.get_children() if isinstance(one, AxesImage)]
    assert picture.get_alpha() == 1


def test_only_spots_in_view_are_drawn() -> None:
    ground = make_ground(bounds=(0.0, 0.0, 500.0, 400.0))
    _, (discs,) = _spots(draw_figure(make_content(ground=ground)).axes[0])
    near = (np.array([500.0, 400.0]) + 110 > POINTS).all(axis=1)
    assert len(discs.get_offsets()) == near.sum() < N


def test_maps_with_the_same_scale_share_one_bar() -> None:
    shared = draw_figure(make_content(make_map("A"), make_map("B")))
    assert len(_bars(shared)) == 1
    own = draw_figure(make_content(make_map("A"), make_map("B", limits=(0.0, 1.0))))
    assert len(_bars(own)) == 2


def test_small_multiples_stand_in_rows() -> None:
    figure = draw_figure(make_content(*[make_map(f"G{at}") for at in range(5)], columns=2))
    maps = [axis for axis in figure.axes if axis.get_label() != "<colorbar>"]
    assert len(maps) == 5
    assert maps[0].get_subplotspec().get_gridspec().get_geometry() == (3, 2)


@pytest.mark.parametrize(("n", "aspect", "expected"), [(1, 1, 1), (3, 1, 3), (9, 1, 3), (16, 1, 4)])
def test_columns_make_figures_about_square(n, aspect, expected) -> None:
    assert count_columns(n, aspect) == expected


def test_columns_follow_the_shape_and_what_was_asked_for() -> None:
    assert count_columns(8, 2.0) > count_columns(8, 0.5)
    assert count_columns(4, 1.0, 16) == 4


def test_classes_have_their_colours_and_a_legend() -> None:
    names = np.array(["Tumor"] * 10 + ["Stroma"] * 14 + [""], dtype=object)
    colours = {"Tumor": "#ff0000", "Stroma": "#00ff00", "Fat": "#0000ff"}
    axis = draw_figure(make_content(ClassMap("labels", names=names, colours=colours))).axes[0]
    (rings,), (discs,) = _spots(axis)
    assert len(rings.get_offsets()) == 1
    np.testing.assert_allclose(discs.get_facecolors()[0, :3], (1, 0, 0))
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["Tumor", "Stroma"]


def test_mixtures_name_their_genes_in_italics() -> None:
    colours = np.ones((N, 4), np.float32)
    colours[:, 1] = 0
    colours[0, 3] = 0
    mixed = MixMap("predicted", colours=colours, entries=(("#ff0000", "ERBB2  0 to 1"),))
    axis = draw_figure(make_content(mixed)).axes[0]
    (rings,), (discs,) = _spots(axis)
    assert len(rings.get_offsets()) == 1
    np.testing.assert_allclose(discs.get_facecolors(), [[1, 0, 1, 1]] * (N - 1))
    (text,) = axis.get_legend().get_texts()
    assert text.get_style() == "italic"


def test_heat_maps_show_averages_near_spots_only() -> None:
    heat = HeatMap(POINTS, PITCH)
    values, cover = heat.average(VALUES)
    surface = Surface(values, cover, heat.bounds)
    content = make_content(make_map(surface=surface, threshold=0.5))
    axis = draw_figure(content).axes[0]
    assert _spots(axis) == ([], [])
    (picture,) = [one for one in axis.get_images() if one.get_array().shape[-1] == 4]
    alpha = np.asarray(picture.get_array())[..., 3]
    assert alpha.max() == 1
    assert not alpha[values < 0.5].any()
    x0, y0, x1, y1 = heat.bounds
    np.testing.assert_allclose(
        np.array(picture.get_extent()) / content.ground.unit, [x0, x1, y1, y0]
    )


def test_the_tissue_alone_has_regions_in_colours_and_their_legend() -> None:
    axis = draw_figure(make_content(TissueMap())).axes[0]
    (lines,) = [one for one in axis.collections if isinstance(one, LineCollection)]
    np.testing.assert_allclose(lines.get_colors()[0, :3] * 255, (200, 0, 0), atol=0.5)
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["Tumor"]


def test_squares_are_as_large_as_discs() -> None:
    content = make_content(square=True)
    axis = draw_figure(content).axes[0]
    (squares,) = [one for one in axis.collections if isinstance(one, PolyCollection)]
    corners = squares.get_paths()[0].vertices[:4]
    np.testing.assert_allclose(np.ptp(corners, axis=0), 110.0 * content.ground.unit)
    np.testing.assert_allclose(corners.mean(axis=0), POINTS[0] * content.ground.unit)


def test_view_units_run_from_the_corner() -> None:
    ground = make_ground(bounds=(200.0, 100.0, 700.0, 1100.0))
    assert ground.size == (500.0, 1000.0)
    np.testing.assert_allclose(ground.place(np.array([[200.0, 100.0], [700.0, 600.0]])),
                               [[0, 0], [500, 500]])  # fmt: skip
    assert ground.place_box(BOUNDS) == (-200.0, -100.0, 1000.0, 900.0)
