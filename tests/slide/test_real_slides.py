"""The real SVS and the real HER2ST images."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import openslide
import pytest
from PIL import Image

from napari_stexp.progress import exhaust
from napari_stexp.slide import PatchReader, open_slide, prepare_slide, tissue_mask

pytestmark = pytest.mark.data


@pytest.fixture
def svs(stexp_data: Path) -> Path:
    return stexp_data / "slides" / "cmu-1-small-region.svs"


@pytest.fixture(scope="module")
def c4() -> str:
    return "data/ST-imgs/C/C4/5714_HE_BT_D2.jpg"


def test_svs_equals_openslide(svs: Path) -> None:
    with open_slide(svs) as slide, openslide.OpenSlide(str(svs)) as other:
        assert slide.shape == other.dimensions[::-1]
        assert slide.mpp == pytest.approx(float(other.properties["openslide.mpp-x"]))
        assert slide.objective == float(other.properties["openslide.objective-power"])
        assert sum(level.stored for level in slide.levels) == other.level_count
        theirs = np.asarray(other.read_region((0, 0), 0, other.dimensions).convert("RGB"))
        np.testing.assert_array_equal(slide.read_region(0, 0, *other.dimensions), theirs)


def test_svs_patches_equal_openslide(svs: Path) -> None:
    centers = np.random.default_rng(0).uniform((112, 112), (2100, 2800), (100, 2))
    with open_slide(svs) as slide, openslide.OpenSlide(str(svs)) as other:
        batch = PatchReader(slide, 224).read(centers)
        for pixels, (x, y) in zip(batch.pixels, np.floor(centers).astype(int) - 112, strict=True):
            theirs = other.read_region((int(x), int(y)), 0, (224, 224)).convert("RGB")
            np.testing.assert_array_equal(pixels, np.asarray(theirs))


def test_her2st_image_is_converted_without_loss(
    her2st: Path, c4: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEXP_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    start = time.perf_counter()
    exhaust(prepare_slide(her2st / c4))
    assert time.perf_counter() - start < 60  # 2 s on two idle cores
    with open_slide(her2st / c4) as slide, Image.open(her2st / c4) as image:
        assert slide.shape == (9916, 9278)
        assert slide.mpp is None
        for top in range(0, 9916, 1500):
            height = min(1500, 9916 - top)
            theirs = np.asarray(image.crop((0, top, 9278, top + height)))
            np.testing.assert_array_equal(slide.read_region(0, top, 9278, height), theirs)


def test_c4_patches_are_the_released_codes(her2st: Path, c4: str) -> None:
    centers = np.load(her2st / "reference" / "reference.npz")["center_C4"][:8]
    expected = np.load(her2st / "reference" / "extras.npz")["patch_u8_C4"]
    with open_slide(her2st / c4) as slide:
        batch = PatchReader(slide, 224).read(centers)
    np.testing.assert_array_equal(batch.pixels, expected)


def test_tissue_of_c4_holds_its_spots(her2st: Path, c4: str) -> None:
    """The spots under tissue were chosen by people; most of the slide is bare."""
    with np.load(her2st / "reference" / "reference.npz") as reference:
        centers = reference["center_C4"]
    with open_slide(her2st / c4) as slide:
        image, downsample = slide.thumbnail(1500)
    mask = tissue_mask(image)
    assert 0.15 < mask.mean() < 0.22
    x, y = (centers / downsample).astype(int).T
    assert mask[y, x].mean() > 0.97


def test_a1_padding_is_no_tissue(her2st: Path) -> None:
    with Image.open(her2st / "app" / "A1_HE_image_dark.png") as picture:
        image = np.asarray(picture.convert("RGB"))
    mask = tissue_mask(image)
    black = image.max(axis=2) == 0
    assert mask[black].mean() < 0.01
    assert 0.3 < mask.mean() < 0.4
