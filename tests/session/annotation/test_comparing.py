"""What is compared is what the session shows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu
from shapely import box

from napari_stexp.errors import AnnotationError, EvaluationError, SpotsError
from napari_stexp.progress import exhaust
from napari_stexp.session import (
    SELECTED_REGIONS,
    SELECTED_SPOTS,
    find_sides,
    start_agreement,
    start_region_genes,
    start_report,
    start_scores,
)
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots

N, GENES = 40, tuple("ABCDE")


@pytest.fixture
def shown(session):
    """Forty measured and predicted spots in a row, the first 20 of them in a tumour."""
    rng = np.random.default_rng(0)
    counts = rng.poisson(3, (N, 6)) + 1
    counts[:20, 0] += 20
    spots = make_spots(N, (*GENES, "only measured"), counts, first=(10.0, 10.0), step=20.0)
    session.set_slide(FakeSlide())
    session.set_spots(spots)
    session.set_prediction(
        make_prediction(spots, GENES, uns={"stexp": {"scale": "spot", "slide": {"mpp": 0.5}}})
    )
    values = rng.random((N, 5)).astype(np.float32)
    values[:20, 1] += 1
    session.add_batch(make_batch(range(N), values))
    session.regions.active_class = "Tumor"
    session.regions.add(box(0, 0, 400, 20))
    session.regions.add(box(400, 0, 700, 20), "Stroma")
    return session


def test_a_class_is_compared_with_the_other_classes_or_with_everything(shown):
    sides = find_sides(shown, "Tumor")
    assert (sides.inside.sum(), sides.outside.sum()) == (20, 15)
    assert find_sides(shown, "Tumor", "").outside.sum() == 20
    assert find_sides(shown, "Stroma", "Tumor").outside.sum() == 20


def test_a_margin_is_in_micrometres(shown):
    sides = find_sides(shown, "Tumor", "Stroma", margin_um=20)  # 40 px; spots every 20 px
    near = np.abs(shown.spots.obsm["spatial"][:, 0] - 400) <= 40
    assert not (sides.inside & near).any()
    assert not (sides.outside & near).any()
    assert sides.n_left_out > 0


def test_selected_regions_and_spots_are_sides_too(shown):
    stroma = shown.regions.items[1]
    shown.regions.select([stroma.id])
    sides = find_sides(shown, SELECTED_REGIONS)
    assert (sides.inside.sum(), sides.outside.sum(), sides.name_inside) == (15, 25, "Stroma")
    assert find_sides(shown, SELECTED_REGIONS, "Tumor").outside.sum() == 20
    shown.select_spots(np.arange(N) < 12)
    assert find_sides(shown, SELECTED_SPOTS).inside.sum() == 12
    assert find_sides(shown, SELECTED_SPOTS, "Stroma").outside.sum() == 15


@pytest.mark.parametrize("one", [SELECTED_REGIONS, SELECTED_SPOTS])
def test_nothing_selected_is_told(shown, one):
    shown.regions.select([])
    with pytest.raises(AnnotationError, match="selected"):
        find_sides(shown, one)


@pytest.mark.parametrize(("source", "gene", "known"), [("predicted", "B", 5), ("measured", "A", 6)])
def test_genes_are_ranked_on_the_values_that_are_shown(shown, source, gene, known):
    sides = find_sides(shown, "Tumor", "")
    result = exhaust(start_region_genes(shown, sides, source))
    assert (result.source, result.scale, len(result.table)) == (source, "spot", known)
    assert result.table.index[0] == gene
    shown.source = source
    for name in shown.genes:
        values = shown.values(name)
        test = mannwhitneyu(values[:20], values[20:], method="asymptotic")
        assert result.table.loc[name, "p"] == pytest.approx(test.pvalue, rel=1e-6)
        difference = float(np.mean(values[:20], dtype=float) - np.mean(values[20:], dtype=float))
        assert result.table.loc[name, "difference"] == pytest.approx(difference, abs=1e-6)


@pytest.mark.parametrize("source", ["predicted", "measured"])
def test_domains_are_compared_with_the_labels_in_use(shown, source):
    agreement = exhaust(start_agreement(shown, source=source))
    assert agreement.n_compared == 35
    assert set(agreement.confusion.index) == {"Tumor", "Stroma"}
    key = shown.labelling.add_domains(agreement)
    shown.labelling.active = key
    assert shown.labelling.source.kind == "domains"
    assert {name for name in shown.labels() if name} == set(shown.labelling.source.classes)


def test_a_domain_has_the_colour_of_its_class(shown):
    agreement = exhaust(start_agreement(shown))
    key = shown.labelling.add_domains(agreement)
    colours = shown.labelling.sources[key].colours
    by_class = shown.labelling.sources["regions"].colours
    for domain, matched in agreement.matches.items():
        assert colours[f"domain {domain + 1} ({matched})"] == by_class[matched]


def test_scores_are_those_of_the_prediction_against_the_counts(shown):
    scores = exhaust(start_scores(shown)).scores
    for gene in GENES:
        measured, predicted = shown.paired_values(gene)
        expected = np.corrcoef(measured, predicted)[0, 1]
        assert scores.loc[gene, "pcc_spot"] == pytest.approx(expected, abs=1e-5)


def test_nothing_is_compared_while_values_are_hidden(shown, tmp_path):
    sides = find_sides(shown, "Tumor", "")
    shown.regions.start_blinded()
    for start in (
        lambda: start_region_genes(shown, sides),
        lambda: start_agreement(shown),
        lambda: start_scores(shown),
        lambda: start_report(shown, tmp_path / "report.html"),
    ):
        with pytest.raises(AnnotationError, match="hidden"):
            start()


def test_what_is_missing_is_told(session):
    with pytest.raises(AnnotationError, match="no spots"):
        find_sides(session, "Tumor")
    session.set_spots(make_spots())
    with pytest.raises(AnnotationError, match="no labels"):
        find_sides(session, "Tumor")
    with pytest.raises(SpotsError):
        session.select_spots(np.ones(3, bool))
    session.set_slide(FakeSlide())
    session.regions.add(box(100, 200, 500, 400))
    for start in (start_agreement, start_scores):
        with pytest.raises(EvaluationError):
            start(session)


def test_a_result_knows_that_other_labels_are_in_use_now(session):
    session.set_spots(make_spots())
    session.labelling.add_table("one", pd.Series(["A"] * 6, index=session.spots.obs_names))
    comparison = session.comparison
    assert comparison.other_labels("genes") == ""
    comparison.genes = object()
    assert comparison.other_labels("genes") == ""
    session.labelling.add_table("other", pd.Series(["B"] * 6, index=session.spots.obs_names))
    assert comparison.other_labels("genes") == "one"
    assert comparison.other_labels("agreement") == ""
    comparison.genes = object()
    assert comparison.other_labels("genes") == ""
    session.labelling.active = "table:one"
    assert comparison.other_labels("genes") == "other"
