"""Writing files so that a final name never holds half a file, and hashing them."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_stexp.errors import OutputError

__all__ = ["atomic_path", "cache_folder", "check_writable", "sha256"]


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside ``path``; rename it to ``path`` on success.

    On any exception the temporary file is removed and ``path`` is as it was.

    Parameters
    ----------
    path : path-like
        The final name. Its folder is made when missing.

    Raises
    ------
    OutputError
        The folder can't be written, or the disk is full.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.stem[:40]}-", suffix=path.suffix
        )
    except OSError as error:
        raise OutputError(
            "can't write here", path=path, found=error.strerror, hint="Choose another folder."
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _give_usual_mode(temporary)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(
            "writing failed; nothing was left behind", path=path, found=error.strerror or error
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def check_writable(path: str | Path) -> None:
    """Raise at once what `atomic_path` would raise after the work is done.

    Parameters
    ----------
    path : path-like
        The final name. Its folder is made when missing.

    Raises
    ------
    OutputError
        The folder can't be written, or a folder has this name.
    """
    path = Path(path)
    if path.is_dir():
        raise OutputError("can't write a file here", path=path, found="a folder of this name")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise OutputError(
            "can't write here", path=path, found=error.strerror, hint="Choose another folder."
        ) from error


def _give_usual_mode(path: Path) -> None:
    """Replace mkstemp's private mode by the one a plain ``open`` would give."""
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cache_folder(name: str) -> Path:
    """Return the folder ``name`` in the user's cache, made when missing.

    ``STEXP_CACHE_DIR`` puts the cache elsewhere.
    """
    import platformdirs

    root = os.environ.get("STEXP_CACHE_DIR") or platformdirs.user_cache_dir("napari-stexp", False)
    folder = Path(root) / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            "the cache folder can't be made",
            path=folder,
            found=error.strerror,
            hint="Set STEXP_CACHE_DIR to a folder that can be written.",
        ) from error
    return folder
