"""Reading byte ranges of a file from many threads at once."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

from napari_stexp.errors import SlideError, TileError

__all__ = ["ByteSource"]


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
