"""What a session hides, labels and chooses."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from shapely import box

from napari_stexp.errors import AnnotationError, SpotsError
from napari_stexp.session import (
    Regions,
    Session,
    autosave_path,
    find_autosave,
    remove_autosave,
    write_autosave,
)
from tests.session.fakes import FakeSlide, make_batch, make_prediction, make_region, make_spots

GENES = ("A", "B", "C")


@pytest.fixture
def shown(session):
    """Six measured spots, (200 … 1200, 300) px, with a finished prediction."""
    counts = np.arange(18).reshape(6, 3)
    session.set_slide(FakeSlide())
    session.set_spots(make_spots(genes=GENES, counts=counts))
    session.set_prediction(make_prediction(session.spots, GENES))
    session.add_batch(make_batch(range(5), np.linspace(0, 2, 15).reshape(5, 3)))
    return session


# ---- blinding --------------------------------------------------------------------------------


def test_while_blinded_no_value_leaves_the_session(shown):
    told = []
    shown.values_hidden_changed.connect(told.append)
    shown.regions.start_blinded()
    assert shown.hides_values
    assert shown.values() is None
    assert shown.values("B") is None
    assert shown.paired_values("A") is None
    assert shown.residual("A") is None
    assert set(shown.status()) == {"pending"}
    assert shown.read_out(0) == "spot0 · hidden until the annotation is locked"
    shown.regions.add(box(0, 0, 10, 10))
    shown.regions.lock()
    assert shown.values() is not None
    assert "predicted" in shown.read_out(0)
    assert told == [True, False]


def test_blinding_knows_whether_values_were_seen_before(session):
    session.set_slide(FakeSlide())
    session.regions.start_blinded()
    assert not session.regions.blinding.seen_before
    session.set_spots(make_spots(genes=GENES, counts=np.ones((6, 3))))
    assert not session.regions.values_were_seen
    session.regions.end_blinded()
    assert session.regions.values_were_seen
    session.regions.start_blinded()
    assert session.regions.blinding.seen_before


def test_another_slide_ends_blinding_and_forgets_what_was_seen(shown):
    shown.regions.start_blinded()
    assert shown.regions.blinding.seen_before
    shown.set_slide(FakeSlide(path=FakeSlide().path.with_name("other.svs")))
    assert shown.regions.blinding.state == "off"
    assert not shown.regions.values_were_seen


# ---- regions and labels ----------------------------------------------------------------------


def test_an_edit_reaches_annotations_and_labels(shown):
    heard = []
    shown.annotations_changed.connect(heard.append)
    drawn = shown.regions.add(box(100, 200, 500, 400))
    assert shown.annotations == [drawn]
    assert heard == [[drawn]]
    assert shown.labels() == ["Tumor", "Tumor", "", "", "", ""]
    shown.regions.undo()
    assert shown.annotations is None
    assert shown.labels() is None


def test_annotations_that_are_set_can_be_edited(shown):
    given = [make_region()]
    shown.set_annotations(given)
    assert shown.annotations is given
    shown.regions.remove([given[0].id])
    assert shown.annotations is None
    assert given, "the caller's list is not ours to change"


def test_a_locked_annotation_is_not_replaced(shown):
    shown.regions.start_blinded()
    drawn = shown.regions.add(box(100, 200, 500, 400))
    shown.regions.lock()
    for other in ([make_region()], None):
        with pytest.raises(AnnotationError, match="locked"):
            shown.set_annotations(other)
    assert shown.annotations == [drawn]


def test_columns_of_the_spots_are_labels(session):
    spots = make_spots()
    spots.obs["label"] = pd.Categorical(["cancer", "fat", "undetermined", None, "fat", "cancer"])
    session.set_spots(spots)
    source = session.labelling.source
    assert source.key == "column:label"
    assert source.classes == ("cancer", "fat", "undetermined")
    assert list(source.values) == ["cancer", "fat", "undetermined", "", "fat", "cancer"]
    assert list(source.compared) == ["cancer", "fat", "", "", "fat", "cancer"]
    assert source.count() == {"cancer": 2, "fat": 2, "undetermined": 1}
    assert len(set(source.colours.values())) == 3


def test_regions_come_before_columns_until_the_user_chooses(session):
    spots = make_spots()
    spots.obs["label"] = ["a", "b"] * 3
    session.set_spots(spots)
    session.regions.add(box(100, 200, 500, 400))
    assert session.labelling.active == "regions"
    session.labelling.active = "column:label"
    session.regions.add(box(600, 200, 900, 400))
    assert session.labelling.active == "column:label"
    with pytest.raises(AnnotationError):
        session.labelling.active = "table:none"


def test_a_table_is_joined_by_barcode(session):
    session.set_spots(make_spots())
    labels = pd.Series(["x", "y"], index=["spot3", "spot1"])
    key = session.labelling.add_table("reader 2", labels)
    assert session.labelling.active == key
    assert session.labels() == ["", "y", "", "x", "", ""]
    with pytest.raises(AnnotationError, match="no spot has a label"):
        session.labelling.add_table("other", pd.Series(["x"], index=["elsewhere"]))


def test_other_spots_forget_tables_choice_and_results(shown):
    shown.labelling.add_table("reader", pd.Series(["x"], index=["spot3"]))
    shown.select_spots(np.arange(6) == 2)
    shown.comparison.side_by_side = True
    shown.set_spots(make_spots(4))
    assert shown.labelling.keys == []
    assert shown.selection is None
    assert not shown.comparison.side_by_side


# ---- chosen spots ----------------------------------------------------------------------------


def test_spots_in_a_shape_are_chosen(shown):
    heard = []
    shown.selection_changed.connect(heard.append)
    shown.select_spots_in(box(350, 0, 650, 600))
    assert list(np.flatnonzero(shown.selection)) == [1, 2]
    shown.select_spots_in(box(350, 0, 650, 600))
    assert len(heard) == 1, "choosing what is chosen says nothing"
    shown.select_spots_in(box(0, 0, 1, 1))
    assert shown.selection is None


def test_a_choice_of_other_spots_is_refused(shown):
    with pytest.raises(SpotsError):
        shown.select_spots(np.ones(5, bool))


def test_pairs_and_residuals_are_on_the_predictions_scale(shown):
    measured, predicted = shown.paired_values("B")
    counts = shown.spots.X.toarray()
    expected = np.log10(1 + 1e4 * counts[:, 1] / counts.sum(axis=1))
    np.testing.assert_allclose(measured, expected, rtol=1e-6)
    assert np.isnan(predicted[5])
    np.testing.assert_allclose(shown.residual("B")[:5], (predicted - measured)[:5])
    assert np.isnan(shown.residual("B")[5])
    assert shown.paired_values("missing") is None


# ---- autosave --------------------------------------------------------------------------------


def test_an_annotation_is_found_again_with_classes_and_record(tmp_path, monkeypatch):
    monkeypatch.setenv("STEXP_DATA_DIR", str(tmp_path))
    path = autosave_path(FakeSlide())
    assert path.is_relative_to(tmp_path)
    assert find_autosave(path) is None
    drawn = Regions()
    drawn.add_class("Vessel", (1, 2, 3))
    drawn.start_blinded()
    drawn.add(box(0, 0, 10, 10).difference(box(4, 4, 6, 6)))
    write_autosave(path, drawn.items, drawn.classes, drawn.blinding, "slide.svs")
    saved = find_autosave(path)
    assert (saved.n_regions, saved.slide) == (1, "slide.svs")
    again = Regions()
    again.load(saved.read(), classes=saved.classes)
    again.restore_blinding(saved.blinding)
    assert again.classes == drawn.classes
    assert again.blinding == drawn.blinding
    assert again.items[0].id == drawn.items[0].id
    assert again.items[0].geometry.equals(drawn.items[0].geometry)
    remove_autosave(path)
    assert find_autosave(path) is None
    assert path.with_name(path.name + ".old").exists(), "what is put away is kept once"


def test_an_annotation_that_was_emptied_is_found_empty(tmp_path):
    path = write_autosave(tmp_path / "a.geojson", (), Regions().classes, Regions().blinding)
    assert find_autosave(path).read() == []


@pytest.mark.parametrize(
    "damage",
    ["", "{", "[]", '{"format": 99}', '{"format": 1}',
     json.dumps({"format": 1, "saved": "yesterday", "n_regions": 1, "classes": [], "blinding": {}}),
     json.dumps({"format": 1, "saved": "2026-01-01T00:00:00+00:00", "n_regions": 1, "classes": [],
                 "blinding": {"state": "odd"}})],
)  # fmt: skip
def test_a_damaged_state_is_no_autosave(tmp_path, damage):
    path = write_autosave(tmp_path / "a.geojson", (), Regions().classes, Regions().blinding)
    path.with_suffix(".state.json").write_text(damage)
    assert find_autosave(path) is None


def test_a_session_that_closes_lets_go_of_everything(shown):
    shown.regions.add(box(0, 0, 10, 10))
    shown.close()
    assert isinstance(shown, Session)
    assert shown.annotations is None
    assert shown.regions.items == ()
    assert shown.labelling.keys == []
