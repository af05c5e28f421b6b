"""Reading byte ranges of a file from many threads at once."""

from __future__ import annotations

import io
import os
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from napari_stexp.errors import SlideError, TileError
from napari_stexp.slide.location import Location, RemotePath

if TYPE_CHECKING:
    from napari_stexp.slide.remote import RemoteFile

__all__ = ["ByteSource", "RemoteSource", "open_source", "parser_input"]


def open_source(path: Location) -> ByteSource:
    """Open a file of this machine, or one behind an address, for reading byte ranges.

    Raises
    ------
    SlideError
        It can't be opened, or the server gives no ranges.
    """
    return RemoteSource(path) if isinstance(path, RemotePath) else ByteSource(path)


def parser_input(path: Location) -> Path | io.RawIOBase:
    """Return what to give to a parser: the path, or a file object that reads by range."""
    return _SourceFile(RemoteSource(path)) if isinstance(path, RemotePath) else path


class _Descriptor:
    """A file descriptor that is closed when its last user lets go of it.

    A reader holds a reference while it reads, so that closing a slide in one
    thread can't hand another thread's descriptor number to a different file.
    """

    def __init__(self, path: Path) -> None:
        self.number = -1
        self.number = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))

    def __del__(self) -> None:
        if self.number >= 0:
            os.close(self.number)


class ByteSource:
    """Byte ranges of one file; safe to share between threads.

    Without a lock where the system has ``pread`` (POSIX), with one elsewhere.

    Parameters
    ----------
    path : pathlib.Path

    Raises
    ------
    SlideError
        The file can't be opened.
    """

    path: Location
    size: int

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._descriptor: _Descriptor | None = _Descriptor(path)
            self.size = os.fstat(self._descriptor.number).st_size
        except OSError as error:
            raise SlideError("can't be opened", path=path, found=error.strerror) from error
        self._lock = None if hasattr(os, "pread") else Lock()

    def read(self, offset: int, count: int) -> bytes:
        """Return exactly ``count`` bytes from ``offset``.

        Raises
        ------
        TileError
            The slide is closed, the disk fails, or the file ends too early.
        """
        descriptor = self._descriptor
        if descriptor is None:
            raise TileError("the slide is closed", path=self.path)
        try:
            data = self._read(descriptor.number, offset, count)
        except OSError as error:
            raise TileError("reading failed", path=self.path, found=error.strerror) from error
        if len(data) != count:
            raise TileError(
                "the file ends inside a tile",
                path=self.path,
                expected=f"{count} bytes at {offset}",
                found=len(data),
            )
        return data

    def _read(self, number: int, offset: int, count: int) -> bytes:
        if self._lock is None:
            data = os.pread(number, count, offset)
            while data and len(data) < count:  # a signal or a network disk may cut a read short
                more = os.pread(number, count - len(data), offset + len(data))
                if not more:
                    break
                data += more
            return data
        with self._lock:
            os.lseek(number, offset, os.SEEK_SET)
            data = b""
            while len(data) < count:
                more = os.read(number, count - len(data))
                if not more:
                    break
                data += more
            return data

    def close(self) -> None:
        """Let go of the file; reads that are under way end normally."""
        self._descriptor = None


class RemoteSource(ByteSource):
    """Byte ranges of a file behind an address, through its blocks in memory.

    Parameters
    ----------
    path : RemotePath

    Raises
    ------
    SlideError
        The server can't be reached, doesn't have the file, or gives no ranges.
    """

    def __init__(self, path: RemotePath) -> None:
        from napari_stexp.slide.remote import open_remote

        self.path = path
        self._remote: RemoteFile | None = open_remote(path)
        self.size = self._remote.size

    def read(self, offset: int, count: int) -> bytes:
        """Return exactly ``count`` bytes from ``offset``."""
        remote = self._remote
        if remote is None:
            raise TileError("the slide is closed", path=self.path)
        if offset < 0 or offset + count > remote.size:
            raise TileError(
                "the file ends inside a tile",
                path=self.path,
                expected=f"{count} bytes at {offset}",
                found=max(0, remote.size - offset),
            )
        return remote.read(offset, count)

    def close(self) -> None:
        """Let go of the file; reads that are under way end normally."""
        self._remote = None


class _SourceFile(io.RawIOBase):
    """A source as a file object, for parsers."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._at = 0
        self.name = source.path.name

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._source.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        data = self._source.read(self._at, max(0, min(len(view), self._source.size - self._at)))
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()
