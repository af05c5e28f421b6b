"""One annotated region of a slide."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from napari_stexp.errors import AnnotationError

if TYPE_CHECKING:
    from shapely import MultiPolygon, Polygon

__all__ = ["Region"]


@dataclass(frozen=True)
class Region:
    """What a pathologist outlined.

    Attributes
    ----------
    geometry : shapely Polygon or MultiPolygon
        Outline and holes, (x, y) in level-0 pixels; valid, not empty.
    class_name : str or None
        Classification, such as ``'Tumor'``; a derived class of QuPath as
        ``'Immune cells: CD8'``.
    name : str or None
        The region's own name.
    color : (int, int, int) or None
        Red, green, blue of the class (else of the region), 0 to 255.
    id : str
        A UUID.
    locked : bool
        Whether it is protected from being edited.
    properties : mapping
        Whatever else the file says about it, as it is there.
    """

    geometry: Polygon | MultiPolygon
    class_name: str | None = None
    name: str | None = None
    color: tuple[int, int, int] | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    locked: bool = False
    properties: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what is no region."""
        kind = getattr(self.geometry, "geom_type", type(self.geometry).__name__)
        if kind not in ("Polygon", "MultiPolygon") or self.geometry.is_empty:
            raise AnnotationError(
                "a region needs an area", expected="Polygon or MultiPolygon", found=kind
            )
        if self.color is not None and not (
            len(self.color) == 3 and min(self.color) >= 0 and max(self.color) <= 255
        ):
            raise AnnotationError(
                "not a colour", expected="(red, green, blue), 0 to 255", found=self.color
            )

    @classmethod
    def of_checked(cls, **facts: Any) -> Region:
        """Return a region of attributes that are known to be good, all of them given.

        Many regions are made three times as fast without checking each.
        """
        region = object.__new__(cls)
        region.__dict__.update(facts)
        return region
