"""The decoded-tile cache and the file reader below it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_stexp.errors import SlideError, TileError
from napari_stexp.slide import cache as cache_module
from napari_stexp.slide.cache import TileCache
from napari_stexp.slide.source import ByteSource


def tile(side: int = 10) -> np.ndarray:
    return np.zeros((side, side, 3), np.uint8)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 12)), max_size=60))
def test_never_over_the_limit_and_oldest_first(requests: list[tuple[int, int]]) -> None:
    cache = TileCache(1000)
    kept: dict[int, int] = {}  # the model: key -> bytes, in order of use
    sides = dict(reversed(requests))  # one size per key
    for key, _ in requests:
        cache.get(key, lambda side=sides[key]: tile(side))
        size = kept.pop(key, sides[key] ** 2 * 3)
        if size <= 1000:
            kept[key] = size
        while sum(kept.values()) > 1000:
            kept.pop(next(iter(kept)))
        # looking counts as use: the kept ones are looked at in their order
        looked = {at: cache.peek(at) for at in (*kept, *(set(range(10)) - set(kept)))}
        found = {at: one.nbytes for at, one in looked.items() if one is not None}
        assert found == kept
        assert sum(found.values()) <= 1000


def test_same_tile_is_decoded_once_for_all_threads() -> None:
    cache, loads, started = TileCache(10_000), [], threading.Barrier(8)

    def load() -> np.ndarray:
        loads.append(1)
        threading.Event().wait(0.05)
        return tile()

    def ask(_: int) -> np.ndarray:
        started.wait()
        return cache.get("a", load)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert len(loads) == 1
    assert all(f is found[0] for f in found)


def test_failure_reaches_everybody_and_is_not_kept() -> None:
    cache, started = TileCache(10_000), threading.Barrier(4)

    def fail() -> np.ndarray:
        threading.Event().wait(0.05)
        raise TileError("no tile")

    def ask(_: int) -> bool:
        started.wait()
        with pytest.raises(TileError):
            cache.get("a", fail)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(ask, range(4)))
    assert cache.get("a", tile).shape == (10, 10, 3)


def test_dropping_a_slide_keeps_the_others() -> None:
    cache = TileCache(1800)  # six tiles
    for owner in (1, 2):
        for n in range(3):
            cache.get((owner, 0, 0, n), tile)
    cache.drop(1)
    kept = {(owner, n) for owner in (1, 2) for n in range(3) if cache.peek((owner, 0, 0, n))
            is not None}  # fmt: skip
    assert kept == {(2, 0), (2, 1), (2, 2)}
    for n in range(4):
        assert cache.peek((2, 0, 0, 0)) is not None  # the bytes of the dropped ones are free
        cache.get((3, 0, 0, n), tile)
    assert cache.peek((2, 0, 0, 1)) is None


@pytest.mark.parametrize(("text", "limit"), [("", 128_000_000), ("0", 0), ("1.5", 1_500_000)])
def test_limit_from_the_environment(monkeypatch, text: str, limit: int) -> None:
    monkeypatch.setenv("STEXP_TILE_CACHE_MB", text)
    assert cache_module.shared_cache.__wrapped__().limit_bytes == limit


@pytest.mark.parametrize("text", ["many", "-3", "inf"])
def test_impossible_limit(monkeypatch, text: str) -> None:
    monkeypatch.setenv("STEXP_TILE_CACHE_MB", text)
    with pytest.raises(SlideError, match="STEXP_TILE_CACHE_MB"):
        cache_module.shared_cache.__wrapped__()


@pytest.fixture(params=["pread", "lock"])
def source(request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ByteSource:
    """A file of 256 known kilobytes, read in either way."""
    if request.param == "lock":
        monkeypatch.delattr("os.pread", raising=False)
    elif not hasattr(__import__("os"), "pread"):
        pytest.skip("no pread here")
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(256)) * 1024)
    return ByteSource(path)


def test_threads_read_the_right_bytes(source: ByteSource) -> None:
    def right(n: int) -> bool:
        offset = n * 37 % 200_000
        return source.read(offset, 1000) == (bytes(range(256)) * 8)[offset % 256 :][:1000]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(right, range(2000)))


def test_reading_past_the_end(source: ByteSource) -> None:
    with pytest.raises(TileError, match="ends inside a tile"):
        source.read(256 * 1024 - 10, 20)


def test_closed_source(source: ByteSource) -> None:
    source.close()
    with pytest.raises(TileError, match="closed"):
        source.read(0, 1)


def test_unreadable_source(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="can't be opened"):
        ByteSource(tmp_path / "none")
