"""Embeddings that are kept: predicting again without encoding, and only where it is allowed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_stexp.predict import EmbeddingStore, PatchEncoder, PredictParams, predict_spots
from napari_stexp.progress import exhaust
from napari_stexp.slide import PatchReader

CPU = PredictParams(device="cpu", batch_size=4)


def run(slide, spots, bundle, params=CPU, **options):
    return exhaust(predict_spots(slide, spots, bundle, params, **options))


@pytest.fixture
def encoded(monkeypatch):
    """How many patches were encoded, and projected."""
    counts = {"encoded": 0, "projected": 0}
    encode, project = PatchEncoder._encode, PatchEncoder.project

    def counting(self, pixels):
        counts["encoded"] += len(pixels)
        return encode(self, pixels)

    def projecting(self, features):
        counts["projected"] += len(features)
        return project(self, features)

    monkeypatch.setattr(PatchEncoder, "_encode", counting)
    monkeypatch.setattr(PatchEncoder, "project", projecting)
    return counts


@pytest.mark.parametrize(
    "change",
    [
        {"k": 9},
        {"metric": "l2"},
        {"metric": "softmax:0.2"},
        {"scale": "gene"},
        {"exclude_sections": ("A1",)},
        {"threads": 2},
    ],
)
def test_other_settings_take_the_kept_embeddings(slide, spots, bundle, encoded, change):
    store, params = EmbeddingStore(), replace(CPU, **change)
    expected = run(slide, spots, bundle, params)
    first = run(slide, spots, bundle, embeddings=store)
    np.testing.assert_array_equal(first.X, run(slide, spots, bundle).X)
    before = encoded["encoded"]
    found = run(slide, spots, bundle, params, embeddings=store)
    assert encoded["encoded"] == before
    np.testing.assert_array_equal(found.X, expected.X)
    assert found.obs.equals(expected.obs)


def test_nothing_is_built_or_read_when_all_is_known(slide, spots, bundle, monkeypatch):
    store = EmbeddingStore()
    expected = run(slide, spots, bundle, embeddings=store)

    def fail(*args, **kwargs):
        raise AssertionError("not needed")

    monkeypatch.setattr(type(bundle), "build_model", fail)
    monkeypatch.setattr(PatchReader, "stream", fail)
    np.testing.assert_array_equal(run(slide, spots, bundle, embeddings=store).X, expected.X)


def test_a_model_that_shares_the_encoder_only_projects(slide, spots, bundle, encoded):
    import torch

    rng = torch.Generator().manual_seed(5)
    state = {
        name: torch.randn(tensor.shape, generator=rng) * 0.1
        if name.startswith("image_projection.") and tensor.is_floating_point()
        else tensor.clone()
        for name, tensor in bundle.state.items()
    }
    other = replace(bundle, state=state)
    store = EmbeddingStore()
    run(slide, spots, bundle, embeddings=store)
    expected = run(slide, spots, other)
    before = encoded["encoded"]
    found = run(slide, spots, other, embeddings=store)
    assert encoded["encoded"] == before
    assert encoded["projected"] == 28
    np.testing.assert_allclose(found.X, expected.X, atol=1e-5)
    again = run(slide, spots, other, embeddings=store)
    assert encoded["projected"] == 28  # kept, too
    np.testing.assert_array_equal(again.X, found.X)


def change_weight(bundle):
    state = {name: tensor.clone() for name, tensor in bundle.state.items()}
    name = next(k for k in state if k.startswith("image_encoder.") and state[k].ndim == 4)
    state[name][0, 0, 0, 0] += 0.5
    return replace(bundle, state=state)


def test_whatever_embeddings_depend_on_makes_them_new(
    slide, unscaled, spots, make_spots, bundle, make_bundle, encoded
):
    store = EmbeddingStore()
    run(slide, spots, bundle, embeddings=store)
    xy = np.asarray(spots.obsm["spatial"])
    cases = {
        "encoder": (slide, spots, change_weight(bundle)),
        "contract": (slide, spots, make_bundle(input={"fill": (255, 0, 0)})),
        "places": (slide, make_spots(xy + 1.0), bundle),
        "slide": (unscaled.with_mpp(0.5), spots, bundle),
        "scale": (slide.with_mpp(0.6), spots, bundle),
    }
    for name, inputs in cases.items():
        before = encoded["encoded"]
        found = run(*inputs, embeddings=store)
        assert encoded["encoded"] == before + 28, name
        np.testing.assert_array_equal(found.X, run(*inputs).X, err_msg=name)


def test_a_run_that_was_stopped_goes_on_where_it_was(slide, spots, bundle, encoded):
    store = EmbeddingStore()
    task = predict_spots(slide, spots, bundle, CPU, embeddings=store)
    for progress in task:
        if progress.done >= 12:
            break
    task.close()
    done = encoded["encoded"]
    assert 10 <= done < 28
    found = run(slide, spots, bundle, replace(CPU, k=3), embeddings=store)
    assert encoded["encoded"] == 28
    np.testing.assert_allclose(found.X, run(slide, spots, bundle, replace(CPU, k=3)).X, atol=1e-5)


def test_memory_is_bounded_and_the_oldest_goes_first(slide, make_spots, bundle, encoded):
    sets = [make_spots(np.random.default_rng(i).uniform(50, 550, (20, 2))) for i in range(4)]
    one = 20 * 16 * 4 + 20  # embeddings of 16 numbers; features of 512 don't fit
    store = EmbeddingStore(limit=2 * one + 8)
    for spots in sets[:3]:
        run(slide, spots, bundle, embeddings=store)
        assert store.nbytes <= store.limit
    before = encoded["encoded"]
    run(slide, sets[2], bundle, embeddings=store)
    run(slide, sets[1], bundle, embeddings=store)
    assert encoded["encoded"] == before
    run(slide, sets[0], bundle, embeddings=store)  # dropped; now set 2 is the oldest
    assert encoded["encoded"] == before + 20
    run(slide, sets[1], bundle, embeddings=store)
    assert encoded["encoded"] == before + 20
    store.clear()
    assert store.nbytes == 0


def test_embeddings_stay_where_features_dont_fit_and_nothing_where_they_dont(
    slide, spots, bundle, encoded
):
    small, none = EmbeddingStore(limit=30 * 16 * 4 + 60), EmbeddingStore(limit=100)
    for store, times in ((small, 1), (none, 2)):
        encoded["encoded"] = 0
        run(slide, spots, bundle, embeddings=store)
        run(slide, spots, bundle, embeddings=store)
        assert encoded["encoded"] == 28 * times
        assert store.nbytes <= store.limit


def test_what_cant_be_read_isnt_kept(slide, spots, bundle, monkeypatch):
    from napari_stexp.slide import PatchBatch

    original, store = PatchReader.stream, EmbeddingStore()

    def damaged(self, centers, batch_size, **kwargs):
        for index, batch in original(self, centers, batch_size, **kwargs):
            yield index, PatchBatch(batch.pixels, centers[index, 0] < 400)

    with monkeypatch.context() as patch:
        patch.setattr(PatchReader, "stream", damaged)
        partly = run(slide, spots, bundle, embeddings=store)
    assert (partly.obs["status"] == "unreadable").any()
    whole = run(slide, spots, bundle, embeddings=store)
    assert not (whole.obs["status"] == "unreadable").any()
    np.testing.assert_allclose(whole.X, run(slide, spots, bundle).X, atol=1e-5)
