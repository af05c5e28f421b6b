"""Files behind an address: fetched by range, in blocks that are kept in memory."""

from __future__ import annotations

import time
from collections import OrderedDict
from concurrent.futures import Future
from threading import Lock

from napari_stexp.errors import SlideError, TileError
from napari_stexp.slide.fetching import Fetcher, fetcher_for
from napari_stexp.slide.location import RemotePath

__all__ = ["RemoteFile", "is_remote_zarr", "open_remote"]

#: What is asked for at once, bytes: a JPEG tile has 5 to 30 thousand, and tiles that are
#: beside each other on the slide mostly are in the file.
BLOCK = 128 * 2**10
#: Most that one file's blocks take, bytes.
KEPT = 32 * 2**20
#: Most that one request asks for, bytes.
_AT_ONCE = 4 * 2**20
#: A file that was opened so many seconds ago is trusted to be the same, without asking.
_FRESH_S = 30.0
_OPEN_FILES = 4
_Z = (".zattrs", "zarr.json")

_files: OrderedDict[str, RemoteFile] = OrderedDict()
_zarrs: dict[str, tuple[float, bool]] = {}
_lock = Lock()


def open_remote(path: RemotePath) -> RemoteFile:
    """Open a file behind an address; one that was opened just now is used again.

    Raises
    ------
    SlideError
        The server can't be reached, doesn't have the file or let us in, or gives no ranges.
    """
    address = path.secret_url
    with _lock:
        known = _files.get(address)
    if known is not None and known.is_fresh():
        return known
    opened = RemoteFile(path, fetcher_for(path))
    with _lock:
        _files[address] = opened
        _files.move_to_end(address)
        while len(_files) > _OPEN_FILES:
            _files.popitem(last=False)
    return opened


def is_remote_zarr(path: RemotePath) -> bool:
    """Whether an address is the folder of a Zarr store: by its name, else by what lies there.

    Raises
    ------
    SlideError
        The server can't be reached, or doesn't let us in.
    """
    if path.suffix.lower() == ".zip":
        return False
    in_store = ".zarr/" in f"{path.url.lower()}/"
    if not in_store and path.suffix:
        return False
    with _lock:
        when, known = _zarrs.get(path.url, (0.0, False))
    if time.monotonic() - when < _FRESH_S and when:
        return known
    found = in_store or any(fetcher_for(path / name).exists() for name in _Z)
    with _lock:
        _zarrs[path.url] = (time.monotonic(), found)
    return found


class RemoteFile:
    """One file's blocks; safe to read from many threads, each block is fetched once.

    Parameters
    ----------
    path : RemotePath
    fetcher : Fetcher
        Gets its ranges.

    Attributes
    ----------
    size : int
    digest : str or None
        Its fingerprint, where it was asked for before.
    """

    def __init__(self, path: RemotePath, fetcher: Fetcher) -> None:
        self.path = path
        self._fetcher = fetcher
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._coming: dict[int, Future[bytes]] = {}
        self._lock = Lock()
        self.checked = time.monotonic()
        self.digest: str | None = None
        first = fetcher.first(BLOCK)
        self.size, self._tag = first.total, first.tag
        self._blocks[0] = first.data

    def is_fresh(self) -> bool:
        """Whether it is the same on the server as when it was opened, as far as is known."""
        if time.monotonic() - self.checked < _FRESH_S:
            return True
        first = self._fetcher.first(1)
        self.checked = time.monotonic()
        return (first.total, first.tag) == (self.size, self._tag)

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from ``offset``, which lie inside the file.

        Raises
        ------
        TileError
            The server fails, or the file has changed there.
        """
        if count <= 0:
            return b""
        first, last = offset // BLOCK, (offset + count - 1) // BLOCK
        wanted = [self._claim(n) for n in range(first, last + 1)]
        self._fetch([n for n, _, mine in wanted if mine])
        data = b"".join(future.result() for _, future, _ in wanted)
        return data[offset - first * BLOCK :][:count]

    def _claim(self, number: int) -> tuple[int, Future[bytes], bool]:
        """Return a block's future, and whether it is the caller's to fetch."""
        with self._lock:
            data = self._blocks.get(number)
            if data is not None:
                self._blocks.move_to_end(number)
                ready: Future[bytes] = Future()
                ready.set_result(data)
                return number, ready, False
            coming = self._coming.get(number)
            if coming is not None:
                return number, coming, False
            self._coming[number] = coming = Future()
            return number, coming, True

    def _fetch(self, numbers: list[int]) -> None:
        """Fetch blocks, those that follow each other in one request."""
        while numbers:
            run = [numbers.pop(0)]
            while numbers and numbers[0] == run[-1] + 1 and len(run) < _AT_ONCE // BLOCK:
                run.append(numbers.pop(0))
            try:
                self._fetch_run(run)
            except BaseException as error:
                for number in (*run, *numbers):
                    with self._lock:
                        coming = self._coming.pop(number)
                    coming.set_exception(error)
                raise

    def _fetch_run(self, run: list[int]) -> None:
        start, stop = run[0] * BLOCK, min(self.size, (run[-1] + 1) * BLOCK)
        try:
            found = self._fetcher.fetch(start, stop)
        except TileError:
            raise
        except SlideError as error:
            raise TileError(
                error.what, path=self.path, expected=error.expected, found=error.found,
                hint=error.hint,
            ) from error  # fmt: skip
        if (found.total, found.tag) != (self.size, self._tag) or len(found.data) != stop - start:
            raise TileError(
                "has changed on the server since it was opened", path=self.path,
                hint="Open it again.",
            )  # fmt: skip
        for place, number in enumerate(run):
            self._keep(number, found.data[place * BLOCK :][:BLOCK])

    def _keep(self, number: int, data: bytes) -> None:
        with self._lock:
            self._blocks[number] = data
            while len(self._blocks) * BLOCK > KEPT:
                self._blocks.popitem(last=False)
            coming = self._coming.pop(number)
        coming.set_result(data)
