"""What sections are used for, and what follows from it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.session import SectionRow, Session, Training
from napari_stexp.session.training.run import (
    CHECKPOINT,
    MODEL,
    is_resumable,
    propose_run_folder,
)


def rows_of(*names: str, patients: str = "") -> list[SectionRow]:
    return [
        SectionRow(name, patient, n_spots=10)
        for name, patient in zip(names, patients or [n[0] for n in names], strict=True)
    ]


def sources_of(rows):
    return [SimpleNamespace(name=row.name) for row in rows]


@pytest.fixture
def training():
    training = Training()
    rows = rows_of("A1", "A2", "B1", "C1", "C2")
    training.set_sources(sources_of(rows), rows)
    return training


def test_a_session_has_a_training_without_loading_torch():
    assert Session().training.missing()
    assert "napari_stexp.train.trainer" not in sys.modules or "torch" in sys.modules


def test_the_smallest_patient_is_held_out_at_first(training):
    assert training.names("train") == ("A1", "A2", "C1", "C2")
    assert training.names("hold out") == ("B1",)
    assert training.split == "patient"


def test_a_single_patient_leaves_nothing_to_hold_out():
    training = Training()
    rows = rows_of("A1", "A2")
    training.set_sources(sources_of(rows), rows)
    assert training.names("train") == ("A1", "A2")
    training.set_split("section")
    assert training.names("hold out") == ("A2",)
    assert training.mixed_patients() == ["A"]


def test_by_patient_siblings_follow(training):
    training.set_use("A1", "hold out")
    assert training.names("hold out") == ("A1", "A2", "B1")
    training.set_use("A2", "leave out")
    assert training.names("hold out") == ("A1", "B1")
    training.set_use("A1", "validate")  # A2 has been left out on purpose
    assert training.uses["A2"] == "leave out"
    assert training.mixed_patients() == []


def test_by_section_they_do_not(training):
    training.set_split("section")
    training.set_use("A1", "hold out")
    assert training.uses["A2"] == "train"
    assert training.names("hold out") == ("A1", "B1")
    assert training.mixed_patients() == ["A"]


def test_switching_there_and_back_keeps_the_ticks(training):
    training.set_use("A2", "leave out")
    training.set_use("A1", "hold out")
    by_patient = training.uses
    training.set_split("section")
    assert training.uses == by_patient  # they are good there, too
    training.set_use("C1", "hold out")
    by_section = training.uses
    training.set_split("patient")
    assert training.uses == by_patient
    training.set_split("section")
    assert training.uses == by_section


def test_by_patient_ticks_of_single_sections_are_not_taken_over(training):
    training.set_split("section")
    rows = rows_of("A1", "A2", "B1")
    training.set_sources(sources_of(rows), rows)
    assert training.names("hold out") == ("B1",)
    training.set_use("A1", "hold out")
    training.set_split("patient")
    assert training.mixed_patients() == []


def test_a_section_that_turns_out_unusable_is_not_ticked_by_switching_back(training):
    training.set_split("section")
    training.set_row(SectionRow("A1", "A", problem="no counts"))
    training.set_split("patient")
    assert training.uses["A1"] == "leave out"


def test_sections_of_unknown_patients_are_told_apart():
    training = Training()
    rows = rows_of("X", "Y", "Z", patients=["", "", ""])
    training.set_sources(sources_of(rows), rows)
    assert training.names("hold out") == ("Z",)
    training.set_use("X", "hold out")
    assert training.uses["Y"] == "train"
    assert training.mixed_patients() == []


@given(
    patients=st.lists(st.sampled_from(["", "A", "B", "C"]), min_size=1, max_size=7),
    clicks=st.lists(
        st.tuples(st.integers(0, 6), st.sampled_from(["train", "validate", "hold out"])),
        max_size=8,
    ),
)
def test_by_patient_nobody_is_ever_on_both_sides(patients, clicks):
    training = Training()
    rows = rows_of(*(f"s{i}" for i in range(len(patients))), patients=patients)
    training.set_sources(sources_of(rows), rows)
    for index, use in clicks:
        training.set_use(f"s{index % len(patients)}", use)
        assert training.mixed_patients() == []
    assert set(training.uses) == {row.name for row in rows}


def test_a_section_that_turns_out_unusable_is_left_out(training):
    heard = []
    training.uses_changed.connect(heard.append)
    training.set_row(SectionRow("A1", "A", problem="no counts"))
    assert training.uses["A1"] == "leave out"
    assert len(heard) == 1
    training.set_use("A2", "hold out")  # its sibling stays unusable
    assert training.uses["A1"] == "leave out"
    assert [s.name for s in training.chosen_sources()] == ["A2", "B1", "C1", "C2"]


def test_nothing_is_told_twice(training):
    heard = []
    for signal in (training.uses_changed, training.sections_changed, training.settings_changed):
        signal.connect(heard.append)
    training.set_use("A1", "train")
    training.set_split("patient")
    training.set_row(training.sections[0])
    training.settings = training.settings
    assert heard == []


def test_wrong_uses_and_splits_are_refused(training):
    with pytest.raises(ValueError, match="used for one of"):
        training.set_use("A1", "tests")
    with pytest.raises(ValueError, match="by patient or by section"):
        training.set_split("slide")


def dataset_of(*names):
    infos = [SimpleNamespace(name=n, patient=n[0], organ="", n_spots=5) for n in names]
    return SimpleNamespace(sections=infos, folder=Path("data"))


def test_prepared_data_keep_what_was_ticked(training):
    assert training.missing() != []
    training.set_use("B1", "leave out")
    training.set_use("A1", "hold out")
    training.set_dataset(dataset_of("A1", "A2", "C1", "C2"))
    assert training.names("hold out") == ("A1", "A2")
    assert training.missing() == []
    assert training.missing_to_prepare() == []  # the sources are still known


def test_other_data_are_ticked_anew_and_end_the_run(training, tmp_path):
    training.set_dataset(dataset_of("A1", "B1"))
    training.begin_run(tmp_path)
    training.set_dataset(dataset_of("D1", "E1"))
    assert training.names("hold out") == ("E1",)
    assert training.run is None
    training.clear()
    assert training.dataset is None
    assert training.sections == ()


def test_what_is_missing_is_said(training):
    assert "prepare" in training.missing()[0]
    assert Training().missing_to_prepare() == ["Choose the sections to train on."]
    for name in ("A1", "A2", "B1", "C1", "C2"):
        training.set_use(name, "leave out")
    assert training.missing_to_prepare() == ["Tick at least one section to train on."]
    training.set_dataset(dataset_of("A1", "B1"))
    training.set_use("A1", "hold out")
    assert training.missing() == ["Tick at least one section to train on."]


def test_a_run_can_be_resumed_until_its_model_is_there(tmp_path):
    assert not is_resumable(None)
    assert not is_resumable(tmp_path)
    (tmp_path / CHECKPOINT).touch()
    assert is_resumable(tmp_path)
    (tmp_path / MODEL).touch()
    assert not is_resumable(tmp_path)


def test_every_run_gets_a_folder_of_its_own(tmp_path):
    data = tmp_path / "her2"
    first = propose_run_folder(data)
    assert first == tmp_path / "her2-run-1"
    first.mkdir()
    assert propose_run_folder(data) == tmp_path / "her2-run-2"
