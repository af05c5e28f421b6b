"""Colours of the classes of spots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.annotation import RegionClass

__all__ = ["UNKNOWN_COLOR", "Color", "as_text", "choose_colors"]

Color = tuple[int, int, int]

#: Of a class that says that the pathologist couldn't tell.
UNKNOWN_COLOR: Color = (150, 150, 150)


def choose_colors(names: Sequence[str], known: Sequence[RegionClass] = ()) -> dict[str, Color]:
    """Return a colour for each class: that of the palette where it is known by name.

    Parameters
    ----------
    names : sequence of str
        Classes, in the order of the legend.
    known : sequence of RegionClass
        The palette.
    """
    from napari_stexp.evaluate.domains import UNDETERMINED
    from napari_stexp.evaluate.report_maps import CATEGORIES

    palette = {one.name.casefold(): one.color for one in known}
    free = [_parse_hex(text) for text in CATEGORIES if _parse_hex(text) not in palette.values()]
    found: dict[str, Color] = {}
    n_new = 0
    for name in names:
        if name.strip().lower() in UNDETERMINED:
            found[name] = UNKNOWN_COLOR
        elif name.casefold() in palette:
            found[name] = palette[name.casefold()]
        else:
            found[name] = free[n_new % len(free)]
            n_new += 1
    return found


def _parse_hex(text: str) -> Color:
    red, green, blue = bytes.fromhex(text.lstrip("#"))
    return red, green, blue


def as_text(labels: pd.Series) -> NDArray[np.object_]:
    """Return (N,) text, '' where it is missing."""
    values = labels.astype(object)
    return np.array(
        ["" if missing else str(value).strip() for value, missing in
         zip(values, values.isna(), strict=True)], dtype=object
    )  # fmt: skip
