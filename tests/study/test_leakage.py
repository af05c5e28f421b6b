"""What a model has seen decides what it may be judged on, whatever is left out later."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from napari_stexp.errors import EvaluationError
from napari_stexp.model import SectionInfo
from napari_stexp.study.leakage import check_splits, find_splits, refuse_copies, seen_sections


def a_bundle(*sections: tuple[str, str], **training):
    """What the guard looks at in a bundle."""
    infos = tuple(SectionInfo(name=name, patient=patient) for name, patient in sections)
    header = SimpleNamespace(sections=infos, training=training)
    return SimpleNamespace(header=header, path=None, name="model")


def info(name: str, patient: str = "") -> SectionInfo:
    return SectionInfo(name=name, patient=patient)


def test_a_section_is_seen_its_sibling_is_not_and_another_patient_is_new() -> None:
    bundle = a_bundle(("C2", "C"), ("C3", "C"))
    asked = [info("C2", "C"), info("C4", "C"), info("B4", "B")]
    assert find_splits(bundle, asked) == {"C2": None, "C4": "section", "B4": "patient"}


def test_a_name_of_another_patient_is_another_section() -> None:
    assert find_splits(a_bundle(("1", "A")), [info("1", "B")]) == {"1": "patient"}


@pytest.mark.parametrize(("known", "asked"), [("", "A"), ("A", ""), ("", "")])
def test_an_unknown_patient_rules_nothing_out(known: str, asked: str) -> None:
    bundle = a_bundle(("1", known))
    assert find_splits(bundle, [info("1", asked), info("2", asked)]) == {"1": None, "2": "section"}


def test_sections_that_a_training_was_stopped_by_were_seen() -> None:
    watched = [{"name": "C3", "patient": "C"}]
    bundle = a_bundle(("A1", "A"), validation_sections=watched)
    assert [section.name for section in seen_sections(bundle)] == ["A1", "C3"]
    found = find_splits(bundle, [info("C3", "C"), info("C4", "C"), info("D1", "D")])
    assert found == {"C3": None, "C4": "section", "D1": "patient"}


def test_what_was_seen_is_refused() -> None:
    bundle = a_bundle(("C2", "C"))
    with pytest.raises(EvaluationError, match="found C2") as caught:
        check_splits(bundle, [info("C2", "C"), info("B4", "B")], "section")
    assert "weights have seen" in caught.value.message


def test_a_split_may_claim_less_and_never_more() -> None:
    bundle = a_bundle(("C2", "C"))
    check_splits(bundle, [info("B4", "B")], "patient")
    check_splits(bundle, [info("B4", "B"), info("C4", "C")], "section")
    with pytest.raises(EvaluationError, match="found C4"):
        check_splits(bundle, [info("B4", "B"), info("C4", "C")], "patient")
    with pytest.raises(EvaluationError, match="unknown split"):
        check_splits(bundle, [info("B4", "B")], "slide")


names = st.sampled_from(["1", "2", "3"])
patients = st.sampled_from(["", "A", "B"])
sections = st.lists(st.tuples(names, patients), min_size=1, max_size=4, unique=True)


@given(seen=sections, asked=st.tuples(names, patients))
def test_patient_is_only_said_of_patients_that_are_known_to_be_new(seen, asked) -> None:
    (split,) = find_splits(a_bundle(*seen), [info(*asked)]).values()
    everyone = {patient for _, patient in seen}
    assert (split == "patient") == (
        bool(asked[1]) and "" not in everyone and asked[1] not in everyone
    )
    if asked in seen:
        assert split is None


def held_out(counts: np.ndarray):
    reference = SimpleNamespace(
        sections=(info("new"),), slices=[slice(0, len(counts))], counts=sparse.csr_array(counts)
    )
    return SimpleNamespace(reference=reference)


def test_a_renamed_section_is_recognised_by_its_counts() -> None:
    rng = np.random.default_rng(0)
    known, fresh = (rng.poisson(6.0, (40, 20)).astype(np.float32) for _ in range(2))
    bank = SimpleNamespace(counts=sparse.csr_array(known))
    refuse_copies(bank, held_out(fresh))
    half = np.vstack([known[rng.permutation(40)[:20]], fresh[:20]])
    with pytest.raises(EvaluationError, match="under another name"):
        refuse_copies(bank, held_out(half))


def test_empty_spots_are_alike_without_being_copies() -> None:
    empty = np.zeros((10, 5), np.float32)
    refuse_copies(SimpleNamespace(counts=sparse.csr_array(empty)), held_out(empty))
