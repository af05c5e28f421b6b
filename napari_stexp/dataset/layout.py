"""How a prepared data set lies in its folder: names, records, and putting folders in place."""

from __future__ import annotations

import errno
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_stexp.dataset.gene_choice import GeneChoice
from napari_stexp.dataset.settings import PrepareSettings
from napari_stexp.errors import OutputError
from napari_stexp.files import atomic_path
from napari_stexp.model import InputContract, SectionInfo
from napari_stexp.model.records import (
    Record,
    RuleError,
    many,
    number,
    optional,
    record,
    rule,
    text,
    whole,
)

__all__ = ["DATASET", "GENES", "DatasetHeader", "StoredSection", "atomic_folder", "folder_names"]

DATASET, GENES, SECTIONS, SECTION = "dataset.json", "genes.txt", "sections", "section.json"
SPOTS, PATCHES, USABLE, THUMBNAIL = "spots.h5ad", "patches.npy", "usable.npy", "thumbnail.jpg"
FORMAT_VERSION = 1
_MOST_NAME = 60
_RESERVED = {"con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "lpt1", "lpt2", "lpt3"}


def _folder_name(value: Any) -> str:
    """Accept the name of a folder inside of ``sections``, and nothing that leads out of it."""
    name: str = text(200, empty=False)(value)
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise RuleError(f"expected the name of a folder, found {name[:60]!r}")
    return name


@dataclass(frozen=True)
class StoredSection(Record):
    """A section of a data set.

    Attributes
    ----------
    info : SectionInfo
        Name, patient, organ, technology, number of spots.
    folder : str
        Its folder inside of ``sections``.
    slide : str
        The slide that the patches were cut from.
    mpp : float or None
        µm per level-0 pixel of that slide, None where unknown.
    thumbnail_scale : float
        Level-0 pixels per pixel of the thumbnail.
    n_usable : int
        Spots whose patch could be read.
    spots_key, patches_key : str
        Hashes of all that spots and patches were made from: as long as they stay
        the same, the files are kept.
    """

    info: SectionInfo = field(metadata={"rule": record(SectionInfo)})
    folder: str = rule(_folder_name)
    slide: str = rule(text())
    mpp: float | None = rule(optional(number(1e-3, 1e3)))
    thumbnail_scale: float = rule(number(1e-3, 1e6))
    n_usable: int = rule(whole(0, 100_000_000))
    spots_key: str = rule(text(100))
    patches_key: str = rule(text(100))


@dataclass(frozen=True)
class DatasetHeader(Record):
    """What ``dataset.json`` says.

    Attributes
    ----------
    settings : PrepareSettings
    contract : InputContract
        How the patches were cut.
    gene_choice : GeneChoice
        The gene list, and where it comes from.
    sections : tuple of StoredSection
        In the order in which they were given.
    left_out : tuple of str
        Sections of fewer spots than ``min_section_spots``.
    software, created : str
        Version that wrote it, and when (ISO 8601, UTC).
    """

    settings: PrepareSettings = field(metadata={"rule": record(PrepareSettings)})
    contract: InputContract = field(metadata={"rule": record(InputContract)})
    gene_choice: GeneChoice = field(metadata={"rule": record(GeneChoice)})
    sections: tuple[StoredSection, ...] = rule(many(record(StoredSection), least=1))
    left_out: tuple[str, ...] = rule(many(text(200)), ())
    software: str = rule(text(500), "")
    created: str = rule(text(100), "")
    format_version: int = field(default=FORMAT_VERSION, metadata={"rule": whole(1, FORMAT_VERSION)})


def folder_names(names: Sequence[str]) -> list[str]:
    """Return names of folders for sections, different also where case doesn't count."""
    taken: set[str] = set()
    result = []
    for name in names:
        plain = re.sub(r"[^\w.-]", "_", name)[:_MOST_NAME].strip(".")
        if not re.match(r"\w", plain) or plain.lower().split(".")[0] in _RESERVED:
            plain = f"section_{plain}"
        unique, n = plain, 2
        while unique.lower() in taken:
            unique, n = f"{plain}-{n}", n + 1
        taken.add(unique.lower())
        result.append(unique)
    return result


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``path`` that takes its place on success.

    On any exception the temporary folder is removed and ``path`` is as it was.

    Raises
    ------
    OutputError
        The folder can't be written, or the disk is full.
    """
    temporary, old = (path.with_name(f".{path.name}.{end}") for end in ("partial", "old"))
    try:
        if old.exists() and not path.exists():  # a process was killed while it swapped them
            old.rename(path)
        for leftover in (temporary, old):
            shutil.rmtree(leftover, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    except OSError as error:
        raise writing_failed(path, error) from error
    finally:
        for leftover in (temporary, old):
            if path.exists() or leftover is temporary:
                shutil.rmtree(leftover, ignore_errors=True)


def writing_failed(path: Path, error: OSError) -> OutputError:
    """Say that writing failed, and what is left."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    return OutputError(
        "the disk is full" if full else "writing failed",
        path=path,
        found=error.strerror or error,
        hint="What was finished before is kept: make room, and run the same again."
        if full
        else "What was finished before is kept.",
    )


def write_json(path: Path, content: Record) -> None:
    """Write a record, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(
            json.dumps(content.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
