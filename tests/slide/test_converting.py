"""Flat images and huge single-level slides: what is written into the cache, and when it goes."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_stexp.errors import OutputError, SlideError
from napari_stexp.progress import exhaust
from napari_stexp.slide import convert, open_slide, prepare_slide, store, writing


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache for each test; returns the folder of converted slides."""
    monkeypatch.setenv("STEXP_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "slides"


@pytest.fixture
def png(tmp_path: Path, paint) -> tuple[Path, np.ndarray]:
    image = paint(613, 2701)
    path = tmp_path / "image.png"
    Image.fromarray(image).save(path, compress_level=1)
    return path, image


def test_converted_image_is_pixel_identical_and_a_pyramid(png, cache: Path) -> None:
    path, image = png
    with open_slide(path) as slide:
        assert slide.path == path
        assert slide.format == "PNG (converted)"
        assert [(level.downsample, level.stored) for level in slide.levels] == [
            (1, True),
            (2, True),
        ]
        np.testing.assert_array_equal(slide.read_region(0, 0, 2701, 613), image)
        half = np.asarray(Image.fromarray(image).reduce(2))
        np.testing.assert_array_equal(slide.read_region(0, 0, 1351, 307, level=1), half)
        (stored,) = cache.iterdir()
    with tifffile.TiffFile(stored) as tif:  # any reader can use it
        assert tif.series[0].shape == image.shape
        np.testing.assert_array_equal(tif.series[0].levels[1].asarray(), half)


def test_jpeg_is_what_pil_decodes(tmp_path: Path, paint) -> None:
    path = tmp_path / "a.jpeg"
    Image.fromarray(paint(500, 700)).save(path, quality=85)
    with Image.open(path) as image, open_slide(path) as slide:
        assert slide.format == "JPEG (converted)"
        np.testing.assert_array_equal(slide.read_region(0, 0, 700, 500), np.asarray(image))


@pytest.mark.parametrize("rows", [1, 7, 256, 500])
@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "predictor": True}, {"alpha": 1}])
def test_striped_tiff(tmp_path: Path, paint, rows: int, options: dict) -> None:
    image = paint(500, 300)
    pixels, options = image, dict(options)
    if options.pop("alpha", 0):
        pixels = np.concatenate([image, np.full((500, 300, 1), 255, np.uint8)], axis=2)
        options["extrasamples"] = ["unassalpha"]
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, pixels, photometric="rgb", rowsperstrip=rows, resolution=(20000, 20000),
        resolutionunit="CENTIMETER", metadata=None, **options,
    )  # fmt: skip
    with open_slide(path) as slide:
        assert slide.format == "TIFF (converted)"
        assert slide.mpp == pytest.approx(0.5)
        np.testing.assert_array_equal(slide.read_region(0, 0, 300, 500), image)


def test_transparent_png_is_laid_over_glass(tmp_path: Path, paint) -> None:
    image = paint(100, 120)
    alpha = np.full((100, 120, 1), 255, np.uint8)
    alpha[:50] = 0
    Image.fromarray(np.concatenate([image, alpha], axis=2)).save(tmp_path / "a.png")
    with open_slide(tmp_path / "a.png") as slide:
        found = slide.read_region(0, 0, 120, 100)
    assert (found[:50] == 255).all()
    np.testing.assert_array_equal(found[50:], image[50:])


def test_progress_runs_to_its_end(png) -> None:
    path, _ = png
    reports = list(prepare_slide(path))
    done = [r.done for r in reports if r.stage == "writing the tiled pyramid"]
    assert done == sorted(done)
    assert reports[-1].done == reports[-1].total > 30


def test_second_call_uses_the_cache(png, cache: Path) -> None:
    path, _ = png
    exhaust(prepare_slide(path))
    (stored,) = cache.iterdir()
    before = stored.stat().st_ino
    assert list(prepare_slide(path)) == []
    copy = path.with_name("renamed.png")
    copy.write_bytes(path.read_bytes())
    assert list(prepare_slide(copy)) == []
    with open_slide(path):
        assert [p.stat().st_ino for p in cache.iterdir()] == [before]


def test_damaged_copy_is_made_again(png, cache: Path) -> None:
    path, image = png
    exhaust(prepare_slide(path))
    (stored,) = cache.iterdir()
    stored.write_bytes(stored.read_bytes()[:5000])
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read_region(0, 0, 2701, 613), image)


def test_cancelling_leaves_nothing_behind(png, cache: Path) -> None:
    path, _ = png
    task = prepare_slide(path)
    for _ in range(6):
        next(task)
    task.close()
    assert list(cache.iterdir()) == []
    assert not [t for t in threading.enumerate() if t.name == "stexp-convert"]
    with open_slide(path) as slide:  # and the next attempt works
        assert slide.shape == (613, 2701)


def test_failure_while_writing_leaves_nothing_behind(
    png, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "halve", fail)
    with pytest.raises(OutputError, match="No space left"):
        exhaust(prepare_slide(png[0]))
    assert list(cache.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs file permissions")
def test_read_only_cache(png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    monkeypatch.setenv("STEXP_CACHE_DIR", str(folder))
    with pytest.raises(OutputError, match="STEXP_CACHE_DIR"):
        open_slide(png[0])


def test_cache_that_is_a_file(png, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEXP_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(OutputError, match="STEXP_CACHE_DIR"):
        open_slide(png[0])


def _convert_some(tmp_path: Path, paint, count: int) -> list[Path]:
    """Convert ``count`` images, the first one longest ago; return the cached files in order."""
    stored = []
    for n in range(count):
        path = tmp_path / f"{n}.png"
        Image.fromarray(paint(300, 300, seed=n)).save(path)
        exhaust(prepare_slide(path))
        stored.append(convert.converted_path(path))
        os.utime(stored[-1], (1000 + n, 1000 + n))
    return stored


def test_least_recently_used_go_first(tmp_path, cache: Path, paint, monkeypatch) -> None:
    stored = _convert_some(tmp_path, paint, 4)
    open_slide(tmp_path / "0.png").close()  # used: now the youngest
    room = sum(path.stat().st_size for path in (stored[0], stored[3])) + 100
    monkeypatch.setenv("STEXP_CACHE_LIMIT_GB", str(room / 1e9))
    assert store.enforce_limit(keep=stored[3]) == [stored[1], stored[2]]
    assert sorted(cache.iterdir()) == sorted([stored[0], stored[3]])


def test_what_is_open_or_new_is_never_deleted(tmp_path, cache: Path, paint, monkeypatch) -> None:
    stored = _convert_some(tmp_path, paint, 2)
    monkeypatch.setenv("STEXP_CACHE_LIMIT_GB", "0")
    with open_slide(tmp_path / "0.png") as slide:
        Image.fromarray(paint(300, 300, seed=9)).save(tmp_path / "9.png")
        exhaust(prepare_slide(tmp_path / "9.png"))
        assert set(cache.iterdir()) == {stored[0], convert.converted_path(tmp_path / "9.png")}
        again = slide.with_mpp(0.5)
    store.enforce_limit(keep=tmp_path)
    assert stored[0] in cache.iterdir()  # still open with the other scale
    again.close()
    store.enforce_limit(keep=tmp_path)
    assert list(cache.iterdir()) == []


def test_what_a_killed_process_left_goes_after_a_day(tmp_path, cache: Path, paint) -> None:
    cache.mkdir(parents=True)
    old, young = cache / ".0abc-vx12.tif", cache / ".1abc-vx12.tif"
    for path, age in ((old, 25 * 3600), (young, 60)):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - age,) * 2)
    (stored,) = _convert_some(tmp_path, paint, 1)
    assert sorted(cache.iterdir()) == sorted([stored, young])


@pytest.mark.parametrize("limit", ["much", "-1", "nan"])
def test_impossible_limit(monkeypatch, limit: str) -> None:
    monkeypatch.setenv("STEXP_CACHE_LIMIT_GB", limit)
    with pytest.raises(SlideError, match="STEXP_CACHE_LIMIT_GB"):
        store.limit_bytes()


def test_huge_slide_without_coarse_levels_gets_them(
    tmp_path, cache: Path, write_slide, paint, monkeypatch
) -> None:
    monkeypatch.setattr(convert, "SYNTHESIS_LIMIT_PX", 1_000_000)
    image = paint(301, 9001)
    path = write_slide(tmp_path / "big.tif", image, compression="zstd")
    with open_slide(path) as slide:  # works without, only slower
        assert [level.stored for level in slide.levels] == [True, False, False, False]
        expected = slide.read_region(0, 0, 2251, 76, level=2)
        expected_last = slide.read_region(0, 0, 1126, 38, level=3)
    reports = list(prepare_slide(path))
    assert reports[-1].done == reports[-1].total
    assert len(list(cache.iterdir())) == 1
    assert list(prepare_slide(path)) == []
    with open_slide(path) as slide:
        assert [(level.downsample, level.stored) for level in slide.levels] == [
            (1, True),
            (4, True),
            (8, True),
        ]
        np.testing.assert_array_equal(slide.read_region(0, 0, 2251, 76, level=1), expected)
        np.testing.assert_array_equal(slide.read_region(0, 0, 1126, 38, level=2), expected_last)
        np.testing.assert_array_equal(slide.read_region(0, 0, 9001, 301), image)


def test_tiled_slide_needs_no_cache(tmp_path, write_slide, paint, monkeypatch) -> None:
    """Not even a huge one, which would be quicker with its coarse levels."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("STEXP_CACHE_DIR", str(tmp_path / "file"))
    path = write_slide(tmp_path / "big.tif", paint(301, 9001), compression="zstd")
    for limit in (10**9, 1_000_000):
        monkeypatch.setattr(convert, "SYNTHESIS_LIMIT_PX", limit)
        with open_slide(path) as slide:
            assert slide.read_region(0, 0, 9, 9).shape == (9, 9, 3)


def test_damaged_coarse_levels_are_left_aside(
    tmp_path, cache: Path, write_slide, paint, monkeypatch
) -> None:
    monkeypatch.setattr(convert, "SYNTHESIS_LIMIT_PX", 1_000_000)
    path = write_slide(tmp_path / "big.tif", paint(301, 9001), compression="zstd")
    exhaust(prepare_slide(path))
    (stored,) = cache.iterdir()
    stored.write_bytes(b"II*\0")
    with open_slide(path) as slide:
        assert [level.stored for level in slide.levels] == [True, False, False, False]
    exhaust(prepare_slide(path))
    with open_slide(path) as slide:
        assert [level.stored for level in slide.levels] == [True, True, True]
