"""Comparing a prediction with labels and measurement as generators of `Progress`. Knows no Qt."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

from napari_stexp.errors import StexpError
from napari_stexp.progress import Progress

if TYPE_CHECKING:
    from napari_stexp.compare import RegionGenes, Sides
    from napari_stexp.session import Session

__all__ = ["SidesChoice", "rank_steps", "sides_steps"]

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
