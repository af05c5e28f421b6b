"""Classes of many spots, which are found aside."""

from __future__ import annotations

import pytest
from shapely import box

from napari_stexp.annotation import Region
from napari_stexp.session import Session
from napari_stexp.session.annotation import labelling
from napari_stexp.session.annotation.label_source import label_by_regions
from tests.session.fakes import make_spots

LEFT = Region(box(100, 200, 500, 400), class_name="Left")
RIGHT = Region(box(500, 200, 2000, 400), class_name="Right")


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setattr(labelling, "_MANY", 5)
    session = Session()
    session.set_spots(make_spots(6))
    return session


def test_few_are_labelled_at_once(session, monkeypatch):
    monkeypatch.setattr(labelling, "_MANY", 50)
    session.set_annotations([LEFT])
    assert session.labelling.open_question is None
    assert session.labelling.source_now is session.labelling.source


def test_many_wait_for_an_answer_and_show_the_one_before(session):
    labels, told = session.labelling, []
    labels.values_changed.connect(lambda: told.append(labels.source_now))
    session.set_annotations([LEFT])
    assert labels.source_now is None
    assert labels.titles == {"regions": "Regions"}
    question = labels.open_question
    answer = label_by_regions(*question)
    labels.take_answer(question, answer)
    assert labels.open_question is None
    assert labels.source_now is labels.source is answer
    assert told[-1] is answer
    assert list(answer.values) == ["Left", "Left", "", "", "", ""]
    session.set_annotations([LEFT, RIGHT])
    assert labels.source_now is answer
    labels.take_answer(question, answer)  # to what is no longer asked
    assert labels.open_question is not None
    assert set(labels.source.values) == {"Left", "Right"}  # who can't wait finds out at once
    assert labels.source_now is labels.source


def test_other_spots_have_no_earlier_classes(session):
    session.set_annotations([LEFT])
    assert session.labelling.source is not None
    session.set_spots(make_spots(7))
    session.set_annotations([LEFT])
    assert session.labelling.source_now is None
