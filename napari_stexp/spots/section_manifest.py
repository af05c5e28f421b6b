"""Lists of sections as CSV or TSV."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from napari_stexp.errors import OutputError, SpotsError
from napari_stexp.files import atomic_path
from napari_stexp.spots.her2st import section_of
from napari_stexp.spots.source import SPOT_TABLE_ENDS, SectionSource
from napari_stexp.spots.spaceranger.layout import (
    find_visium_section,
    is_visium_file,
    section_of_file,
)

__all__ = ["COLUMNS", "read_section_manifest", "write_section_manifest"]

COLUMNS = (
    "slide",
    "spots",
    "counts",
    "section",
    "patient",
    "organ",
    "technology",
    "mpp",
    "labels",
)
_REQUIRED = ("slide", "spots")
_PATHS = ("slide", "spots", "counts", "labels")
_MOST_SHOWN = 20
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def read_section_manifest(path: str | Path) -> list[SectionSource]:
    """Read a list of sections.

    Parameters
    ----------
    path : path-like
        CSV (``.tsv``: tab-separated) with a header. Columns ``slide`` and ``spots``, and
        optionally ``counts``, ``section``, ``patient``, ``organ``, ``technology``,
        ``mpp`` (µm per level-0 pixel) and ``labels``; empty cells count as left out.
        Relative paths are relative to the file's folder. ``spots`` is an ``.h5ad`` file,
        a HER2ST spot file, Space Ranger's positions, or Space Ranger's folder; counts
        and labels are looked for beside it where its layout has them. A section that
        isn't named is called like its slide, or its spots where it has none.

    Returns
    -------
    list of SectionSource
        In the file's order.

    Raises
    ------
    SpotsError
        The file is missing or no table; or all of these that it has, with their lines:
        columns that are unknown or missing, files that don't exist, cells that can't be
        used, sections of the same name.
    """
    path = Path(path)
    names, rows = _read_rows(path)
    problems = [f"unknown column {name!r}" for name in names if name not in COLUMNS]
    problems += [f"no column {name!r}" for name in _REQUIRED if name not in names]
    problems += [f"column {name!r} twice" for name in sorted(set(names)) if names.count(name) > 1]
    sources: list[SectionSource] = []
    seen: dict[str, int] = {}
    for number, row in rows if not problems else []:
        source = _read_row(row, number, path.parent, problems)
        if source is None:
            continue
        first = seen.setdefault(source.name, number)
        if first != number:
            problems.append(f"line {number}: section {source.name!r} again, as in line {first}")
        sources.append(source)
    if problems:
        more = len(problems) - _MOST_SHOWN
        raise SpotsError(
            f"the list of sections has {len(problems)} problem{'s' if len(problems) > 1 else ''}",
            path=path,
            expected=f"columns {', '.join(COLUMNS)}; a section per line",
            found="; ".join(problems[:_MOST_SHOWN]) + (f"; and {more} more" if more > 0 else ""),
        )
    if not sources:
        raise SpotsError("the list of sections is empty", path=path, expected="a section per line")
    return sources


def _read_rows(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Return the header, and the rows that aren't empty with their line's number."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=_delimiter(path), skipinitialspace=True)
            names = [name.strip().lower() for name in next(reader, [])]
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except OSError as error:
        raise SpotsError(
            "the list of sections can't be read", path=path, found=error.strerror
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise SpotsError("the list of sections is no table", path=path, found=error) from error
    if not names:
        raise SpotsError("the list of sections is empty", path=path, expected="a header")
    # Cells behind the last column go under None and are a problem of their row.
    return names, [
        (number, dict(zip(names, row, strict=False)) | _excess(row, len(names)))
        for number, row in rows
    ]


def _excess(row: list[str], length: int) -> dict[str, str]:
    behind = "".join(row[length:])
    return {"": behind} if behind else {}


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _read_row(
    row: dict[str, str], number: int, folder: Path, problems: list[str]
) -> SectionSource | None:
    """Return a line's section, None where it has a problem that leaves none."""
    before = len(problems)
    if row.get(""):
        problems.append(f"line {number}: more cells than columns ({row['']!r})")
    paths = {name: folder / row[name] if row.get(name) else None for name in _PATHS}
    spots = paths["spots"]
    if spots is None:
        problems.append(f"line {number}: no spots")
    problems += [
        f"line {number}: no such {name} {row[name]!r}"
        if not _ADDRESS.match(row[name])
        else f"line {number}: the {name} is behind an address; download it and name the copy"
        for name in _PATHS
        if (file := paths[name]) is not None and not file.exists()
    ]
    mpp = _parse_mpp(row.get("mpp", ""), number, problems)
    if spots is None or len(problems) > before:
        return None
    try:
        _fill_in(paths)
    except SpotsError as error:
        problems.append(f"line {number}: {error}")
        return None
    assert paths["spots"] is not None
    named = paths["slide"] or paths["spots"]
    return SectionSource(
        row.get("section") or named.name.split(".")[0],
        row.get("patient", ""),
        organ=row.get("organ", ""),
        technology=row.get("technology", ""),
        slide=paths["slide"],
        spots=paths["spots"],
        counts=paths["counts"],
        mpp=mpp,
        labels=paths["labels"],
    )


def _fill_in(paths: dict[str, Path | None]) -> None:
    """Add what lies beside the spots in HER2ST's and Space Ranger's layouts."""
    spots = paths["spots"]
    assert spots is not None
    if spots.is_dir() or is_visium_file(spots):
        section = find_visium_section(spots) if spots.is_dir() else section_of_file(spots)
        if section is None:
            raise SpotsError(
                "the folder is none of Space Ranger's", path=spots, expected="spatial/ in it"
            )
        if spots.is_dir():
            paths["spots"] = section.positions
        paths["counts"] = paths["counts"] or section.counts
    elif spots.name.lower().endswith(SPOT_TABLE_ENDS):
        beside = section_of(spots)
        paths["counts"] = paths["counts"] or beside.counts
        paths["labels"] = paths["labels"] or beside.labels


def _parse_mpp(text: str, number: int, problems: list[str]) -> float | None:
    if not text:
        return None
    try:
        mpp = float(text)
    except ValueError:
        mpp = math.nan
    if not (math.isfinite(mpp) and mpp > 0):
        problems.append(f"line {number}: mpp {text!r} is no µm per pixel")
        return None
    return mpp


def write_section_manifest(path: str | Path, sources: Sequence[SectionSource]) -> Path:
    """Write a list of sections, whole or not at all; `read_section_manifest` reads it.

    Files inside the list's folder are written relative to it, others absolute. Columns
    that no section fills are left out.

    Raises
    ------
    OutputError
        Another suffix than ``.csv`` or ``.tsv``, or a folder that can't be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".csv", ".tsv"):
        raise OutputError(
            "lists of sections are written as tables",
            path=path,
            expected=".csv or .tsv",
            found=path.suffix or "no suffix",
        )
    rows = [_as_row(source, path.absolute().parent) for source in sources]
    used = [name for name in COLUMNS if name in _REQUIRED or any(row[name] for row in rows)]
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, used, delimiter=_delimiter(path), extrasaction="ignore", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
    return path


def _as_row(source: SectionSource, folder: Path) -> dict[str, str]:
    values = {field.name: getattr(source, field.name) for field in fields(source)}
    values["section"] = values.pop("name")
    return {name: _as_cell(values[name], folder) for name in COLUMNS}


def _as_cell(value: object, folder: Path) -> str:
    if isinstance(value, Path):
        place = value.absolute()
        return str(place.relative_to(folder)) if place.is_relative_to(folder) else str(place)
    return "" if value is None else str(value)
