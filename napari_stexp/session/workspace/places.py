"""Where a workspace's slide and model lie, and where they may be when they were moved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from napari_stexp.errors import StexpError
from napari_stexp.slide.location import Location, RemotePath, as_location

__all__ = ["FileReference", "find_file"]

_MOST_FILES = 5000  # looked at in one folder, for one that was renamed


@dataclass(frozen=True)
class FileReference:
    """A file that a workspace needs and doesn't hold.

    Attributes
    ----------
    path : Path or RemotePath
        Where it was, absolute; of an address without what lets somebody in.
    digest : str
        Of its content: a slide's fingerprint, a model's SHA-256; '' where unknown.
    n_bytes : int or None
        Its size.
    relative : str
        The way to it from the workspace's folder, with '/'; '' where there is none.
    """

    path: Location
    digest: str = ""
    n_bytes: int | None = None
    relative: str = ""

    @property
    def name(self) -> str:
        """The file's name."""
        return PurePosixPath(self.relative).name or self.path.name  # the path may be of Windows

    @classmethod
    def of(cls, path: str | Location, digest: str, beside: Path | None = None) -> FileReference:
        """Refer to a file; ``beside`` is the workspace that does."""
        path = as_location(path).absolute()
        if isinstance(path, RemotePath):
            return cls(path, digest)
        n_bytes, relative = None, ""
        with suppress(OSError):
            n_bytes = path.stat().st_size if path.is_file() else None
        if beside is not None:
            with suppress(ValueError):  # on another drive
                relative = Path(os.path.relpath(path, Path(beside).absolute().parent)).as_posix()
        return cls(path, digest, n_bytes, relative)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values that JSON can hold."""
        return {
            "path": str(self.path),
            "relative": self.relative,
            "digest": self.digest,
            "bytes": self.n_bytes,
        }

    @classmethod
    def from_dict(cls, facts: dict[str, Any]) -> FileReference:
        """Return what `to_dict` wrote."""
        n_bytes = facts.get("bytes")
        return cls(
            as_location(str(facts["path"])),
            str(facts.get("digest") or ""),
            None if n_bytes is None else int(n_bytes),
            str(facts.get("relative") or ""),
        )


def find_file(
    reference: FileReference,
    beside: Path,
    folders: Sequence[Path],
    digest_of: Callable[[Any], str],
) -> Location | None:
    """Find a file where it was, else where it may have been moved or renamed.

    Parameters
    ----------
    reference : FileReference
        What is looked for. The content decides, not the name: a file of another digest is
        passed over.
    beside : Path
        The workspace's file; its folder is searched, and the relative way from it.
    folders : sequence of Path
        Searched after that, not the folders in them.
    digest_of : callable
        Finds a file's digest.

    Returns
    -------
    Path or RemotePath or None
        None where no file has this content.
    """
    if isinstance(reference.path, RemotePath):
        with suppress(StexpError):
            if not reference.digest or digest_of(reference.path) == reference.digest:
                return reference.path
    seen: set[Path] = set()
    for path in _candidates(reference, beside.absolute().parent, folders):
        if path in seen:
            continue
        seen.add(path)
        with suppress(OSError, StexpError):
            # a slide may be a folder: those have no size here
            here = path.exists() if reference.n_bytes is None else path.is_file()
            if here and _is_same(reference, path, digest_of):
                return path
    return None


def _is_same(reference: FileReference, path: Path, digest_of: Callable[[Path], str]) -> bool:
    if reference.n_bytes is not None and path.stat().st_size != reference.n_bytes:
        return False
    return not reference.digest or digest_of(path) == reference.digest


def _candidates(reference: FileReference, here: Path, folders: Sequence[Path]) -> Iterator[Path]:
    if reference.relative:
        yield Path(os.path.normpath(here.joinpath(*PurePosixPath(reference.relative).parts)))
    if isinstance(reference.path, Path):
        yield reference.path
    places = [here, *folders]
    for folder in places:
        yield folder / reference.name
    for folder in places:
        yield from _files_of_size(folder, reference.n_bytes)


def _files_of_size(folder: Path, n_bytes: int | None) -> Iterator[Path]:
    """Yield the files of a size: one of them may be the one that is looked for, renamed."""
    if n_bytes is None:
        return
    with suppress(OSError), os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if number >= _MOST_FILES:
                return
            with suppress(OSError):
                if entry.is_file() and entry.stat().st_size == n_bytes:
                    yield Path(entry.path)
