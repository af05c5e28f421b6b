"""One history over regions, spots, predictions and how they are shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from napari_stexp.errors import AnnotationError
from napari_stexp.session import Session, Signature
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_region, make_spots

GENES = ("A", "B", "C")


@pytest.fixture
def session() -> Session:
    session = Session()
    session.set_slide(FakeSlide())
    session.set_spots(make_spots())
    session.set_prediction(make_prediction(session.spots, GENES), "first")
    session.add_batch(make_batch([0, 1], [[1, 2, 3], [4, 5, 6]]))
    return session


def test_nothing_done_is_nothing_to_take_back(session):
    assert session.undoing.undo_text == ""
    session.undoing.undo()
    with session.undoing.step("Nothing"):
        session.gene = session.gene
    assert session.undoing.undo_text == ""


def test_a_discarded_prediction_comes_back_with_its_values(session):
    session.gene = "B"
    with session.undoing.step("Discard the prediction"):
        session.set_prediction(None)
    assert session.prediction is None
    session.undoing.undo()
    assert session.predictions.active == "first"
    assert session.gene == "B"
    np.testing.assert_array_equal(session.values("B")[:2], [2, 5])
    assert session.undoing.redo_text == "Discard the prediction"
    session.undoing.redo()
    assert session.prediction is None


def test_spots_loaded_twice_at_once_are_two_steps(session):
    """A script is faster than a hand: what it loads first isn't lost with what it loads then."""
    first, second = make_spots(), make_spots()
    for spots in (first, second):
        with session.undoing.step("Load spots"):
            session.set_spots(spots)
    session.undoing.undo()
    assert session.spots is first


def test_a_slider_that_is_dragged_is_one_step(session):
    before = session.display
    for opacity in (0.9, 0.8, 0.7):
        with session.undoing.step("Opacity"):
            session.display = replace(session.display, opacity=opacity)
    session.undoing.undo()
    assert session.display == before


def test_cleared_spots_come_back_with_all_predictions(session):
    session.set_prediction(make_prediction(session.spots, GENES), "second")
    spots = session.spots
    with session.undoing.step("Remove the spots"):
        session.set_spots(None)
    assert len(session.predictions) == 0
    session.undoing.undo()
    assert session.spots is spots
    assert list(session.predictions) == ["first", "second"]
    assert session.predictions.active == "second"


def test_a_dragged_slider_is_one_step(session):
    before = session.display
    for opacity in (0.7, 0.6, 0.5):
        with session.undoing.step("Change the opacity"):
            session.display = replace(session.display, opacity=opacity)
    session.undoing.undo()
    assert session.display == before
    assert session.undoing.undo_text == ""


def test_a_step_within_a_step_is_part_of_it(session):
    with session.undoing.step("Outer"):
        with session.undoing.step("Inner"):
            session.gene = "C"
        session.display = replace(session.display, opacity=0.3)
    assert session.undoing.undo_text == "Outer"
    session.undoing.undo()
    assert session.display.opacity != 0.3
    assert session.undoing.undo_text == ""


def test_what_was_changed_before_an_error_is_noted(session):
    def fail() -> None:
        with session.undoing.step("Draw otherwise"):
            session.display = replace(session.display, colormap="magma")
            session.display = replace(session.display, opacity=7)

    with pytest.raises(ValueError, match="opacity"):
        fail()
    session.undoing.undo()
    assert session.display.colormap == "viridis"


def test_signatures_and_composite_come_back(session):
    session.signatures.add(Signature("T cells", ("A", "B")))
    session.composite = ("A", "T cells")
    with session.undoing.step("Remove a signature"):
        session.composite = ("A",)
        session.signatures.remove(["T cells"])
    session.undoing.undo()
    assert "T cells" in session.signatures
    assert session.composite == ("A", "T cells")


def test_regions_and_the_rest_are_taken_back_in_the_order_they_were_done(session):
    session.regions.extend([make_region()])
    with session.undoing.step("Show another gene"):
        session.gene = "C"
    session.regions.extend([make_region(x=600)])
    session.undoing.undo()
    assert len(session.regions.items) == 1
    session.undoing.undo()
    assert session.gene != "C"
    assert len(session.regions.items) == 1
    session.undoing.undo()
    assert session.regions.items == ()
    for _ in range(3):
        session.undoing.redo()
    assert len(session.regions.items) == 2
    assert session.gene == "C"


def test_regions_taken_back_by_their_own_button_are_not_taken_back_twice(session):
    session.regions.extend([make_region()])
    with session.undoing.step("Show another gene"):
        session.gene = "C"
    session.regions.undo()
    assert session.undoing.undo_text == "Show another gene"
    session.undoing.undo()
    assert session.undoing.undo_text == ""
    session.regions.redo()
    assert session.undoing.undo_text == "Add a region"


def test_locked_regions_stay_and_so_does_the_step(session):
    session.regions.start_blinded()
    session.regions.extend([make_region()])
    session.regions.lock()
    with pytest.raises(AnnotationError):
        session.undoing.undo()
    assert session.undoing.undo_text == "Add a region"
    assert len(session.regions.items) == 1


def test_a_file_of_regions_ends_the_edits_before_it(session):
    session.regions.extend([make_region()])
    session.set_annotations([make_region(x=500)])
    assert session.undoing.undo_text == ""


def test_another_slide_begins_anew(session):
    with session.undoing.step("Show another gene"):
        session.gene = "C"
    session.set_slide(FakeSlide(path=type(session.slide.path)("other.tif")))
    assert session.undoing.undo_text == ""


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["gene", "colour", "region", "undo", "redo", "own undo"])))
def test_taking_everything_back_ends_where_it_began(actions):
    session = Session()
    session.set_slide(FakeSlide())
    session.set_spots(make_spots())
    session.set_prediction(make_prediction(session.spots, GENES), "first")
    session.gene = "A"
    before = (session.gene, session.display, session.regions.items)
    for number, action in enumerate(actions):
        if action == "gene":
            with session.undoing.step(f"Gene {number}"):
                session.gene = GENES[number % 3]
        elif action == "colour":
            with session.undoing.step(f"Colour {number}"):
                session.display = replace(session.display, opacity=(number % 10) / 10)
        elif action == "region":
            session.regions.extend([make_region(x=10.0 * number)])
        elif action == "own undo":
            session.regions.undo()
        else:
            getattr(session.undoing, action)()
    while session.undoing.undo_text:
        session.undoing.undo()
    assert (session.gene, session.display, session.regions.items) == before
    assert session.regions.undo_text == ""


def test_labels_come_and_go(session):
    import pandas as pd

    labelling, undoing = session.labelling, session.undoing
    labels = pd.Series(["a", "b"], index=session.spots.obs_names[:2])
    with undoing.step("Label"):
        key = labelling.add_table("mine", labels)
    source = labelling.source
    with undoing.step("Remove labels"):
        labelling.remove(key)
    undoing.undo()
    assert (labelling.source, labelling.active) == (source, key)
    undoing.undo()
    assert (labelling.added, labelling.active) == ((), None)
    undoing.redo()
    assert labelling.source is source
    with undoing.step("Discard the prediction"):
        session.set_prediction(None)
    other = labelling.add_table("domains", labels)  # in no step: it stays
    undoing.undo()
    assert [one.key for one in labelling.added] == [key, other]


def test_what_is_offered_is_taken_back_once_in_its_own_way(session):
    done = []
    session.set_slide(None)
    session.undoing.offer("Close the slide", lambda: done.append("opened"))
    session.regions.load([make_region()])  # forgets the edits of regions only
    assert session.undoing.undo_text == "Close the slide"
    session.undoing.undo()
    assert done == ["opened"]
    assert (session.undoing.undo_text, session.undoing.redo_text) == ("", "")


# ---- the slide's scale -------------------------------------------------------------------


def spots_of_pitch(pitch_px):
    """Spots that lie 100 µm apart."""
    spots = make_spots(step=pitch_px)
    spots.uns["stexp_spots"] = {"pitch_um": 100.0}
    return spots


def test_a_settled_scale_is_taken_back_with_what_was_settled():
    session = Session()
    session.set_slide(FakeSlide(mpp=0.5))
    spots = spots_of_pitch(400.0)
    session.settle_scale(None, "spots", spots)
    settled = session.slide.settled
    assert (session.slide.mpp, session.slide.mpp_source) == (0.25, "spots")
    assert [one.key.split()[0] for one in settled] == ["pitch"]
    heard = []
    session.slide_changed.connect(heard.append)
    session.undoing.undo()
    assert (session.slide.mpp, session.slide.mpp_source, session.slide.settled) == (
        0.5, "metadata", (),
    )  # fmt: skip
    session.undoing.redo()
    assert (session.slide.mpp, session.slide.settled) == (0.25, settled)
    assert [slide.mpp for slide in heard] == [0.5, 0.25]


def test_a_scale_that_nobody_knew_is_unknown_again():
    session = Session()
    session.set_slide(FakeSlide(mpp=None, mpp_source="unknown"))
    session.set_mpp(0.5)
    session.set_mpp(0.25)  # a step of its own, however soon
    session.undoing.undo()
    assert session.slide.mpp == 0.5
    session.undoing.undo()
    assert (session.slide.mpp, session.slide.mpp_source) == (None, "unknown")


def test_spots_laid_on_a_settled_slide_go_with_its_scale():
    """They contradict the scale that held before, and nobody has settled that."""
    session = Session()
    session.set_slide(FakeSlide(mpp=0.5))
    before, after = make_spots(), spots_of_pitch(400.0)
    session.set_spots(before)
    with session.undoing.step("Settle the slide's scale"):
        session.settle_scale(None, "spots", after)
        session.set_spots(after)
    session.undoing.undo()
    assert (session.slide.mpp, session.spots) == (0.5, before)
    session.undoing.redo()
    assert (session.slide.mpp, session.spots) == (0.25, after)


def test_a_step_without_scale_leaves_the_present_one(session):
    with session.undoing.step("Change the opacity"):
        session.display = replace(session.display, opacity=0.5)
    session.set_slide(session.slide.with_mpp(0.4))  # a file that is opened once more
    session.undoing.undo()
    assert session.slide.mpp == 0.4


def test_another_slide_takes_no_scale_back(session):
    session.set_mpp(0.4)
    session.set_slide(FakeSlide(path=Path("other.tif"), mpp=0.3))
    assert session.undoing.undo_text == ""
    session.undoing.undo()
    assert session.slide.mpp == 0.3


def test_a_prediction_of_the_scale_that_came_back_is_no_longer_called_another(session):
    adata = session.prediction.adata
    adata.uns["stexp"] = {"slide": {"mpp": 0.5}}
    session.set_mpp(0.4)
    assert "at another one" in session.notices[-1]
    known = len(session.notices)
    session.undoing.undo()
    assert session.slide.mpp == 0.5
    assert session.notices[known:] == []
