"""Options that say how tables and stores of spots are read."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from napari_stexp.spots import SpotOptions

__all__ = [
    "Decimal",
    "FrameOption",
    "SpotColumnsOption",
    "SpotDecimalOption",
    "SpotUnits",
    "SpotUnitsOption",
    "spot_options",
]

_PANEL = "Tables of spots"


class SpotUnits(StrEnum):
    """What places of spots are counted in."""

    PX = "px"
    UM = "um"


class Decimal(StrEnum):
    """The decimal sign of a table."""

    POINT = "point"
    COMMA = "comma"


SpotColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--spot-columns",
        metavar="x=NAME,y=NAME,…",
        help="Columns of a table of spots: x, y, id, array_col, array_row, in_tissue, label, and "
        "genes (* for all other columns of numbers, or names joined by +). (default: what the "
        "names say)",
        rich_help_panel=_PANEL,
    ),
]
SpotUnitsOption = Annotated[
    SpotUnits | None,
    typer.Option(
        "--spot-units",
        help="Whether x and y are pixels of the slide or µm. (default: what the names say)",
        rich_help_panel=_PANEL,
    ),
]
SpotDecimalOption = Annotated[
    Decimal | None,
    typer.Option(
        "--spot-decimal",
        help="The decimal sign of the table, where it can't be found out.",
        rich_help_panel=_PANEL,
    ),
]
FrameOption = Annotated[
    str | None,
    typer.Option(
        "--frame",
        help="Image or coordinate system of a SpatialData store whose pixels are the slide's.",
        rich_help_panel=_PANEL,
    ),
]


def spot_options(
    columns: str | None,
    units: SpotUnits | None,
    decimal: Decimal | None,
    frame: str | None,
) -> SpotOptions | None:
    """Return what the options say, None where none is given.

    Raises
    ------
    SpotsError
        The columns can't be read.
    """
    if columns is units is decimal is frame is None:
        return None
    from napari_stexp.spots import SpotColumns, SpotOptions

    signs = {Decimal.POINT: ".", Decimal.COMMA: ","}
    return SpotOptions(
        SpotColumns.parse(columns) if columns is not None else None,
        units.value if units is not None else None,
        signs[decimal] if decimal is not None else None,
        frame,
    )
