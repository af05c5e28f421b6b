"""Options about a slide's scale and colours, and what they do."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_stexp.cli.reporting import Reporter

if TYPE_CHECKING:
    from napari_stexp.session import Session

__all__ = [
    "ColourChoice",
    "ColourOption",
    "MppFrom",
    "MppFromOption",
    "check_flags",
    "note_colour",
    "settle",
]


class MppFrom(StrEnum):
    """Who is believed about the size of a pixel."""

    SPOTS = "spots"
    OBJECTIVE = "objective"
    METADATA = "metadata"
    TYPED = "typed"


class ColourChoice(StrEnum):
    """In which colours a slide is read."""

    STORED = "stored"
    SRGB = "srgb"


MppFromOption = Annotated[
    MppFrom | None,
    typer.Option(
        "--mpp-from",
        help="Settle a contradiction about the slide's µm per pixel: believe the spots' distance, "
        "the objective (about 10 µm / magnification), the file's metadata, or what --mpp says.",
    ),
]
ColourOption = Annotated[
    ColourChoice,
    typer.Option(
        "--colour",
        help="The slide's colours: as stored, which is what models were trained on, or converted "
        "to sRGB by its ICC profile.",
    ),
]


def check_flags(mpp: float | None, mpp_from: MppFrom | None, has_spots: bool) -> None:
    """Refuse flags that contradict each other."""
    if mpp_from is MppFrom.TYPED and mpp is None:
        raise typer.BadParameter("--mpp-from typed needs --mpp")
    if mpp is not None and mpp_from not in (None, MppFrom.TYPED):
        raise typer.BadParameter(f"--mpp states the scale; --mpp-from {mpp_from} another")
    if mpp_from is MppFrom.SPOTS and not has_spots:
        raise typer.BadParameter("--mpp-from spots needs --spots")


def settle(
    session: Session, mpp: float | None, mpp_from: MppFrom | None, spots: Any, reporter: Reporter
) -> None:
    """Settle the open slide's scale as the flags say, and tell what was passed over."""
    if mpp_from is None:
        return
    source = "user" if mpp_from is MppFrom.TYPED else mpp_from.value
    slide = session.settle_scale(mpp, source, spots)
    reporter.note(f"Using {slide.mpp:.4g} µm per pixel, by --mpp-from {mpp_from}.")
    for finding in slide.settled:
        reporter.note(f"Settled by it: {finding.sentence}.")


def note_colour(session: Session, colour: ColourChoice, reporter: Reporter) -> None:
    """Say that a slide has no usable profile, where sRGB was asked for."""
    slide = session.slide
    if slide is not None and slide.colour.lower() != colour.value:
        reporter.note(
            f"{slide.name} has {'a damaged' if slide.has_profile else 'no'} ICC profile; "
            "its stored colours are used."
        )
