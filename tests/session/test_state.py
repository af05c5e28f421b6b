"""The invariants between slide, spots, model and prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_stexp.errors import PredictionError, ScaleError, SpotsError
from tests.session.fakes import (
    FakeSlide,
    make_batch,
    make_bundle,
    make_prediction,
    make_region,
    make_spots,
)

GENES = ("A", "B", "C")


def names(heard):
    return [name for name, _ in heard]


@pytest.fixture
def ready(session):
    """A session with slide, spots and an empty prediction."""
    session.set_slide(FakeSlide())
    session.set_spots(make_spots())
    session.set_prediction(make_prediction(session.spots, GENES))
    return session


def test_another_slide_drops_spots_annotations_and_prediction_but_not_the_model(ready):
    bundle = make_bundle()
    ready.set_bundle(bundle)
    ready.set_annotations([make_region()])
    old = ready.slide
    heard = []
    ready.slide_changed.connect(lambda _: heard.append((ready.spots, ready.prediction)))

    ready.set_slide(FakeSlide(Path("other.svs")))

    assert ready.spots is None
    assert ready.prediction is None
    assert ready.annotations is None
    assert ready.gene is None
    assert ready.bundle is bundle
    assert heard == [(None, None)], "a listener saw a half-changed session"
    assert old.closed


def test_opening_another_slide_says_everything_that_it_drops(ready, heard):
    ready.set_slide(FakeSlide(Path("other.svs")))
    assert names(heard) == ["slide_changed", "spots_changed", "prediction_changed", "gene_changed"]
    assert [value for _, value in heard[1:]] == [None, None, None]


def test_setting_what_is_set_says_nothing(ready, heard):
    ready.set_slide(ready.slide)
    ready.set_spots(ready.spots)
    ready.set_prediction(ready.prediction)
    ready.set_bundle(ready.bundle)
    ready.display = ready.display
    ready.gene = ready.gene
    assert heard == []


def test_the_same_slide_at_another_scale_keeps_spots_and_prediction(ready, heard):
    spots, prediction, old = ready.spots, ready.prediction, ready.slide
    ready.set_mpp(0.25)
    assert ready.slide.mpp == 0.25
    assert ready.spots is spots
    assert ready.prediction is prediction
    assert old.closed, "the new one counts as a user of the file of its own"
    assert not ready.slide.closed
    assert names(heard) == ["slide_changed", "noticed"]
    assert "Predict again" in ready.notices[-1]


def test_a_scale_that_contradicts_the_spots_changes_nothing(session):
    session.set_slide(FakeSlide(mpp=0.5))
    spots = make_spots(step=400.0)
    spots.uns["stexp_spots"] = {"pitch_um": 200.0}
    session.set_spots(spots)
    slide = session.slide
    with pytest.raises(ScaleError):
        session.set_mpp(1.0)
    assert session.slide is slide
    assert session.suggested_mpp == pytest.approx(0.5)


def test_spots_that_contradict_the_scale_are_refused(session):
    session.set_slide(FakeSlide(mpp=1.0))
    spots = make_spots(step=400.0)
    spots.uns["stexp_spots"] = {"pitch_um": 200.0}
    with pytest.raises(ScaleError):
        session.set_spots(spots)
    assert session.spots is None


def test_some_spots_outside_are_kept_with_a_notice(session, heard):
    session.set_slide(FakeSlide(shape=(1000, 1000)))
    session.set_spots(make_spots(6))  # x = 200, 400 … 1200
    assert session.spots.n_obs == 6
    assert session.notices == [
        "2 of 6 spots lie outside slide.ome.tif; they are kept, but get no prediction."
    ]
    assert ("noticed", session.notices[0]) in heard


def test_all_spots_outside_is_an_error_and_keeps_the_present_ones(ready):
    spots, prediction = ready.spots, ready.prediction
    with pytest.raises(SpotsError, match="outside"):
        ready.set_spots(make_spots(first=(-900.0, -900.0), step=1.0))
    assert ready.spots is spots
    assert ready.prediction is prediction


def test_other_spots_drop_the_prediction(ready, heard):
    ready.set_spots(make_spots(3))
    assert ready.prediction is None
    assert names(heard) == ["spots_changed", "prediction_changed", "gene_changed"]


def test_spots_may_wait_for_their_slide(session):
    spots = make_spots()
    session.set_spots(spots)
    session.set_slide(FakeSlide())
    assert session.spots is spots


def test_waiting_spots_that_do_not_fit_are_dropped_with_a_notice(session):
    session.set_spots(make_spots(first=(5000.0, 5000.0)))
    session.set_slide(FakeSlide())
    assert session.spots is None
    assert "dropped" in session.notices[0]


def test_another_model_keeps_the_shown_prediction(ready, heard):
    prediction = ready.prediction
    ready.set_bundle(make_bundle())
    assert ready.prediction is prediction
    assert names(heard) == ["bundle_changed"]


@pytest.mark.parametrize(
    "other",
    [
        make_spots(5),
        make_spots(prefix="other"),
        make_spots(first=(210.0, 300.0)),
    ],
    ids=["fewer", "other barcodes", "elsewhere"],
)
def test_a_prediction_belongs_to_its_spots(ready, other):
    prediction = ready.prediction
    with pytest.raises(PredictionError, match=r"other spots|other places"):
        ready.set_prediction(make_prediction(other, GENES))
    assert ready.prediction is prediction


def test_a_prediction_needs_spots(session):
    with pytest.raises(PredictionError, match="no spots"):
        session.set_prediction(make_prediction(make_spots(), GENES))


def test_batches_fill_the_shown_prediction(ready, heard):
    batch = make_batch([0, 1], [[1, 2, 3], [1, 4, 3]])
    assert ready.add_batch(batch)
    np.testing.assert_array_equal(
        ready.values("B"), np.float32([2, 4, np.nan, np.nan, np.nan, np.nan])
    )
    assert ("prediction_updated", batch) in heard
    assert list(ready.status()) == ["ok", "ok", "pending", "pending", "pending", "pending"]


def test_a_late_batch_of_an_abandoned_prediction_is_ignored(ready):
    old = ready.prediction
    ready.set_prediction(make_prediction(ready.spots, GENES), ready.predictions.active)
    assert not ready.add_batch(make_batch([0], [[1, 2, 3]]), old)
    assert np.isnan(ready.values("B")).all()


def test_a_batch_without_a_prediction_is_an_error(session):
    with pytest.raises(PredictionError):
        session.add_batch(make_batch([0], [[1, 2, 3]]))


def test_what_is_missing_is_said_in_order(session):
    assert session.missing() == ["Open a slide.", "Load spots, or make a grid.", "Load a model."]
    session.set_slide(FakeSlide(mpp=None))
    session.set_spots(make_spots())
    session.set_bundle(make_bundle(mpp=None))
    assert session.missing() == []
    session.set_bundle(make_bundle(mpp=0.5))
    assert len(session.missing()) == 1
    assert "µm/px" in session.missing()[0]
    session.set_mpp(0.5)
    assert session.missing() == []


def test_closing_drops_everything_and_closes_the_file(ready):
    slide = ready.slide
    ready.close()
    assert (ready.slide, ready.spots, ready.bundle, ready.prediction) == (None,) * 4
    assert slide.closed


def test_parameters_are_announced_when_they_change(session):
    from dataclasses import replace

    heard = []
    session.params_changed.connect(heard.append)
    session.params = replace(session.params, k=50)
    session.params = replace(session.params, k=50)
    assert [params.k for params in heard] == [50]
