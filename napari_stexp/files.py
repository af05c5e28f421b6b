"""Writing files so that a final name never holds half a file, locks of folders, hashes."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from napari_stexp.errors import OutputError, StexpError

__all__ = [
    "LOCK",
    "atomic_path",
    "cache_folder",
    "check_writable",
    "is_locked",
    "locked",
    "sha256",
    "write_lock",
]

#: Name of a lock in the folder that it is of.
LOCK = "lock.json"


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


def write_lock(folder: Path) -> None:
    """Say in a folder that it belongs to this process, whoever had it before.

    Raises
    ------
    OutputError
        The folder can't be written.
    """
    with atomic_path(folder / LOCK) as temporary:
        temporary.write_text(json.dumps(_this_process()), encoding="utf-8")


def is_locked(folder: Path) -> bool:
    """Whether the process that a folder belongs to is still there.

    A process that was killed leaves its lock behind, which then holds no longer; nor does
    one of another machine or container, whose processes can't be seen from here.
    """
    return _is_held(folder / LOCK)


@contextmanager
def locked(folder: Path, busy: StexpError) -> Iterator[None]:
    """Keep a folder for what happens in here.

    Parameters
    ----------
    folder : Path
        Made when missing, and removed again where nothing has been put into it.
    busy : StexpError
        What to raise where another process, or another task of this one, has it.

    Raises
    ------
    StexpError
        ``busy``.
    OutputError
        The folder can't be written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    mine = _this_process()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        taken = _take_lock(folder / LOCK, mine)
    except OSError as error:
        raise OutputError(
            "can't write here", path=folder, found=error.strerror, hint="Choose another folder."
        ) from error
    if not taken:
        raise busy
    try:
        yield
    finally:
        with suppress(OSError):
            if _read_lock(folder / LOCK) == mine:
                (folder / LOCK).unlink()
            for path in made:
                path.rmdir()  # an error, which ends this, where there is something in it


def _take_lock(path: Path, mine: dict[str, Any]) -> bool:
    """Put a lock in place unless another is held there."""
    from filelock import FileLock

    # Who looks and takes is alone meanwhile, among this user's processes on this machine.
    user = os.getuid() if hasattr(os, "getuid") else 0  # elsewhere the folder is the user's own
    name = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    with FileLock(Path(tempfile.gettempdir()) / f"napari-stexp-{user}-{name}.lock"):
        if _is_held(path):
            return False
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(mine), encoding="utf-8")
        return True


def _this_process() -> dict[str, Any]:
    pid = os.getpid()
    return {"pid": pid, "started": _start_of(pid), "token": uuid.uuid4().hex[:16]}


def _read_lock(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _is_held(path: Path) -> bool:
    try:
        lock = _read_lock(path)
        pid, started = int(lock["pid"]), lock["started"]
        now = _start_of(pid)
        return now is not None and (started is None or abs(now - float(started)) < 2)
    except (ValueError, TypeError, KeyError):
        return False


def _start_of(pid: int) -> float | None:
    """Return when a process was started, None where there is none of this number."""
    import psutil

    with suppress(psutil.Error, OverflowError, ValueError):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return float(process.create_time())
    return None
