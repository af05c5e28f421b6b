"""Comparing a prediction with labels and measurement as generators of `Progress`. Knows no Qt."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import StexpError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.compare import RegionGenes, Sides
    from napari_stexp.session import Session

__all__ = ["SidesChoice", "rank_steps", "save_table_steps", "sides_steps"]

#: One side, the other and the margin in µm, as `napari_stexp.session.find_sides` takes them.
SidesChoice = tuple[str, str | None, float]


def sides_steps(
    session: Session, choice: SidesChoice
) -> Generator[Progress, None, Sides | StexpError]:
    """Find the two sides, to say how many spots they have; a refusal is a result, too."""
    yield Progress(0, 0, "counting the spots")
    from napari_stexp.session import find_sides

    try:
        return find_sides(session, *choice)
    except StexpError as error:
        return error


def rank_steps(
    session: Session, choice: SidesChoice, source: str
) -> Generator[Progress, None, RegionGenes]:
    """Compare every gene between two sides."""
    yield Progress(0, 0, "choosing the spots")
    from napari_stexp.session import find_sides, start_region_genes

    sides = find_sides(session, *choice)
    yield Progress(0, 0, "taking the values")
    return (yield from start_region_genes(session, sides, source))


def save_table_steps(
    table: Any, path: Path, notes: Sequence[str] = ()
) -> Generator[Progress, None, Path]:
    """Write a table as CSV, with notes as comments on top."""
    yield Progress(0, 0, f"writing {path.name}")
    from napari_stexp.files import atomic_path

    with (
        atomic_path(path) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        for note in notes:
            file.write(f"# {note}\n")
        table.to_csv(file)
    return path
