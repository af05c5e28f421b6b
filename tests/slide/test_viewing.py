"""What is seen of a slide while it is read: never a wait, in the end the pixels of the file."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_stexp.slide import open_slide
from napari_stexp.slide.cache import TileCache
from napari_stexp.slide.lazy import viewed_levels
from napari_stexp.slide.pyramid import Pyramid
from napari_stexp.slide.viewing import Area, SlideView
from tests.slide.builders.shared_tiles import write_shared_slide


class GatedPyramid(Pyramid):
    """Reads tiles only while its gate is open, and remembers which, and in which thread."""

    def __init__(self, slide, limit=100_000_000):
        super().__init__([v for v in slide._pyramid._stored if v is not None], TileCache(limit))
        self.gate, self.log, self.threads = threading.Event(), [], set()

    def _load(self, level, row, col):
        self.log.append((level, row, col))
        self.threads.add(threading.current_thread())
        assert self.gate.wait(20)
        return super()._load(level, row, col)


@contextmanager
def looking_at(path: Path, limit: int = 100_000_000):
    """A view of a slide whose overview is there, and whose gate is shut."""
    with open_slide(path) as slide:
        pyramid = GatedPyramid(slide, limit)
        pyramid.gate.set()
        pyramid.read_overview()
        pyramid.gate.clear()
        pyramid.log.clear()
        pyramid.threads.clear()
        view = SlideView(pyramid, lambda: None)
        yield view, pyramid
        pyramid.gate.set()
        view.stop()


def settle(view: SlideView, seconds: float = 20.0) -> None:
    """Wait until all is read."""
    end = time.monotonic() + seconds
    while view.pending:
        assert time.monotonic() < end
        view.take_news()
        time.sleep(0.002)


def test_coarse_at_once_and_sharp_in_the_end(exact_slide: Path, exact_pages) -> None:
    with looking_at(exact_slide) as (view, pyramid):
        area = Area(0, 600, 300, 900, 700)
        seen = view.look(area)
        wanted = exact_pages[0][300:1000, 600:1500]
        enlarged = exact_pages[2].repeat(4, 0).repeat(4, 1)[300:1000, 600:1500]
        # nearest neighbours of a level that is 4 times as coarse, to a pixel
        assert np.abs(seen.astype(int) - enlarged).mean() < 3
        assert view.pending
        assert not view.take_news()
        pyramid.gate.set()
        settle(view)
        np.testing.assert_array_equal(view.look(area), wanted)
        assert not view.pending
        assert threading.current_thread() not in pyramid.threads


def test_reads_of_a_view_that_was_left_are_dropped(exact_slide: Path) -> None:
    with looking_at(exact_slide) as (view, pyramid):
        left, kept = Area(0, 0, 0, 2048, 2048), Area(0, 2048, 2048, 256, 171)
        view.look(left)
        deadline = time.monotonic() + 20
        while len(pyramid.log) < 4 and time.monotonic() < deadline:
            time.sleep(0.002)
        begun = len(pyramid.log)
        view.look(kept)
        pyramid.gate.set()
        settle(view)
        assert begun <= 8  # of 64
        assert (0, 8, 8) in pyramid.log[begun : begun + 2]
        assert len(pyramid.log) <= begun + 9  # its threads took one more each at most
        np.testing.assert_array_equal(view.look(kept), pyramid.show_region(2048, 2048, 256, 171, 0))


def test_settles_where_the_cache_keeps_nothing(exact_slide: Path, exact_pages) -> None:
    with looking_at(exact_slide, limit=0) as (view, pyramid):
        pyramid.gate.set()
        area = Area(0, 100, 100, 500, 500)
        view.look(area)
        settle(view)
        read = len(pyramid.log)
        for _ in range(3):
            np.testing.assert_array_equal(view.look(area), exact_pages[0][100:600, 100:600])
        assert len(pyramid.log) == read


@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_any_area_becomes_the_files_own(exact_slide: Path, exact_pages, data) -> None:
    level = data.draw(st.integers(0, 2))
    height, width = exact_pages[level].shape[:2]
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    w = data.draw(st.integers(1, min(width - x, 700)))
    h = data.draw(st.integers(1, min(height - y, 700)))
    with looking_at(exact_slide) as (view, pyramid):
        pyramid.gate.set()
        assert view.look(Area(level, x, y, w, h)).shape == (h, w, 3)
        settle(view)
        np.testing.assert_array_equal(
            view.look(Area(level, x, y, w, h)), exact_pages[level][y : y + h, x : x + w]
        )


def test_what_does_not_decode_is_grey_and_not_asked_for_again(
    broken_slide: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with looking_at(broken_slide) as (view, pyramid), caplog.at_level(logging.WARNING):
        pyramid.gate.set()
        area = Area(0, 768, 512, 256, 256)
        view.look(area)
        settle(view)
        read = len(pyramid.log)
        assert (view.look(area) == 200).all()
        assert not view.pending
        assert len(pyramid.log) == read


def test_stopped_view_reads_nothing(exact_slide: Path) -> None:
    with looking_at(exact_slide) as (view, pyramid):
        view.stop()
        view.look(Area(0, 0, 0, 512, 512))
        assert not view.pending
        assert pyramid.log == []


def test_only_what_is_on_the_screen_is_approximate(exact_slide: Path, exact_pages) -> None:
    seen = Area(0, 0, 0, 512, 512)
    with looking_at(exact_slide) as (view, pyramid):
        levels = viewed_levels(view, lambda: seen)
        assert [level.shape for level in levels] == [page.shape for page in exact_pages]
        assert levels[0].chunks[0] == (512,) * 4 + (171,)
        levels[0][0:512, 0:512]  # would wait for the gate if it read
        np.testing.assert_array_equal(levels[-1], exact_pages[2])
        pyramid.gate.set()
        np.testing.assert_array_equal(levels[0][0:512, 0:511], exact_pages[0][:512, :511])
        np.testing.assert_array_equal(np.asarray(levels[1]), exact_pages[1])


def test_shared_tiles_make_a_huge_slide(tmp_path: Path, paint) -> None:
    """The builder itself, beside tifffile."""
    path = write_shared_slide(tmp_path / "huge.tif", 200_000, paint(512, 512), step=4)
    assert path.stat().st_size < 40e6
    with tifffile.TiffFile(path) as tif:
        assert [page.shape[0] for page in tif.pages] == [200_000, 50_000, 12_500, 3_125, 781]
        segment = next(tif.pages[4].segments())[0]
    with open_slide(path) as slide:
        np.testing.assert_array_equal(slide.read_tile(4, 0, 0), segment[0])
        assert slide.read_region(199_990, 199_990, 10, 10).shape == (10, 10, 3)
        assert slide.mpp == pytest.approx(0.5)
