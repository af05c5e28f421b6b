"""How spots are read where their files leave a choice."""

from __future__ import annotations

from dataclasses import dataclass

from napari_stexp.spots.columns import SpotColumns

__all__ = ["SpotOptions"]


@dataclass(frozen=True)
class SpotOptions:
    """What the user says about a table or a store; what is left out is found out, or asked.

    Attributes
    ----------
    columns : SpotColumns or None
        Of a table with any columns: which is what.
    units : 'px', 'um' or None
        Of its places: level-0 pixels, or µm.
    decimal : '.', ',' or None
        Its decimal sign.
    frame : str or None
        Of a SpatialData store: the image or the coordinate system whose pixels are the
        slide's.
    """

    columns: SpotColumns | None = None
    units: str | None = None
    decimal: str | None = None
    frame: str | None = None
