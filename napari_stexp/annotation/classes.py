"""Classes of regions: what a pathologist calls what they outline, and its colour."""

from __future__ import annotations

import colorsys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from napari_stexp.annotation.region import Region
from napari_stexp.errors import AnnotationError

__all__ = ["DEFAULT_CLASSES", "RegionClass", "classes_of", "spare_color"]

_GOLDEN_ANGLE = 0.618033988749895  # hues that stay apart however many are drawn


@dataclass(frozen=True)
class RegionClass:
    """A class of regions.

    Attributes
    ----------
    name : str
        Such as ``'Tumor'``; not empty.
    color : (int, int, int)
        Red, green, blue, 0 to 255.
    """

    name: str
    color: tuple[int, int, int]

    def __post_init__(self) -> None:
        """Refuse what is no class."""
        if not self.name.strip():
            raise AnnotationError("a class needs a name")
        if len(self.color) != 3 or not all(0 <= value <= 255 for value in self.color):
            raise AnnotationError(
                "not a colour", expected="(red, green, blue), 0 to 255", found=self.color
            )


#: What breast pathologists outline (the classes of HER2ST's labels, with QuPath's names and
#: colours where it has them), ready for a new annotation.
DEFAULT_CLASSES: tuple[RegionClass, ...] = (
    RegionClass("Tumor", (200, 0, 0)),
    RegionClass("Cancer in situ", (230, 120, 40)),
    RegionClass("Stroma", (150, 200, 150)),
    RegionClass("Immune cells", (160, 90, 160)),
    RegionClass("Adipose", (240, 210, 80)),
    RegionClass("Normal gland", (60, 130, 220)),
    RegionClass("Necrosis", (50, 50, 50)),
    RegionClass("Undetermined", (150, 150, 150)),
)


def spare_color(taken: Iterable[tuple[int, int, int]]) -> tuple[int, int, int]:
    """Return a colour for one more class: the hue that is next on the golden angle."""
    hue = (len(set(taken)) * _GOLDEN_ANGLE) % 1.0
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.65, 0.85)
    return round(red * 255), round(green * 255), round(blue * 255)


def classes_of(
    regions: Sequence[Region], known: Sequence[RegionClass] = ()
) -> tuple[RegionClass, ...]:
    """Return the classes of regions: those known, then others as they appear.

    A region's own colour is that of its class where the class isn't known yet; classes
    without any get a spare one.
    """
    found = {one.name: one for one in known}
    colors: dict[str, tuple[int, int, int] | None] = {}
    for region in regions:
        if region.class_name and region.class_name.strip() and region.class_name not in found:
            colors[region.class_name] = colors.get(region.class_name) or region.color
    for name, color in colors.items():
        taken = [one.color for one in found.values()]
        found[name] = RegionClass(name, color or spare_color(taken))
    return tuple(found.values())
