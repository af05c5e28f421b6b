"""Each spot's class from one source."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from napari_stexp.compare.label_colors import Color

__all__ = ["LabelSource"]


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
