"""Byte ranges of one file through fsspec: time limits, retries, and what servers answer."""

from __future__ import annotations

import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari_stexp.errors import SlideError
from napari_stexp.slide.location import RemotePath

__all__ = ["Fetched", "Fetcher", "fetcher_for", "filesystem_of", "http_options"]

CONNECT_S = 10.0
READ_S = 20.0
#: For one request as a whole, seconds.
REQUEST_S = 60.0
TRIES = 4
#: Before the second try, seconds; doubled before each further one.
FIRST_WAIT_S = 0.25
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_HTTP = ("http", "https")


@dataclass(frozen=True)
class Fetched:
    """A range of a file: its bytes, the file's size, and the version that the server names."""

    data: bytes
    total: int
    tag: str


class _TryAgain(Exception):  # noqa: N818 - a signal, not an error
    """The server may do better in a moment; holds the error to raise if it doesn't."""

    def __init__(self, error: SlideError) -> None:
        super().__init__(error.message)
        self.error = error


class Fetcher(ABC):
    """Gets byte ranges of one file; safe to use from many threads."""

    def __init__(self, path: RemotePath) -> None:
        self.path = path

    def first(self, count: int) -> Fetched:
        """Return at most ``count`` bytes from the beginning, and how large the file is."""
        return self._with_retries(lambda: self._get(0, count))

    def fetch(self, start: int, stop: int) -> Fetched:
        """Return bytes ``start`` to ``stop``.

        Raises
        ------
        SlideError
        """
        return self._with_retries(lambda: self._get(start, stop))

    def exists(self) -> bool:
        """Whether the server has the file.

        Raises
        ------
        SlideError
            It doesn't say, or doesn't let us in.
        """
        try:
            self.first(1)
        except _MissingError:
            return False
        return True

    @abstractmethod
    def _get(self, start: int, stop: int) -> Fetched: ...

    def _with_retries(self, get: Callable[[], Fetched]) -> Fetched:
        wait = FIRST_WAIT_S
        for left in range(TRIES - 1, -1, -1):
            try:
                return get()
            except _TryAgain as again:
                if not left:
                    raise again.error from again.__cause__
            time.sleep(wait)
            wait *= 2
        raise AssertionError("unreachable")

    def _error(self, what: str, found: object = None, hint: str | None = None) -> SlideError:
        return SlideError(what, path=self.path, found=found, hint=hint)

    def _unreachable(self, error: BaseException) -> _TryAgain:
        """Say that no answer came; what libraries say may hold the whole address."""
        slow = isinstance(error, TimeoutError)
        return _TryAgain(
            self._error(
                "the server doesn't answer in time" if slow else "the server can't be reached",
                found=type(error).__name__,
                hint="Try again, or download the slide and open the copy.",
            )
        )


class _MissingError(SlideError):
    """The server doesn't have the file."""


def fetcher_for(path: RemotePath) -> Fetcher:
    """Return what gets ranges of a file behind an address of this kind."""
    return _HttpFetcher(path) if path.scheme in _HTTP else _FileSystemFetcher(path)


def filesystem_of(path: RemotePath) -> tuple[Any, str]:
    """Return fsspec's file system for an address, and the file's name in it.

    Raises
    ------
    SlideError
        Addresses of this kind aren't known, or need a package that isn't installed.
    """
    import fsspec

    options = http_options() if path.scheme in _HTTP else {}
    try:
        found: tuple[Any, str] = fsspec.core.url_to_fs(path.secret_url, **options)
    except ImportError as error:
        raise SlideError(
            f"addresses that begin with {path.scheme}:// need another package", path=path,
            hint="pip install 'napari-stexp[remote]'",
        ) from error  # fmt: skip
    except ValueError as error:
        raise SlideError(
            "is no address that is read here", path=path,
            expected="https://, http://, s3:// or another that fsspec knows", found=path.scheme,
        ) from error  # fmt: skip
    return found


def http_options() -> dict[str, Any]:
    """Return what fsspec's HTTP file system needs to give up after some time."""
    import aiohttp

    timeout = aiohttp.ClientTimeout(None, sock_connect=CONNECT_S, sock_read=READ_S)
    return {"client_kwargs": {"timeout": timeout}}


class _HttpFetcher(Fetcher):
    """Ranges over HTTP(S), in fsspec's session and thread.

    fsspec's own ``cat_file`` would take the whole file from a server that knows no ranges.
    """

    def __init__(self, path: RemotePath) -> None:
        super().__init__(path)
        self._fs, self._url = filesystem_of(path)

    def _get(self, start: int, stop: int) -> Fetched:
        import aiohttp
        from fsspec.asyn import sync
        from fsspec.exceptions import FSTimeoutError

        try:
            found: Fetched = sync(self._fs.loop, self._ask, start, stop, timeout=REQUEST_S)
        except (aiohttp.InvalidURL, ValueError) as error:
            raise self._error("is no valid address") from error
        except FSTimeoutError as error:
            raise self._unreachable(TimeoutError()) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unreachable(error) from error
        return found

    async def _ask(self, start: int, stop: int) -> Fetched:
        session = await self._fs.set_session()
        headers = {"Range": f"bytes={start}-{stop - 1}", "Accept-Encoding": "identity"}
        async with session.get(self._fs.encode_url(self._url), headers=headers) as answer:
            self._check(answer.status, answer.reason)
            size = re.match(
                rf"bytes {start}-\d+/(\d+)$", answer.headers.get("Content-Range", "").strip()
            )
            if answer.status != 206 or size is None:  # its body is left unread
                raise self._error(
                    "the server gives no parts of files", found=f"HTTP {answer.status}",
                    hint="Slides are read by range and never downloaded whole: download it and "
                    "open the copy.",
                )  # fmt: skip
            data = await answer.read()
            tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
            return Fetched(data, int(size[1]), tag)

    def _check(self, status: int, reason: str | None) -> None:
        """Raise what an answer that is no success means."""
        found = f"HTTP {status} {reason or ''}".strip()
        if status in (401, 403):
            raise self._error(
                "the server doesn't let us in", found,
                "Use an address with its signature or user:password@; signatures run out.",
            )  # fmt: skip
        if status in (404, 410):
            raise _MissingError("doesn't exist on the server", path=self.path, found=found)
        if status == 416:
            raise self._error("is empty, or cut off on the server", found)
        if status in _BUSY:
            raise _TryAgain(self._error("the server is busy or broken", found, "Try again later."))
        if status >= 400:
            raise self._error("the server refuses", found)


class _FileSystemFetcher(Fetcher):
    """Ranges through any other of fsspec's file systems (S3, Google Cloud, Azure, …)."""

    def __init__(self, path: RemotePath) -> None:
        super().__init__(path)
        self._fs, self._name = filesystem_of(path)
        self._known: tuple[int, str] | None = None

    def _get(self, start: int, stop: int) -> Fetched:
        try:
            if self._known is None or stop - start == 1:
                self._known = self._ask_facts()
            total, tag = self._known
            data = self._fs.cat_file(self._name, start=start, end=min(stop, total))
        except FileNotFoundError as error:
            raise _MissingError("doesn't exist on the server", path=self.path) from error
        except PermissionError as error:
            raise self._error(
                "the server doesn't let us in",
                hint="Set the credentials as the server's own tools take them, e.g. with "
                "`aws configure` or AWS_PROFILE.",
            ) from error
        except (OSError, TimeoutError) as error:
            raise self._unreachable(error) from error
        except SlideError:
            raise
        except Exception as error:  # each file system's library has errors of its own
            raise self._error("can't be read", found=type(error).__name__) from error
        return Fetched(data, total, tag)

    def _ask_facts(self) -> tuple[int, str]:
        facts = self._fs.info(self._name)
        if facts.get("type") == "directory":
            raise self._error("is a folder")
        tag = next((facts[key] for key in ("ETag", "etag", "LastModified", "mtime", "created")
                    if facts.get(key)), "")  # fmt: skip
        if not facts.get("size"):
            raise self._error("is empty", "0 bytes")
        return int(facts["size"]), str(tag)
