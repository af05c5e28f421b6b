"""The generator from slide and spots to AnnData, with a real slide file and a tiny model."""

from __future__ import annotations

import threading
from contextlib import closing
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_stexp.errors import DeviceError, PredictionError, ScaleError, SpotsError
from napari_stexp.predict import (
    PatchEncoder,
    Prediction,
    PredictParams,
    average_expression,
    predict_spots,
    retrieve,
    start_prediction,
)
from napari_stexp.progress import Progress, exhaust
from napari_stexp.slide import PatchBatch, PatchReader, open_slide

CPU = PredictParams(device="cpu", batch_size=4)


def run(slide, spots, bundle, params=CPU):
    """The result and all reports."""
    reports: list[Progress] = []
    adata = exhaust(predict_spots(slide, spots, bundle, params), reports.append)
    return adata, reports


def by_hand(slide, spots, bundle, k=5, metric="l1", scale="spot"):
    """The same, patch by patch, from the parts."""
    import torch

    model = bundle.build_model("cpu")
    side = bundle.header.input.patch_px
    pixels = PatchReader(slide, side, bundle.header.input.mpp).read(spots.obsm["spatial"]).pixels
    images = torch.from_numpy(pixels.transpose(0, 3, 1, 2) / 255.0).float()
    with torch.inference_mode():
        embeddings = model.embed_image(images).numpy()
    found = retrieve(embeddings, bundle.bank.embeddings, k, metric)
    return average_expression(bundle.bank.expression_matrix(scale), found), found


@pytest.mark.parametrize("metric", ["l1", "l2"])
@pytest.mark.parametrize("scale", ["spot", "gene"])
def test_it_is_what_the_parts_make_of_it(slide, spots, bundle, metric, scale):
    params = PredictParams(k=7, metric=metric, scale=scale, device="cpu", batch_size=4)
    adata, _ = run(slide, spots, bundle, params)
    expected, found = by_hand(slide, spots, bundle, 7, metric, scale)
    predicted = adata.obs["status"].isin(["ok", "border"]).to_numpy()
    assert predicted.sum() == 28
    np.testing.assert_allclose(adata.X[predicted], expected[predicted], atol=1e-5)
    np.testing.assert_allclose(
        adata.obs["similarity"][predicted], found.mean_similarity[predicted], atol=1e-5
    )
    np.testing.assert_allclose(
        adata.obs["effective_k"][predicted], found.effective_k[predicted], rtol=1e-4
    )
    assert np.isnan(adata.X[~predicted]).all()
    measures = adata.obs.loc[~predicted, ["similarity", "effective_k", "confidence"]]
    assert measures.isna().all(axis=None)


def test_the_spots_keep_their_order_and_record(slide, spots, bundle):
    adata, _ = run(slide, spots, bundle)
    assert list(adata.obs_names) == list(spots.obs_names)
    assert tuple(adata.var_names) == bundle.genes
    np.testing.assert_array_equal(adata.obsm["spatial"], spots.obsm["spatial"])
    assert adata.uns["spatial"] == spots.uns["spatial"]
    assert adata.X.dtype == np.float32
    assert adata.obs["status"].value_counts().to_dict() == {
        "ok": 24, "border": 4, "outside": 2, "unreadable": 0, "pending": 0,
    }  # fmt: skip
    assert adata.uns["stexp"]["spots"] == adata.obs["status"].value_counts().to_dict()


def test_results_come_batch_by_batch_and_add_up(slide, spots, bundle):
    adata, reports = run(slide, spots, bundle)
    assert [r.stage for r in reports[:2]] == ["loading the model", "predicting"]
    batches = [r.new for r in reports if r.new is not None]
    assert all(len(batch) <= 4 for batch in batches if "outside" not in batch.status)
    assert sorted(np.concatenate([b.index for b in batches])) == list(range(30))
    assert [r.done for r in reports[2:]] == list(np.cumsum([len(b) for b in batches]))
    kept = start_prediction(slide, spots, bundle, CPU)
    assert not kept.done
    for batch in batches:
        kept.add(batch)
    assert kept.finished
    np.testing.assert_array_equal(kept.adata.X, adata.X)
    assert kept.adata.obs.equals(adata.obs)


def test_it_is_repeatable_and_independent_of_the_spots_order(slide, spots, bundle):
    first, _ = run(slide, spots, bundle)
    again, _ = run(slide, spots, bundle)
    np.testing.assert_array_equal(first.X, again.X)
    assert first.obs.equals(again.obs)
    backwards, _ = run(slide, spots[::-1].copy(), bundle)
    np.testing.assert_allclose(backwards.X[::-1], first.X, atol=1e-5)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batches_change_nothing_that_matters(slide, spots, bundle, batch_size):
    expected, _ = run(slide, spots, bundle)
    params = PredictParams(device="cpu", batch_size=batch_size, threads=2)
    np.testing.assert_allclose(run(slide, spots, bundle, params)[0].X, expected.X, atol=1e-5)


def test_a_large_first_batch_is_cut_so_that_something_shows_early(slide, spots, bundle):
    _, reports = run(slide, spots, bundle, PredictParams(device="cpu", batch_size=64))
    sizes = [len(r.new) for r in reports if r.new is not None and "outside" not in r.new.status]
    assert sizes == [16, 12]


def test_closing_it_stops_everything_and_partial_results_stay(slide, spots, bundle):
    before = set(threading.enumerate())
    kept = start_prediction(slide, spots, bundle, CPU)
    task = predict_spots(slide, spots, bundle, CPU)
    for progress in task:
        if progress.new is not None:
            kept.add(progress.new)
        if kept.done > 8:
            break
    task.close()
    assert set(threading.enumerate()) <= before
    assert 8 < kept.done < 30
    assert not kept.finished
    pending = (kept.adata.obs["status"] == "pending").to_numpy()
    assert np.isnan(kept.adata.X[pending]).all()
    assert pending.sum() == 30 - kept.done == kept.adata.uns["stexp"]["spots"]["pending"]


def test_what_cant_be_read_is_nan_and_the_rest_goes_on(slide, spots, bundle, monkeypatch):
    original = PatchReader.stream
    whole, _ = run(slide, spots, bundle)

    def damaged(self, centers, batch_size, **kwargs):
        for index, batch in original(self, centers, batch_size, **kwargs):
            yield index, PatchBatch(batch.pixels, centers[index, 0] < 400)

    monkeypatch.setattr(PatchReader, "stream", damaged)
    adata, _ = run(slide, spots, bundle)
    x = spots.obsm["spatial"][:, 0]
    inside = (whole.obs["status"] != "outside").to_numpy()
    lost = inside & (x >= 400)
    assert 0 < lost.sum() < 28
    assert (adata.obs["status"][lost] == "unreadable").all()
    assert np.isnan(adata.X[lost]).all()
    np.testing.assert_allclose(adata.X[inside & ~lost], whole.X[inside & ~lost], atol=1e-5)


def test_a_damaged_tile_on_disk_loses_its_spots_only(slide_path, spots, bundle, tmp_path):
    """Bytes of one JPEG tile destroyed, as a broken copy does."""
    import tifffile

    path = tmp_path / "damaged.tif"
    tifffile.imwrite(
        path, tifffile.imread(slide_path), tile=(128, 128), photometric="rgb",
        compression="jpeg", resolution=(1e4 / 0.5, 1e4 / 0.5), resolutionunit="CENTIMETER",
    )  # fmt: skip
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[0]
        offset, count = page.dataoffsets[9], page.databytecounts[9]  # tile row 1, column 2
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\0" * count)
    with open_slide(path, mpp=0.5) as slide:
        adata, _ = run(slide, spots, bundle)
    x0, y0 = (np.floor(spots.obsm["spatial"]) - 16).T
    touched = (x0 < 384) & (x0 + 32 > 256) & (y0 < 256) & (y0 + 32 > 128)
    status = adata.obs["status"].to_numpy()
    assert touched.any()
    assert set(status[touched]) == {"unreadable"}
    assert set(status[~touched]) == {"ok", "border", "outside"}
    assert np.isfinite(adata.X[~touched & (status != "outside")]).all()


# ---- memory ------------------------------------------------------------------------------


def test_batches_are_halved_until_they_fit(slide, spots, bundle, monkeypatch):
    import torch

    expected, _ = run(slide, spots, bundle)
    original, sizes = PatchEncoder._embed_batch, []

    def starve(self, pixels):
        sizes.append(len(pixels))
        if len(pixels) > 3:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return original(self, pixels)

    monkeypatch.setattr(PatchEncoder, "_embed_batch", starve)
    adata, _ = run(slide, spots, bundle, PredictParams(device="cpu", batch_size=16))
    np.testing.assert_allclose(adata.X, expected.X, atol=1e-5)
    assert sizes[:3] == [16, 8, 4]
    assert max(sizes[3:]) == 2  # it remembers


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), "single patch"),
        (MemoryError(), "single patch"),
        (RuntimeError("CUDA error: an illegal memory access"), "illegal memory access"),
    ],
)
def test_what_halving_cant_cure_is_a_device_error(slide, spots, bundle, monkeypatch, error, words):
    def fail(self, pixels):
        raise error

    monkeypatch.setattr(PatchEncoder, "_embed_batch", fail)
    with pytest.raises(DeviceError, match=words) as caught:
        run(slide, spots, bundle)
    assert "cpu" in str(caught.value)
    assert not isinstance(caught.value, RuntimeError)


# ---- bad input -----------------------------------------------------------------------------


def test_no_spots(slide, make_spots, bundle):
    with pytest.raises(SpotsError, match="no spots"):
        run(slide, make_spots(np.empty((0, 2))), bundle)


def test_all_spots_outside(slide, make_spots, bundle):
    with pytest.raises(SpotsError, match="outside the image"):
        run(slide, make_spots([[-100.0, 5], [5000, 5]]), bundle)


def test_k_beyond_the_bank(slide, spots, bundle):
    with pytest.raises(PredictionError, match=r"k = 41 .* 40 spots"):
        run(slide, spots, bundle, PredictParams(k=41, device="cpu"))


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"metric": "cosine"}, "unknown metric"),
        ({"scale": "log"}, "unknown expression scale"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"threads": -1}, "threads must be at least 1"),
        ({"exclude_sections": ("Z9",)}, "Z9"),
        ({"exclude_patients": ("A", "B")}, "no reference spot is left"),
    ],
)
def test_impossible_settings(slide, spots, bundle, params, words):
    with pytest.raises(PredictionError, match=words):
        start_prediction(slide, spots, bundle, PredictParams(**{"device": "cpu"} | params))


def test_a_missing_device(slide, spots, bundle):
    with pytest.raises(DeviceError, match="cuda:77"):
        run(slide, spots, bundle, PredictParams(device="cuda:77"))


# ---- scale ---------------------------------------------------------------------------------


def square(pitch, n=5, **record):
    rows, columns = np.divmod(np.arange(n * n), n)
    return 100 + pitch * np.column_stack([columns, rows]), record


def test_unknown_scale_without_a_way_out_is_refused(unscaled, spots, bundle):
    with pytest.raises(ScaleError, match="unknown") as caught:
        run(unscaled, spots, bundle)
    assert "µm" in caught.value.hint


def test_unknown_scale_is_taken_from_the_spots_and_said_so(unscaled, make_spots, bundle):
    xy, _ = square(80.0)
    spots = make_spots(xy, pitch_um=20.0)  # 0.25 µm/px: patches shrink to half
    adata, _ = run(unscaled, spots, bundle)
    assert adata.uns["stexp"]["slide"]["mpp"] == pytest.approx(0.25)
    assert adata.uns["stexp"]["slide"]["mpp_source"] == "spots"
    expected, _ = by_hand(unscaled.with_mpp(0.25), spots, bundle)
    np.testing.assert_allclose(adata.X, expected, atol=1e-5)


def test_a_model_without_scale_reads_patches_as_they_are(unscaled, spots, make_bundle):
    bundle = make_bundle(input={"mpp": None})
    adata, _ = run(unscaled, spots, bundle)
    facts = adata.uns["stexp"]["slide"]
    assert "mpp" not in facts
    assert "patch_mpp" not in facts
    assert facts["mpp_source"] == "unknown"


@pytest.mark.parametrize("pitch_um", [20.0 * 1.06, 20.0 * 0.94])
def test_spots_that_contradict_the_slide_are_refused(slide, make_spots, bundle, pitch_um):
    xy, _ = square(40.0)
    run(slide, make_spots(xy, pitch_um=20.0), bundle)
    with pytest.raises(ScaleError, match="contradicts"):
        run(slide, make_spots(xy, pitch_um=pitch_um), bundle)


# ---- the bank, the model's input, the provenance -----------------------------------------


def test_sections_and_patients_can_be_left_out(slide, spots, bundle):
    params = PredictParams(device="cpu", exclude_sections=("A1",), exclude_patients=())
    adata, _ = run(slide, spots, bundle, params)
    kept = bundle.bank.section != 0
    smaller = SimpleNamespace(
        header=bundle.header, build_model=bundle.build_model, bank=bundle.bank.take(kept)
    )
    expected, _ = by_hand(slide, spots, smaller)
    predicted = (adata.obs["status"] != "outside").to_numpy()
    np.testing.assert_allclose(adata.X[predicted], expected[predicted], atol=1e-5)
    facts = adata.uns["stexp"]
    assert facts["reference"]["n_spots"] == kept.sum()
    assert facts["reference"]["sections"] == "B1, B2"
    assert facts["parameters"]["exclude_sections"] == "A1"
    only_a, _ = run(slide, spots, bundle, PredictParams(device="cpu", exclude_patients=("B",)))
    assert only_a.uns["stexp"]["reference"]["sections"] == "A1"


@pytest.mark.parametrize(
    ("record", "overlap"),
    [
        ({"section": "A1", "patient": "A"}, "section"),
        ({"section": "B7", "patient": "B"}, "patient"),
        ({"section": "C1", "patient": "C"}, "none"),
        ({}, "unknown"),
    ],
)
def test_seen_tissue_is_recorded(slide, spots, bundle, record, overlap):
    spots.uns["stexp_spots"] = record
    adata = start_prediction(slide, spots, bundle, CPU).adata
    assert adata.uns["stexp"]["reference"]["overlap"] == overlap


@pytest.mark.parametrize(
    ("section", "patient", "left_out", "overlap"),
    [
        ("A1", "A", {"exclude_patients": ("A",)}, "section left out"),
        ("A9", "A", {"exclude_patients": ("A",)}, "patient left out"),
        ("B1", "B", {"exclude_sections": ("B1",)}, "patient"),  # its sibling B2 is still there
        ("B1", "B", {"exclude_sections": ("B2",)}, "section"),
    ],
)
def test_what_is_left_out_may_still_have_been_trained_on(
    slide, spots, bundle, section, patient, left_out, overlap
):
    spots.uns["stexp_spots"] = {"section": section, "patient": patient}
    params = PredictParams(device="cpu", **left_out)
    facts = start_prediction(slide, spots, bundle, params).adata.uns["stexp"]["reference"]
    assert facts["overlap"] == overlap


@pytest.mark.parametrize(
    ("record", "left_out", "what"),
    [
        (
            {"section": "A1", "patient": "A"},
            {},
            r"this very section \(A1\).*exclude_patients=\('A',\) \(--exclude-patient A\)",
        ),
        ({"section": "B7", "patient": "B"}, {}, r"2 other sections of this patient.*patient B"),
        (
            {"section": "B1", "patient": "B"},
            {"exclude_sections": ("B1",)},
            r"1 other section of this patient",
        ),
        ({"section": "A1"}, {}, r"exclude_sections=\('A1',\) \(--exclude-section A1\)"),
        ({"section": "A1", "patient": "A"}, {"exclude_patients": ("A",)}, None),
        ({"section": "C1", "patient": "C"}, {}, None),
        ({}, {}, None),
    ],
)
def test_seen_tissue_is_warned_of_with_the_way_out(slide, spots, bundle, record, left_out, what):
    spots.uns["stexp_spots"] = record
    params = PredictParams(device="cpu", **left_out)
    with closing(predict_spots(slide, spots, bundle, params)) as task:
        if what is None:
            next(task)  # warnings are errors
        else:
            with pytest.warns(UserWarning, match=what):
                next(task)


@settings(
    deadline=None, max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    centers=st.lists(st.tuples(st.floats(-60, 860), st.floats(-60, 660)), min_size=1, max_size=5),
    batch_size=st.integers(1, 6),
)
def test_a_single_field_of_view_changes_nothing(
    slide, make_spots, bundle, make_bundle, centers, batch_size
):
    spots = make_spots(centers)
    params = PredictParams(device="cpu", batch_size=batch_size)
    try:
        expected, _ = by_hand(slide, spots, bundle)
        found, _ = run(slide, spots, make_bundle(input={"context": (1.0,)}), params)
    except SpotsError:  # all of them lie beside the slide
        return
    predicted = found.obs["status"].isin(["ok", "border"]).to_numpy()
    np.testing.assert_allclose(found.X[predicted], expected[predicted], atol=1e-5)
    assert "fields_of_view" not in found.uns["stexp"]["slide"]


@pytest.mark.parametrize("mpp", [0.5, 1.0, None])
def test_wider_fields_of_view_are_read_around_each_spot(slide, spots, make_bundle, mpp):
    """By hand: one reader per field of view; without a scale in level-0 pixels."""
    import torch

    bundle = make_bundle(input={"context": (1.0, 2.5), "mpp": mpp})
    adata, _ = run(slide, spots, bundle)
    readers = [
        PatchReader(slide, 32, mpp * field) if mpp else PatchReader(slide, 32, field=field)
        for field in (1.0, 2.5)
    ]
    assert readers[1].ratio == pytest.approx(2.5 * readers[0].ratio)
    pixels = np.stack([r.read(spots.obsm["spatial"]).pixels for r in readers], 1)
    images = torch.from_numpy(pixels).movedim(-1, 2).float() / 255
    with torch.inference_mode():
        embeddings = bundle.build_model("cpu").embed_image(images).numpy()
    found = retrieve(embeddings, bundle.bank.embeddings, 5, "l1")
    expected = average_expression(bundle.bank.expression_matrix("spot"), found)
    predicted = adata.obs["status"].isin(["ok", "border"]).to_numpy()
    assert predicted.sum() >= 28
    np.testing.assert_allclose(adata.X[predicted], expected[predicted], atol=1e-5)
    assert adata.uns["stexp"]["slide"]["fields_of_view"] == "1 2.5"


def test_the_models_input_contract_is_followed(slide, spots, make_bundle):
    """BGR 0..255 is what Visium checkpoints were trained on: another contract, other numbers."""
    rgb = make_bundle()
    bgr = make_bundle(input={"color_order": "BGR", "value_range": 255.0})
    one, two = run(slide, spots, rgb)[0], run(slide, spots, bgr)[0]
    assert not np.allclose(one.obs["similarity"], two.obs["similarity"], equal_nan=True, atol=1e-3)


def test_the_fill_reaches_border_patches(slide, spots, make_bundle):
    black, white = make_bundle(), make_bundle(input={"fill": (255, 255, 255)})
    one, two = run(slide, spots, black)[0], run(slide, spots, white)[0]
    border = (one.obs["status"] == "border").to_numpy()
    ok = (one.obs["status"] == "ok").to_numpy()
    np.testing.assert_array_equal(one.obs["similarity"][ok], two.obs["similarity"][ok])
    assert (one.obs["similarity"][border] != two.obs["similarity"][border]).all()


def test_the_provenance_says_what_was_done(slide, spots, bundle):
    facts = run(slide, spots, bundle, PredictParams(metric="l2", device="cpu"))[0].uns["stexp"]
    assert facts["parameters"] == {
        "k": 5, "metric": "l2", "scale": "spot", "device": "cpu", "half": False,
    }  # fmt: skip
    assert facts["scale"] == "spot"
    assert facts["slide"]["fingerprint"] == slide.fingerprint()
    assert facts["slide"]["file"] == "small.ome.tif"
    assert facts["model"]["name"] == "tiny"
    assert facts["device"]["name"] == "cpu"
    assert facts["versions"]["torch"]
    assert "Research use only" in facts["intended_use"]
    assert str(slide.path.parent) not in str(facts)  # folders are nobody else's business


def test_per_gene_scores_of_the_model_travel_along(slide, spots, bundle):
    import pandas as pd

    scores = pd.DataFrame(
        {"pcc": np.linspace(0, 0.6, 7, dtype=np.float32)}, index=list(bundle.genes)
    )
    scored = bundle.with_scores(scores, {"scale": "spot"})
    adata = start_prediction(slide, spots, scored, CPU).adata
    np.testing.assert_array_equal(adata.var["pcc"], scores["pcc"])


def test_users_columns_are_kept_and_their_object_untouched(slide, spots, bundle):
    spots.obs["label"] = "tumour"
    before = spots.copy()
    adata, _ = run(slide, spots, bundle)
    assert (adata.obs["label"] == "tumour").all()
    assert spots.obs.equals(before.obs)
    assert not spots.obs.columns.isin(["status"]).any()
    adata.uns["spatial"]["lib"]["scalefactors"]["spot_diameter_fullres"] = 1.0
    assert spots.uns["spatial"]["lib"]["scalefactors"]["spot_diameter_fullres"] == 50.0


def test_a_prediction_can_be_predicted_again(slide, spots, bundle):
    """A saved prediction's spots serve as spots: its old columns are replaced."""
    first, _ = run(slide, spots, bundle)
    second, _ = run(slide, first, bundle, PredictParams(k=3, device="cpu", batch_size=4))
    assert second.uns["stexp"]["parameters"]["k"] == 3
    assert list(second.obs.columns) == list(first.obs.columns)
    assert Prediction(second).finished
