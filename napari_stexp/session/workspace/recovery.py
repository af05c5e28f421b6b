"""A copy of the work that is kept while it goes on, to be found after a crash."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Collection, Generator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_stexp.errors import StexpError
from napari_stexp.files import LOCK, atomic_path, is_locked, write_lock
from napari_stexp.progress import Progress
from napari_stexp.session.user_data import data_folder
from napari_stexp.session.workspace.file import WORDS, read_words
from napari_stexp.session.workspace.opening import refer_to_files
from napari_stexp.session.workspace.parts import Part, parts_of
from napari_stexp.session.workspace.words import to_words
from napari_stexp.session.workspace.workspace import Workspace

__all__ = ["Recovery", "RecoveryFolder", "find_recoveries", "has_recoveries"]


class RecoveryFolder:
    """A folder in the user's data that holds the present work of one window.

    It has the files of a workspace, each written only when it has changed, and a lock with
    the process that it belongs to. A folder whose process is gone is what a crash has left.

    Parameters
    ----------
    path : Path, optional
        One that a crash has left, to go on with; default: a new one, made by the first
        `write`.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = data_folder() / "recovery" / uuid.uuid4().hex[:16] if path is None else path
        self._written: dict[str, Part] = {}
        self._closed = False
        if path is not None:
            write_lock(path)

    def write(
        self, workspace: Workspace, saved_as: Path | None = None, later: Collection[str] = ()
    ) -> Generator[Progress, None, Path]:
        """Bring the folder up to date with a workspace.

        Parameters
        ----------
        workspace : Workspace
        saved_as : Path, optional
            The user's own file of it.
        later : collection of str
            Keys of predictions that are still running: what was written of them stays,
            nothing new is.

        Raises
        ------
        OutputError
            The folder can't be written.
        """
        yield Progress(0, 0, "saving for the case of a crash")
        if not (self.path / LOCK).exists():
            write_lock(self.path)
        workspace = refer_to_files(workspace, self.path / WORDS)
        for part in parts_of(workspace):
            if self._is_current(part) or part.key in later:
                continue
            yield Progress(0, 0, "saving for the case of a crash")
            if self._closed:
                return self.path
            part.write(self.path / part.file)
            self._written[part.key] = part
        wanted = {part.key for part in parts_of(workspace)}
        self._written = {key: part for key, part in self._written.items() if key in wanted}
        words = to_words(workspace, {key: part.file for key, part in self._written.items()})
        words["saved_as"] = None if saved_as is None else str(saved_as)
        with atomic_path(self.path / WORDS) as temporary:
            temporary.write_text(json.dumps(words, ensure_ascii=False), encoding="utf-8")
        self._remove_others()
        if self._closed:
            self.remove()
        return self.path

    def _is_current(self, part: Part) -> bool:
        old = self._written.get(part.key)
        return (
            old is not None
            and len(old.of) == len(part.of)
            and all(a is b or (isinstance(a, int) and a == b)
                    for a, b in zip(old.of, part.of, strict=True))
        )  # fmt: skip

    def _remove_others(self) -> None:
        kept = {LOCK, WORDS, *(part.file for part in self._written.values())}
        with suppress(OSError):
            for file in self.path.iterdir():
                if file.name not in kept:
                    file.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder: there is nothing to recover."""
        self._written.clear()
        shutil.rmtree(self.path, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder for good, also if another thread is writing it."""
        self._closed = True
        self.remove()


@dataclass(frozen=True)
class Recovery:
    """What a crash has left.

    Attributes
    ----------
    path : Path
        Its folder, which `read_workspace` reads.
    saved : datetime
        When it was brought up to date last.
    name : str
        Of the slide, or of the workspace's file.
    saved_as : Path or None
        The user's own file of the work, older than this.
    n_predictions : int
    """

    path: Path
    saved: datetime
    name: str
    saved_as: Path | None
    n_predictions: int

    def remove(self) -> None:
        """Remove it for good."""
        shutil.rmtree(self.path, ignore_errors=True)


def has_recoveries() -> bool:
    """Tell quickly whether there is anything to look at: what a crash left, or other windows'."""
    with suppress(OSError):
        return any((data_folder() / "recovery").iterdir())
    return False


def find_recoveries() -> list[Recovery]:
    """Return what crashes have left, newest first; damaged ones are passed over."""
    found = []
    with suppress(OSError):
        for folder in (data_folder() / "recovery").iterdir():
            if folder.is_dir() and not is_locked(folder):
                with suppress(StexpError, KeyError, TypeError, ValueError, AttributeError):
                    found.append(_describe(folder))
    return sorted(found, key=lambda one: one.saved, reverse=True)


def _describe(folder: Path) -> Recovery:
    words = read_words(folder)
    slide, saved_as = words.get("slide"), words.get("saved_as")
    if saved_as:
        name = Path(saved_as).name
    elif slide:
        name = Path(slide["path"]).name
    else:
        name = "work without a slide"
    return Recovery(
        path=folder,
        saved=datetime.fromisoformat(words["saved"]),
        name=name,
        saved_as=Path(saved_as) if saved_as else None,
        n_predictions=len(words.get("predictions", [])),
    )
