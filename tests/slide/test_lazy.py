"""Levels as napari gets them: lazy, chunked, tolerant."""

from __future__ import annotations

import logging
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_stexp.slide import open_slide
from napari_stexp.slide.decoding import StoredLevel
from napari_stexp.slide.lazy import LazyLevel, chunk_side
from napari_stexp.slide.levels import Level


@pytest.mark.parametrize(
    ("tile", "side"),
    [((256, 256), 512), ((240, 240), 720), ((512, 512), 512), ((1024, 1024), 1024),
     ((2048, 2048), 512), ((8, 2048), 512), ((128, 384), 512), ((64, 64), 512)],
)  # fmt: skip
def test_chunks_are_square_multiples_of_square_tiles(tile, side) -> None:
    assert chunk_side(Level((9000, 9000), 1, tile)) == side


def test_levels_have_the_right_pixels(exact_slide: Path) -> None:
    with open_slide(exact_slide) as slide:
        levels = slide.dask_levels()
        assert [array.shape for array in levels] == [(*v.shape, 3) for v in slide.levels]
        assert max(levels[-1].shape) <= 2000
        for n, array in enumerate(levels):
            assert array.dtype == np.uint8
            assert array.chunksize[:2] == (512, 512)
            np.testing.assert_array_equal(array.compute(), tifffile.imread(exact_slide, key=n))


@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_indexing_is_numpys(exact_slide: Path, exact_pages, data: st.DataObject) -> None:
    def index(size: int):
        bound = st.one_of(st.none(), st.integers(-size - 5, size + 5))
        step = st.one_of(st.none(), st.integers(-7, 7).filter(bool))
        return st.one_of(st.builds(slice, bound, bound, step), st.integers(-size, size - 1))

    whole = exact_pages[2]
    key = tuple(data.draw(index(size)) for size in whole.shape)[: data.draw(st.integers(1, 3))]
    if len(key) == 3 and data.draw(st.booleans()):
        key = (..., key[-1])
    with open_slide(exact_slide) as slide:
        lazy = LazyLevel(slide._pyramid, 2)
        np.testing.assert_array_equal(lazy[key], whole[key])
        # dask's own slicing differs from numpy's for some negative starts beyond the end
        plain = da.from_array(whole, chunks=(512, 512, 3))[key].compute()
        np.testing.assert_array_equal(slide.dask_levels()[2][key].compute(), plain)


def test_one_chunk_reads_only_its_tiles(exact_slide: Path, monkeypatch) -> None:
    read: list[tuple[int, int]] = []
    original = StoredLevel.read

    def spy(self, source, row, col):
        read.append((row, col))
        return original(self, source, row, col)

    monkeypatch.setattr(StoredLevel, "read", spy)
    with open_slide(exact_slide) as slide:
        array = slide.dask_levels()[0]
        assert read == []  # making the arrays reads nothing
        array[512:1024, 1024:1536].compute()
        assert sorted(read) == [(2, 4), (2, 5), (3, 4), (3, 5)]
        array[512:1024, 1024:1536].compute()
        assert len(read) == 4  # the second time they come from the cache


def test_broken_tile_is_grey_and_logged_once(
    broken_slide: Path, picture, caplog: pytest.LogCaptureFixture
) -> None:
    with open_slide(broken_slide) as slide, caplog.at_level(logging.WARNING):
        for _ in range(3):
            whole = slide.dask_levels()[0].compute()
    place = (slice(512, 768), slice(768, 1024))
    assert (whole[place] == 200).all()
    whole[place] = picture[place]
    np.testing.assert_array_equal(whole, picture)
    assert len(caplog.records) == 1
    assert "broken.tif" in caplog.text
    assert "grey" in caplog.text


def test_broken_tile_below_a_synthesised_level_is_grey_in_its_place_only(
    tmp_path: Path, write_slide, paint, caplog
) -> None:
    path = write_slide(tmp_path / "a.tif", paint(300, 2100), compression="zstd")
    with tifffile.TiffFile(path) as tif:
        offset, count = tif.pages[0].dataoffsets[2], tif.pages[0].databytecounts[2]
    data = bytearray(path.read_bytes())
    data[offset : offset + count] = bytes(count)
    path.write_bytes(data)
    with open_slide(path) as slide, caplog.at_level(logging.WARNING):
        half = slide.dask_levels()[1].compute()
        small, _ = slide.thumbnail(500)
    grey = (half == 200).all(axis=2)
    assert grey[:128, 256:384].all()
    assert grey[:, :256].mean() < 0.01  # a few pixels are of that grey by chance
    assert grey[:, 384:].mean() < 0.01
    assert small.shape[1] == 500


def test_memory_stays_flat(exact_slide: Path) -> None:
    """Reading everything again and again keeps no more than the cache's limit."""
    from napari_stexp.slide.cache import TileCache
    from napari_stexp.slide.formats.level import FileLevel
    from napari_stexp.slide.formats.tiff.structure import parse_tiff
    from napari_stexp.slide.pyramid import Pyramid
    from napari_stexp.slide.source import ByteSource

    def kept(pyramid: Pyramid) -> list[np.ndarray]:
        places = [
            (n, *at) for n, level in enumerate(pyramid.levels) for at in np.ndindex(level.grid)
        ]
        found = [pyramid.cached_tile(*place) for place in places]
        return [tile for tile in found if tile is not None]

    source, cache = ByteSource(exact_slide), TileCache(2_000_000)
    pyramid = Pyramid(
        [FileLevel(v.stored[0], source) for v in parse_tiff(exact_slide).levels], cache
    )
    for _ in range(2):
        for n, level in enumerate(pyramid.levels):
            pyramid.show_region(0, 0, level.shape[1], level.shape[0], n)
            assert 0 < sum(tile.nbytes for tile in kept(pyramid)) <= 2_000_000
    pyramid.release()
    assert not kept(pyramid)
