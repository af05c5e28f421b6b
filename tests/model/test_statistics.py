from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_stexp.model import STATISTICS, patch_statistics
from napari_stexp.model import statistics as module
from napari_stexp.model.statistics import NUCLEAR_THRESHOLD, separate_stains

PIXELS = np.random.default_rng(1).integers(0, 256, (4, 24, 24, 3), dtype=np.uint8)


def as_images(pixels: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255


def by_hand(pixels: np.ndarray) -> list[float]:
    """The statistics of one patch (p, p, 3), from scikit-image and NumPy."""
    from skimage.color import rgb2hed

    rgb = pixels.astype(np.float64) / 255
    channels = [*np.moveaxis(rgb, -1, 0), *np.moveaxis(rgb2hed(rgb), -1, 0)[:2]]
    grey = rgb.mean(axis=-1)
    return [
        *(c.mean() for c in channels),
        *(c.std() for c in channels),
        *(np.quantile(c, q) for q in (0.1, 0.5, 0.9) for c in channels),
        (grey < 0.5).mean(),
        (grey < 0.35).mean(),
        (channels[3] > NUCLEAR_THRESHOLD).mean(),
    ]


def test_they_are_numpys_and_scikit_images() -> None:
    found = patch_statistics(as_images(PIXELS))
    assert found.shape == (4, len(STATISTICS))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, [by_hand(patch) for patch in PIXELS], atol=2e-5)


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.uint8, (1, 7, 7, 3)))
def test_stains_are_separated_as_by_scikit_image(pixels: np.ndarray) -> None:
    from skimage.color import rgb2hed

    found = separate_stains(as_images(pixels))[0].permute(1, 2, 0)
    np.testing.assert_allclose(found, rgb2hed(pixels[0] / 255.0), atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(hnp.arrays(np.uint8, (2, 6, 6, 3)), st.randoms(use_true_random=False))
def test_where_a_pixel_lies_means_nothing(pixels: np.ndarray, random: object) -> None:
    order = list(range(36))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = pixels.reshape(2, 36, 3)[:, order].reshape(pixels.shape)
    torch.testing.assert_close(
        patch_statistics(as_images(moved)),
        patch_statistics(as_images(pixels)),
        atol=1e-5,
        rtol=1e-5,
    )


@pytest.mark.parametrize("level", [0, 255])
def test_plain_patches_have_finite_statistics(level: int) -> None:
    found = patch_statistics(torch.full((1, 3, 8, 8), level / 255))[0]
    named = dict(zip(STATISTICS, found.tolist(), strict=True))
    assert all(np.isfinite(list(named.values())))
    assert named["red_std"] == named["haematoxylin_std"] == 0
    assert named["dark_50"] == named["dark_35"] == float(level == 0)
    if level == 255:
        assert named["nuclear_fraction"] == named["haematoxylin_mean"] == 0


def test_nuclei_are_counted() -> None:
    """A quarter of the patch in the colour of haematoxylin, the rest in that of eosin."""
    from skimage.color import hed2rgb

    amounts = np.zeros((8, 8, 3))
    amounts[..., 1] = 0.1
    amounts[:4, :4] = (0.2, 0.0, 0.0)
    pixels = np.round(hed2rgb(amounts) * 255).astype(np.uint8)
    found = patch_statistics(as_images(pixels[None]))[0]
    assert found[STATISTICS.index("nuclear_fraction")] == 0.25


def test_large_batches_are_cut_and_empty_ones_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = patch_statistics(as_images(PIXELS))
    monkeypatch.setattr(module, "_VALUES_AT_ONCE", 1)
    torch.testing.assert_close(patch_statistics(as_images(PIXELS)), whole)
    assert patch_statistics(torch.empty(0, 3, 8, 8)).shape == (0, len(STATISTICS))


def test_their_names_are_unique() -> None:
    assert len(set(STATISTICS)) == len(STATISTICS) == 28
