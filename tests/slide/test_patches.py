"""Patches: equal to PIL's crop, right at another scale, whole at the border, robust, ordered."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_stexp.errors import SlideError
from napari_stexp.slide import PatchReader, open_slide
from napari_stexp.slide.decoding import StoredLevel

POINT = st.tuples(st.floats(-400, 3000), st.floats(-400, 2700))
RELAXED = settings(deadline=None, max_examples=50)


@given(
    centers=st.lists(POINT, max_size=12),
    patch=st.integers(1, 300),
    fill=st.tuples(*[st.integers(0, 255)] * 3),
    threads=st.sampled_from([1, 3]),
)
@RELAXED
def test_native_patch_is_pils_crop(
    exact_slide: Path, picture, cut, centers, patch, fill, threads
) -> None:
    with open_slide(exact_slide) as slide:
        reader = PatchReader(slide, patch, fill=fill, threads=threads)
        batch = reader.read(centers)
    assert reader.ratio == 1.0
    assert batch.pixels.shape == (len(centers), patch, patch, 3)
    assert batch.ok.all()
    for pixels, (x, y) in zip(batch.pixels, centers, strict=True):
        left, top = math.floor(x) - patch // 2, math.floor(y) - patch // 2
        np.testing.assert_array_equal(pixels, cut(picture, left, top, patch, patch, fill))
        if fill == (0, 0, 0):  # the released code itself
            box = (left, top, left + patch, top + patch)
            np.testing.assert_array_equal(pixels, np.asarray(Image.fromarray(picture).crop(box)))


@given(
    center=st.tuples(st.floats(300, 2200), st.floats(300, 1900)),
    mpp=st.floats(0.2, 2.4),
    patch=st.sampled_from([32, 65, 112]),
)
@RELAXED
def test_resampled_patch_is_the_resized_picture(
    exact_slide: Path, exact_pages, center, mpp: float, patch: int
) -> None:
    """The same filter over the whole level, seen through the same box."""
    with open_slide(exact_slide) as slide:
        reader = PatchReader(slide, patch, mpp, threads=1)
        found = reader.read([center]).pixels[0].astype(int)
        level = slide.levels[reader.level]
    ratio = 1.0 if abs(mpp / 0.5 - 1) <= 0.03 else mpp / 0.5
    assert reader.ratio == pytest.approx(ratio)
    assert level.downsample <= max(ratio, 1) + 1e-6
    if ratio >= 2:
        assert level.downsample >= 2
    whole = Image.fromarray(exact_pages[reader.level])
    left, top = ((math.floor(c) - ratio * (patch // 2)) / level.downsample for c in center)
    side = patch * ratio / level.downsample
    box = (left, top, left + side, top + side)
    if left < 8 or top < 8 or box[2] > whole.width - 8 or box[3] > whole.height - 8:
        return
    expected = np.asarray(whole.resize((patch, patch), Image.Resampling.BILINEAR, box)).astype(int)
    # PIL keeps boxes in single precision: far from the origin its own is the rougher one
    assert np.abs(found - expected).max() <= 2
    assert np.abs(found - expected).mean() < 0.5


def test_resampled_patch_shows_the_right_place(tmp_path: Path, write_slide) -> None:
    """On a slope of 1 grey per 8 px, the patch's values say which µm it covers."""
    x = np.arange(2000) // 8
    slope = np.repeat(np.broadcast_to(x, (600, 2000))[..., None], 3, 2).astype(np.uint8)
    path = write_slide(tmp_path / "a.tif", slope, levels=3, compression="zstd")
    for mpp in (0.3, 0.5, 0.7, 1.0, 1.5, 2.1):
        with open_slide(path, mpp=0.5) as slide:
            patch = PatchReader(slide, 101, mpp).read([(1000.0, 300.0)]).pixels[0]
        # the pixel with index 50 = 101 // 2 begins at the centre's pixel
        middle = patch[50, 50].mean() * 8
        assert middle == pytest.approx(1000 + mpp / 0.5 / 2, abs=8)
        width = (float(patch[50, 100, 0]) - float(patch[50, 0, 0])) * 8
        assert width == pytest.approx(100 * mpp / 0.5, abs=16)


@pytest.mark.parametrize(
    ("slide_mpp", "mpp", "ratio"),
    [(0.5, None, 1), (None, 0.5, 1), (0.5, 0.514, 1), (0.5, 0.486, 1), (0.5, 0.52, 1.04),
     (0.25, 0.5, 2), (0.5, 0.25, 0.5), (0.5, 0.48, 0.96)],
)  # fmt: skip
def test_ratio(tmp_path: Path, write_slide, paint, slide_mpp, mpp, ratio: float) -> None:
    with open_slide(write_slide(tmp_path / "a.tif", paint(99, 99)), mpp=slide_mpp) as slide:
        reader = PatchReader(slide, 32, mpp)
    assert reader.ratio == pytest.approx(ratio)
    if ratio == 1:
        assert reader.ratio == 1.0  # exactly: nothing is resampled


def test_border_of_a_resampled_patch_is_fill(exact_slide: Path) -> None:
    with open_slide(exact_slide) as slide:
        patch = PatchReader(slide, 100, 1.0, fill=(255, 0, 7)).read([(0.0, 0.0)]).pixels[0]
    assert (patch[:48] == (255, 0, 7)).all()
    assert (patch[:, :48] == (255, 0, 7)).all()
    assert not (patch[52:, 52:] == (255, 0, 7)).all()


def test_broken_tile_spoils_its_own_patches_only(broken_slide: Path, picture, cut) -> None:
    """Row 2, column 3 is broken: pixels [512, 768) x [768, 1024)."""
    rng = np.random.default_rng(0)
    centers = rng.uniform((400, 200), (1400, 1100), (200, 2))
    start = np.floor(centers) - 50
    hit = ((start < (1024, 768)) & (start + 100 > (768, 512))).all(1)
    assert 20 < hit.sum() < 180
    with open_slide(broken_slide) as slide:
        for threads in (1, 4):
            batch = PatchReader(slide, 100, threads=threads, fill=(1, 2, 3)).read(centers)
            np.testing.assert_array_equal(batch.ok, ~hit)
            assert (batch.pixels[hit] == (1, 2, 3)).all()
            for n in np.flatnonzero(~hit):
                x, y = start[n].astype(int)
                np.testing.assert_array_equal(batch.pixels[n], cut(picture, x, y, 100, 100))
        resampled = PatchReader(slide, 50, 0.75).read([(900.0, 600.0), (300.0, 300.0)])
        np.testing.assert_array_equal(resampled.ok, [False, True])
        assert (resampled.pixels[0] == 0).all()


def test_each_tile_is_decoded_once_per_batch(exact_slide: Path, monkeypatch) -> None:
    read: list[tuple[int, int]] = []
    original = StoredLevel.read

    def spy(self, source, row, col):
        read.append((row, col))
        return original(self, source, row, col)

    monkeypatch.setattr(StoredLevel, "read", spy)
    monkeypatch.setattr("napari_stexp.slide.pyramid.shared_cache", _no_cache)
    centers = np.random.default_rng(0).uniform(100, 1000, (300, 2))
    with open_slide(exact_slide) as slide:
        PatchReader(slide, 224, threads=2).read(centers)
    assert len(read) == len(set(read)) <= 25


def _no_cache():
    from napari_stexp.slide.cache import TileCache

    return TileCache(0)


@pytest.mark.parametrize("mpp", [None, 0.8])
def test_no_centres(exact_slide: Path, mpp) -> None:
    with open_slide(exact_slide) as slide:
        reader = PatchReader(slide, 64, mpp)
        batch = reader.read(np.empty((0, 2)))
        assert batch.pixels.shape == (0, 64, 64, 3)
        assert reader.classify([]).shape == (0,)
        assert reader.order([]).shape == (0,)
        assert list(reader.stream([], 8)) == []


@given(centers=st.lists(POINT, max_size=40), batch=st.integers(1, 50), prefetch=st.integers(0, 4))
@settings(deadline=None, max_examples=25)
def test_stream_gives_every_patch_once(exact_slide: Path, centers, batch, prefetch) -> None:
    with open_slide(exact_slide) as slide:
        reader = PatchReader(slide, 40, threads=2)
        whole = reader.read(centers)
        seen = np.zeros(len(centers), int)
        order = []
        for indices, part in reader.stream(centers, batch, prefetch=prefetch):
            seen[indices] += 1
            order.extend(indices)
            np.testing.assert_array_equal(part.pixels, whole.pixels[indices])
            np.testing.assert_array_equal(part.ok, whole.ok[indices])
    assert (seen == 1).all()
    assert order == reader.order(centers).tolist()


@pytest.mark.parametrize("mpp", [None, 0.8])
def test_closed_slide_is_an_error_not_unreadable_patches(exact_slide: Path, mpp) -> None:
    slide = open_slide(exact_slide)
    reader = PatchReader(slide, 64, mpp)
    slide.close()
    with pytest.raises(SlideError, match="closed"):
        reader.read([(500.0, 500.0)])
