"""NDPI: levels that are one JPEG, read between restart markers, against OpenSlide."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import openslide
import pytest

from napari_stexp.errors import SlideError, TileError
from napari_stexp.progress import exhaust
from napari_stexp.slide import open_slide, prepare_slide
from napari_stexp.slide.formats import ndpi, restarts
from tests.slide.builders.makers import halve
from tests.slide.builders.ndpi import encode, find_starts, write_ndpi


@pytest.fixture(scope="module")
def levels(paint) -> list[np.ndarray]:
    image = paint(1030, 1536)
    return [image, halve(image), halve(halve(image))]


def decoded(image: np.ndarray, **options) -> np.ndarray:
    return imagecodecs.jpeg8_decode(encode(image, **options))


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("blocks", [8, 16, 96, 192])
def test_levels_are_the_whole_jpeg(tmp_path: Path, levels, blocks: int, table: bool) -> None:
    """Intervals shorter than a row, as long as it, and of two rows."""
    path = write_ndpi(tmp_path / "a.ndpi", levels[:1], blocks=blocks, table=table)
    with open_slide(path) as slide:
        assert slide.levels[0].tile[0] >= 256
        assert slide.facts.objective == 20
        np.testing.assert_array_equal(
            slide.read_region(0, 0, 1536, 1030), decoded(levels[0], blocks=blocks)
        )


def test_regions_equal_openslide(tmp_path: Path, levels) -> None:
    macro = np.full((100, 200, 3), 77, np.uint8)
    even = [levels[0][:1024], levels[1][:512], levels[2][:256]]  # OpenSlide's levels divide evenly
    path = write_ndpi(tmp_path / "a.ndpi", even, macro=macro)
    rng = np.random.default_rng(1)
    with open_slide(path) as slide, openslide.OpenSlide(path) as other:
        assert other.properties["openslide.vendor"] == "hamamatsu"
        assert [other.level_dimensions[n] for n in range(3)] == [
            v.shape[::-1] for v in slide.levels
        ]
        for _ in range(12):
            x, y = int(rng.integers(0, 1400)), int(rng.integers(0, 900))
            theirs = np.asarray(other.read_region((x, y), 0, (130, 120)).convert("RGB"))
            np.testing.assert_array_equal(slide.read_region(x, y, 130, 120), theirs)
        assert np.abs(slide.associated_image("macro").astype(int) - macro).max() <= 2


def test_offsets_over_4_gib(tmp_path: Path, levels) -> None:
    """The file has a hole of 5 GiB; its name doesn't say what it is."""
    path = write_ndpi(tmp_path / "scan.tif", levels[:2], gap=5 * 2**30)
    with open_slide(path) as slide:
        found = slide.read_region(200, 300, 400, 300)
        assert slide.facts.vendor == "Hamamatsu"
    np.testing.assert_array_equal(found, decoded(levels[0])[300:600, 200:600])


def test_halved_colours_differ_at_the_seams_only(tmp_path: Path, levels) -> None:
    path = write_ndpi(tmp_path / "a.ndpi", levels[:1], subsampling=2)
    with open_slide(path) as slide:
        found = slide.read_region(0, 0, 1536, 1030).astype(int)
        tile = slide.levels[0].tile
    off = np.abs(found - decoded(levels[0], subsampling=2)).max(axis=2)
    rows, cols = np.arange(1030) % tile[0], np.arange(1536) % tile[1]
    rows[-2:] = 0  # at the lower edge, the whole image's decoder repeats its last row
    inner = np.ix_((rows > 1) & (rows < tile[0] - 2), (cols > 1) & (cols < tile[1] - 2))
    assert off[inner].max() == 0
    assert off.max() < 60


def test_markers_are_looked_for_once(tmp_path: Path, levels, monkeypatch) -> None:
    monkeypatch.setenv("STEXP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(restarts, "_BLOCK", 10_000)
    path = write_ndpi(tmp_path / "a.ndpi", levels, table=False)
    steps = list(prepare_slide(path))
    assert len(steps) > 10
    assert steps[0].stage == "looking for restart markers"
    assert len(list(prepare_slide(path))) == 0
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read_region(0, 0, 1536, 1030), decoded(levels[0]))
    kept = next((tmp_path / "cache").rglob("*restarts0*"))
    kept.write_bytes(b"nonsense")
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read_region(0, 0, 50, 50), decoded(levels[0])[:50, :50])


def test_no_whole_level_is_ever_read(tmp_path: Path, levels, monkeypatch) -> None:
    path = write_ndpi(tmp_path / "a.ndpi", levels)
    size = path.stat().st_size
    with open_slide(path) as slide:
        read, original = [], slide._pyramid._stored[0]._source.read
        monkeypatch.setattr(
            slide._pyramid._stored[0]._source, "read",
            lambda at, count: (read.append(count), original(at, count))[1],
        )  # fmt: skip
        slide.read_region(600, 600, 100, 100)
    assert 0 < sum(read) < size / 2


def test_a_marker_that_is_gone_is_a_broken_tile(tmp_path: Path, levels) -> None:
    path = write_ndpi(tmp_path / "a.ndpi", levels[:1])
    data = bytearray(path.read_bytes())
    at = 12 + int(find_starts(encode(levels[0]))[30]) - 2
    data[at] = 0
    path.write_bytes(data)
    with open_slide(path) as slide:
        with pytest.raises(TileError, match="no restart marker"):
            slide.read_region(0, 0, 1536, 1030)
        slide.read_region(0, 600, 500, 400)
    without = write_ndpi(tmp_path / "b.ndpi", levels[:1], table=False)
    data = bytearray(without.read_bytes())
    data[at] = 0
    without.write_bytes(data)
    with pytest.raises(SlideError, match="restart markers in turn"):
        exhaust(prepare_slide(without))


def test_a_huge_jpeg_without_markers_is_refused(tmp_path: Path, levels, monkeypatch) -> None:
    """OpenSlide would decode it whole for every tile."""
    path = write_ndpi(tmp_path / "a.ndpi", levels, blocks=0)
    with open_slide(path) as slide:  # small enough for that
        np.testing.assert_array_equal(
            slide.read_region(0, 0, 1536, 1030), decoded(levels[0], blocks=0)
        )
    monkeypatch.setattr(ndpi, "_MOST_WHOLE", 1_000_000)
    with pytest.raises(SlideError, match="one huge JPEG"):
        open_slide(path)
