"""The image encoder on a device: precision, memory, and the released code's embeddings."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_stexp.errors import DeviceError, PredictionError
from napari_stexp.predict import PatchEncoder
from napari_stexp.predict.encoding import suggest_batch_size

CPU = torch.device("cpu")


def patches(n, side=32, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3)).astype(np.uint8)


def test_it_gives_the_models_own_embeddings(bundle):
    pixels = patches(5)
    expected = bundle.build_model().embed_image(
        torch.from_numpy(pixels.transpose(0, 3, 1, 2) / 255).float()
    )
    found = PatchEncoder(bundle, CPU, batch_size=2).embed(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_batches_beside_each_other_give_the_same(bundle):
    pixels = patches(11)
    encoder = PatchEncoder(bundle, CPU, batch_size=3)
    before, n = torch.get_num_threads(), 3
    torch.set_num_threads(n)
    try:
        assert encoder.workers == n
        parallel = encoder.embed_parallel(pixels)
    finally:
        torch.set_num_threads(before)
    np.testing.assert_allclose(parallel, encoder.embed(pixels), atol=1e-5)


def test_read_only_pixels_are_no_trouble(bundle):
    pixels = patches(2)
    pixels.flags.writeable = False
    encoder = PatchEncoder(bundle, CPU)
    assert encoder.embed(pixels).shape == (2, 16)
    features = encoder.features(pixels)
    features.flags.writeable = False
    assert encoder.project(features).shape == (2, 16)


def test_patches_of_another_size_are_refused(bundle):
    with pytest.raises(PredictionError, match="don't fit the model"):
        PatchEncoder(bundle, CPU).embed(patches(1, side=40))


def test_features_are_the_encoders_own_and_lead_to_the_embeddings(bundle):
    pixels = patches(5)
    encoder = PatchEncoder(bundle, CPU, batch_size=2)
    features = encoder.features(pixels)
    assert features.dtype == np.float32
    assert features.shape == (5, encoder.width) == (5, 512)
    images = torch.from_numpy(pixels.transpose(0, 3, 1, 2) / 255).float()
    expected = bundle.build_model().image_encoder(images)
    np.testing.assert_allclose(features, expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(encoder.features_parallel(pixels), features, atol=1e-5)
    np.testing.assert_allclose(encoder.project(features), encoder.embed(pixels), atol=1e-5)


def test_no_patches_give_no_rows(bundle):
    encoder = PatchEncoder(bundle, CPU)
    none = patches(0)
    assert encoder.embed(none).shape == encoder.embed_parallel(none).shape == (0, 16)
    assert encoder.features(none).shape == encoder.features_parallel(none).shape == (0, 512)


def test_fields_of_view_are_embedded_together(make_bundle):
    bundle = make_bundle(input={"context": (1.0, 2.0)})
    pixels = patches(10).reshape(5, 2, 32, 32, 3)
    encoder = PatchEncoder(bundle, CPU, batch_size=2)
    assert encoder.width == 1024
    images = torch.from_numpy(pixels).movedim(-1, 2).float() / 255
    expected = bundle.build_model().embed_image(images)
    np.testing.assert_allclose(encoder.embed(pixels), expected.numpy(), atol=1e-5)
    with pytest.raises(PredictionError, match=r"expected \(N, 2, 32, 32, 3\): 2 fields of view"):
        encoder.embed(pixels[:, 0])


def test_half_and_tf32_are_for_cuda_only(bundle):
    assert PatchEncoder(bundle, CPU, precision="half").precision == "float32"


def test_a_model_that_doesnt_fit_on_the_device_is_a_device_error(bundle, monkeypatch):
    def fail(self, *args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 64 MiB\nand more")

    monkeypatch.setattr(type(bundle), "build_model", fail)
    with pytest.raises(DeviceError, match=r"can't be put on it .*Tried to allocate 64 MiB\)"):
        PatchEncoder(bundle, CPU)


def test_batches_follow_the_free_memory(monkeypatch):
    from napari_stexp.predict import encoding

    monkeypatch.setattr(encoding, "free_memory", lambda device: 10**12)
    assert suggest_batch_size(CPU, 224) == 4
    assert suggest_batch_size(torch.device("cuda"), 224) == 256
    assert suggest_batch_size(torch.device("cuda"), 224, n_fields=4) == 64
    assert suggest_batch_size(CPU, 224, n_fields=8) == 1
    monkeypatch.setattr(encoding, "free_memory", lambda device: 10**9)
    assert 1 < suggest_batch_size(torch.device("cuda"), 224) < 20
    monkeypatch.setattr(encoding, "free_memory", lambda device: 0)
    assert suggest_batch_size(CPU, 224) == 1


def test_the_memory_estimate_of_a_batch_holds():
    """DenseNet-121 at 224 px: what a batch needs beside the weights, by torch's profiler."""
    from napari_stexp import model
    from napari_stexp.predict.encoding import _ACTIVATION_BYTES_PER_PIXEL

    network = model.MclSTExp("densenet121", 7, (2, 2), spot_side=False).eval()
    images = torch.rand(2, 3, 224, 224)
    with (
        torch.inference_mode(),
        torch.profiler.profile(
            activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True
        ) as profile,
    ):
        network.embed_image(images)
    live = peak = 0
    for event in profile.profiler.kineto_results.events():
        if event.name() == "[memory]":
            live += event.nbytes()
            peak = max(peak, live)
    assert 0 < peak / (2 * 224**2) < _ACTIVATION_BYTES_PER_PIXEL


# On a GPU: float32 agrees with the CPU as the released outputs do; half precision is
# allowed a few hundredths in embeddings (which have unit variance: they end in a LayerNorm).


@pytest.fixture
def gpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU")
    return torch.device("cuda")


@pytest.mark.cuda
def test_cuda_agrees_with_the_cpu(bundle, gpu):
    pixels = patches(64)
    expected = PatchEncoder(bundle, CPU).embed(pixels)
    np.testing.assert_allclose(PatchEncoder(bundle, gpu).embed(pixels), expected, atol=1e-4)


@pytest.mark.cuda
def test_half_precision_agrees_within_its_tolerance(bundle, gpu):
    pixels = patches(64)
    expected = PatchEncoder(bundle, CPU).embed(pixels)
    half = PatchEncoder(bundle, gpu, precision="half").embed(pixels)
    assert half.dtype == np.float32
    assert 0 < np.abs(half - expected).max() < 0.05
