"""Each patient, or section, is held out once; finished folds are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.errors import EvaluationError, TrainingError
from napari_stexp.model import SectionInfo
from napari_stexp.progress import exhaust
from napari_stexp.study import cross_validate, make_folds


def infos(*sections: tuple[str, str]) -> list[SectionInfo]:
    return [SectionInfo(name=name, patient=patient) for name, patient in sections]


COHORT = infos(("A1", "A"), ("A2", "A"), ("B1", "B"), ("C1", "C"))


def test_by_patient_all_sections_of_one_are_held_out() -> None:
    folds = make_folds(COHORT, "patient")
    assert [(fold.name, fold.plan.held_out) for fold in folds] == [
        ("A", ("A1", "A2")),
        ("B", ("B1",)),
        ("C", ("C1",)),
    ]
    assert folds[0].plan.training == ("B1", "C1")


def test_by_section_siblings_stay() -> None:
    fold = make_folds(COHORT, "section")[0]
    assert fold.plan.held_out == ("A1",)
    assert fold.plan.training == ("A2", "B1", "C1")


def test_the_next_patient_is_watched() -> None:
    folds = make_folds(COHORT, "patient", validate=True)
    assert [fold.plan.validation for fold in folds] == [("B1",), ("C1",), ("A1", "A2")]
    assert folds[2].plan.training == ("B1",)


@pytest.mark.parametrize(
    ("sections", "by", "message"),
    [
        (infos(("A1", "A"), ("A2", "A")), "patient", "too few patients to hold one out"),
        (infos(("A1", "A")), "section", "too few sections to hold one out"),
        (infos(("A1", "A"), ("B1", "")), "patient", "found none for B1"),
        (COHORT, "slide", "unknown split"),
    ],
)
def test_impossible_folds_are_refused(sections, by, message) -> None:
    with pytest.raises(EvaluationError, match=message):
        make_folds(sections, by)


def test_folders_differ_where_names_differ_in_signs_only() -> None:
    folds = make_folds(infos(("a/1", "a/1"), ("a 1", "a 1"), ("A_1", "A_1")))
    assert len({fold.folder.lower() for fold in folds}) == 3
    assert all("/" not in fold.folder for fold in folds)


patients = st.lists(st.sampled_from("ABCD"), min_size=2, max_size=8).filter(
    lambda p: set(p) > {p[0]}
)


@given(patients=patients, by=st.sampled_from(["patient", "section"]), data=st.data())
def test_every_section_is_held_out_once_and_never_learned_from(patients, by, data) -> None:
    sections = infos(*((f"{patient}{i}", patient) for i, patient in enumerate(patients)))
    groups = len(set(patients)) if by == "patient" else len(sections)
    validate = data.draw(st.booleans()) and groups > 2
    folds = make_folds(sections, by, validate=validate)
    held_out = [name for fold in folds for name in fold.plan.held_out]
    assert sorted(held_out) == sorted(info.name for info in sections)
    for fold in folds:
        parts = [fold.plan.training, fold.plan.validation, fold.plan.held_out]
        together = [name for part in parts for name in part]
        assert sorted(together) == sorted(info.name for info in sections)
        if by == "patient":
            assert not {name[0] for name in parts[0] + parts[1]} & {name[0] for name in parts[2]}


@pytest.mark.slow
def test_folds_are_trained_scored_together_and_kept(dataset, quick, tmp_path) -> None:
    from dataclasses import replace

    stages: list[str] = []
    settings = replace(quick, epochs=1)
    options = {"names": ["A1", "B1", "C1"], "device": "cpu", "n_bootstrap": 0, "domains": False}
    task = cross_validate(dataset, settings, tmp_path, "patient", **options)
    first = exhaust(task, lambda progress: stages.append(progress.stage))
    assert [section.name for section in first.sections] == ["A1", "B1", "C1"]
    assert first.split == "patient"
    assert first.facts["protocol"] == "cross-validation by patient, 3 folds"
    assert set(first.facts["models"]) == {"A", "B", "C"}
    assert any("fold 2 of 3 (without B): epoch 1" in stage for stage in stages)

    models = {path: path.stat().st_mtime_ns for path in tmp_path.glob("fold-*/model.safetensors")}
    assert len(models) == 3
    stages.clear()
    again = exhaust(
        cross_validate(dataset, settings, tmp_path, "patient", **options),
        lambda progress: stages.append(progress.stage),
    )
    assert not any("epoch" in stage for stage in stages)
    assert models == {path: path.stat().st_mtime_ns for path in models}
    assert again.summary.equals(first.summary)

    with pytest.raises(TrainingError, match="was started otherwise"):
        exhaust(cross_validate(dataset, quick, tmp_path, "patient", **options))


@pytest.mark.slow
def test_by_section_the_result_says_that_siblings_were_seen(dataset, quick, tmp_path) -> None:
    from dataclasses import replace

    settings = replace(quick, epochs=1)
    options = {"names": ["A1", "A2", "C1"], "device": "cpu", "n_bootstrap": 0, "domains": False}
    result = exhaust(cross_validate(dataset, settings, tmp_path, "section", **options))
    assert result.split == "section"
    assert set(result.scores["split"]) == {"section"}
    assert "The only section of their patient: C1." in result.facts["remarks"]
