"""Each spot's class from one source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_stexp.compare.label_colors import Color, as_text

if TYPE_CHECKING:
    from napari_stexp.annotation import Region, RegionClass

__all__ = ["BY_REGIONS", "REGIONS", "LabelSource", "Question", "label_by_regions"]

#: Key of the labels that follow the regions, and their title.
REGIONS, BY_REGIONS = "regions", "Regions"

#: Spots to be labelled, the regions, and the palette.
Question = tuple[Any, "Sequence[Region]", "Sequence[RegionClass]"]


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


def label_by_regions(
    spots: Any, regions: Sequence[Region], palette: Sequence[RegionClass]
) -> LabelSource:
    """Return the class of each spot by the smallest region around it; in any thread.

    Parameters
    ----------
    spots : AnnData
    regions : sequence of Region
        At least one.
    palette : sequence of RegionClass
        Gives the colours.
    """
    from napari_stexp.annotation import label_spots

    values = as_text(label_spots(spots, regions))
    used = {region.class_name for region in regions}
    colours = {one.name: one.color for one in palette if one.name in used}
    return LabelSource(REGIONS, BY_REGIONS, "regions", values, colours)
