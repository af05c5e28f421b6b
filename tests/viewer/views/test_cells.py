"""What each cell shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_stexp.session import Session, Signature
from napari_stexp.session.genes.display import effective_limits
from napari_stexp.viewer.colour import RESIDUAL, colour_table, map_values
from napari_stexp.viewer.spots_view import active_view, side_view
from napari_stexp.viewer.views.cells import (
    Cell,
    describe_in_cell,
    list_cells,
    shares_scale,
    show_cell,
)
from napari_stexp.viewer.views.legend import list_legend
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots

COUNTS = [[1, 5], [0, 4], [3, 1], [2, 2], [9, 0]]
VALUES = [[1, 2], [2, 2], [3, 2], [4, 2], [np.nan] * 2]


@pytest.fixture
def paired():
    """Five spots with counts; four are predicted, the last one failed."""
    session = Session()
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(5, ("A", "B"), COUNTS))
    add_model(session, "first", VALUES)
    session.gene = "A"
    return session


def add_model(session, name, values, uns=None):
    session.set_prediction(make_prediction(session.spots, ("A", "B"), uns=uns), name)
    session.add_batch(make_batch(range(5), values, ["ok"] * 4 + ["unreadable"]))


def views_of(session):
    return [show_cell(session, cell) for cell in list_cells(session)]


# ---- sides -------------------------------------------------------------------------------


def test_measured_and_predicted_share_their_limits(paired):
    measured, predicted, _ = (side_view(paired, s) for s in ("measured", "predicted", "residual"))
    assert measured.limits == predicted.limits
    both = np.concatenate(paired.paired_values("A"))
    assert measured.limits == paired.limits(both)
    paired.display = replace(paired.display, limits_mode="manual", manual_limits=(0.0, 7.0))
    assert side_view(paired, "predicted").limits == (0.0, 7.0)


def test_the_residual_is_predicted_minus_measured_around_zero(paired):
    paired.views.show("sides")
    view = views_of(paired)[2]
    measured, predicted = paired.paired_values("A")
    np.testing.assert_allclose(view.values, predicted - measured)
    assert view.limits[0] == -view.limits[1] < 0
    assert view.colormap == RESIDUAL
    ends = map_values(np.float32([-99, 0, 99]), (-1.0, 1.0), RESIDUAL)
    assert ends[0, 2] > ends[0, 0], "below zero: blue"
    assert ends[2, 0] > ends[2, 2], "above zero: red"
    np.testing.assert_allclose(ends[1, :3], 0.97, atol=0.02)
    text = describe_in_cell(paired, list_cells(paired)[2], view, 1)
    assert text == f"spot1 · A predicted \N{MINUS SIGN} measured: {predicted[1] - measured[1]:+.3g}"


def test_the_residuals_map_is_symmetric_in_lightness():
    from tests.viewer.test_colour import luminance

    lightness = luminance(colour_table(RESIDUAL))
    assert (np.diff(lightness[:128]) > -0.3).all()
    assert (np.diff(lightness[128:]) < 0.3).all()
    np.testing.assert_allclose(lightness, lightness[::-1], atol=14)


def test_a_residual_of_zero_has_limits(paired):
    measured = paired.paired_values("A")[0]
    paired.set_prediction(make_prediction(paired.spots, ("A", "B")))
    paired.add_batch(make_batch(range(5), np.column_stack([measured, measured])))
    assert side_view(paired, "residual").limits == (-1.0, 1.0)


# ---- genes -------------------------------------------------------------------------------


def test_each_gene_has_limits_of_its_own_unless_they_are_shared(paired):
    paired.views.show("genes", ["A", "B"])
    a, b = views_of(paired)
    np.testing.assert_array_equal(a.values, paired.shown_values("A"))
    assert a.limits == paired.limits(gene="A")
    assert not shares_scale([a, b])
    paired.display = replace(paired.display, limits_mode="shared")
    assert shares_scale(views_of(paired))


def test_a_title_sets_genes_apart_from_signatures(paired):
    paired.signatures.add(Signature("Tumour", ("A", "B")))
    assert Cell("genes", "A").title(paired) == ("A", "")
    assert Cell("genes", "Tumour").title(paired) == ("", "Tumour")


def test_threshold_and_transform_are_followed(paired):
    paired.views.show("genes", ["A"])
    paired.display = replace(paired.display, transform="linear", threshold=5.0)
    (view,) = views_of(paired)
    np.testing.assert_allclose(view.values[0], 9.0)
    assert view.threshold == 5.0


def test_a_gene_that_the_source_lacks_has_no_values(paired):
    paired.views.show("genes", ["A", "unknown"])
    view = views_of(paired)[1]
    assert not view.has_values
    assert describe_in_cell(paired, Cell("genes", "unknown"), view, 0).startswith("spot0 · unknown")


# ---- models ------------------------------------------------------------------------------


def test_models_share_their_limits(paired):
    add_model(paired, "second", np.array(VALUES) * 3)
    paired.views.show("models")
    cells = list_cells(paired)
    assert [cell.name for cell in cells] == ["first", "second"]
    first, second = views_of(paired)
    np.testing.assert_allclose(second.values, first.values * 3)
    both = np.concatenate([first.values, second.values])
    assert first.limits == second.limits == paired.limits(both)
    assert describe_in_cell(paired, cells[1], second, 2) == "spot2 · A, second: 9"
    assert describe_in_cell(paired, cells[1], second, 4) == "spot4 · A, second: no value"


def test_models_of_other_scales_have_other_limits(paired):
    add_model(paired, "second", np.array(VALUES) * 3, uns={"stexp": {"scale": "gene"}})
    assert paired.scale == "gene"
    paired.views.show("models")
    first, second = views_of(paired)
    assert first.limits == paired.limits(first.values)
    assert second.limits == paired.limits(second.values) != first.limits


def test_hidden_values_are_in_no_cell(paired):
    add_model(paired, "second", VALUES)
    cells = [Cell("genes", "A"), Cell("models", "second"), Cell("sides", "residual")]
    shown = [show_cell(paired, cell) for cell in cells]
    paired.regions.start_blinded()
    for cell, before in zip(cells, shown, strict=True):
        view = show_cell(paired, cell)
        assert view.values is None
        assert (view.status == "pending").all()
        assert describe_in_cell(paired, cell, before, 1) == "spot1"


# ---- several genes mixed, and classes ----------------------------------------------------


def test_sides_show_the_composite_of_each_source_between_the_same_limits(paired):
    paired.views.show("sides")
    paired.composite = ("A", "B")
    cells = list_cells(paired)
    assert [cell.name for cell in cells] == ["measured", "predicted"], "no difference of mixtures"
    for side, view in enumerate(views_of(paired)):
        for channel, gene in enumerate(("A", "B")):
            pair = paired.paired_values(gene)
            low, high = effective_limits(np.concatenate(pair), paired.display)
            expected = np.clip((pair[side] - low) / (high - low), 0, 1)
            known = np.isfinite(expected)
            np.testing.assert_allclose(view.faces[known, channel], expected[known], atol=1e-6)
    predicted = views_of(paired)[1]
    assert predicted.faces[4, 3] == 0, "what has failed has no colour"
    assert predicted.status[4] == "unreadable"
    assert describe_in_cell(paired, cells[1], predicted, 0) == "spot0 · A: 1, B: 2"
    assert describe_in_cell(paired, cells[1], predicted, 4) == "spot4 · A: no value, B: no value"


def test_models_show_their_own_composites(paired):
    add_model(paired, "second", np.array(VALUES) * 3)
    paired.views.show("models")
    paired.composite = ("A",)
    first, second = views_of(paired)
    assert first.mixture.limits == second.mixture.limits
    assert second.faces[3, 0] == 1 > first.faces[3, 0]
    np.testing.assert_array_equal(first.mixture.values["A"], paired.values_in("first", "A"))


def test_a_composite_and_classes_stand_before_the_genes(paired):
    paired.views.show("genes", ["A", "B"])
    paired.composite = ("A", "B")
    labels = pd.Series(["tumour", "tumour", "fat", "fat", None], index=paired.spots.obs_names)
    paired.labelling.add_table("By eye", labels)
    paired.labelling.shown = True
    cells = list_cells(paired)
    assert [cell.kind for cell in cells] == ["classes", "mixed", "genes", "genes"]
    classes, mixed, *_ = views_of(paired)
    colours = paired.labelling.source.colours
    np.testing.assert_allclose(classes.faces[2, :3] * 255, colours["fat"], atol=0.5)
    assert classes.faces[4, 3] == 0
    assert describe_in_cell(paired, cells[0], classes, 0) == "spot0 · tumour"
    assert describe_in_cell(paired, cells[0], classes, 4) == "spot4 · no class"
    np.testing.assert_allclose(mixed.faces, active_view(paired).faces)
    lines = list_legend(paired, views_of(paired))
    assert [line.text for line in lines if line.is_title] == ["By eye", "Mixed genes"]
    assert "tumour  2" in [line.text for line in lines]
    assert [line.text for line in lines if line.is_gene] == ["A", "B"]
    assert all(line.note for line in lines if line.is_gene)


def test_hidden_values_are_in_no_mixture_and_no_domains(paired):
    paired.views.show("sides")
    paired.composite = ("A", "B")
    cells = list_cells(paired)
    before = views_of(paired)
    paired.regions.start_blinded()
    for cell, view in zip(cells, before, strict=True):
        assert show_cell(paired, cell).faces is None
        assert describe_in_cell(paired, cell, view, 1) == "spot1"
    assert list_legend(paired, before) == []
