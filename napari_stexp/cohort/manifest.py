"""Lists of slides as CSV."""

from __future__ import annotations

import csv
import math
from pathlib import Path

from napari_stexp.cohort.jobs import CohortJob, GridSettings
from napari_stexp.errors import PredictionError
from napari_stexp.slide.location import Location, RemotePath, is_address

__all__ = ["read_manifest"]

_COLUMNS = ("slide", "spots", "output", "mpp")


def read_manifest(
    path: str | Path,
    *,
    output_folder: str | Path | None = None,
    grid: GridSettings | None = None,
) -> list[CohortJob]:
    """Read jobs from a CSV file with a header.

    Parameters
    ----------
    path : path-like
        Columns ``slide`` (a path, or an address that is read by range) and optionally
        ``spots``, ``output`` and ``mpp`` (µm per level-0 pixel); empty cells count as left
        out. Relative paths are relative to the file's folder.
    output_folder : path-like, optional
        Where outputs go that the file doesn't name, as ``<slide's name>.h5ad``; by
        default the folder ``predictions`` beside the file.
    grid : GridSettings, optional
        For slides without spots.

    Raises
    ------
    PredictionError
        The file is missing, no such table, empty, has an unknown column, a bad µm per
        pixel, or two slides with the same output.
    """
    path = Path(path)
    rows = _read_rows(path)
    folder = Path(output_folder) if output_folder else path.parent / "predictions"
    jobs = [
        _make_job(row, number, path, folder, grid or GridSettings())
        for number, row in enumerate(rows, start=2)
    ]
    check_outputs(jobs, path)
    return jobs


def check_outputs(jobs: list[CohortJob], path: Path | None = None) -> None:
    """Raise if two jobs would write the same file, or one something else than h5ad."""
    seen: dict[Path, CohortJob] = {}
    for job in jobs:
        if job.output.suffix.lower() != ".h5ad":
            raise PredictionError(
                f"the output of {job.slide.name} is no h5ad file",
                path=path,
                expected=".h5ad",
                found=job.output,
            )
        other = seen.setdefault(job.output.absolute(), job)
        if other is not job:
            raise PredictionError(
                "two slides have the same output",
                path=path,
                found=f"{job.output} for {other.slide} and {job.slide}",
                hint="Name the outputs in the column 'output'.",
            )


def _read_rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, skipinitialspace=True)
            names = [name.strip().lower() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            rows = [row for row in reader if any(row.values())]
    except OSError as error:
        raise PredictionError(
            "the list of slides can't be read", path=path, found=error.strerror
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise PredictionError("the list of slides is no CSV", path=path, found=error) from error
    unknown = [name for name in names if name not in _COLUMNS]
    if "slide" not in names or unknown:
        raise PredictionError(
            "the list of slides has other columns",
            path=path,
            expected=f"slide, and of {', '.join(_COLUMNS[1:])} what is known",
            found=", ".join(names) or "no header",
        )
    if not rows:
        raise PredictionError("the list of slides is empty", path=path, expected="a row per slide")
    return rows


def _make_job(
    row: dict[str, str], number: int, path: Path, folder: Path, grid: GridSettings
) -> CohortJob:
    cells = {key: (row.get(key) or "").strip() for key in _COLUMNS}
    if not cells["slide"] or None in row:
        raise PredictionError(
            f"line {number} of the list is no slide",
            path=path,
            expected="a slide's path, and no more cells than columns",
        )
    slide = _slide_of(cells["slide"], path)
    return CohortJob(
        slide=slide,
        spots=path.parent / cells["spots"] if cells["spots"] else None,
        output=path.parent / cells["output"]
        if cells["output"]
        else folder / f"{slide.name.split('.')[0]}.h5ad",
        mpp=_parse_mpp(cells["mpp"], number, path),
        grid=grid,
    )


def _slide_of(text: str, path: Path) -> Location:
    """Return where a slide lies: beside the list, or behind an address."""
    return RemotePath(text) if is_address(text) else path.parent / text


def _parse_mpp(text: str, number: int, path: Path) -> float | None:
    if not text:
        return None
    try:
        mpp = float(text)
    except ValueError:
        mpp = math.nan
    if not (math.isfinite(mpp) and mpp > 0):
        raise PredictionError(
            f"line {number}: mpp is no size of a pixel",
            path=path,
            expected="µm per pixel, a positive number",
            found=repr(text),
        )
    return mpp
