"""Each spot's class from one source, and the colours of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

    from napari_stexp.annotation import RegionClass

__all__ = ["UNKNOWN_COLOR", "Color", "LabelSource", "as_text", "choose_colors"]

Color = tuple[int, int, int]

#: Of a class that says that the pathologist couldn't tell.
UNKNOWN_COLOR: Color = (150, 150, 150)


@dataclass(frozen=True, eq=False)
class LabelSource:
    """One class, or none, for each spot.

    Attributes
    ----------
    key, title : str
        For programs and for people.
    kind : {'regions', 'column', 'table', 'domains'}
        Where they come from.
    values : (N,) array of str
        '' for spots without a class.
    colours : dict of str to (int, int, int)
        Of each class, 0 to 255, in the order of the legend.
    """

    key: str
    title: str
    kind: str
    values: NDArray[np.object_]
    colours: dict[str, Color] = field(default_factory=dict)

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes, in the order of the legend."""
        return tuple(self.colours)

    @property
    def compared(self) -> NDArray[np.object_]:
        """The values without those that say that nobody could tell ('undetermined')."""
        from napari_stexp.evaluate.domains import is_labelled

        return np.where(is_labelled(self.values), self.values, "").astype(object)

    def count(self) -> dict[str, int]:
        """Return the number of spots of each class."""
        return {name: int((self.values == name).sum()) for name in self.colours}


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
