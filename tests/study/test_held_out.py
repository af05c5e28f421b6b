"""Predictions of held-out sections: the model's by one retrieval, the baselines' beside them."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest

from napari_stexp.errors import EvaluationError, PredictionError
from napari_stexp.progress import exhaust
from napari_stexp.study import predict_held_out


def predict(bundle, dataset, *names, split="section", **options):
    task = predict_held_out(bundle, dataset, names, split=split, device="cpu", **options)
    return exhaust(task)


@pytest.fixture(scope="module")
def held_out(trained, dataset):
    (section,) = predict(trained, dataset, "C1", split="patient")
    return section


def test_every_method_predicts_on_both_scales(held_out) -> None:
    from napari_stexp.evaluate import METHODS

    assert held_out.methods == METHODS
    assert held_out.scales == ("spot", "gene")
    assert held_out.split == "patient"
    for scales in held_out.predicted.values():
        assert all(np.isfinite(values).all() for values in scales.values())


def test_it_tells_measurement_labels_and_picture(held_out, dataset) -> None:
    spots = dataset.spots("C1")
    np.testing.assert_array_equal(held_out.counts.toarray(), spots.X.toarray())
    np.testing.assert_array_equal(held_out.spot_ids, spots.obs_names)
    np.testing.assert_array_equal(held_out.centers, spots.obsm["spatial"])
    assert list(held_out.labels) == list(spots.obs["label"])
    assert held_out.thumbnail.ndim == 3
    assert held_out.section.patient == "C"


def test_the_model_predicts_as_a_prediction_of_the_slide_does(trained, held_out, manifest) -> None:
    from napari_stexp.predict import PredictParams, predict_spots
    from napari_stexp.slide import open_slide
    from napari_stexp.spots import read_spots

    spots = read_spots(manifest.parent / "C1.h5ad")
    with open_slide(manifest.parent / "C1.ome.tif") as slide:
        for scale in ("spot", "gene"):
            params = PredictParams(device="cpu", scale=scale)
            expected = exhaust(predict_spots(slide, spots, trained, params))
            np.testing.assert_allclose(held_out.predicted["mclstexp"][scale], expected.X, atol=1e-4)


def test_baselines_learn_from_the_training_sections_alone(trained, held_out, dataset) -> None:
    from napari_stexp.model import log_normalize

    measured = [dataset.spots(name).X for name in ("A1", "B1")]
    for scale in ("spot", "gene"):
        mean = np.vstack([log_normalize(counts, scale) for counts in measured]).mean(axis=0)
        np.testing.assert_allclose(
            held_out.predicted["mean"][scale], np.tile(mean, (held_out.n_spots, 1)), atol=1e-6
        )


def test_one_retrieval_and_one_encoding_serve_both_scales(
    trained, dataset, tmp_path, monkeypatch
) -> None:
    """And what was encoded once lies beside the patches from then on."""
    from napari_stexp.dataset import open_dataset
    from napari_stexp.predict import PatchEncoder, Retriever

    shutil.copytree(dataset.folder, tmp_path / "data")
    for kept in (tmp_path / "data").rglob("features-*.npy"):
        kept.unlink()
    fresh = open_dataset(tmp_path / "data")

    calls: list[str] = []
    encoded, found = PatchEncoder.features_parallel, Retriever.find
    monkeypatch.setattr(
        PatchEncoder,
        "features_parallel",
        lambda self, pixels: calls.append("encode") or encoded(self, pixels),
    )
    monkeypatch.setattr(
        Retriever, "find", lambda self, query: calls.append("find") or found(self, query)
    )
    first = predict(trained, fresh, "C1", split="patient")
    assert calls == ["encode"] * 3 + ["find"]  # C1, and A1 and B1 for the baselines
    second = predict(trained, fresh, "C1", split="patient")
    assert calls[4:] == ["find"]
    for method, scales in first[0].predicted.items():
        for scale, values in scales.items():
            np.testing.assert_array_equal(second[0].predicted[method][scale], values)


def test_progress_counts_patches_for_statistics_and_for_features(trained, dataset) -> None:
    reports = []
    task = predict_held_out(trained, dataset, ["C1"], split="patient", device="cpu")
    exhaust(task, reports.append)
    done = [report.done for report in reports]
    assert done == sorted(done)
    assert (done[0], done[-1], reports[-1].total) == (0, 2 * 108, 2 * 108)


def test_closing_stops_it(trained, dataset) -> None:
    task = predict_held_out(trained, dataset, ["C1"], split="patient", device="cpu")
    next(task)
    task.close()
    with pytest.raises(StopIteration):
        next(task)


def test_a_section_of_the_training_is_refused(trained, dataset) -> None:
    with pytest.raises(EvaluationError, match="found A1"):
        predict(trained, dataset, "C1", "A1")


def test_a_sibling_is_no_new_patient(trained, dataset) -> None:
    with pytest.raises(EvaluationError, match="found A2"):
        predict(trained, dataset, "A2", split="patient")
    (section,) = predict(trained, dataset, "A2", split="section")
    assert section.split == "section"


def test_excluded_patients_are_neither_retrieved_nor_fitted_on(trained, dataset) -> None:
    from napari_stexp.model import log_normalize

    (section,) = predict(trained, dataset, "A2", exclude_patients=["A"])
    alone = log_normalize(dataset.spots("B1").X, "spot")
    np.testing.assert_allclose(section.predicted["mean"]["spot"][0], alone.mean(axis=0), atol=1e-6)
    predicted = section.predicted["mclstexp"]["spot"]
    assert (predicted <= alone.max(axis=0) + 1e-6).all()
    (whole,) = predict(trained, dataset, "A2")
    assert not np.allclose(whole.predicted["mclstexp"]["spot"], predicted)


def test_excluding_the_whole_reference_or_a_stranger_is_refused(trained, dataset) -> None:
    with pytest.raises(PredictionError, match="no reference spot is left"):
        predict(trained, dataset, "A2", exclude_patients=["A", "B"], k=1)
    with pytest.raises(PredictionError, match="no such patient"):
        predict(trained, dataset, "A2", exclude_patients=["Z"])


def test_k_above_the_bank_is_refused(trained, dataset) -> None:
    with pytest.raises(PredictionError, match="k = 73 neighbours are more than the 72 spots"):
        predict(trained, dataset, "C1", split="patient", k=73)


def test_unknown_sections_are_refused(trained, dataset) -> None:
    with pytest.raises(EvaluationError, match="expected A1, A2, B1, B2, C1; found 'C9'"):
        predict(trained, dataset, "C9")


def test_patches_of_another_scale_are_refused(trained, dataset) -> None:
    header = trained.header
    other = replace(trained, header=replace(header, input=replace(header.input, mpp=0.5)))
    with pytest.raises(EvaluationError, match="cut in another way") as caught:
        predict(other, dataset, "C1", split="patient")
    assert "µm per px of C1 0.5" in caught.value.message


def test_a_reference_that_the_data_lack_leaves_no_baselines(trained, dataset, caplog) -> None:
    bank = trained.bank
    sections = (replace(bank.sections[0], name="X1", patient="X"), bank.sections[1])
    other = replace(
        trained,
        header=replace(trained.header, sections=sections),
        bank=replace(bank, sections=sections),
    )
    (section,) = predict(other, dataset, "C1", split="patient")
    assert section.methods == ("mclstexp",)
    assert "lacks 1 of the 2 sections" in caplog.text


def test_a_renamed_section_is_refused(trained, dataset) -> None:
    bank = trained.bank
    sections = (replace(bank.sections[0], name="X1", patient="X"), bank.sections[1])
    other = replace(
        trained,
        header=replace(trained.header, sections=sections),
        bank=replace(bank, sections=sections),
    )
    with pytest.raises(EvaluationError, match="A1 is in the model's reference under another"):
        predict(other, dataset, "A1", split="patient")
