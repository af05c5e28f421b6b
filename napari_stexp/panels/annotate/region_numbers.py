"""How many regions each class has, and how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_stexp.annotation import Region

__all__ = ["count_by_class"]


def count_by_class(regions: Sequence[Region]) -> dict[str, tuple[int, float]]:
    """Return number and area (level-0 px²) of the regions of each class.

    100,000 regions take some 50 ms.
    """
    import shapely

    if not regions:
        return {}
    shapes = np.empty(len(regions), dtype=object)
    shapes[:] = [region.geometry for region in regions]
    areas = shapely.area(shapes)
    codes: dict[str, int] = {}
    of_region = np.array(
        [codes.setdefault(region.class_name or "", len(codes)) for region in regions]
    )
    numbers = np.bincount(of_region)
    sums = np.bincount(of_region, areas)
    return {name: (int(numbers[code]), float(sums[code])) for name, code in codes.items()}
