from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_stexp.errors import PredictionError
from napari_stexp.model import ImagePreprocessor, InputContract

PIXELS = np.random.default_rng(0).integers(0, 256, (5, 16, 16, 3), dtype=np.uint8)


def test_the_default_is_rgb_in_0_to_1() -> None:
    result = ImagePreprocessor(InputContract(patch_px=16))(PIXELS)
    assert result.shape == (5, 3, 16, 16)
    np.testing.assert_array_equal(
        result.numpy(), PIXELS.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)
    )
    assert result.is_contiguous(memory_format=torch.channels_last)


def test_the_released_visium_contract_keeps_bytes_and_swaps_colours() -> None:
    contract = InputContract(patch_px=16, color_order="BGR", value_range=255.0)
    result = ImagePreprocessor(contract)(torch.from_numpy(PIXELS))
    np.testing.assert_array_equal(result.numpy(), PIXELS[..., ::-1].transpose(0, 3, 1, 2))


def test_mean_and_std_come_last_in_the_contract_order() -> None:
    contract = InputContract(
        patch_px=16, color_order="BGR", mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0)
    )
    result = ImagePreprocessor(contract)(PIXELS)
    wanted = (PIXELS[..., ::-1] / 255 - [0.1, 0.2, 0.3]) / [0.5, 1.0, 2.0]
    np.testing.assert_allclose(result.numpy(), wanted.transpose(0, 3, 1, 2), atol=1e-6)


@pytest.mark.parametrize("value_range", [1.0, 255.0])
@pytest.mark.parametrize("color_order", ["RGB", "BGR"])
def test_training_ends_where_prediction_does(value_range: float, color_order: str) -> None:
    contract = InputContract(
        patch_px=16,
        color_order=color_order,
        value_range=value_range,
        mean=(0.1, 0.2, 0.3),
        std=(0.5, 1.0, 2.0),
    )
    prepare = ImagePreprocessor(contract)
    unit = torch.from_numpy(PIXELS).permute(0, 3, 1, 2).float() / 255
    torch.testing.assert_close(prepare.finish(unit), prepare(PIXELS), atol=1e-4, rtol=1e-6)


def test_the_callers_pixels_stay_as_they_are() -> None:
    pixels = torch.from_numpy(PIXELS.copy())
    ImagePreprocessor(InputContract(patch_px=16))(pixels)
    np.testing.assert_array_equal(pixels.numpy(), PIXELS)


def test_half_precision_on_request() -> None:
    prepare = ImagePreprocessor(InputContract(patch_px=16), dtype=torch.float16)
    assert prepare(PIXELS).dtype == torch.float16


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        (PIXELS[:, :8], r"expected \(N, 16, 16, 3\)"),
        (PIXELS[..., :1], r"expected \(N, 16, 16, 3\)"),
        (PIXELS.astype(np.float32), "must be bytes"),
    ],
)
def test_other_patches_are_refused(pixels: np.ndarray, what: str) -> None:
    with pytest.raises(PredictionError, match=what):
        ImagePreprocessor(InputContract(patch_px=16))(pixels)


FIELDS = np.random.default_rng(1).integers(0, 256, (4, 3, 16, 16, 3), dtype=np.uint8)


def test_each_field_of_view_is_prepared_as_a_patch() -> None:
    rules = {"color_order": "BGR", "mean": (0.1, 0.2, 0.3), "std": (0.5, 1.0, 2.0)}
    several = ImagePreprocessor(InputContract(patch_px=16, context=(1, 2, 4), **rules))
    single = ImagePreprocessor(InputContract(patch_px=16, **rules))
    prepared = several(FIELDS)
    assert prepared.shape == (4, 3, 3, 16, 16)
    assert prepared.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    for i in range(3):
        assert torch.equal(prepared[:, i], single(FIELDS[:, i]))
    unit = torch.from_numpy(FIELDS).movedim(-1, -3).float() / 255
    torch.testing.assert_close(several.finish(unit), prepared, atol=1e-6, rtol=1e-6)


def test_a_single_field_of_view_may_have_an_axis_of_its_own() -> None:
    prepare = ImagePreprocessor(InputContract(patch_px=16))
    assert torch.equal(prepare(PIXELS[:, None]), prepare(PIXELS))


@pytest.mark.parametrize("pixels", [PIXELS, FIELDS[:, :2], FIELDS[:, :, :8], FIELDS[0, 0, 0]])
def test_other_fields_of_view_are_refused(pixels: np.ndarray) -> None:
    prepare = ImagePreprocessor(InputContract(patch_px=16, context=(1, 2, 4)))
    what = r"expected \(N, 3, 16, 16, 3\): 3 fields of view per spot, 1, 2, 4 times the patch"
    with pytest.raises(PredictionError, match=what):
        prepare(pixels)
