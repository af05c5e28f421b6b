"""Workspaces on disk: one ``.stexp`` file, a zip of JSON, h5ad tables and GeoJSON."""

from __future__ import annotations

import json
import re
import tempfile
import zipfile
import zlib
from collections.abc import Generator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from napari_stexp.errors import OutputError, WorkspaceError
from napari_stexp.files import atomic_path, check_writable
from napari_stexp.progress import Progress
from napari_stexp.session.workspace.opening import open_files, refer_to_files
from napari_stexp.session.workspace.parts import parts_of, read_part_files
from napari_stexp.session.workspace.places import FileReference
from napari_stexp.session.workspace.words import check_words, to_words, words_to_workspace
from napari_stexp.session.workspace.workspace import Workspace, take_workspace

if TYPE_CHECKING:
    from napari_stexp.session.state import Session

__all__ = [
    "SUFFIX",
    "WORDS",
    "read_words",
    "read_workspace",
    "start_saving",
    "write_workspace",
]

SUFFIX = ".stexp"
#: The JSON in it.
WORDS = "workspace.json"

_BLOCK = 1 << 24
_LONGEST_WORDS = 1 << 28
_NAME = re.compile(r"[\w-]+\.(h5ad|geojson|json|safetensors)")

Reading = Generator[Progress, None, Workspace]


def start_saving(
    session: Session,
    path: str | Path,
    *,
    camera: Mapping[str, Any] | None = None,
    missing: Mapping[str, FileReference] | None = None,
) -> Generator[Progress, None, Path]:
    """Save a session's whole work as it is now; see `take_workspace` and `write_workspace`."""
    return write_workspace(take_workspace(session, camera=camera, missing=missing), path)


# ---- writing -----------------------------------------------------------------------------


def write_workspace(workspace: Workspace, path: str | Path) -> Generator[Progress, None, Path]:
    """Write a workspace, whole or not at all.

    Slide and model are referred to, with a digest of their content; a model that is in no
    file of its own is written, too.

    Parameters
    ----------
    workspace : Workspace
    path : path-like
        Ends in ``.stexp``.

    Yields
    ------
    Progress

    Returns
    -------
    Path

    Raises
    ------
    OutputError
        Another suffix, a folder that can't be written, or content that h5ad can't hold.
    """
    path = Path(path)
    if path.suffix.lower() != SUFFIX:
        raise OutputError(
            "a workspace's name ends in " + SUFFIX, path=path, found=path.suffix or "no suffix"
        )
    check_writable(path)
    parts = parts_of(workspace)
    total = len(parts) + 1
    yield Progress(0, total, "saving the workspace")
    workspace = refer_to_files(workspace, path)
    with (
        tempfile.TemporaryDirectory(prefix="stexp-") as name,
        atomic_path(path) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        words = to_words(workspace, {part.key: part.file for part in parts})
        archive.writestr(WORDS, json.dumps(words, indent=1, ensure_ascii=False))
        for done, part in enumerate(parts, 1):
            yield Progress(done, total, part.stage)
            file = Path(name) / part.file
            part.write(file)
            yield from _pack(archive, file, Progress(done, total, part.stage))
            file.unlink()
    yield Progress(total, total, "saving the workspace")
    return path


def _pack(archive: zipfile.ZipFile, file: Path, progress: Progress) -> Generator[Progress]:
    """Put a file into the archive; tables are stored as they are, text is compressed."""
    text = file.suffix in (".json", ".geojson")
    facts = zipfile.ZipInfo.from_file(file, file.name)
    facts.compress_type = zipfile.ZIP_DEFLATED if text else zipfile.ZIP_STORED
    with file.open("rb") as source, archive.open(facts, "w") as target:
        yield from _copy(source, target, progress)


def _copy(source: IO[bytes], target: IO[bytes], progress: Progress) -> Generator[Progress]:
    while block := source.read(_BLOCK):
        target.write(block)
        yield progress


# ---- reading -----------------------------------------------------------------------------


def read_workspace(path: str | Path, *, search: Sequence[str | Path] = ()) -> Reading:
    """Read a workspace, and open its slide and model where they are found.

    Parameters
    ----------
    path : path-like
        A ``.stexp`` file, or a folder with the same files in it.
    search : sequence of path-like
        Folders in which a slide or model may be that is neither where it was nor beside the
        workspace. It is recognised by its content, also under another name.

    Yields
    ------
    Progress

    Returns
    -------
    Workspace
        `Workspace.missing` says what wasn't found; the rest is there.

    Raises
    ------
    WorkspaceError
        The file is missing, damaged, of a newer version, or no workspace.
    """
    path = Path(path)
    yield Progress(0, 4, "opening the workspace")
    with tempfile.TemporaryDirectory(prefix="stexp-") as name:
        folder = path if path.is_dir() else Path(name)
        words = read_words(path)
        workspace = words_to_workspace(words, path)
        if not path.is_dir():
            yield from _unpack(path, words, folder, Progress(0, 4, "opening the workspace"))
        yield Progress(1, 4, "reading the spots and predictions")
        workspace = read_part_files(workspace, words, folder, path)
    workspace = yield from open_files(workspace, path, [Path(place) for place in search])
    yield Progress(4, 4, "opening the workspace")
    return workspace


def read_words(path: Path) -> dict[str, Any]:
    """Return the JSON of a workspace: fast, without its tables.

    Raises
    ------
    WorkspaceError
        See `read_workspace`.
    """
    try:
        text = _read_text(path)
        words = json.loads(text)
    except FileNotFoundError as error:
        raise WorkspaceError("there is no such workspace", path=path) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError) as error:
        raise WorkspaceError(
            "is no workspace, or a damaged one",
            path=path,
            expected=f"a {SUFFIX} file that napari-stexp has written",
            found=str(error).strip("'\"") or type(error).__name__,
        ) from error
    except (ValueError, RecursionError) as error:
        raise WorkspaceError("the workspace is damaged", path=path, found=error) from error
    except OSError as error:
        raise WorkspaceError("can't be read", path=path, found=error.strerror or error) from error
    return check_words(words, path)


def _read_text(path: Path) -> str:
    if path.is_dir():
        return (path / WORDS).read_text(encoding="utf-8")
    with zipfile.ZipFile(path) as archive:
        if archive.getinfo(WORDS).file_size > _LONGEST_WORDS:
            raise ValueError(f"{WORDS} is too long")
        return archive.read(WORDS).decode("utf-8")


def _unpack(
    path: Path, words: dict[str, Any], folder: Path, progress: Progress
) -> Generator[Progress]:
    """Unpack the files that the JSON names, and no other."""
    try:
        names = [*words.get("files", {}).values()]
        names += [one["file"] for one in words.get("predictions", [])]
        with zipfile.ZipFile(path) as archive:
            for name in names:
                if not _NAME.fullmatch(name):
                    raise KeyError(f"it names a file {name!r}")
                with archive.open(name) as source, (folder / name).open("wb") as target:
                    yield from _copy(source, target, progress)
    except (
        zipfile.BadZipFile, zlib.error, EOFError, KeyError, TypeError, AttributeError,
        NotImplementedError,
    ) as error:  # fmt: skip
        raise WorkspaceError(
            "the workspace is damaged", path=path, found=str(error).strip("'\"")
        ) from error
    except OSError as error:
        raise WorkspaceError(
            "can't be unpacked", path=path, found=error.strerror or error,
            hint=f"It is unpacked into {folder.parent}: is there room?",
        ) from error  # fmt: skip
