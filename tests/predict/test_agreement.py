"""From C4's JPEG and the released checkpoint to its predictions: the released code's numbers.

The comparisons themselves are those of ``scripts/check_gpu.py``, which a GPU's owner
runs: one code path, here on the CPU and, where there is one, on the GPU.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_stexp.predict import PatchEncoder, choose_device

pytestmark = [
    pytest.mark.data,
    pytest.mark.timeout(1200),
    # C4's siblings are the reference, as in the released code's own evaluation
    pytest.mark.filterwarnings("ignore:The model's reference holds 4 other sections"),
]

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "check_gpu.py"


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("check_gpu", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture(scope="module")
def released(check, her2st, released_checkpoint):
    return check.import_bundle(her2st, released_checkpoint)


@pytest.fixture(scope="module")
def c4(check, her2st, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEXP_CACHE_DIR", str(tmp_path_factory.mktemp("c4")))
        slide, spots = check.open_c4(her2st)
        with slide:
            yield slide, spots


def report(findings):
    failed = [f for f in findings if not f.passed]
    assert not failed, "\n".join(f"{f.what}: {f.found:.3g} > {f.limit:g}" for f in failed)


def test_the_imported_bank_is_the_released_one(check, released, reference):
    assert [s.name for s in released.header.sections] == ["C2", "C3", "C5", "C6"]
    assert list(released.genes) == list(reference["gene_list"])
    report(check.compare_bank(released, reference))


def test_the_patches_are_the_released_ones(check, c4, released, extras):
    """Pixel for pixel: JPEG decoding, centring and border are the same."""
    pixels = check.read_patches(*c4, released)
    np.testing.assert_array_equal(pixels[:8], extras["patch_u8_C4"])


def test_the_encoder_gives_the_released_embeddings_of_released_patches(released, extras):
    embeddings = PatchEncoder(released, choose_device("cpu")).embed(extras["patch_u8_C4"])
    np.testing.assert_allclose(embeddings, extras["image_embedding_C4"], atol=1e-4)


@pytest.mark.slow  # the window's own test of C4 compares its predictions, too
def test_c4_on_the_cpu(check, c4, released, reference):
    findings = [*check.compare_c4(*c4, released, reference, "cpu")]
    assert len(findings) == 13
    report(findings)


@pytest.mark.cuda
def test_c4_on_the_gpu(check, c4, released, reference):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA GPU")
    report(check.compare_c4(*c4, released, reference, "cuda"))
    half = check.embed_c4(*c4, released, choose_device("cuda"), "half")
    assert np.abs(half - reference["image_embeddings_C4"]).max() < check.HALF_EMBEDDINGS


@pytest.mark.slow
def test_the_comparison_can_fail(check, c4, released, reference):
    """Other embeddings, another metric's weights, another section's bank are all noticed."""
    import dataclasses

    embeddings = reference["image_embeddings_C4"]
    wrong = dict(reference, weights_l1_C4=reference["weights_l2_C4"])
    device = choose_device("cpu")
    found = [*check.compare_neighbours(embeddings, released, wrong, "l1", device)]
    assert not all(f.passed for f in found)
    shifted = embeddings + np.random.default_rng(0).normal(0, 0.1, embeddings.shape)
    found = [*check.compare_neighbours(shifted, released, reference, "l1", device)]
    assert not all(f.passed for f in found)
    bank = dataclasses.replace(released.bank, embeddings=reference["spot_embeddings_persection"])
    other = dataclasses.replace(released, bank=bank)
    assert not all(f.passed for f in check.compare_bank(other, reference))
