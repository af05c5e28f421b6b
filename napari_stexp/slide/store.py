"""The cache folder of converted slides: names, use, and a size limit."""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from threading import Lock

from napari_stexp.errors import SlideError
from napari_stexp.files import cache_folder

__all__ = ["enforce_limit", "in_use", "limit_bytes", "mark_used", "release", "stored_path"]

#: Part of every name: raise it when what is written changes.
FORMAT_VERSION = 1
DEFAULT_LIMIT_GB = 20.0
_ABANDONED_S = 24 * 3600

_open_files: Counter[Path] = Counter()
_lock = Lock()


def stored_path(key: str, what: str, suffix: str = ".tif") -> Path:
    """Name of the file that is (or will be) made from a slide.

    Parameters
    ----------
    key : str
        Hexadecimal hash of the slide's content.
    what : str
        ``'pyramid'`` for a converted image, ``'coarse'`` for added levels,
        ``'restarts'`` for the places of a JPEG's restart markers.
    suffix : str
    """
    return cache_folder("slides") / f"{key[:40]}-{what}-v{FORMAT_VERSION}{suffix}"


def mark_used(path: Path) -> None:
    """Note that the file is open in this process and the most recently used."""
    with _lock:
        _open_files[path] += 1
    with suppress(OSError):  # a read-only cache can be used, only not cleaned up
        os.utime(path)


def release(path: Path) -> None:
    """Take back one `mark_used`."""
    with _lock:
        _open_files[path] -= 1
        if _open_files[path] <= 0:
            del _open_files[path]


def in_use(path: Path) -> bool:
    """Whether a slide of this process has the file open."""
    with _lock:
        return path in _open_files


def limit_bytes() -> int:
    """Return the most that the folder may hold: ``STEXP_CACHE_LIMIT_GB``, 20 where unset."""
    text = os.environ.get("STEXP_CACHE_LIMIT_GB", "")
    try:
        limit = float(text) if text else DEFAULT_LIMIT_GB
    except ValueError:
        limit = -1.0
    if not 0 <= limit < float("inf"):
        raise SlideError(
            "STEXP_CACHE_LIMIT_GB is no size", expected="gigabytes, 0 or more", found=repr(text)
        )
    return int(limit * 1e9)


def _remove_abandoned() -> None:
    """Delete half-written files that a killed process left a day ago or earlier."""
    for path in cache_folder("slides").glob(".*.*"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > _ABANDONED_S:
                path.unlink()


def enforce_limit(keep: Path) -> list[Path]:
    """Delete the least recently used files until the rest fits the limit.

    What this process has open is never deleted, and neither is ``keep``.
    Another process that has a file open keeps reading it on POSIX; on Windows
    the deletion fails and the file stays.

    Returns
    -------
    list of Path
        The deleted files.
    """
    _remove_abandoned()
    files = []
    for path in cache_folder("slides").glob("[0-9a-f]*-v*.*"):
        with suppress(OSError):  # another process may be cleaning up as well
            facts = path.stat()
            files.append((facts.st_mtime_ns, facts.st_size, path))
    excess = sum(size for _, size, _ in files) - limit_bytes()
    deleted = []
    for _, size, path in sorted(files):
        if excess <= 0:
            break
        if path == keep or in_use(path):
            continue
        with suppress(OSError):
            path.unlink()
            deleted.append(path)
            excess -= size
    return deleted
