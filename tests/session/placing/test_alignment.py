"""Laying spots elsewhere in a session: drafts, undo, predictions, workspaces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_stexp.errors import AlignmentError, SpotsError
from napari_stexp.progress import exhaust
from napari_stexp.session import (
    Session,
    read_workspace,
    restore_workspace,
    take_workspace,
    write_workspace,
)
from napari_stexp.session.placing.placement import is_elsewhere
from napari_stexp.session.placing.placement_check import lay_in_the_middle
from napari_stexp.spots.alignment import Transform, read_alignment
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_spots

GENES = ("A", "B")
OWN = ((100.0, 100.0), (700.0, 150.0), (200.0, 600.0), (650.0, 640.0))


@pytest.fixture
def session() -> Session:
    session = Session()
    session.set_slide(FakeSlide())
    session.set_spots(make_spots())
    return session


def predict(session, name="first"):
    session.set_prediction(make_prediction(session.spots, GENES, uns={"stexp": {}}), name)
    session.add_batch(make_batch([0, 1], [[1, 2], [4, 5]]))


def test_a_draft_moves_nothing_until_it_is_applied(session):
    before = session.spots.obsm["spatial"].copy()
    aligning = session.aligning
    aligning.shift(30, -20)
    aligning.turn(90)
    aligning.scale(0.5)
    np.testing.assert_array_equal(session.spots.obsm["spatial"], before)
    assert aligning.moved
    shown = aligning.draft.move(before)
    assert np.ptp(shown, axis=0) == pytest.approx(np.ptp(before, axis=0)[::-1] / 2)
    np.testing.assert_allclose(
        (shown.min(0) + shown.max(0)) / 2, (before.min(0) + before.max(0)) / 2 + [30, -20]
    )
    aligning.apply()
    np.testing.assert_allclose(session.spots.obsm["spatial"], shown)
    assert not aligning.moved
    record = read_alignment(session.spots)
    assert record.method == "moved by hand; turned by hand; scaled by hand"
    assert (record.slide, record.mpp) == ("slide.ome.tif", 0.5)
    aligning.orient("mirror left to right")
    aligning.apply()
    assert read_alignment(session.spots).transform.mirrored
    assert read_alignment(session.spots).method.endswith("; mirror left to right")
    aligning.take_back()
    np.testing.assert_array_equal(session.spots.obsm["spatial"], before)


def test_each_step_is_taken_back_and_done_again(session):
    undoing, aligning = session.undoing, session.aligning
    at = session.spots
    aligning.shift(30, 0)
    aligning.turn(15)
    aligning.set_point(own=(1, 2))
    once = aligning.total
    assert undoing.undo_text == "Set pairs of points"
    undoing.undo()
    assert aligning.draft.pairs == ()
    undoing.undo()
    np.testing.assert_allclose(aligning.total.matrix, Transform.shift(30, 0).matrix)
    undoing.redo()
    np.testing.assert_allclose(aligning.total.matrix, once.matrix)
    aligning.apply()
    assert undoing.undo_text == "Align the spots"
    undoing.undo()
    assert session.spots is at
    assert aligning.moved
    undoing.redo()
    assert read_alignment(session.spots) is not None
    aligning.shift(5, 5)
    aligning.reset()
    assert not aligning.moved


def test_pairs_are_numbered_completed_moved_and_removed(session):
    aligning = session.aligning
    for place in OWN[:2]:
        aligning.set_point(own=place)
    assert aligning.set_point(slide=(5, 5)) == 0
    assert aligning.set_point(slide=(6, 6)) == 1
    assert aligning.set_point(slide=(7, 7)) == 2  # a new one, from the other side
    aligning.move_point(0, slide=(8, 9))
    assert aligning.draft.pairs[0].slide == (8, 9)
    assert [pair.whole for pair in aligning.draft.pairs] == [True, True, False]
    assert "too few" in aligning.fit()[1]
    with pytest.raises(AlignmentError, match="too few"):
        aligning.show_fit()
    aligning.remove_pair(0)
    assert aligning.draft.pairs[0].own == OWN[1]
    while aligning.draft.pairs:
        aligning.remove_pair(0)
    assert aligning.fit()[0] is None


def test_pairs_place_the_spots_and_come_back_with_them(session, tmp_path):
    aligning = session.aligning
    truth = Transform.turn(20).then(Transform.scaling(0.8)).then(Transform.shift(500, 90))
    own = np.array(OWN)
    aligning.shift(100, 0)
    aligning.apply()  # pairs count from the file's positions, whatever came before
    before = make_spots().obsm["spatial"]
    aligning.set_pairs(own, truth(own) + np.array([[0, 0], [2, 0], [0, 0], [0, -2]]))
    fit = aligning.show_fit()
    shown = aligning.draft.move(session.spots.obsm["spatial"])
    np.testing.assert_allclose(shown, fit.transform(before))
    aligning.apply()
    np.testing.assert_allclose(session.spots.obsm["spatial"], truth(before), atol=5)
    record = read_alignment(session.spots)
    np.testing.assert_allclose(record.residuals_um, fit.residuals * 0.5)
    assert record.method == "4 pairs of points (similarity)"
    path = tmp_path / "work.stexp"
    work = replace(take_workspace(session), slide=None)
    exhaust(write_workspace(work, path))
    other = Session()
    restore_workspace(other, exhaust(read_workspace(path)))
    np.testing.assert_array_equal(other.spots.obsm["spatial"], session.spots.obsm["spatial"])
    assert [pair.own for pair in other.aligning.draft.pairs] == [pytest.approx(p) for p in OWN]
    aligning.shift(10, 0)
    aligning.apply()  # moved off the pairs: the residuals say so
    assert read_alignment(session.spots).residuals_um.max() > 4


def test_predictions_are_kept_as_of_another_placement(session):
    predict(session)
    old = session.predictions["first"]
    session.gene = "B"
    session.aligning.shift(200, 100)
    session.aligning.apply()
    assert list(session.predictions) == ["first (other placement)"]
    assert is_elsewhere(session.prediction.adata)
    assert not is_elsewhere(old.adata)
    assert session.values()[0] == 2
    assert any("before the spots were moved" in notice for notice in session.notices)
    predict(session, "second")
    session.aligning.shift(1, 1)
    session.aligning.apply()
    assert list(session.predictions) == ["first (other placement)", "second (other placement)"]
    session.undoing.undo()
    session.undoing.undo()
    session.undoing.undo()
    session.undoing.undo()
    assert list(session.predictions) == ["first"]
    assert session.prediction is old
    session.aligning.shift(50, 0)
    session.aligning.apply()
    session.drop_prediction("first (other placement)")
    session.show_prediction(old.adata)  # from a file that was saved before
    assert is_elsewhere(session.prediction.adata)


def test_where_spots_can_not_lie_they_are_not_laid(session):
    before = session.spots
    session.aligning.shift(1e6, 0)
    with pytest.raises(SpotsError, match="outside"):
        session.aligning.apply()
    assert session.spots is before
    assert session.aligning.moved  # to be moved back by hand


def test_spots_that_were_refused_are_laid_in_the_middle(session):
    far = make_spots(first=(90_000.0, 80_000.0))
    with pytest.raises(SpotsError):
        session.set_spots(far)
    session.aligning.apply_to(far, lay_in_the_middle(far, session.slide), "laid in the middle")
    xy = session.spots.obsm["spatial"]
    np.testing.assert_allclose((xy.min(0) + xy.max(0)) / 2, (1000, 500))


def test_another_scale_of_the_slide_keeps_the_draft_and_other_spots_do_not(session):
    session.aligning.shift(10, 0)
    session.set_mpp(0.6)
    assert session.aligning.moved
    session.set_spots(make_spots(prefix="other"))
    assert not session.aligning.moved
    with pytest.raises(AlignmentError, match="scaled"):
        session.aligning.scale(0)
    session.set_spots(None)
    with pytest.raises(AlignmentError, match="no spots"):
        session.aligning.shift(1, 1)
