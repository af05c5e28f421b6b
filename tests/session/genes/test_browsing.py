"""Which gene of which source is shown, its values, limits and text."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_stexp.errors import GeneListError, PredictionError, SpotsError
from tests.session.fakes import FakeSlide, make_batch, make_bundle, make_prediction, make_spots

GENES = ("A", "B", "C")
COUNTS = [[1, 0, 9], [5, 5, 0], [0, 0, 0], [0, 1, 1], [2, 2, 6], [10, 0, 0]]


@pytest.fixture
def measured(session):
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(6, GENES, COUNTS))
    return session


def predict(session, genes=GENES, **options):
    prediction = make_prediction(session.spots, genes, **options)
    session.set_prediction(prediction)
    return prediction


def test_counts_are_shown_until_something_is_predicted(measured, heard):
    assert measured.source == "measured"
    assert measured.gene == "C", "the most variable gene"
    predict(measured)
    assert measured.source == "predicted"
    assert ("source_changed", "predicted") in heard
    measured.source = "measured"
    assert measured.status().tolist() == ["measured"] * 6
    measured.set_prediction(None)
    assert measured.source == "measured"


def test_measured_values_are_normalised_per_spot(measured):
    counts = np.array(COUNTS, float)
    total = counts.sum(axis=1)
    share = np.divide(counts[:, 2], total, out=np.zeros(6), where=total > 0)
    np.testing.assert_allclose(measured.values("C"), np.log10(1 + 1e4 * share), rtol=1e-6)
    assert measured.values("C").dtype == np.float32


def test_measured_values_follow_the_gene_list_of_the_prediction(measured):
    predict(measured, ("A", "B"))
    measured.source = "measured"
    # Spot 0 holds 1 A, 0 B: all of its counts over the list are A.
    assert measured.values("A")[0] == pytest.approx(np.log10(1 + 1e4))
    assert measured.genes == list(GENES)


def test_measured_values_follow_the_scale_of_the_prediction(measured):
    predict(measured, uns={"stexp": {"scale": "gene"}})
    measured.source = "measured"
    assert measured.scale == "gene"
    # Gene A: 18 counts over the section, 10 of them in the last spot.
    assert measured.values("A")[5] == pytest.approx(np.log10(1 + 1e4 * 10 / 18))
    assert "of the gene" in measured.value_label


def test_the_default_gene_has_the_highest_held_out_score(measured):
    predict(measured, var={"pcc_spot": [0.1, 0.5, np.nan]})
    assert measured.gene == "B"


def test_scores_of_the_model_count_where_the_prediction_has_none(measured):
    measured.set_bundle(make_bundle(GENES, scores=[0.7, 0.5, 0.1]))
    measured.set_prediction(None)
    assert measured.gene_table().loc["A", "score"] == 0.7


def test_without_scores_the_default_is_the_most_variable_gene_so_far_and_stays(session):
    session.set_slide(FakeSlide())
    session.set_spots(make_spots())
    predict(session)
    assert session.gene == "A", "nothing is known yet"
    session.add_batch(make_batch([0, 1], [[1, 5, 3], [1, 9, 2]]))
    assert session.gene == "B"
    session.add_batch(make_batch([2, 3], [[1, 5, 90], [1, 5, -90]]))
    assert session.gene == "B", "the shown gene must not jump while it is looked at"


def test_a_chosen_gene_is_kept_by_the_next_prediction_that_has_it(measured):
    predict(measured)
    measured.gene = "A"
    predict(measured, var={"pcc_spot": [0.1, 0.5, 0.2]})
    assert measured.gene == "A"
    predict(measured, ("X", "Y"))
    assert measured.gene == "X"


def test_unknown_genes_and_sources_are_refused(measured):
    with pytest.raises(GeneListError, match="'Z'"):
        measured.gene = "Z"
    with pytest.raises(GeneListError, match="'Z'"):
        measured.values("Z")
    with pytest.raises(PredictionError):
        measured.source = "predicted"
    measured.set_spots(make_spots())
    predict(measured)
    with pytest.raises(SpotsError):
        measured.source = "measured"
    with pytest.raises(ValueError, match="source"):
        measured.source = "guessed"


def test_gene_table_ranks_and_counts_only_spots_with_values(session):
    session.set_slide(FakeSlide())
    session.set_spots(make_spots())
    predict(session)
    session.add_batch(make_batch([0, 1], [[1, 5, 3], [3, 9, 3]]))
    session.add_batch(make_batch([2], [[np.nan] * 3], status="unreadable"))
    table = session.gene_table()
    np.testing.assert_allclose(table["mean"], [2, 7, 3])
    np.testing.assert_allclose(table["variance"], [1, 4, 0])
    assert session.rank_genes("variance") == ["B", "A", "C"]
    assert session.rank_genes("mean") == ["B", "C", "A"]
    assert session.rank_genes("score") == ["A", "B", "C"], "no score known: the list's order"
    session.add_batch(make_batch([3], [[100, 7, 3]]))
    assert session.gene_table()["mean"]["A"] == pytest.approx(104 / 3)


def test_rank_by_score_puts_the_unknown_last(measured):
    predict(measured, var={"pcc_spot": [0.1, np.nan, 0.5]})
    assert measured.rank_genes("score") == ["C", "A", "B"]
    assert measured.rank_genes("name") == ["A", "B", "C"]
    with pytest.raises(ValueError, match="luck"):
        measured.rank_genes("luck")


def test_limits_follow_the_display(measured):
    values = measured.values()
    assert measured.limits() == pytest.approx(np.percentile(values, (1, 99)))
    measured.display = replace(measured.display, limits_mode="manual", manual_limits=(0.5, 2.0))
    assert measured.limits() == (0.5, 2.0)


def test_read_out_names_spot_gene_value_and_confidence(measured):
    assert measured.read_out(0) == "spot0 · C measured 3.95, higher than 83 % of spots"
    predict(measured)
    measured.gene = "B"
    measured.add_batch(make_batch([0, 1], [[1, 5, 3], [3, 9.127, 3]], confidence=0.25))
    measured.add_batch(make_batch([2], [[np.nan] * 3], "unreadable", np.nan))
    measured.add_batch(make_batch([3], [[1, 2, 3]], "border", 0.5))
    assert measured.read_out(1) == (
        "spot1 · B predicted 9.13, higher than 66 % of spots · confidence 0.25"
    )
    assert measured.read_out(2) == "spot2 · B: no value, the slide's tile can't be read"
    assert "partly outside" in measured.read_out(3)
    assert measured.read_out(4) == "spot4 · B: not predicted yet"
    assert measured.read_out(99) == ""


def test_spots_alone_have_no_values(session):
    session.set_spots(make_spots())
    assert session.values() is None
    assert session.genes == []
    assert session.limits() == (0.0, 1.0)
    assert session.gene_table().empty
    assert set(session.status()) == {"pending"}
    assert session.read_out(0) == "spot0 · not predicted yet"
